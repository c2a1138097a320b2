// The families whose body is one prompt and whose reply is one text: Titan, Llama, Mistral's older
// models, Claude 2 and before, DeepSeek R1.
#include "models/dialects/body_check.h"
#include "models/dialects/dialects.h"
#include "models/dialects/prompt_templates.h"
#include "models/dialects/text_stream.h"

namespace outcrop::models {
namespace {

constexpr std::int64_t int_most = 2'147'483'647;

json::Value text_value(std::string_view text) {
  return json::Value(boost::json::string_view(text.data(), text.size()));
}

std::optional<int> as_tokens(std::optional<std::int64_t> number) {
  if (!number) return std::nullopt;
  return static_cast<int>(*number);
}

/// The prompt's tokens, whether they came from a cache or not.
std::int64_t prompt_tokens(const Usage& usage) { return usage.total() - usage.output_tokens; }

std::string_view stop_or_length(StopReason reason) {
  return reason == StopReason::max_tokens ? "length" : "stop";
}

class TitanText : public Dialect {
 public:
  std::string_view name() const override { return "amazon.titan-text"; }

  Result<NativeRequest> decode_request(const json::Object& body) const override {
    BodyCheck check(body);
    check.required({"inputText"});
    check.only({"inputText", "textGenerationConfig"});
    Conversation conversation;
    auto prompt = check.text("inputText", 1);
    if (const auto* config = check.object("textGenerationConfig")) {
      BodyCheck inner(*config, check.path("textGenerationConfig"), check.errors());
      inner.only({"temperature", "topP", "maxTokenCount", "stopSequences"});
      conversation.inference.temperature = inner.number("temperature", 0, 1);
      conversation.inference.top_p = inner.number("topP", 0, 1);
      conversation.inference.max_tokens = as_tokens(inner.integer("maxTokenCount", 0, int_most));
      if (conversation.inference.max_tokens == 0) conversation.inference.max_tokens = 1;
      conversation.inference.stop_sequences = inner.texts("stopSequences", 0, 2500);
    }
    CHECK(check.done());
    if (!conversation.inference.max_tokens)
      conversation.inference.max_tokens = 512;  // the family's default
    decode_titan_prompt(*prompt, conversation);
    return NativeRequest{std::move(conversation), {}};
  }

  json::Value encode_reply(const Reply& reply, const json::Object&,
                           std::string_view) const override {
    json::Array results;
    results.push_back(json::Object{{"tokenCount", reply.usage.output_tokens},
                                   {"outputText", text_value(reply_text(reply))},
                                   {"completionReason", text_value(reason(reply.stop))}});
    return json::Object{{"inputTextTokenCount", prompt_tokens(reply.usage)},
                        {"results", std::move(results)}};
  }

  std::unique_ptr<NativeStream> encode_stream(const json::Object&,
                                              std::string_view) const override {
    return text_stream([](const TextChunk& chunk) {
      json::Object out{{"outputText", text_value(chunk.text)}, {"index", 0}};
      out["totalOutputTextTokenCount"] =
          chunk.end ? json::Value(chunk.metadata->usage.output_tokens) : json::Value(nullptr);
      out["completionReason"] =
          chunk.end ? text_value(reason(chunk.end->reason)) : json::Value(nullptr);
      out["inputTextTokenCount"] =
          chunk.end ? json::Value(prompt_tokens(chunk.metadata->usage)) : json::Value(nullptr);
      return out;
    });
  }

 private:
  static std::string_view reason(StopReason stop) {
    switch (stop) {
      case StopReason::max_tokens:
        return "LENGTH";
      case StopReason::stop_sequence:
        return "STOP_CRITERIA_MET";
      case StopReason::content_filtered:
      case StopReason::guardrail_intervened:
        return "CONTENT_FILTERED";
      case StopReason::end_turn:
      case StopReason::tool_use:
      case StopReason::malformed_model_output:
      case StopReason::malformed_tool_use:
      case StopReason::model_context_window_exceeded:
        break;
    }
    return "FINISH";
  }
};

class Llama : public Dialect {
 public:
  std::string_view name() const override { return "meta.llama"; }

  Result<NativeRequest> decode_request(const json::Object& body) const override {
    BodyCheck check(body);
    check.required({"prompt"});
    check.only({"prompt", "temperature", "top_p", "max_gen_len", "images"});
    Conversation conversation;
    auto prompt = check.text("prompt", 1);
    conversation.inference.temperature = check.number("temperature", 0, 1);
    conversation.inference.top_p = check.number("top_p", 0, 1);
    conversation.inference.max_tokens = as_tokens(check.integer("max_gen_len", 1, 8192));
    const auto images = check.texts("images", 0, 20);
    CHECK(check.done());
    if (!images.empty())
      return fail(
          Code::validation,
          "The images of a prompt cannot be read here. Send them with Converse, or with messages.");
    if (!conversation.inference.max_tokens) conversation.inference.max_tokens = 512;
    if (!conversation.inference.temperature) conversation.inference.temperature = 0.5;
    if (!conversation.inference.top_p) conversation.inference.top_p = 0.9;
    decode_llama_prompt(*prompt, conversation);
    return NativeRequest{std::move(conversation), {}};
  }

  json::Value encode_reply(const Reply& reply, const json::Object&,
                           std::string_view) const override {
    return json::Object{{"generation", text_value(reply_text(reply))},
                        {"prompt_token_count", prompt_tokens(reply.usage)},
                        {"generation_token_count", reply.usage.output_tokens},
                        {"stop_reason", text_value(stop_or_length(reply.stop))}};
  }

  std::unique_ptr<NativeStream> encode_stream(const json::Object&,
                                              std::string_view) const override {
    return text_stream([](const TextChunk& chunk) {
      json::Object out{{"generation", text_value(chunk.text)}};
      out["prompt_token_count"] =
          chunk.end ? json::Value(prompt_tokens(chunk.metadata->usage)) : json::Value(nullptr);
      out["generation_token_count"] =
          chunk.end ? chunk.metadata->usage.output_tokens : chunk.pieces;
      out["stop_reason"] =
          chunk.end ? text_value(stop_or_length(chunk.end->reason)) : json::Value(nullptr);
      return out;
    });
  }
};

class MistralText : public Dialect {
 public:
  std::string_view name() const override { return "mistral.text"; }

  Result<NativeRequest> decode_request(const json::Object& body) const override {
    BodyCheck check(body);
    check.required({"prompt"});
    check.only({"prompt", "max_tokens", "stop", "temperature", "top_p", "top_k"});
    Conversation conversation;
    auto prompt = check.text("prompt", 1);
    conversation.inference.max_tokens = as_tokens(check.integer("max_tokens", 1, 8192));
    conversation.inference.temperature = check.number("temperature", 0, 1);
    conversation.inference.top_p = check.number("top_p", 0, 1);
    conversation.inference.top_k = as_tokens(check.integer("top_k", 0, 200));
    conversation.inference.stop_sequences = check.texts("stop", 0, 10);
    CHECK(check.done());
    if (!conversation.inference.max_tokens) conversation.inference.max_tokens = 512;
    decode_mistral_prompt(*prompt, conversation);
    return NativeRequest{std::move(conversation), {}};
  }

  json::Value encode_reply(const Reply& reply, const json::Object&,
                           std::string_view) const override {
    json::Array outputs;
    outputs.push_back(json::Object{{"text", text_value(reply_text(reply))},
                                   {"stop_reason", text_value(stop_or_length(reply.stop))}});
    return json::Object{{"outputs", std::move(outputs)}};
  }

  std::unique_ptr<NativeStream> encode_stream(const json::Object&,
                                              std::string_view) const override {
    return text_stream([](const TextChunk& chunk) {
      json::Object output{{"text", text_value(chunk.text)}};
      output["stop_reason"] =
          chunk.end ? text_value(stop_or_length(chunk.end->reason)) : json::Value(nullptr);
      json::Array outputs;
      outputs.push_back(std::move(output));
      return json::Object{{"outputs", std::move(outputs)}};
    });
  }
};

class AnthropicText : public Dialect {
 public:
  std::string_view name() const override { return "anthropic.text"; }

  Result<NativeRequest> decode_request(const json::Object& body) const override {
    // Claude 2 takes both: messages are told by their key.
    if (json::find(body, "messages")) return anthropic_messages().decode_request(body);
    BodyCheck check(body);
    check.required({"prompt", "max_tokens_to_sample"});
    check.only({"prompt", "max_tokens_to_sample", "stop_sequences", "temperature", "top_p", "top_k",
                "anthropic_version"});
    Conversation conversation;
    auto prompt = check.text("prompt", 1);
    conversation.inference.max_tokens =
        as_tokens(check.integer("max_tokens_to_sample", 1, int_most));
    conversation.inference.temperature = check.number("temperature", 0, 1);
    conversation.inference.top_p = check.number("top_p", 0, 1);
    conversation.inference.top_k = as_tokens(check.integer("top_k", 0, 500));
    conversation.inference.stop_sequences = check.texts("stop_sequences", 0, 8191);
    CHECK(check.done());
    decode_anthropic_prompt(*prompt, conversation);
    if (conversation.raw_prompt)
      return fail(Code::validation,
                  "prompt must start with \"\n\nHuman:\" turn after an optional system prompt");
    return NativeRequest{std::move(conversation), {{"text", true}}};
  }

  json::Value encode_reply(const Reply& reply, const json::Object& shape,
                           std::string_view asked) const override {
    if (!json::find(shape, "text")) return anthropic_messages().encode_reply(reply, shape, asked);
    return json::Object{{"type", "completion"},
                        {"completion", text_value(" " + reply_text(reply))},
                        {"stop_reason", text_value(reason(reply.stop))},
                        {"stop", stop(reply.stop, reply.stop_sequence)}};
  }

  std::unique_ptr<NativeStream> encode_stream(const json::Object& shape,
                                              std::string_view asked) const override {
    if (!json::find(shape, "text")) return anthropic_messages().encode_stream(shape, asked);
    return text_stream([](const TextChunk& chunk) {
      return json::Object{
          {"type", "completion"},
          {"completion", text_value(chunk.text)},
          {"stop_reason", chunk.end ? text_value(reason(chunk.end->reason)) : json::Value(nullptr)},
          {"stop",
           chunk.end ? stop(chunk.end->reason, chunk.end->stop_sequence) : json::Value(nullptr)}};
    });
  }

 private:
  static std::string_view reason(StopReason stop) {
    return stop == StopReason::max_tokens ? "max_tokens" : "stop_sequence";
  }
  static json::Value stop(StopReason reason, const std::string& sequence) {
    if (reason == StopReason::stop_sequence) return text_value(sequence);
    return reason == StopReason::end_turn ? text_value("\n\nHuman:") : json::Value(nullptr);
  }
};

class DeepseekText : public Dialect {
 public:
  std::string_view name() const override { return "deepseek.text"; }

  Result<NativeRequest> decode_request(const json::Object& body) const override {
    if (json::find(body, "messages")) return openai_chat().decode_request(body);
    BodyCheck check(body);
    check.required({"prompt"});
    check.only({"prompt", "max_tokens", "temperature", "top_p", "stop"});
    Conversation conversation;
    auto prompt = check.text("prompt", 1);
    conversation.inference.max_tokens = as_tokens(check.integer("max_tokens", 1, 32768));
    conversation.inference.temperature = check.number("temperature", 0, 1);
    conversation.inference.top_p = check.number("top_p", 0, 1);
    conversation.inference.stop_sequences = check.texts("stop", 0, 10);
    CHECK(check.done());
    decode_deepseek_prompt(*prompt, conversation);
    return NativeRequest{std::move(conversation), {{"text", true}}};
  }

  json::Value encode_reply(const Reply& reply, const json::Object& shape,
                           std::string_view asked) const override {
    if (!json::find(shape, "text")) return openai_chat().encode_reply(reply, shape, asked);
    std::string text;
    for (const auto& block : reply.message.content) {
      if (const auto* part = std::get_if<ReasoningBlock>(&block))
        text += part->text + "\n</think>\n\n";
    }
    json::Array choices;
    choices.push_back(json::Object{{"text", text_value(text + reply_text(reply))},
                                   {"stop_reason", text_value(stop_or_length(reply.stop))}});
    return json::Object{{"choices", std::move(choices)}};
  }

  std::unique_ptr<NativeStream> encode_stream(const json::Object& shape,
                                              std::string_view asked) const override {
    if (!json::find(shape, "text")) return openai_chat().encode_stream(shape, asked);
    return text_stream([](const TextChunk& chunk) {
      json::Object choice{{"text", text_value(chunk.text)}};
      choice["stop_reason"] =
          chunk.end ? text_value(stop_or_length(chunk.end->reason)) : json::Value(nullptr);
      json::Array choices;
      choices.push_back(std::move(choice));
      return json::Object{{"choices", std::move(choices)}};
    });
  }
};

}  // namespace

const Dialect& titan_text() {
  static const TitanText dialect;
  return dialect;
}
const Dialect& llama() {
  static const Llama dialect;
  return dialect;
}
const Dialect& mistral_text() {
  static const MistralText dialect;
  return dialect;
}
const Dialect& anthropic_text() {
  static const AnthropicText dialect;
  return dialect;
}
const Dialect& deepseek_text() {
  static const DeepseekText dialect;
  return dialect;
}

}  // namespace outcrop::models
