#include "base/ids.h"
#include "base/text.h"
#include "models/dialects/anthropic.h"
#include "models/dialects/dialects.h"

namespace outcrop::models::anthropic {
namespace {

constexpr std::string_view letters = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

json::Value text_value(std::string_view text) {
  return json::Value(boost::json::string_view(text.data(), text.size()));
}

/// A string there as here; bytes of another vendor travel in base64.
json::Value redacted_value(const std::string& bytes) {
  return text_value(is_utf8(bytes) ? bytes : base64(bytes));
}

std::string message_id() { return "msg_bdrk_01" + random_text(22, letters); }

std::string_view stop_text(StopReason reason) {
  switch (reason) {
    case StopReason::tool_use:
      return "tool_use";
    case StopReason::max_tokens:
      return "max_tokens";
    case StopReason::stop_sequence:
      return "stop_sequence";
    case StopReason::content_filtered:
      return "refusal";
    case StopReason::model_context_window_exceeded:
      return "model_context_window_exceeded";
    case StopReason::end_turn:
    case StopReason::guardrail_intervened:
    case StopReason::malformed_model_output:
    case StopReason::malformed_tool_use:
      break;
  }
  return "end_turn";
}

json::Object usage_object(const Usage& usage) {
  return {
      {"input_tokens", usage.input_tokens},
      {"cache_creation_input_tokens", usage.cache_write_5m_tokens + usage.cache_write_1h_tokens},
      {"cache_read_input_tokens", usage.cache_read_tokens},
      {"cache_creation", json::Object{{"ephemeral_5m_input_tokens", usage.cache_write_5m_tokens},
                                      {"ephemeral_1h_input_tokens", usage.cache_write_1h_tokens}}},
      {"output_tokens", usage.output_tokens}};
}

json::Value stop_sequence_value(StopReason reason, const std::string& sequence) {
  if (reason != StopReason::stop_sequence) return nullptr;
  return text_value(sequence);
}

class Stream : public NativeStream {
 public:
  Stream(std::string_view model, bool with_metrics) : model_(model), with_metrics_(with_metrics) {}

  void add(const Event& event, std::vector<std::string>& chunks) override {
    out_ = &chunks;
    if (const auto* e = std::get_if<MessageStart>(&event)) {
      json::Object message{{"model", model_},          {"id", message_id()},
                           {"type", "message"},        {"role", "assistant"},
                           {"content", json::Array{}}, {"stop_reason", nullptr},
                           {"stop_sequence", nullptr}};
      message["usage"] = usage_object(e->usage);
      say({{"type", "message_start"}, {"message", std::move(message)}});
      say({{"type", "ping"}});
    } else if (const auto* e2 = std::get_if<TextDelta>(&event)) {
      open(e2->index, {{"type", "text"}, {"text", ""}});
      delta(e2->index, {{"type", "text_delta"}, {"text", text_value(e2->text)}});
    } else if (const auto* use = std::get_if<ToolUseStart>(&event)) {
      open(use->index, {{"type", "tool_use"},
                        {"id", text_value(use->id)},
                        {"name", text_value(use->name)},
                        {"input", json::Object{}}});
    } else if (const auto* input = std::get_if<ToolInputDelta>(&event)) {
      delta(input->index,
            {{"type", "input_json_delta"}, {"partial_json", text_value(input->json)}});
    } else if (const auto* thinking = std::get_if<ReasoningDelta>(&event)) {
      open(thinking->index, {{"type", "thinking"}, {"thinking", ""}, {"signature", ""}});
      delta(thinking->index,
            {{"type", "thinking_delta"}, {"thinking", text_value(thinking->text)}});
    } else if (const auto* signature = std::get_if<ReasoningSignature>(&event)) {
      open(signature->index, {{"type", "thinking"}, {"thinking", ""}, {"signature", ""}});
      delta(signature->index,
            {{"type", "signature_delta"}, {"signature", text_value(signature->signature)}});
    } else if (const auto* redacted = std::get_if<RedactedReasoning>(&event)) {
      open(redacted->index,
           {{"type", "redacted_thinking"}, {"data", redacted_value(redacted->bytes)}});
    } else if (const auto* stop = std::get_if<BlockStop>(&event)) {
      open(stop->index, {{"type", "text"}, {"text", ""}});  // an empty block has no delta before
      say({{"type", "content_block_stop"}, {"index", stop->index}});
      open_ = -1;
    } else if (const auto* end = std::get_if<MessageStop>(&event)) {
      end_ = *end;  // told with the usage, which comes next
    } else if (const auto* metadata = std::get_if<Metadata>(&event)) {
      say({{"type", "message_delta"},
           {"delta",
            json::Object{{"stop_reason", text_value(stop_text(end_.reason))},
                         {"stop_sequence", stop_sequence_value(end_.reason, end_.stop_sequence)}}},
           {"usage", usage_object(metadata->usage)}});
      json::Object last{{"type", "message_stop"}};
      if (with_metrics_) last["amazon-bedrock-invocationMetrics"] = metrics(*metadata);
      say(std::move(last));
    }
  }

 private:
  void say(json::Object chunk) {
    first_byte();
    out_->push_back(json::write(chunk));
  }
  void open(int index, json::Object block) {
    if (open_ == index) return;
    open_ = index;
    say({{"type", "content_block_start"}, {"index", index}, {"content_block", std::move(block)}});
  }
  void delta(int index, json::Object content) {
    say({{"type", "content_block_delta"}, {"index", index}, {"delta", std::move(content)}});
  }

  std::string model_;
  bool with_metrics_;
  int open_ = -1;
  MessageStop end_;
  std::vector<std::string>* out_ = nullptr;
};

}  // namespace

std::string vendor_name(std::string_view model_id) {
  auto name =
      model_id.substr(model_id.find('.') == std::string_view::npos ? 0 : model_id.find('.') + 1);
  if (const auto colon = name.rfind(':'); colon != std::string_view::npos)
    name = name.substr(0, colon);
  if (const auto version = name.rfind("-v");
      version != std::string_view::npos && version + 2 < name.size() &&
      name.substr(version + 2).find_first_not_of("0123456789") == std::string_view::npos) {
    name = name.substr(0, version);
  }
  return std::string(name);
}

json::Value encode_reply(const Reply& reply, std::string_view model) {
  json::Array content;
  for (const auto& block : reply.message.content) {
    if (const auto* text = std::get_if<TextBlock>(&block)) {
      content.push_back(json::Object{{"type", "text"}, {"text", text_value(text->text)}});
    } else if (const auto* use = std::get_if<ToolUseBlock>(&block)) {
      json::Object out{
          {"type", "tool_use"}, {"id", text_value(use->id)}, {"name", text_value(use->name)}};
      out["input"] = use->input;
      content.push_back(std::move(out));
    } else if (const auto* reasoning = std::get_if<ReasoningBlock>(&block)) {
      if (reasoning->redacted) {
        content.push_back(json::Object{{"type", "redacted_thinking"},
                                       {"data", redacted_value(*reasoning->redacted)}});
      } else {
        content.push_back(json::Object{{"type", "thinking"},
                                       {"thinking", text_value(reasoning->text)},
                                       {"signature", text_value(reasoning->signature)}});
      }
    }
  }
  return json::Object{{"model", text_value(model)},
                      {"id", message_id()},
                      {"type", "message"},
                      {"role", "assistant"},
                      {"content", std::move(content)},
                      {"stop_reason", text_value(stop_text(reply.stop))},
                      {"stop_sequence", stop_sequence_value(reply.stop, reply.stop_sequence)},
                      {"usage", usage_object(reply.usage)}};
}

std::unique_ptr<NativeStream> encode_stream(std::string_view model, bool metrics) {
  return std::make_unique<Stream>(model, metrics);
}

}  // namespace outcrop::models::anthropic

namespace outcrop::models {
namespace {

class AnthropicMessages : public Dialect {
 public:
  std::string_view name() const override { return "anthropic.messages"; }
  Result<NativeRequest> decode_request(const json::Object& body) const override {
    return anthropic::decode(body);
  }
  json::Value encode_reply(const Reply& reply, const json::Object&,
                           std::string_view asked) const override {
    return anthropic::encode_reply(reply, anthropic::vendor_name(asked));
  }
  std::unique_ptr<NativeStream> encode_stream(const json::Object&,
                                              std::string_view asked) const override {
    return anthropic::encode_stream(anthropic::vendor_name(asked), true);
  }
};

}  // namespace

const Dialect& anthropic_messages() {
  static const AnthropicMessages dialect;
  return dialect;
}

}  // namespace outcrop::models
