#include "models/dialects/converse.h"
#include "models/dialects/converse_blocks.h"
#include "models/dialects/output_schema.h"

#include <array>

namespace outcrop::models {
namespace {

/// The names under which native bodies know what inferenceConfig says. A request that says it twice
/// is refused; one that says it only in additionalModelRequestFields is heard.
struct Alias {
  std::string_view member;
  std::string_view native;
};
constexpr std::array<Alias, 14> aliases{{{"maxTokens", "max_tokens"},
                                         {"maxTokens", "maxTokens"},
                                         {"maxTokens", "max_gen_len"},
                                         {"maxTokens", "maxTokenCount"},
                                         {"maxTokens", "max_tokens_to_sample"},
                                         {"maxTokens", "max_completion_tokens"},
                                         {"temperature", "temperature"},
                                         {"topP", "top_p"},
                                         {"topP", "topP"},
                                         {"topP", "p"},
                                         {"stopSequences", "stop_sequences"},
                                         {"stopSequences", "stopSequences"},
                                         {"stopSequences", "stop"},
                                         {"topK", "k"}}};

Result<void> set(Inference& inference, std::string_view member, const json::Value& value,
                 std::string_view at) {
  auto wrong = [&](std::string_view expected) {
    return fail(Code::validation, "The value at {} must be {}.", at, expected);
  };
  if (member == "maxTokens") {
    auto number = json::as_int(value);
    if (!number || *number < 1 || *number > 2'147'483'647) return wrong("an integer of at least 1");
    inference.max_tokens = static_cast<int>(*number);
  } else if (member == "temperature" || member == "topP") {
    auto number = json::as_double(value);
    if (!number || *number < 0 || *number > 1) return wrong("a number from 0 to 1");
    (member == "topP" ? inference.top_p : inference.temperature) = *number;
  } else if (member == "topK") {
    auto number = json::as_int(value);
    if (!number || *number < 0 || *number > 1'000'000) return wrong("an integer of at least 0");
    inference.top_k = static_cast<int>(*number);
  } else if (member == "stopSequences") {
    const auto* list = value.if_array();
    if (!list) return wrong("a list of strings");
    if (list->size() > 2500) return wrong("a list of at most 2500 strings");
    for (const auto& item : *list) {
      const auto* text = item.if_string();
      if (!text || text->empty()) return wrong("a list of strings that are not empty");
      inference.stop_sequences.emplace_back(json::view(*text));
    }
  }
  return {};
}

Result<void> decode_inference(const json::Value& value, Inference& inference) {
  TRY(object, converse::object_at(&value, "inferenceConfig"));
  for (const auto& [key, member] : *object) {
    if (member.is_null()) continue;
    const std::string_view name(key.data(), key.size());
    if (name == "topK") continue;  // Nova's own; not a member here
    CHECK(set(inference, name, member, fmt::format("inferenceConfig.{}", name)));
  }
  return {};
}

/// Fields for the model itself travel on verbatim; the ones that every model has a word for are
/// heard.
Result<void> decode_additional(const json::Value& value, const json::Value* config,
                               Conversation& into) {
  if (value.is_null()) return {};
  const auto* object = value.if_object();
  if (!object)
    return fail(Code::validation,
                "The value at additionalModelRequestFields must be a JSON object.");
  for (const auto& alias : aliases) {
    const auto* said = json::find(*object, alias.native);
    if (!said || said->is_null()) continue;
    const std::string at = fmt::format("additionalModelRequestFields.{}", alias.native);
    const auto* twice = config ? json::find(*config, alias.member) : nullptr;
    if (twice && !twice->is_null()) {
      return fail(Code::validation,
                  "The additional field {} conflicts with the existing field inferenceConfig.{}. "
                  "Remove one of the two "
                  "and try again.",
                  alias.native, alias.member);
    }
    // OpenAI's `stop` may be one string.
    if (alias.member == "stopSequences" && said->is_string()) {
      into.inference.stop_sequences = {std::string(json::view(said->get_string()))};
      continue;
    }
    CHECK(set(into.inference, alias.member, *said, at));
  }
  for (std::string_view name : {"top_k", "topK"}) {
    if (const auto* top_k = json::find(*object, name); top_k && !top_k->is_null()) {
      CHECK(set(into.inference, "topK", *top_k,
                fmt::format("additionalModelRequestFields.{}", name)));
    }
  }
  if (const auto* nested =
          json::find(*object, "inferenceConfig")) {  // Nova: {"inferenceConfig": {"topK": 20}}
    if (const auto* top_k = json::find(*nested, "topK"); top_k && !top_k->is_null()) {
      CHECK(
          set(into.inference, "topK", *top_k, "additionalModelRequestFields.inferenceConfig.topK"));
    }
  }
  if (auto seed = json::find_int(*object, "seed"); seed && *seed >= 0) {
    into.inference.seed = static_cast<std::uint64_t>(*seed);
  }
  into.additional_fields = *object;
  return {};
}

Result<void> decode_output(const json::Value& value, Conversation& into) {
  TRY(object, converse::object_at(&value, "outputConfig"));
  into.effort = json::find_string(*object, "effort").value_or("");
  const auto* format = json::find(*object, "textFormat");
  if (!format || format->is_null()) return {};
  TRY(format_object, converse::object_at(format, "outputConfig.textFormat"));
  if (json::find_string(*format_object, "type") != "json_schema") {
    return fail(Code::validation, "The value at outputConfig.textFormat.type must be json_schema.");
  }
  const auto* structure = json::find(*format_object, "structure");
  const auto* definition = structure ? json::find(*structure, "jsonSchema") : nullptr;
  const std::string at = "outputConfig.textFormat.structure.jsonSchema";
  TRY(schema, converse::object_at(definition, at));
  TRY(text, converse::string_at(*schema, "schema", at));
  auto parsed = json::read(text);
  if (!parsed)
    return fail(Code::validation, "The value at {}.schema must be a string that holds JSON: {}.",
                at, parsed.error().message);
  CHECK(check_output_schema(*parsed, at + ".schema"));
  into.output_schema = OutputSchema{
      std::string(json::find_string(*schema, "name").value_or("")),
      std::string(json::find_string(*schema, "description").value_or("")), std::move(*parsed)};
  return {};
}

Result<void> decode_paths(const json::Value& value, Conversation& into) {
  constexpr std::string_view at = "additionalModelResponseFieldPaths";
  const auto* list = value.if_array();
  if (!list || list->size() > 10)
    return fail(Code::validation, "The value at {} must be a list of at most 10 JSON Pointers.",
                at);
  for (std::size_t i = 0; i < list->size(); ++i) {
    const auto* text = (*list)[i].if_string();
    const std::string pointer(text ? json::view(*text) : std::string_view());
    if (pointer.empty() || pointer.size() > 1024 ||
        !json::at_pointer(json::Value(nullptr), pointer)) {
      return fail(
          Code::validation,
          "The value at {}.{} is not a valid JSON Pointer. Write one such as /stop_sequence.", at,
          i);
    }
    into.additional_response_paths.push_back(pointer);
  }
  return {};
}

}  // namespace

Result<Conversation> decode_converse_request(const json::Object& document,
                                             const ConverseRules& rules) {
  Conversation conversation;
  auto member = [&](std::string_view name) {
    const auto* value = json::find(document, name);
    return value && !value->is_null() ? value : nullptr;
  };
  if (const auto* messages = member("messages")) {
    TRY(decoded, converse::decode_messages(*messages));
    conversation.messages = std::move(decoded);
  }
  if (const auto* system = member("system")) {
    const auto* list = system->if_array();
    if (!list) return fail(Code::validation, "The value at system must be a list.");
    for (std::size_t i = 0; i < list->size(); ++i) {
      TRY(block, converse::decode_system((*list)[i], fmt::format("system.{}", i)));
      conversation.system.push_back(std::move(block));
    }
  }
  const auto* config = member("inferenceConfig");
  if (config) CHECK(decode_inference(*config, conversation.inference));
  if (const auto* tools = member("toolConfig"))
    CHECK(converse::decode_tool_config(*tools, conversation));
  if (const auto* fields = member("additionalModelRequestFields"))
    CHECK(decode_additional(*fields, config, conversation));
  if (const auto* output = member("outputConfig")) CHECK(decode_output(*output, conversation));
  if (const auto* paths = member("additionalModelResponseFieldPaths"))
    CHECK(decode_paths(*paths, conversation));
  CHECK(check_conversation(conversation, rules));
  return conversation;
}

json::Object encode_converse_request(const Conversation& conversation) {
  json::Object out{{"messages", converse::encode_messages(conversation.messages)}};
  if (!conversation.system.empty()) {
    json::Array system;
    for (const auto& block : conversation.system) system.push_back(converse::encode_system(block));
    out["system"] = std::move(system);
  }
  // What came in additionalModelRequestFields goes out there, and not a second time beside it.
  auto said = [&](std::string_view member) {
    for (const auto& alias : aliases) {
      if (alias.member == member && json::find(conversation.additional_fields, alias.native))
        return true;
    }
    return false;
  };
  json::Object config;
  const auto& inference = conversation.inference;
  if (inference.max_tokens && !said("maxTokens")) config["maxTokens"] = *inference.max_tokens;
  if (inference.temperature && !said("temperature")) config["temperature"] = *inference.temperature;
  if (inference.top_p && !said("topP")) config["topP"] = *inference.top_p;
  if (!inference.stop_sequences.empty() && !said("stopSequences")) {
    json::Array stops;
    for (const auto& stop : inference.stop_sequences) stops.emplace_back(stop);
    config["stopSequences"] = std::move(stops);
  }
  if (!config.empty()) out["inferenceConfig"] = std::move(config);
  if (!conversation.tools.empty()) out["toolConfig"] = converse::encode_tool_config(conversation);
  if (!conversation.additional_fields.empty())
    out["additionalModelRequestFields"] = conversation.additional_fields;
  json::Object output;
  if (!conversation.effort.empty()) output["effort"] = conversation.effort;
  if (const auto& schema = conversation.output_schema) {
    json::Object definition{{"schema", json::write(schema->schema)}};
    if (!schema->name.empty()) definition["name"] = schema->name;
    if (!schema->description.empty()) definition["description"] = schema->description;
    output["textFormat"] =
        json::Object{{"type", "json_schema"},
                     {"structure", json::Object{{"jsonSchema", std::move(definition)}}}};
  }
  if (!output.empty()) out["outputConfig"] = std::move(output);
  if (!conversation.additional_response_paths.empty()) {
    json::Array paths;
    for (const auto& path : conversation.additional_response_paths) paths.emplace_back(path);
    out["additionalModelResponseFieldPaths"] = std::move(paths);
  }
  return out;
}

}  // namespace outcrop::models
