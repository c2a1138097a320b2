#include "base/text.h"
#include "models/dialects/converse.h"
#include "models/dialects/converse_blocks.h"

namespace outcrop::models {
namespace {

json::Value text_value(std::string_view text) {
  return json::Value(boost::json::string_view(text.data(), text.size()));
}

Usage decode_usage(const json::Value& value) {
  Usage usage;
  const auto* object = value.if_object();
  if (!object) return usage;
  usage.input_tokens = json::find_int(*object, "inputTokens").value_or(0);
  usage.output_tokens = json::find_int(*object, "outputTokens").value_or(0);
  usage.cache_read_tokens = json::find_int(*object, "cacheReadInputTokens").value_or(0);
  usage.cache_write_5m_tokens = json::find_int(*object, "cacheWriteInputTokens").value_or(0);
  // The total of writes stands above; what was written for an hour is told apart in the details.
  if (const auto* details = json::find(*object, "cacheDetails"); details && details->is_array()) {
    for (const auto& detail : details->get_array()) {
      const auto* entry = detail.if_object();
      if (!entry || json::find_string(*entry, "ttl") != "1h") continue;
      const auto tokens =
          std::min(json::find_int(*entry, "inputTokens").value_or(0), usage.cache_write_5m_tokens);
      usage.cache_write_1h_tokens += tokens;
      usage.cache_write_5m_tokens -= tokens;
    }
  }
  return usage;
}

Failure odd(std::string_view what) {
  return fail(Code::model_error,
              "The model behind this one answered with {} that is not of Converse's shape.", what);
}

json::Object delta(int index, json::Object content) {
  return {{"delta", std::move(content)}, {"contentBlockIndex", index}};
}

}  // namespace

json::Object encode_converse_usage(const Usage& usage) {
  json::Object out{
      {"inputTokens", usage.input_tokens},
      {"outputTokens", usage.output_tokens},
      {"totalTokens", usage.total()},
      {"cacheReadInputTokens", usage.cache_read_tokens},
      {"cacheWriteInputTokens", usage.cache_write_5m_tokens + usage.cache_write_1h_tokens}};
  json::Array details;
  if (usage.cache_write_1h_tokens > 0)
    details.push_back(json::Object{{"ttl", "1h"}, {"inputTokens", usage.cache_write_1h_tokens}});
  if (usage.cache_write_5m_tokens > 0)
    details.push_back(json::Object{{"ttl", "5m"}, {"inputTokens", usage.cache_write_5m_tokens}});
  if (!details.empty()) out["cacheDetails"] = std::move(details);
  return out;
}

json::Object encode_converse_reply(const Reply& reply) {
  json::Array content;
  for (const auto& block : reply.message.content) content.push_back(converse::encode_block(block));
  json::Object message{{"role", "assistant"}, {"content", std::move(content)}};
  json::Object out{{"output", json::Object{{"message", std::move(message)}}},
                   {"stopReason", text_value(to_text(reply.stop))},
                   {"usage", encode_converse_usage(reply.usage)},
                   {"metrics", json::Object{{"latencyMs", reply.latency_ms}}}};
  if (!reply.additional_fields.is_null())
    out["additionalModelResponseFields"] = reply.additional_fields;
  if (!reply.trace.is_null()) out["trace"] = reply.trace;
  return out;
}

Result<Reply> decode_converse_reply(const json::Value& document) {
  const auto* output = json::find(document, "output");
  const auto* message = output ? json::find(*output, "message") : nullptr;
  const auto* content = message ? json::find(*message, "content") : nullptr;
  if (!content || !content->is_array()) return odd("a message");
  Reply reply;
  int position = 0;
  for (const auto& value : content->get_array()) {
    auto block =
        converse::decode_block(value, fmt::format("output.message.content.{}", position++));
    if (!block) return odd("a block");
    reply.message.content.push_back(std::move(*block));
  }
  const auto* object = document.if_object();
  auto stop = stop_reason(json::find_string(*object, "stopReason").value_or(""));
  if (!stop) return odd("a stop reason");
  reply.stop = *stop;
  if (const auto* usage = json::find(*object, "usage")) reply.usage = decode_usage(*usage);
  if (const auto* metrics = json::find(*object, "metrics"); metrics && metrics->is_object()) {
    reply.latency_ms = json::find_int(metrics->get_object(), "latencyMs").value_or(0);
  }
  if (const auto* fields = json::find(*object, "additionalModelResponseFields"))
    reply.additional_fields = *fields;
  if (const auto* trace = json::find(*object, "trace")) reply.trace = *trace;
  return reply;
}

std::optional<ConverseEvent> encode_converse_event(const Event& event) {
  struct Encode {
    using Out = std::optional<ConverseEvent>;
    Out operator()(const MessageStart&) const {
      return ConverseEvent{"messageStart", json::Object{{"role", "assistant"}}};
    }
    Out operator()(const ToolUseStart& e) const {
      json::Object use{{"toolUseId", text_value(e.id)}, {"name", text_value(e.name)}};
      return ConverseEvent{"contentBlockStart",
                           json::Object{{"start", json::Object{{"toolUse", std::move(use)}}},
                                        {"contentBlockIndex", e.index}}};
    }
    Out operator()(const TextDelta& e) const {
      return delta_event(e.index, {{"text", text_value(e.text)}});
    }
    Out operator()(const ToolInputDelta& e) const {
      return delta_event(e.index, {{"toolUse", json::Object{{"input", text_value(e.json)}}}});
    }
    Out operator()(const ReasoningDelta& e) const { return reasoning(e.index, "text", e.text); }
    Out operator()(const ReasoningSignature& e) const {
      return reasoning(e.index, "signature", e.signature);
    }
    Out operator()(const RedactedReasoning& e) const {
      return reasoning(e.index, "redactedContent", base64(e.bytes));
    }
    Out operator()(const BlockStop& e) const {
      return ConverseEvent{"contentBlockStop", json::Object{{"contentBlockIndex", e.index}}};
    }
    Out operator()(const MessageStop& e) const {
      json::Object payload{{"stopReason", text_value(to_text(e.reason))}};
      if (!e.additional_fields.is_null())
        payload["additionalModelResponseFields"] = e.additional_fields;
      return ConverseEvent{"messageStop", std::move(payload)};
    }
    Out operator()(const Metadata& e) const {
      json::Object payload{{"usage", encode_converse_usage(e.usage)},
                           {"metrics", json::Object{{"latencyMs", e.latency_ms}}}};
      if (!e.trace.is_null()) payload["trace"] = e.trace;
      return ConverseEvent{"metadata", std::move(payload)};
    }
    Out operator()(const NativeChunk&) const { return std::nullopt; }
    Out operator()(const Served&) const { return std::nullopt; }

    static Out delta_event(int index, json::Object content) {
      return ConverseEvent{"contentBlockDelta", delta(index, std::move(content))};
    }
    static Out reasoning(int index, std::string_view member, const std::string& text) {
      json::Object inner;
      inner[boost::json::string_view(member.data(), member.size())] = text_value(text);
      return delta_event(index, {{"reasoningContent", std::move(inner)}});
    }
  };
  return std::visit(Encode{}, event);
}

Result<std::optional<Event>> decode_converse_event(std::string_view member,
                                                   const json::Value& payload) {
  const auto* object = payload.if_object();
  if (!object) return odd("an event");
  const int index = static_cast<int>(json::find_int(*object, "contentBlockIndex").value_or(0));
  if (member == "messageStart") return Event{MessageStart{}};
  if (member == "contentBlockStart") {
    const auto* start = json::find(*object, "start");
    const auto* use = start ? json::find(*start, "toolUse") : nullptr;
    if (!use || !use->is_object()) return std::nullopt;
    return Event{ToolUseStart{
        index, std::string(json::find_string(use->get_object(), "toolUseId").value_or("")),
        std::string(json::find_string(use->get_object(), "name").value_or(""))}};
  }
  if (member == "contentBlockDelta") {
    const auto* content = json::find(*object, "delta");
    if (!content || !content->is_object()) return odd("a delta");
    const auto& inner = content->get_object();
    if (auto text = json::find_string(inner, "text"))
      return Event{TextDelta{index, std::string(*text)}};
    if (const auto* use = json::find(inner, "toolUse"); use && use->is_object()) {
      return Event{ToolInputDelta{
          index, std::string(json::find_string(use->get_object(), "input").value_or(""))}};
    }
    if (const auto* reasoning = json::find(inner, "reasoningContent");
        reasoning && reasoning->is_object()) {
      const auto& part = reasoning->get_object();
      if (auto text = json::find_string(part, "text"))
        return Event{ReasoningDelta{index, std::string(*text)}};
      if (auto signature = json::find_string(part, "signature"))
        return Event{ReasoningSignature{index, std::string(*signature)}};
      if (auto redacted = json::find_string(part, "redactedContent")) {
        auto bytes = unbase64(*redacted);
        if (!bytes) return odd("redacted reasoning");
        return Event{RedactedReasoning{index, std::move(*bytes)}};
      }
    }
    return std::nullopt;
  }
  if (member == "contentBlockStop") return Event{BlockStop{index}};
  if (member == "messageStop") {
    auto stop = stop_reason(json::find_string(*object, "stopReason").value_or(""));
    if (!stop) return odd("a stop reason");
    MessageStop event{*stop, {}, nullptr};
    if (const auto* fields = json::find(*object, "additionalModelResponseFields"))
      event.additional_fields = *fields;
    return Event{std::move(event)};
  }
  if (member == "metadata") {
    Metadata event;
    if (const auto* usage = json::find(*object, "usage")) event.usage = decode_usage(*usage);
    if (const auto* metrics = json::find(*object, "metrics"); metrics && metrics->is_object()) {
      event.latency_ms = json::find_int(metrics->get_object(), "latencyMs").value_or(0);
    }
    if (const auto* trace = json::find(*object, "trace")) event.trace = *trace;
    return Event{std::move(event)};
  }
  return std::nullopt;
}

json::Value additional_response_fields(const json::Value& native_reply,
                                       const std::vector<std::string>& pointers) {
  json::Object out;
  for (const auto& pointer : pointers) {
    auto found = json::at_pointer(native_reply, pointer);
    if (!found || !*found || pointer.empty()) continue;
    // Built anew along the way, as objects: a list on the way shows as an object with its index for
    // a key.
    json::Object* place = &out;
    auto keys = split(std::string_view(pointer).substr(1), '/');
    for (std::size_t i = 0; i < keys.size(); ++i) {
      std::string key;
      for (std::size_t c = 0; c < keys[i].size(); ++c) {
        if (keys[i][c] == '~' && c + 1 < keys[i].size()) {
          key += keys[i][++c] == '1' ? '/' : '~';
        } else {
          key += keys[i][c];
        }
      }
      auto& slot = (*place)[key];
      if (i + 1 == keys.size()) {
        slot = **found;
      } else {
        if (!slot.is_object()) slot = json::Object{};
        place = &slot.get_object();
      }
    }
  }
  if (out.empty()) return nullptr;
  return out;
}

}  // namespace outcrop::models
