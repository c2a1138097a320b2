#include "engine/worker/schema.h"

#include <algorithm>
#include <array>
#include <set>
#include <string_view>
#include <vector>

namespace outcrop::engine {
namespace {

constexpr std::size_t depth_max = 32;

// Assertions of JSON Schema that no grammar of ours holds. Unknown words are annotations and bind
// nothing.
constexpr std::array<std::string_view, 26> refused{"not",
                                                   "if",
                                                   "then",
                                                   "else",
                                                   "oneOf",
                                                   "patternProperties",
                                                   "propertyNames",
                                                   "dependentRequired",
                                                   "dependentSchemas",
                                                   "dependencies",
                                                   "unevaluatedItems",
                                                   "unevaluatedProperties",
                                                   "minProperties",
                                                   "maxProperties",
                                                   "contains",
                                                   "minContains",
                                                   "maxContains",
                                                   "uniqueItems",
                                                   "additionalItems",
                                                   "multipleOf",
                                                   "$dynamicRef",
                                                   "$recursiveRef",
                                                   "contentEncoding",
                                                   "contentMediaType",
                                                   "contentSchema",
                                                   "$dynamicAnchor"};
constexpr std::array<std::string_view, 9> bounds{
    "minimum",   "maximum",  "exclusiveMinimum", "exclusiveMaximum", "minLength",
    "maxLength", "minItems", "maxItems",         "pattern"};

struct FormatPattern {
  std::string_view format;
  std::string_view pattern;
};
constexpr std::array<FormatPattern, 5> format_patterns{{
    {"email", "^[a-zA-Z0-9._%+-]{1,64}@[a-zA-Z0-9-]{1,63}(\\.[a-zA-Z0-9-]{2,63}){1,4}$"},
    {"hostname",
     "^[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(\\.[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?){"
     "0,8}$"},
    {"uri", "^[a-z]{2,10}:[a-zA-Z0-9/?#@!$&'()*+,;=:._~%-]{1,500}$"},
    {"ipv4",
     "^(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])(\\.(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-"
     "9])){3}$"},
    {"duration",
     "^P([0-9]{1,4}Y)?([0-9]{1,4}M)?([0-9]{1,4}D)?(T([0-9]{1,4}H)?([0-9]{1,4}M)?([0-9]{1,4}S))?$"},
}};

class Checker {
 public:
  Checker(const json::Value& root, SchemaRules rules, const std::string& place)
      : root_(root), rules_(rules), place_(place) {}

  Result<json::Value> check(const json::Value& node, const std::string& path, std::size_t depth) {
    if (node.is_bool()) {
      if (node.get_bool()) return json::Value(json::Object{});
      return refuse(path, "false", "allows no value at all; leave the property out");
    }
    if (!node.is_object())
      return fail(Code::validation, "{}{}: a schema must be an object", place_, path);
    if (depth > depth_max)
      return fail(Code::validation, "{}{}: schemas may nest {} levels deep", place_, path,
                  depth_max);
    const auto& in = node.get_object();
    CHECK(check_words(in, path));
    json::Object out = in;
    CHECK(check_siblings(in, path));
    CHECK(check_string(in, out, path));
    CHECK(check_numbers(in, path));
    CHECK(check_object(in, out, path, depth));
    CHECK(check_array(in, out, path, depth));
    for (const char* key : {"anyOf", "allOf"}) {
      const auto* list = json::find(in, key);
      if (!list) continue;
      if (!list->is_array() || list->get_array().empty())
        return fail(Code::validation, "{}{}/{}: must be an array of at least one schema", place_,
                    path, key);
      json::Array checked;
      std::size_t i = 0;
      for (const auto& item : list->get_array()) {
        TRY(child, check(item, path + "/" + key + "/" + std::to_string(i++), depth + 1));
        checked.push_back(std::move(child));
      }
      out[key] = std::move(checked);
    }
    for (const char* key : {"$defs", "definitions"}) {
      const auto* list = json::find(in, key);
      if (!list || !list->is_object()) continue;
      json::Object checked;
      for (const auto& [name, value] : list->get_object()) {
        TRY(child, check(value, path + "/" + key + "/" + std::string(name), depth + 1));
        checked[name] = std::move(child);
      }
      out[key] = std::move(checked);
    }
    if (const auto* ref = json::find(in, "$ref")) CHECK(check_ref(*ref, path));
    return json::Value(std::move(out));
  }

 private:
  Failure refuse(const std::string& path, std::string_view keyword, std::string_view why) const {
    return fail(Code::validation, "{}{}: '{}' is not supported: it {}", place_,
                path.empty() ? "" : " at " + path, keyword, why);
  }

  Result<void> check_words(const json::Object& in, const std::string& path) const {
    for (const auto& [name, value] : in) {
      const std::string_view word(name.data(), name.size());
      if (word == "oneOf")
        return refuse(path, word, "cannot be held while generating; write anyOf");
      if (word == "uniqueItems" && value.is_bool() && !value.get_bool()) continue;
      if (std::find(refused.begin(), refused.end(), word) != refused.end())
        return refuse(path, word,
                      "cannot be held while generating; leave it out and check the reply yourself");
      if (rules_ != SchemaRules::documented ||
          std::find(bounds.begin(), bounds.end(), word) == bounds.end())
        continue;
      if (word == "pattern") continue;
      if (word == "minItems" && json::as_int(value).value_or(2) <= 1) continue;
      return refuse(path, word,
                    word == "minItems" ? "may only be 0 or 1 in a strict schema"
                                       : "is not allowed in a strict schema");
    }
    return {};
  }

  // Where the converter looks at one keyword and forgets the others, the others are refused.
  Result<void> check_siblings(const json::Object& in, const std::string& path) const {
    const auto lone = [&](std::string_view key,
                          std::initializer_list<std::string_view> others) -> Result<void> {
      if (!in.contains(key)) return {};
      for (const auto other : others) {
        if (in.contains(other))
          return refuse(path, other,
                        fmt::format("would be forgotten beside '{}'; move it inside", key));
      }
      return {};
    };
    CHECK(lone("$ref", {"type", "properties", "required", "items", "prefixItems", "enum", "const",
                        "anyOf", "allOf", "pattern", "minimum", "maximum", "minLength", "maxLength",
                        "additionalProperties", "format"}));
    CHECK(lone("anyOf", {"properties", "required", "items", "prefixItems", "enum", "const", "allOf",
                         "pattern", "minimum", "maximum", "minLength", "maxLength",
                         "additionalProperties", "format"}));
    CHECK(lone("allOf", {"properties", "required", "items", "prefixItems", "enum", "const",
                         "pattern", "minLength", "maxLength", "additionalProperties", "format"}));
    return {};
  }

  static bool may_be(const json::Object& in, std::string_view type) {
    const auto* declared = json::find(in, "type");
    if (!declared) return true;
    if (declared->is_string()) return json::view(declared->get_string()) == type;
    if (!declared->is_array()) return false;
    for (const auto& item : declared->get_array()) {
      if (item.is_string() && json::view(item.get_string()) == type) return true;
    }
    return false;
  }

  Result<void> check_string(const json::Object& in, json::Object& out,
                            const std::string& path) const {
    const auto pattern = json::find_string(in, "pattern");
    if (pattern && (!pattern->starts_with('^') || !pattern->ends_with('$')))
      return refuse(path, "pattern", "must describe the whole text, from ^ to $");
    if (pattern) {
      for (const char* other : {"minLength", "maxLength", "format"}) {
        if (in.contains(other))
          return refuse(path, other, "cannot be held together with 'pattern'");
      }
    }
    const auto format = json::find_string(in, "format");
    if (!format || !may_be(in, "string")) return {};
    if (*format == "date" || *format == "time" || *format == "date-time" || *format == "uuid") {
      if (in.contains("minLength") || in.contains("maxLength"))
        return refuse(path, "minLength or maxLength", "cannot be held together with 'format'");
      return {};
    }
    for (const auto& known : format_patterns) {
      if (known.format != *format) continue;
      out["pattern"] = known.pattern;
      out.erase("format");
      return {};
    }
    return refuse(path, fmt::format("format: {}", *format),
                  "cannot be held while generating; allowed are date, time, date-time, uuid, "
                  "email, hostname, uri, ipv4, duration");
  }

  Result<void> check_numbers(const json::Object& in, const std::string& path) const {
    const bool bounded = in.contains("minimum") || in.contains("maximum") ||
                         in.contains("exclusiveMinimum") || in.contains("exclusiveMaximum");
    if (!bounded) return {};
    if (may_be(in, "number"))
      return refuse(path, "minimum/maximum",
                    "can be held for integers alone; use \"type\": \"integer\"");
    if ((in.contains("minimum") && in.contains("exclusiveMinimum")) ||
        (in.contains("maximum") && in.contains("exclusiveMaximum")))
      return refuse(path, "exclusiveMinimum/exclusiveMaximum",
                    "cannot be held together with minimum/maximum; keep one");
    return {};
  }

  Result<void> check_object(const json::Object& in, json::Object& out, const std::string& path,
                            std::size_t depth) {
    const auto* properties = json::find(in, "properties");
    if (properties) {
      if (!properties->is_object())
        return fail(Code::validation, "{}{}/properties: must be an object", place_, path);
      json::Object checked;
      for (const auto& [name, value] : properties->get_object()) {
        TRY(child, check(value, path + "/properties/" + std::string(name), depth + 1));
        checked[name] = std::move(child);
      }
      out["properties"] = std::move(checked);
    }
    if (const auto* required = json::find(in, "required"); required && required->is_array()) {
      for (const auto& name : required->get_array()) {
        if (!name.is_string() || !properties ||
            !properties->get_object().contains(json::view(name.get_string())))
          return fail(Code::validation,
                      "{}{}/required: names {}, which 'properties' does not define", place_, path,
                      json::write(name));
      }
    }
    if (const auto* more = json::find(in, "additionalProperties")) {
      if (rules_ == SchemaRules::documented && !(more->is_bool() && !more->get_bool()))
        return refuse(path, "additionalProperties", "must be false in a strict schema");
      if (more->is_object()) {
        TRY(child, check(*more, path + "/additionalProperties", depth + 1));
        out["additionalProperties"] = std::move(child);
      }
    }
    return {};
  }

  Result<void> check_array(const json::Object& in, json::Object& out, const std::string& path,
                           std::size_t depth) {
    const auto* items = json::find(in, "items");
    const auto* prefix = json::find(in, "prefixItems");
    if (items && prefix) return refuse(path, "items", "cannot be held together with 'prefixItems'");
    const bool tuple = (items && items->is_array()) || prefix;
    if (tuple && (in.contains("minItems") || in.contains("maxItems")))
      return refuse(path, "minItems/maxItems",
                    "cannot be held for a tuple, which has exactly its items");
    for (const char* key : {"items", "prefixItems"}) {
      const auto* list = json::find(in, key);
      if (!list) continue;
      if (list->is_array()) {
        json::Array checked;
        std::size_t i = 0;
        for (const auto& item : list->get_array()) {
          TRY(child, check(item, path + "/" + key + "/" + std::to_string(i++), depth + 1));
          checked.push_back(std::move(child));
        }
        out[key] = std::move(checked);
      } else {
        TRY(child, check(*list, path + "/" + key, depth + 1));
        out[key] = std::move(child);
      }
    }
    return {};
  }

  Result<void> check_ref(const json::Value& ref, const std::string& path) {
    if (!ref.is_string()) return fail(Code::validation, "{}{}/$ref: must be a text", place_, path);
    const std::string target(json::view(ref.get_string()));
    if (target != "#" && !target.starts_with("#/"))
      return refuse(path, "$ref: " + target,
                    "points outside the schema; put the definition under $defs");
    const auto found = json::at_pointer(root_, std::string_view(target).substr(1));
    if (!found || !*found)
      return fail(Code::validation, "{}{}/$ref: nothing stands at {}", place_, path, target);
    if (rules_ == SchemaRules::documented) {
      std::set<std::string> on_the_way;
      if (recurs(**found, target, on_the_way))
        return refuse(path, "$ref: " + target, "makes the schema recursive");
    }
    return {};
  }

  // Whether following `$ref`s below `node` comes back to `start`, or to any ref twice on one way
  // down.
  bool recurs(const json::Value& node, const std::string& start,
              std::set<std::string>& on_the_way) const {
    if (node.is_array()) {
      return std::any_of(node.get_array().begin(), node.get_array().end(),
                         [&](const auto& item) { return recurs(item, start, on_the_way); });
    }
    if (!node.is_object()) return false;
    for (const auto& [name, value] : node.get_object()) {
      if (std::string_view(name.data(), name.size()) == "$ref" && value.is_string()) {
        std::string target(json::view(value.get_string()));
        if (target == start || target == "#") return true;
        if (!on_the_way.insert(target).second) return true;
        const auto found = json::at_pointer(
            root_, target.starts_with("#") ? std::string_view(target).substr(1) : "");
        const bool loops = found && *found && recurs(**found, start, on_the_way);
        on_the_way.erase(target);
        if (loops) return true;
      } else if (recurs(value, start, on_the_way)) {
        return true;
      }
    }
    return false;
  }

  const json::Value& root_;
  SchemaRules rules_;
  const std::string& place_;
};

}  // namespace

Result<json::Value> checked_schema(const json::Value& schema, SchemaRules rules,
                                   const std::string& place) {
  return Checker(schema, rules, place).check(schema, "", 0);
}

}  // namespace outcrop::engine
