#include "base/text.h"
#include "models/dialects/converse_blocks.h"

namespace outcrop::models::converse {
namespace {

Result<Bytes> bytes_of(const json::Value& value, const std::string& at) {
  const auto* text = value.if_string();
  if (!text) return fail(Code::validation, "The bytes at {} must be base64 text.", at);
  auto bytes = unbase64(json::view(*text));
  if (!bytes) return fail(Code::validation, "The bytes at {} are not valid base64.", at);
  if (bytes->empty()) return fail(Code::validation, "The bytes at {} are empty.", at);
  return std::make_shared<const std::string>(std::move(*bytes));
}

Result<S3Location> s3_of(const json::Value& value, const std::string& at) {
  TRY(object, object_at(&value, at));
  S3Location location;
  TRY(uri, string_at(*object, "uri", at));
  location.uri = std::move(uri);
  location.bucket_owner = json::find_string(*object, "bucketOwner").value_or("");
  return location;
}

Result<ImageBlock> decode_image(const json::Value& value, const std::string& at) {
  TRY(object, object_at(&value, at));
  ImageBlock image;
  TRY(format, string_at(*object, "format", at));
  image.format = std::move(format);
  if (image.format != "png" && image.format != "jpeg" && image.format != "gif" &&
      image.format != "webp") {
    return fail(Code::validation, "The image format at {} is '{}'. Use png, jpeg, gif or webp.", at,
                image.format);
  }
  const auto* source = json::find(*object, "source");
  if (!source) return fail(Code::validation, "The source of the image at {} is missing.", at);
  TRY(member, only_member(*source, at + ".source"));
  if (member.name == "bytes") {
    TRY(bytes, bytes_of(*member.value, at + ".source.bytes"));
    image.source = std::move(bytes);
  } else if (member.name == "s3Location") {
    TRY(location, s3_of(*member.value, at + ".source.s3Location"));
    image.source = std::move(location);
  } else {
    return fail(Code::validation,
                "The image source at {} has the unknown member '{}'. Use bytes or s3Location.", at,
                member.name);
  }
  return image;
}

Result<DocumentBlock> decode_document(const json::Value& value, const std::string& at) {
  TRY(object, object_at(&value, at));
  DocumentBlock document;
  document.format = json::find_string(*object, "format").value_or("");
  TRY(name, string_at(*object, "name", at));
  document.name = std::move(name);
  document.context = json::find_string(*object, "context").value_or("");
  if (const auto* citations = json::find(*object, "citations");
      citations && citations->is_object()) {
    document.citations = json::find_bool(citations->get_object(), "enabled").value_or(false);
  }
  const auto* source = json::find(*object, "source");
  if (!source) return fail(Code::validation, "The source of the document at {} is missing.", at);
  TRY(member, only_member(*source, at + ".source"));
  if (member.name == "bytes") {
    TRY(bytes, bytes_of(*member.value, at + ".source.bytes"));
    document.source = std::move(bytes);
  } else if (member.name == "s3Location") {
    TRY(location, s3_of(*member.value, at + ".source.s3Location"));
    document.source = std::move(location);
  } else if (member.name == "text") {
    const auto* text = member.value->if_string();
    if (!text)
      return fail(Code::validation, "The text of the document at {} must be a string.", at);
    document.source = std::string(json::view(*text));
  } else if (member.name == "content") {
    const auto* parts = member.value->if_array();
    if (!parts)
      return fail(Code::validation, "The content of the document at {} must be a list.", at);
    std::string joined;
    for (const auto& part : *parts) {
      const auto* text = json::find(part, "text");
      if (!text || !text->is_string())
        return fail(Code::validation, "Each part of the document's content at {} must have a text.",
                    at);
      if (!joined.empty()) joined += "\n\n";
      joined += json::view(text->get_string());
    }
    document.source = std::move(joined);
  } else {
    return fail(Code::validation,
                "The document source at {} has the unknown member '{}'. Use bytes, text, content "
                "or s3Location.",
                at, member.name);
  }
  return document;
}

Result<CachePointBlock> decode_cache_point(const json::Value& value, const std::string& at) {
  TRY(object, object_at(&value, at));
  CachePointBlock point;
  point.ttl = json::find_string(*object, "ttl").value_or("");
  if (!point.ttl.empty() && point.ttl != "5m" && point.ttl != "1h") {
    return fail(Code::validation, "The ttl of the cachePoint at {} is '{}'. Use 5m or 1h.", at,
                point.ttl);
  }
  return point;
}

Result<GuardContentBlock> decode_guard(const json::Value& value, const std::string& at) {
  TRY(member, only_member(value, at));
  GuardContentBlock guard;
  if (member.name == "text") {
    TRY(object, object_at(member.value, at + ".text"));
    TRY(text, string_at(*object, "text", at + ".text"));
    guard.content = TextBlock{std::move(text)};
    if (const auto* qualifiers = json::find(*object, "qualifiers");
        qualifiers && qualifiers->is_array()) {
      for (const auto& qualifier : qualifiers->get_array()) {
        if (qualifier.is_string())
          guard.qualifiers.emplace_back(json::view(qualifier.get_string()));
      }
    }
  } else if (member.name == "image") {
    TRY(image, decode_image(*member.value, at + ".image"));
    guard.content = std::move(image);
  } else {
    return fail(Code::validation,
                "The guardContent at {} has the unknown member '{}'. Use text or image.", at,
                member.name);
  }
  return guard;
}

Result<ReasoningBlock> decode_reasoning(const json::Value& value, const std::string& at) {
  TRY(member, only_member(value, at));
  ReasoningBlock reasoning;
  if (member.name == "reasoningText") {
    TRY(object, object_at(member.value, at + ".reasoningText"));
    TRY(text, string_at(*object, "text", at + ".reasoningText"));
    reasoning.text = std::move(text);
    reasoning.signature = json::find_string(*object, "signature").value_or("");
  } else if (member.name == "redactedContent") {
    TRY(bytes, bytes_of(*member.value, at + ".redactedContent"));
    reasoning.redacted = std::move(bytes);
  } else {
    return fail(Code::validation,
                "The reasoningContent at {} has the unknown member '{}'. Use reasoningText or "
                "redactedContent.",
                at, member.name);
  }
  return reasoning;
}

Result<ToolResultBlock> decode_tool_result(const json::Object& object, const std::string& at) {
  ToolResultBlock result;
  TRY(id, string_at(object, "toolUseId", at));
  result.tool_use_id = std::move(id);
  result.error = json::find_string(object, "status") == "error";
  const auto* content = json::find(object, "content");
  if (!content || !content->is_array())
    return fail(Code::validation, "The content of the toolResult at {} must be a list.", at);
  int position = 0;
  for (const auto& part : content->get_array()) {
    const std::string place = fmt::format("{}.content.{}", at, position++);
    TRY(member, only_member(part, place));
    if (member.name == "text") {
      const auto* text = member.value->if_string();
      if (!text) return fail(Code::validation, "The text at {} must be a string.", place);
      result.content.emplace_back(TextBlock{std::string(json::view(*text))});
    } else if (member.name == "json") {
      result.content.emplace_back(*member.value);
    } else if (member.name == "image") {
      TRY(image, decode_image(*member.value, place + ".image"));
      result.content.emplace_back(std::move(image));
    } else if (member.name == "document") {
      TRY(document, decode_document(*member.value, place + ".document"));
      result.content.emplace_back(std::move(document));
    } else {
      result.content.emplace_back(OtherBlock{std::string(member.name), *member.value});
    }
  }
  return result;
}

}  // namespace

Result<const json::Object*> object_at(const json::Value* value, const std::string& at) {
  const auto* object = value ? value->if_object() : nullptr;
  if (!object) return fail(Code::validation, "The value at {} must be an object.", at);
  return object;
}

Result<std::string> string_at(const json::Object& object, std::string_view key,
                              const std::string& at) {
  auto text = json::find_string(object, key);
  if (!text) return fail(Code::validation, "The value at {}.{} must be a string.", at, key);
  return std::string(*text);
}

Result<Member> only_member(const json::Value& value, const std::string& at) {
  TRY(object, object_at(&value, at));
  Member found{{}, nullptr};
  for (const auto& [key, member] : *object) {
    if (member.is_null()) continue;
    if (found.value)
      return fail(Code::validation,
                  "The object at {} has more than one member set. Set exactly one.", at);
    found = {std::string_view(key.data(), key.size()), &member};
  }
  if (!found.value)
    return fail(Code::validation, "The object at {} has no member set. Set exactly one.", at);
  return found;
}

Result<Block> decode_block(const json::Value& value, const std::string& at) {
  TRY(member, only_member(value, at));
  const std::string place = fmt::format("{}.{}", at, member.name);
  if (member.name == "text") {
    const auto* text = member.value->if_string();
    if (!text) return fail(Code::validation, "The text at {} must be a string.", at);
    return TextBlock{std::string(json::view(*text))};
  }
  if (member.name == "image") {
    TRY(block, decode_image(*member.value, place));
    return block;
  }
  if (member.name == "document") {
    TRY(block, decode_document(*member.value, place));
    return block;
  }
  if (member.name == "cachePoint") {
    TRY(block, decode_cache_point(*member.value, place));
    return block;
  }
  if (member.name == "guardContent") {
    TRY(block, decode_guard(*member.value, place));
    return block;
  }
  if (member.name == "reasoningContent") {
    TRY(block, decode_reasoning(*member.value, place));
    return block;
  }
  if (member.name == "toolUse" || member.name == "toolResult") {
    TRY(object, object_at(member.value, place));
    // A typed one belongs to a tool that the service itself runs: not ours to answer or to match.
    if (json::find_string(*object, "type"))
      return OtherBlock{std::string(member.name), *member.value};
    if (member.name == "toolResult") {
      TRY(block, decode_tool_result(*object, place));
      return block;
    }
    ToolUseBlock use;
    TRY(id, string_at(*object, "toolUseId", place));
    TRY(name, string_at(*object, "name", place));
    use.id = std::move(id);
    use.name = std::move(name);
    const auto* input = json::find(*object, "input");
    if (!input) return fail(Code::validation, "The input of the toolUse at {} is missing.", place);
    use.input = *input;
    return use;
  }
  return OtherBlock{std::string(member.name), *member.value};
}

Result<SystemBlock> decode_system(const json::Value& value, const std::string& at) {
  TRY(member, only_member(value, at));
  if (member.name == "text") {
    const auto* text = member.value->if_string();
    if (!text) return fail(Code::validation, "The text at {} must be a string.", at);
    return TextBlock{std::string(json::view(*text))};
  }
  if (member.name == "guardContent") {
    TRY(block, decode_guard(*member.value, at + ".guardContent"));
    return block;
  }
  if (member.name == "cachePoint") {
    TRY(block, decode_cache_point(*member.value, at + ".cachePoint"));
    return block;
  }
  return fail(Code::validation,
              "The SystemContentBlock at {} has the unknown member '{}'. Use text, guardContent or "
              "cachePoint.",
              at, member.name);
}

Result<Tool> decode_tool(const json::Value& value, const std::string& at) {
  TRY(member, only_member(value, at));
  if (member.name == "cachePoint") {
    TRY(block, decode_cache_point(*member.value, at + ".cachePoint"));
    return block;
  }
  if (member.name != "toolSpec") return OtherBlock{std::string(member.name), *member.value};
  const std::string place = at + ".toolSpec";
  TRY(object, object_at(member.value, place));
  ToolSpec spec;
  TRY(name, string_at(*object, "name", place));
  spec.name = std::move(name);
  spec.description = json::find_string(*object, "description").value_or("");
  spec.strict = json::find_bool(*object, "strict").value_or(false);
  const auto* schema = json::find(*object, "inputSchema");
  const auto* document = schema ? json::find(*schema, "json") : nullptr;
  if (!document || !document->is_object()) {
    return fail(Code::validation, "The value at {}.inputSchema.json must be a JSON schema object.",
                place);
  }
  if (json::find_string(document->get_object(), "type") != "object") {
    return fail(Code::validation,
                "The value at {}.inputSchema.json.type must be one of the following: object.",
                place);
  }
  spec.input_schema = *document;
  return spec;
}

Result<std::vector<Message>> decode_messages(const json::Value& value) {
  const auto* list = value.if_array();
  if (!list) return fail(Code::validation, "The value at messages must be a list.");
  std::vector<Message> messages;
  messages.reserve(list->size());
  for (std::size_t i = 0; i < list->size(); ++i) {
    const std::string at = fmt::format("messages.{}", i);
    TRY(object, object_at(&(*list)[i], at));
    TRY(role, string_at(*object, "role", at));
    Message message;
    if (role == "user") {
      message.role = Role::user;
    } else if (role == "assistant") {
      message.role = Role::assistant;
    } else if (role == "system") {
      message.role = Role::system;
    } else {
      return fail(Code::validation, "The role at {} is '{}'. Use user or assistant.", at, role);
    }
    const auto* content = json::find(*object, "content");
    if (!content || !content->is_array())
      return fail(Code::validation, "The value at {}.content must be a list.", at);
    const auto& blocks = content->get_array();
    message.content.reserve(blocks.size());
    for (std::size_t b = 0; b < blocks.size(); ++b) {
      TRY(block, decode_block(blocks[b], fmt::format("{}.content.{}", at, b)));
      message.content.push_back(std::move(block));
    }
    messages.push_back(std::move(message));
  }
  return messages;
}

Result<void> decode_tool_config(const json::Value& value, Conversation& into) {
  TRY(config, object_at(&value, "toolConfig"));
  const auto* tools = json::find(*config, "tools");
  if (!tools || !tools->is_array() || tools->get_array().empty()) {
    return fail(Code::validation,
                "The value at toolConfig.tools must be a list with at least one tool.");
  }
  int position = 0;
  for (const auto& tool : tools->get_array()) {
    TRY(decoded, decode_tool(tool, fmt::format("toolConfig.tools.{}", position++)));
    into.tools.push_back(std::move(decoded));
  }
  const auto* choice = json::find(*config, "toolChoice");
  if (!choice || choice->is_null()) return {};
  TRY(member, only_member(*choice, "toolConfig.toolChoice"));
  if (member.name == "auto") {
    into.tool_choice.kind = ToolChoice::Kind::automatic;
  } else if (member.name == "any") {
    into.tool_choice.kind = ToolChoice::Kind::any;
  } else if (member.name == "tool") {
    TRY(object, object_at(member.value, "toolConfig.toolChoice.tool"));
    TRY(name, string_at(*object, "name", "toolConfig.toolChoice.tool"));
    into.tool_choice = {ToolChoice::Kind::tool, std::move(name)};
  } else {
    return fail(Code::validation,
                "The toolChoice has the unknown member '{}'. Use auto, any or tool.", member.name);
  }
  return {};
}

}  // namespace outcrop::models::converse
