#include "engine/worker/constraint.h"

#include "engine/worker/schema.h"

#include <algorithm>
#include <json-schema-to-grammar.h>

namespace outcrop::engine {
namespace {

// A reference inside a schema counts from that schema's root, and the schema is about to be moved.
void move_refs(json::Value& node, const std::string& root) {
  if (node.is_array()) {
    for (auto& item : node.get_array()) move_refs(item, root);
  } else if (node.is_object()) {
    for (auto& [name, value] : node.get_object()) {
      if (std::string_view(name.data(), name.size()) == "$ref" && value.is_string()) {
        const std::string target(json::view(value.get_string()));
        value = root + target.substr(1);
      } else {
        move_refs(value, root);
      }
    }
  }
}

Result<std::string> grammar_of(const json::Value& schema, const std::string& place) {
  try {
    return json_schema_to_grammar(common_json::parse(json::write(schema)), true);
  } catch (const std::exception& e) {
    std::string said = e.what();
    while (!said.empty() && said.back() == '\n') said.pop_back();
    std::replace(said.begin(), said.end(), '\n', ' ');
    return fail(Code::validation, "{}: {}", place, said);
  }
}

Result<json::Value> arguments_schema(const Tool& tool, bool held, std::size_t index) {
  const std::string place = fmt::format("toolConfig.tools[{}].toolSpec.inputSchema", index);
  json::Value schema = tool.schema;
  if (schema.is_object() && !schema.get_object().contains("type") &&
      !schema.get_object().contains("$ref") && !schema.get_object().contains("anyOf") &&
      !schema.get_object().contains("allOf"))
    schema.get_object()["type"] = "object";
  auto checked =
      checked_schema(schema, tool.strict ? SchemaRules::documented : SchemaRules::held, place);
  if (checked) return checked;
  // A call that nobody asked to be held is only steered: then any object will do.
  if (!held && !tool.strict) return json::Value(json::Object{{"type", "object"}});
  return checked;
}

Result<std::string> call_grammar(const Chat& chat, bool held) {
  json::Array calls;
  for (std::size_t i = 0; i < chat.tools.size(); ++i) {
    const auto& tool = chat.tools[i];
    if (chat.tool_choice == ToolChoice::tool && tool.name != chat.tool_name) continue;
    TRY(arguments, arguments_schema(tool, held, i));
    move_refs(arguments, fmt::format("#/anyOf/{}/properties/arguments", calls.size()));
    json::Object properties{{"name", json::Object{{"const", tool.name}}},
                            {"arguments", std::move(arguments)}};
    calls.push_back(json::Object{{"type", "object"},
                                 {"properties", std::move(properties)},
                                 {"required", json::Array{"name", "arguments"}},
                                 {"additionalProperties", false}});
  }
  if (calls.empty())
    return fail(Code::validation,
                "toolChoice names the tool '{}', which toolConfig.tools does not define",
                chat.tool_name);
  return grammar_of(json::Object{{"anyOf", std::move(calls)}}, "toolConfig.tools");
}

}  // namespace

Result<Constraint> make_constraint(const Chat& chat) {
  Constraint constraint;
  const bool tools = !chat.tools.empty() && chat.tool_choice != ToolChoice::none;
  const bool forced = tools && chat.tool_choice != ToolChoice::automatic;
  if (tools) {
    TRY(grammar, call_grammar(chat, forced));
    constraint.tools = true;
    constraint.from_start = forced;
    constraint.grammar = std::move(grammar);
    if (!forced) {
      // The same wrappings that the reply's reader takes off; it hands over from the reply's first
      // character.
      const auto root = constraint.grammar.find("root ::=");
      constraint.grammar.replace(root, 8, "call ::=");
      constraint.grammar +=
          "\nroot ::= wrap call\nwrap ::= [ \\t\\n]{0,8} (\"<tool_call>\" [ \\t\\n]{0,4} | "
          "\"```json\" [ \\t\\n]{0,4} | \"```\" [ \\t\\n]{0,4})?\n";
    }
  }
  if (chat.schema && !forced) {
    if (tools)
      return fail(Code::validation,
                  "outputConfig.textFormat cannot be combined with toolConfig on this model; send "
                  "one of them, or toolChoice 'any'");
    TRY(schema, checked_schema(*chat.schema, SchemaRules::documented,
                               "outputConfig.textFormat.structure.jsonSchema.schema"));
    TRY(grammar, grammar_of(schema, "outputConfig.textFormat.structure.jsonSchema.schema"));
    constraint.json = true;
    constraint.from_start = true;
    constraint.grammar = std::move(grammar);
  }
  return constraint;
}

std::string instructions(const Chat& chat) {
  std::string text;
  if (!chat.tools.empty() && chat.tool_choice != ToolChoice::none) {
    text +=
        "You can call tools. To call one, answer with nothing but JSON of this form:\n{\"name\": "
        "\"<tool>\", \"arguments\": {<arguments>}}\nTools:\n";
    for (const auto& tool : chat.tools) {
      if (chat.tool_choice == ToolChoice::tool && tool.name != chat.tool_name) continue;
      json::Object line{{"name", tool.name}};
      if (!tool.description.empty()) line["description"] = tool.description;
      line["parameters"] = tool.schema;
      text += json::write(line) + "\n";
    }
    switch (chat.tool_choice) {
      case ToolChoice::any:
        text += "Answer with a call of one of these tools.";
        break;
      case ToolChoice::tool:
        text += "Answer with a call of this tool.";
        break;
      default:
        text += "When no tool is needed, answer in plain text.";
    }
  } else if (chat.schema) {
    text += "Answer with JSON alone, under this JSON schema:\n" + json::write(*chat.schema);
  }
  return text;
}

std::string call_text(const ToolUsePart& use) {
  return json::write(json::Object{{"name", use.name}, {"arguments", use.input}});
}

std::string result_text(const ToolResultPart& result, const std::string& tool_name) {
  return fmt::format("{} of the tool {}:\n{}", result.error ? "Error" : "Result",
                     tool_name.empty() ? result.id : tool_name, result.text);
}

}  // namespace outcrop::engine
