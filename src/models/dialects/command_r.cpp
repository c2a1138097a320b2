// Cohere Command R: one message, a history beside it.
#include "base/ids.h"
#include "models/dialects/body_check.h"
#include "models/dialects/dialects.h"
#include "models/dialects/text_stream.h"

namespace outcrop::models {
namespace {

json::Value text_value(std::string_view text) {
  return json::Value(boost::json::string_view(text.data(), text.size()));
}

std::string_view finish(StopReason reason) {
  switch (reason) {
    case StopReason::max_tokens:
      return "MAX_TOKENS";
    case StopReason::content_filtered:
    case StopReason::guardrail_intervened:
      return "ERROR_TOXIC";
    case StopReason::end_turn:
    case StopReason::tool_use:
    case StopReason::stop_sequence:
    case StopReason::malformed_model_output:
    case StopReason::malformed_tool_use:
    case StopReason::model_context_window_exceeded:
      break;
  }
  return "COMPLETE";
}

json::Array tool_calls(const Reply& reply) {
  json::Array calls;
  for (const auto& block : reply.message.content) {
    if (const auto* use = std::get_if<ToolUseBlock>(&block)) {
      json::Object call{{"name", text_value(use->name)}};
      call["parameters"] = use->input;
      calls.push_back(std::move(call));
    }
  }
  return calls;
}

class Stream : public NativeStream {
 public:
  void add(const Event& event, std::vector<std::string>& chunks) override {
    (void)builder_.add(event);  // the end repeats the whole reply
    if (const auto* text = std::get_if<TextDelta>(&event)) {
      first_byte();
      chunks.push_back(json::write(json::Object{{"is_finished", false},
                                                {"event_type", "text-generation"},
                                                {"text", text_value(text->text)}}));
    } else if (const auto* metadata = std::get_if<Metadata>(&event)) {
      first_byte();
      const Reply reply = std::move(builder_).take();
      json::Object response{{"response_id", uuid4()},
                            {"text", text_value(reply_text(reply))},
                            {"generation_id", uuid4()},
                            {"finish_reason", text_value(finish(reply.stop))}};
      json::Object last{{"is_finished", true},
                        {"event_type", "stream-end"},
                        {"finish_reason", text_value(finish(reply.stop))}};
      if (auto calls = tool_calls(reply); !calls.empty()) response["tool_calls"] = std::move(calls);
      last["response"] = std::move(response);
      last["amazon-bedrock-invocationMetrics"] = metrics(*metadata);
      chunks.push_back(json::write(last));
    }
  }

 private:
  ReplyBuilder builder_;
};

class CommandR : public Dialect {
 public:
  std::string_view name() const override { return "cohere.command-r"; }

  Result<NativeRequest> decode_request(const json::Object& body) const override {
    BodyCheck check(body);
    check.required({"message"});
    check.only({"message",
                "chat_history",
                "documents",
                "search_queries_only",
                "preamble",
                "max_tokens",
                "temperature",
                "p",
                "k",
                "prompt_truncation",
                "frequency_penalty",
                "presence_penalty",
                "seed",
                "return_prompt",
                "tools",
                "tool_results",
                "stop_sequences",
                "raw_prompting",
                "force_single_step",
                "stream"});
    Conversation conversation;
    auto message = check.text("message", 1);
    if (auto preamble = check.text("preamble"); preamble && !preamble->empty())
      conversation.system.emplace_back(TextBlock{*preamble});
    if (const auto* history = check.array("chat_history")) {
      for (std::size_t i = 0; i < history->size(); ++i) turn((*history)[i], i, check, conversation);
    }
    auto& inference = conversation.inference;
    if (auto most = check.integer("max_tokens", 1, 2'147'483'647))
      inference.max_tokens = static_cast<int>(*most);
    inference.temperature = check.number("temperature", 0, 1);
    inference.top_p = check.number("p", 0, 1);
    if (auto k = check.integer("k", 0, 500)) inference.top_k = static_cast<int>(*k);
    if (auto seed = check.integer("seed", 0, INT64_MAX))
      inference.seed = static_cast<std::uint64_t>(*seed);
    inference.stop_sequences = check.texts("stop_sequences", 0, 2500);
    const auto* documents = check.array("documents");
    for (std::string_view key : {"tools", "tool_results", "raw_prompting", "search_queries_only"}) {
      const auto* value = check.find(key);
      if (!value || (value->is_bool() && !value->get_bool()) ||
          (value->is_array() && value->get_array().empty()))
        continue;
      check.error(fmt::format("/{}", key), "is not supported here; use Converse for tools");
    }
    CHECK(check.done());
    std::string text;
    if (documents && !documents->empty()) {
      // Each document is an object of texts; the model is shown them before the question.
      int number = 0;
      for (const auto& document : *documents)
        text += fmt::format("Document {}: {}\n", ++number, json::write(document));
      text += "\n";
    }
    add(conversation, Role::user, text + *message);
    return NativeRequest{std::move(conversation), {}};
  }

  json::Value encode_reply(const Reply& reply, const json::Object&,
                           std::string_view) const override {
    json::Object out{{"response_id", uuid4()},
                     {"text", text_value(reply_text(reply))},
                     {"generation_id", uuid4()},
                     {"finish_reason", text_value(finish(reply.stop))}};
    if (auto calls = tool_calls(reply); !calls.empty()) out["tool_calls"] = std::move(calls);
    return out;
  }
  std::unique_ptr<NativeStream> encode_stream(const json::Object&,
                                              std::string_view) const override {
    return std::make_unique<Stream>();
  }

 private:
  static void add(Conversation& conversation, Role role, std::string text) {
    if (!conversation.messages.empty() && conversation.messages.back().role == role) {
      conversation.messages.back().content.emplace_back(TextBlock{std::move(text)});
    } else {
      conversation.messages.push_back({role, {TextBlock{std::move(text)}}});
    }
  }
  static void turn(const json::Value& value, std::size_t i, BodyCheck& check,
                   Conversation& conversation) {
    const auto* object = value.if_object();
    auto role = object ? json::find_string(*object, "role") : std::nullopt;
    auto text = object ? json::find_string(*object, "message") : std::nullopt;
    if (!role || !text)
      return check.error(fmt::format("/chat_history/{}", i),
                         "required key [role] or [message] not found");
    if (*role == "USER" || *role == "User" || *role == "user") {
      add(conversation, Role::user, std::string(*text));
    } else if (*role == "CHATBOT" || *role == "Chatbot" || *role == "chatbot") {
      add(conversation, Role::assistant, std::string(*text));
    } else if (*role == "SYSTEM") {
      conversation.system.emplace_back(TextBlock{std::string(*text)});
    } else {
      check.error(fmt::format("/chat_history/{}/role", i),
                  fmt::format("{} is not a valid enum value", *role));
    }
  }
};

}  // namespace

const Dialect& command_r() {
  static const CommandR dialect;
  return dialect;
}

}  // namespace outcrop::models
