// Anthropic's messages: the request. Errors are in that API's words: the place, a colon, what is
// wrong.
#include "base/text.h"
#include "models/dialects/anthropic.h"

#include <algorithm>
#include <array>
#include <set>

namespace outcrop::models::anthropic {
namespace {

Failure at(const std::string& place, std::string_view what) {
  return fail(Code::validation, "{}: {}", place, what);
}

Result<const json::Object*> object_at(const json::Value* value, const std::string& place) {
  if (!value) return at(place, "Field required");
  const auto* object = value->if_object();
  if (!object) return at(place, "Input should be a valid dictionary");
  return object;
}
Result<std::string> text_at(const json::Object& object, std::string_view key,
                            const std::string& place) {
  const std::string full = place.empty() ? std::string(key) : place + "." + std::string(key);
  const auto* value = json::find(object, key);
  if (!value) return at(full, "Field required");
  if (!value->is_string()) return at(full, "Input should be a valid string");
  return std::string(json::view(value->get_string()));
}

Result<void> cache_control(const json::Object& block, const std::string& place, auto&& add) {
  const auto* control = json::find(block, "cache_control");
  if (!control || control->is_null()) return {};
  TRY(object, object_at(control, place + ".cache_control"));
  if (json::find_string(*object, "type") != "ephemeral")
    return at(place + ".cache_control.type", "Input should be 'ephemeral'");
  CachePointBlock point;
  point.ttl = json::find_string(*object, "ttl").value_or("");
  if (!point.ttl.empty() && point.ttl != "5m" && point.ttl != "1h")
    return at(place + ".cache_control.ttl", "Input should be '5m' or '1h'");
  add(std::move(point));
  return {};
}

Result<Bytes> base64_at(const json::Object& source, const std::string& place) {
  TRY(data, text_at(source, "data", place));
  auto bytes = unbase64(data);
  if (!bytes || bytes->empty()) return at(place + ".data", "The data is not valid base64");
  return std::make_shared<const std::string>(std::move(*bytes));
}

Result<ImageBlock> image(const json::Object& block, const std::string& place) {
  const std::string inner = place + ".source";
  TRY(source, object_at(json::find(block, "source"), inner));
  TRY(type, text_at(*source, "type", inner));
  if (type != "base64") return at(inner, "only base64 sources are supported here");
  TRY(media, text_at(*source, "media_type", inner));
  if (media != "image/png" && media != "image/jpeg" && media != "image/gif" &&
      media != "image/webp") {
    return at(inner + ".media_type",
              "Input should be 'image/jpeg', 'image/png', 'image/gif' or 'image/webp'");
  }
  TRY(bytes, base64_at(*source, inner));
  return ImageBlock{media.substr(6), std::move(bytes)};
}

Result<DocumentBlock> document(const json::Object& block, const std::string& place, int number) {
  const std::string inner = place + ".source";
  TRY(source, object_at(json::find(block, "source"), inner));
  TRY(type, text_at(*source, "type", inner));
  DocumentBlock out;
  out.name = json::find_string(block, "title").value_or("");
  if (out.name.empty()) out.name = fmt::format("Document {}", number);
  out.context = json::find_string(block, "context").value_or("");
  if (const auto* citations = json::find(block, "citations"); citations && citations->is_object()) {
    out.citations = json::find_bool(citations->get_object(), "enabled").value_or(false);
  }
  if (type == "base64") {
    TRY(media, text_at(*source, "media_type", inner));
    if (media != "application/pdf")
      return at(inner + ".media_type", "Input should be 'application/pdf'");
    TRY(bytes, base64_at(*source, inner));
    out.format = "pdf";
    out.source = std::move(bytes);
  } else if (type == "text") {
    TRY(data, text_at(*source, "data", inner));
    out.format = "txt";
    out.source = std::move(data);
  } else if (type == "content") {
    const auto* content = json::find(*source, "content");
    std::string joined;
    if (content && content->is_string()) joined = json::view(content->get_string());
    if (content && content->is_array()) {
      for (const auto& part : content->get_array()) {
        const auto* text = json::find(part, "text");
        if (!text || !text->is_string())
          return at(inner + ".content", "only text parts are supported here");
        joined += (joined.empty() ? "" : "\n\n") + std::string(json::view(text->get_string()));
      }
    }
    out.format = "txt";
    out.source = std::move(joined);
  } else {
    return at(inner, "only base64, text and content sources are supported here");
  }
  return out;
}

class Messages {
 public:
  explicit Messages(Conversation& into) : into_(into) {}

  Result<void> message(const json::Value& value, std::size_t m) {
    const std::string place = fmt::format("messages.{}", m);
    TRY(object, object_at(&value, place));
    TRY(role, text_at(*object, "role", place));
    if (role != "user" && role != "assistant")
      return at(place + ".role", "Input should be 'user' or 'assistant'");
    Message message;
    message.role = role == "user" ? Role::user : Role::assistant;
    const auto* content = json::find(*object, "content");
    if (!content) return at(place + ".content", "Field required");
    if (const auto* text = content->if_string()) {
      if (!text->empty()) message.content.emplace_back(TextBlock{std::string(json::view(*text))});
    } else if (const auto* blocks = content->if_array()) {
      for (std::size_t b = 0; b < blocks->size(); ++b)
        CHECK(block((*blocks)[b], fmt::format("{}.content.{}", place, b), message));
    } else {
      return at(place + ".content", "Input should be a valid string or list");
    }
    // Turns of one role in a row are one turn.
    auto& messages = into_.messages;
    if (message.content.empty()) {
      empty_ = empty_ ? empty_ : std::optional<std::size_t>(m);
      empty_is_last_ = m;
      last_role_ = message.role;
      return {};
    }
    if (messages.empty() && message.role != Role::user)
      return fail(Code::validation, "messages: first message must use the \"user\" role");
    if (!messages.empty() && messages.back().role == message.role) {
      for (auto& block : message.content) messages.back().content.push_back(std::move(block));
    } else {
      messages.push_back(std::move(message));
    }
    return {};
  }

  Result<void> done(std::size_t count) const {
    if (empty_ &&
        !(*empty_ + 1 == count && empty_is_last_ == *empty_ && last_role_ == Role::assistant)) {
      return at(fmt::format("messages.{}", *empty_),
                "all messages must have non-empty content except for the optional final assistant "
                "message");
    }
    if (into_.messages.empty())
      return fail(Code::validation, "messages: at least one message is required");
    return tools();
  }

 private:
  Result<void> block(const json::Value& value, const std::string& place, Message& message) {
    TRY(object, object_at(&value, place));
    TRY(type, text_at(*object, "type", place));
    auto& out = message.content;
    if (type == "text") {
      TRY(text, text_at(*object, "text", place + ".text"));
      if (text.empty())
        return fail(Code::validation, "messages: text content blocks must be non-empty");
      out.emplace_back(TextBlock{std::move(text)});
    } else if (type == "image") {
      TRY(block, image(*object, place));
      out.emplace_back(std::move(block));
    } else if (type == "document") {
      TRY(block, document(*object, place, ++documents_));
      out.emplace_back(std::move(block));
    } else if (type == "tool_use") {
      TRY(id, text_at(*object, "id", place));
      TRY(name, text_at(*object, "name", place));
      const auto* input = json::find(*object, "input");
      if (!input || !input->is_object())
        return at(place + ".tool_use.input", "Input should be a valid dictionary");
      out.emplace_back(ToolUseBlock{std::move(id), std::move(name), *input});
    } else if (type == "tool_result") {
      TRY(block, tool_result(*object, place));
      out.emplace_back(std::move(block));
    } else if (type == "thinking") {
      ReasoningBlock reasoning;
      TRY(text, text_at(*object, "thinking", place));
      reasoning.text = std::move(text);
      reasoning.signature = json::find_string(*object, "signature").value_or("");
      out.emplace_back(std::move(reasoning));
    } else if (type == "redacted_thinking") {
      TRY(data, text_at(*object, "data", place));
      ReasoningBlock reasoning;
      reasoning.redacted = std::make_shared<const std::string>(std::move(data));
      out.emplace_back(std::move(reasoning));
    } else {
      out.emplace_back(OtherBlock{type, value});
    }
    return cache_control(*object, place,
                         [&](CachePointBlock point) { out.emplace_back(std::move(point)); });
  }

  Result<ToolResultBlock> tool_result(const json::Object& object, const std::string& place) {
    ToolResultBlock result;
    TRY(id, text_at(object, "tool_use_id", place));
    result.tool_use_id = std::move(id);
    result.error = json::find_bool(object, "is_error").value_or(false);
    const auto* content = json::find(object, "content");
    if (!content || content->is_null()) return result;
    if (const auto* text = content->if_string()) {
      result.content.emplace_back(TextBlock{std::string(json::view(*text))});
      return result;
    }
    const auto* parts = content->if_array();
    if (!parts) return at(place + ".content", "Input should be a valid string or list");
    for (std::size_t p = 0; p < parts->size(); ++p) {
      const std::string inner = fmt::format("{}.content.{}", place, p);
      TRY(part, object_at(&(*parts)[p], inner));
      TRY(type, text_at(*part, "type", inner));
      if (type == "text") {
        TRY(text, text_at(*part, "text", inner));
        result.content.emplace_back(TextBlock{std::move(text)});
      } else if (type == "image") {
        TRY(block, image(*part, inner));
        result.content.emplace_back(std::move(block));
      } else if (type == "document") {
        TRY(block, document(*part, inner, ++documents_));
        result.content.emplace_back(std::move(block));
      } else {
        result.content.emplace_back(OtherBlock{type, (*parts)[p]});
      }
    }
    return result;
  }

  /// Each use is answered in the next turn, each result answers one of the turn before.
  Result<void> tools() const {
    const auto& messages = into_.messages;
    std::set<std::string_view> asked;
    for (std::size_t m = 0; m < messages.size(); ++m) {
      std::set<std::string_view> answered;
      std::set<std::string_view> asks;
      for (std::size_t b = 0; b < messages[m].content.size(); ++b) {
        if (const auto* use = std::get_if<ToolUseBlock>(&messages[m].content[b]))
          asks.insert(use->id);
        const auto* result = std::get_if<ToolResultBlock>(&messages[m].content[b]);
        if (!result) continue;
        if (!asked.contains(result->tool_use_id)) {
          return fail(Code::validation,
                      "messages.{}.content.{}: unexpected `tool_use_id` found in `tool_result` "
                      "blocks: {}. Each `tool_result` block must have a "
                      "corresponding `tool_use` block in the previous message.",
                      m, b, result->tool_use_id);
        }
        answered.insert(result->tool_use_id);
      }
      std::string missing;
      for (auto id : asked) {
        if (!answered.contains(id)) missing += (missing.empty() ? "" : ", ") + std::string(id);
      }
      if (!missing.empty()) {
        return fail(Code::validation,
                    "messages.{}: `tool_use` ids were found without `tool_result` blocks "
                    "immediately after: {}. Each `tool_use` block must have a "
                    "corresponding `tool_result` block in the next message.",
                    m - 1, missing);
      }
      asked = std::move(asks);
    }
    return {};
  }

  Conversation& into_;
  std::optional<std::size_t> empty_;
  std::size_t empty_is_last_ = 0;
  Role last_role_ = Role::user;
  int documents_ = 0;
};

Result<void> decode_system(const json::Value& value, Conversation& into) {
  if (const auto* text = value.if_string()) {
    if (!text->empty()) into.system.emplace_back(TextBlock{std::string(json::view(*text))});
    return {};
  }
  const auto* list = value.if_array();
  if (!list) return fail(Code::validation, "system: Input should be a valid string or list");
  for (std::size_t i = 0; i < list->size(); ++i) {
    const std::string place = fmt::format("system.{}", i);
    TRY(object, object_at(&(*list)[i], place));
    if (json::find_string(*object, "type") != "text")
      return at(place + ".type", "Input should be 'text'");
    TRY(text, text_at(*object, "text", place));
    if (text.empty())
      return fail(Code::validation, "system: text content blocks must be non-empty");
    into.system.emplace_back(TextBlock{std::move(text)});
    CHECK(cache_control(*object, place, [&](CachePointBlock point) {
      into.system.emplace_back(std::move(point));
    }));
  }
  return {};
}

Result<void> decode_tools(const json::Value& value, Conversation& into) {
  const auto* list = value.if_array();
  if (!list) return fail(Code::validation, "tools: Input should be a valid list");
  std::set<std::string> names;
  for (std::size_t i = 0; i < list->size(); ++i) {
    const std::string place = fmt::format("tools.{}", i);
    TRY(object, object_at(&(*list)[i], place));
    const auto type = json::find_string(*object, "type").value_or("custom");
    if (type != "custom") {
      into.tools.emplace_back(OtherBlock{std::string(type), (*list)[i]});
    } else {
      ToolSpec spec;
      TRY(name, text_at(*object, "name", place + ".custom"));
      const bool plain = std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '_' || c == '-';
      });
      if (name.empty() || name.size() > 128 || !plain)
        return at(place + ".custom.name", "String should match pattern '^[a-zA-Z0-9_-]{1,128}$'");
      if (!names.insert(name).second)
        return fail(Code::validation, "tools: Tool names must be unique.");
      spec.name = std::move(name);
      spec.description = json::find_string(*object, "description").value_or("");
      spec.strict = json::find_bool(*object, "strict").value_or(false);
      TRY(schema, object_at(json::find(*object, "input_schema"), place + ".custom.input_schema"));
      if (json::find_string(*schema, "type") != "object")
        return at(place + ".custom.input_schema.type", "Input should be 'object'");
      spec.input_schema = *schema;
      into.tools.emplace_back(std::move(spec));
    }
    CHECK(cache_control(*object, place,
                        [&](CachePointBlock point) { into.tools.emplace_back(std::move(point)); }));
  }
  return {};
}

Result<void> decode_choice(const json::Value& value, Conversation& into) {
  TRY(object, object_at(&value, "tool_choice"));
  TRY(type, text_at(*object, "type", "tool_choice"));
  using Kind = ToolChoice::Kind;
  if (type == "auto") {
    into.tool_choice.kind = Kind::automatic;
  } else if (type == "any") {
    into.tool_choice.kind = Kind::any;
  } else if (type == "none") {
    into.tool_choice.kind = Kind::none;
  } else if (type == "tool") {
    TRY(name, text_at(*object, "name", "tool_choice.tool"));
    const bool known = std::any_of(into.tools.begin(), into.tools.end(), [&](const auto& tool) {
      const auto* spec = std::get_if<ToolSpec>(&tool);
      return spec && spec->name == name;
    });
    if (!known) return fail(Code::validation, "Tool '{}' not found in provided tools", name);
    into.tool_choice = {Kind::tool, std::move(name)};
  } else {
    return at("tool_choice", fmt::format("Input tag '{}' found using 'type' does not match any of "
                                         "the expected tags: 'auto', 'any', 'tool', 'none'",
                                         type));
  }
  if (into.tools.empty())
    return fail(Code::validation, "tool_choice may only be specified while providing tools.");
  return {};
}

Result<void> decode_thinking(const json::Value& value, Conversation& into) {
  TRY(object, object_at(&value, "thinking"));
  TRY(type, text_at(*object, "type", "thinking"));
  if (type != "enabled" && type != "disabled" && type != "adaptive") {
    return at("thinking", fmt::format("Input tag '{}' found using 'type' does not match any of the "
                                      "expected tags: 'adaptive', 'disabled', 'enabled'",
                                      type));
  }
  if (type == "enabled") {
    auto budget = json::find_int(*object, "budget_tokens");
    if (!budget) return at("thinking.enabled.budget_tokens", "Field required");
    if (*budget < 1024)
      return at("thinking.enabled.budget_tokens", "Input should be greater than or equal to 1024");
    if (*budget >= *into.inference.max_tokens)
      return fail(Code::validation, "`max_tokens` must be greater than `thinking.budget_tokens`.");
  }
  into.additional_fields["thinking"] = value;
  return {};
}

Result<void> decode_output_config(const json::Value& value, Conversation& into) {
  TRY(object, object_at(&value, "output_config"));
  into.effort = json::find_string(*object, "effort").value_or("");
  const auto* format = json::find(*object, "format");
  if (!format || format->is_null()) return {};
  TRY(inner, object_at(format, "output_config.format"));
  if (json::find_string(*inner, "type") != "json_schema")
    return at("output_config.format.type", "Input should be 'json_schema'");
  TRY(schema, object_at(json::find(*inner, "schema"), "output_config.format.schema"));
  into.output_schema = OutputSchema{{}, {}, *schema};
  return {};
}

Result<void> decode_inference(const json::Object& body, Inference& inference) {
  const auto* max_tokens = json::find(body, "max_tokens");
  if (!max_tokens) return fail(Code::validation, "max_tokens: Field required");
  auto most = json::as_int(*max_tokens);
  if (!most) return fail(Code::validation, "max_tokens: Input should be a valid integer");
  if (*most < 1)
    return fail(Code::validation, "max_tokens: Input should be greater than or equal to 1");
  inference.max_tokens = static_cast<int>(std::min<std::int64_t>(*most, 2'147'483'647));
  for (std::string_view key : {"temperature", "top_p"}) {
    const auto* value = json::find(body, key);
    if (!value || value->is_null()) continue;
    auto number = json::as_double(*value);
    if (!number) return at(std::string(key), "Input should be a valid number");
    if (*number < 0 || *number > 1) return at(std::string(key), "range: 0..1");
    (key == "top_p" ? inference.top_p : inference.temperature) = *number;
  }
  if (const auto* value = json::find(body, "top_k"); value && !value->is_null()) {
    auto number = json::as_int(*value);
    if (!number) return fail(Code::validation, "top_k: Input should be a valid integer");
    if (*number < 0 || *number > 1'000'000)
      return fail(Code::validation, "top_k: range: 0..1000000");
    inference.top_k = static_cast<int>(*number);
  }
  if (const auto* value = json::find(body, "stop_sequences"); value && !value->is_null()) {
    const auto* list = value->if_array();
    if (!list) return fail(Code::validation, "stop_sequences: Input should be a valid list");
    for (std::size_t i = 0; i < list->size(); ++i) {
      const auto* text = (*list)[i].if_string();
      if (!text) return at(fmt::format("stop_sequences.{}", i), "Input should be a valid string");
      if (json::view(*text).find_first_not_of(" \t\r\n") == std::string_view::npos) {
        return fail(Code::validation,
                    "stop_sequences: each stop sequence must contain non-whitespace");
      }
      inference.stop_sequences.emplace_back(json::view(*text));
    }
  }
  return {};
}

}  // namespace

Result<NativeRequest> decode(const json::Object& body) {
  static constexpr std::array<std::string_view, 15> known{
      "anthropic_version", "anthropic_beta", "max_tokens",    "messages",       "system",
      "temperature",       "top_p",          "top_k",         "stop_sequences", "tools",
      "tool_choice",       "thinking",       "output_config", "metadata",       "service_tier"};
  if (!json::find_string(body, "anthropic_version")) {
    return fail(Code::validation, json::find(body, "anthropic_version")
                                      ? "anthropic_version: Input should be a valid string"
                                      : "anthropic_version: Field required");
  }
  for (const auto& [key, value] : body) {
    const std::string_view name(key.data(), key.size());
    if (std::find(known.begin(), known.end(), name) == known.end())
      return at(std::string(name), "Extra inputs are not permitted");
  }
  Conversation conversation;
  CHECK(decode_inference(body, conversation.inference));
  auto member = [&](std::string_view name) {
    const auto* value = json::find(body, name);
    return value && !value->is_null() ? value : nullptr;
  };
  if (const auto* tools = member("tools")) CHECK(decode_tools(*tools, conversation));
  if (const auto* choice = member("tool_choice")) CHECK(decode_choice(*choice, conversation));
  if (const auto* thinking = member("thinking")) CHECK(decode_thinking(*thinking, conversation));
  if (const auto* output = member("output_config"))
    CHECK(decode_output_config(*output, conversation));
  if (const auto* system = member("system")) CHECK(decode_system(*system, conversation));
  const auto* messages = member("messages");
  if (!messages) return fail(Code::validation, "messages: Field required");
  const auto* list = messages->if_array();
  if (!list) return fail(Code::validation, "messages: Input should be a valid list");
  Messages decoded(conversation);
  for (std::size_t m = 0; m < list->size(); ++m) CHECK(decoded.message((*list)[m], m));
  CHECK(decoded.done(list->size()));
  return NativeRequest{std::move(conversation), {}};
}

}  // namespace outcrop::models::anthropic
