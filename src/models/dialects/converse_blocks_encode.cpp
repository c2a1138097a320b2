#include "base/text.h"
#include "models/dialects/converse_blocks.h"

namespace outcrop::models::converse {
namespace {

json::Value text_value(std::string_view text) {
  return json::Value(boost::json::string_view(text.data(), text.size()));
}

json::Object encode_image(const ImageBlock& image) {
  json::Object source;
  if (const auto* bytes = std::get_if<Bytes>(&image.source)) {
    source["bytes"] = text_value(base64(*bytes ? std::string_view(**bytes) : std::string_view()));
  } else {
    const auto& location = std::get<S3Location>(image.source);
    json::Object place{{"uri", text_value(location.uri)}};
    if (!location.bucket_owner.empty()) place["bucketOwner"] = text_value(location.bucket_owner);
    source["s3Location"] = std::move(place);
  }
  return {{"format", text_value(image.format)}, {"source", std::move(source)}};
}

json::Object encode_document(const DocumentBlock& document) {
  json::Object source;
  if (const auto* bytes = std::get_if<Bytes>(&document.source)) {
    source["bytes"] = text_value(base64(*bytes ? std::string_view(**bytes) : std::string_view()));
  } else if (const auto* location = std::get_if<S3Location>(&document.source)) {
    json::Object place{{"uri", text_value(location->uri)}};
    if (!location->bucket_owner.empty()) place["bucketOwner"] = text_value(location->bucket_owner);
    source["s3Location"] = std::move(place);
  } else {
    source["text"] = text_value(std::get<std::string>(document.source));
  }
  json::Object out;
  if (!document.format.empty()) out["format"] = text_value(document.format);
  out["name"] = text_value(document.name);
  out["source"] = std::move(source);
  if (!document.context.empty()) out["context"] = text_value(document.context);
  if (document.citations) out["citations"] = json::Object{{"enabled", true}};
  return out;
}

json::Object encode_cache_point(const CachePointBlock& point) {
  json::Object out{{"type", "default"}};
  if (!point.ttl.empty()) out["ttl"] = text_value(point.ttl);
  return {{"cachePoint", std::move(out)}};
}

json::Object encode_guard(const GuardContentBlock& guard) {
  if (const auto* image = std::get_if<ImageBlock>(&guard.content)) {
    return {{"guardContent", json::Object{{"image", encode_image(*image)}}}};
  }
  json::Object text{{"text", text_value(std::get<TextBlock>(guard.content).text)}};
  if (!guard.qualifiers.empty()) {
    json::Array qualifiers;
    for (const auto& qualifier : guard.qualifiers) qualifiers.push_back(text_value(qualifier));
    text["qualifiers"] = std::move(qualifiers);
  }
  return {{"guardContent", json::Object{{"text", std::move(text)}}}};
}

json::Object encode_other(const OtherBlock& other) {
  json::Object out;
  out[other.member] = other.value;
  return out;
}

json::Object encode_tool_result(const ToolResultBlock& result) {
  json::Array content;
  for (const auto& part : result.content) {
    json::Object out;
    if (const auto* text = std::get_if<TextBlock>(&part)) out["text"] = text_value(text->text);
    if (const auto* value = std::get_if<json::Value>(&part)) out["json"] = *value;
    if (const auto* image = std::get_if<ImageBlock>(&part)) out["image"] = encode_image(*image);
    if (const auto* document = std::get_if<DocumentBlock>(&part))
      out["document"] = encode_document(*document);
    if (const auto* other = std::get_if<OtherBlock>(&part)) out = encode_other(*other);
    content.push_back(std::move(out));
  }
  json::Object out{{"toolUseId", text_value(result.tool_use_id)}, {"content", std::move(content)}};
  if (result.error) out["status"] = "error";
  return out;
}

}  // namespace

json::Object encode_block(const Block& block) {
  struct Encode {
    json::Object operator()(const TextBlock& b) const { return {{"text", text_value(b.text)}}; }
    json::Object operator()(const ImageBlock& b) const { return {{"image", encode_image(b)}}; }
    json::Object operator()(const DocumentBlock& b) const {
      return {{"document", encode_document(b)}};
    }
    json::Object operator()(const ToolUseBlock& b) const {
      json::Object use{{"toolUseId", text_value(b.id)}, {"name", text_value(b.name)}};
      use["input"] = b.input;
      return {{"toolUse", std::move(use)}};
    }
    json::Object operator()(const ToolResultBlock& b) const {
      return {{"toolResult", encode_tool_result(b)}};
    }
    json::Object operator()(const CachePointBlock& b) const { return encode_cache_point(b); }
    json::Object operator()(const ReasoningBlock& b) const {
      if (b.redacted)
        return {{"reasoningContent",
                 json::Object{{"redactedContent", text_value(base64(*b.redacted))}}}};
      json::Object text{{"text", text_value(b.text)}};
      if (!b.signature.empty()) text["signature"] = text_value(b.signature);
      return {{"reasoningContent", json::Object{{"reasoningText", std::move(text)}}}};
    }
    json::Object operator()(const GuardContentBlock& b) const { return encode_guard(b); }
    json::Object operator()(const OtherBlock& b) const { return encode_other(b); }
  };
  return std::visit(Encode{}, block);
}

json::Object encode_system(const SystemBlock& block) {
  if (const auto* text = std::get_if<TextBlock>(&block)) return {{"text", text_value(text->text)}};
  if (const auto* guard = std::get_if<GuardContentBlock>(&block)) return encode_guard(*guard);
  return encode_cache_point(std::get<CachePointBlock>(block));
}

json::Object encode_tool(const Tool& tool) {
  if (const auto* point = std::get_if<CachePointBlock>(&tool)) return encode_cache_point(*point);
  if (const auto* other = std::get_if<OtherBlock>(&tool)) return encode_other(*other);
  const auto& spec = std::get<ToolSpec>(tool);
  json::Object out{{"name", text_value(spec.name)}};
  if (!spec.description.empty()) out["description"] = text_value(spec.description);
  json::Object schema;
  schema["json"] = spec.input_schema;
  out["inputSchema"] = std::move(schema);
  if (spec.strict) out["strict"] = true;
  return {{"toolSpec", std::move(out)}};
}

json::Object encode_tool_config(const Conversation& conversation) {
  json::Array tools;
  for (const auto& tool : conversation.tools) tools.push_back(encode_tool(tool));
  json::Object out{{"tools", std::move(tools)}};
  switch (conversation.tool_choice.kind) {
    case ToolChoice::Kind::automatic:
    case ToolChoice::Kind::none:
      break;
    case ToolChoice::Kind::any:
      out["toolChoice"] = json::Object{{"any", json::Object{}}};
      break;
    case ToolChoice::Kind::tool:
      out["toolChoice"] =
          json::Object{{"tool", json::Object{{"name", text_value(conversation.tool_choice.name)}}}};
      break;
  }
  return out;
}

json::Array encode_messages(const std::vector<Message>& messages) {
  json::Array out;
  for (const auto& message : messages) {
    json::Array content;
    for (const auto& block : message.content) content.push_back(encode_block(block));
    out.push_back(
        json::Object{{"role", text_value(to_text(message.role))}, {"content", std::move(content)}});
  }
  return out;
}

}  // namespace outcrop::models::converse
