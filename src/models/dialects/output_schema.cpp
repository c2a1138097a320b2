#include "models/dialects/output_schema.h"

#include <array>
#include <set>

namespace outcrop::models {
namespace {

constexpr std::array<std::string_view, 12> refused{
    "minimum",   "maximum",  "exclusiveMinimum", "exclusiveMaximum", "multipleOf",    "minLength",
    "maxLength", "maxItems", "uniqueItems",      "minProperties",    "maxProperties", "oneOf"};
constexpr std::array<std::string_view, 10> formats{"date-time", "time", "date", "duration", "email",
                                                   "hostname",  "uri",  "ipv4", "ipv6",     "uuid"};

/// A schema inside another is looked at once for each way that leads to it; references are followed
/// with the set of those that are open, so that a cycle is found and the walk ends. `budget` bounds
/// what a document of many references to references costs.
class Walk {
 public:
  Walk(const json::Value& root, const std::string& at) : root_(root), at_(at) {}

  Result<void> look(const json::Value& schema, const std::string& path) {
    if (--budget_ < 0)
      return fail(Code::validation,
                  "The schema at {} has more than 10000 parts once its references are followed.",
                  at_);
    if (schema.is_bool()) return {};
    const auto* object = schema.if_object();
    if (!object) return fail(Code::validation, "The schema at {}{} must be an object.", at_, path);
    for (auto keyword : refused) {
      if (json::find(*object, keyword))
        return fail(Code::validation, "The schema at {}{} uses {}, which is not supported.", at_,
                    path, keyword);
    }
    if (const auto* items = json::find(*object, "minItems");
        items && json::as_int(*items).value_or(-1) != 0 && json::as_int(*items).value_or(-1) != 1) {
      return fail(Code::validation, "The schema at {}{} has a minItems other than 0 or 1.", at_,
                  path);
    }
    if (const auto* more = json::find(*object, "additionalProperties");
        more && !(more->is_bool() && !more->get_bool())) {
      return fail(Code::validation, "The schema at {}{} has additionalProperties other than false.",
                  at_, path);
    }
    if (auto format = json::find_string(*object, "format")) {
      bool known = false;
      for (auto name : formats) known = known || name == *format;
      if (!known)
        return fail(Code::validation,
                    "The schema at {}{} has the format '{}', which is not supported.", at_, path,
                    *format);
    }
    if (auto reference = json::find_string(*object, "$ref"))
      CHECK(follow(std::string(*reference), path));
    for (std::string_view key : {"properties", "$defs", "definitions"}) {
      const auto* group = json::find(*object, key);
      if (!group || !group->is_object()) continue;
      for (const auto& [name, member] : group->get_object()) {
        CHECK(look(member, path + "/" + std::string(key) + "/" + std::string(name)));
      }
    }
    for (std::string_view key : {"anyOf", "allOf", "prefixItems"}) {
      const auto* list = json::find(*object, key);
      if (!list || !list->is_array()) continue;
      int position = 0;
      for (const auto& member : list->get_array())
        CHECK(look(member, fmt::format("{}/{}/{}", path, key, position++)));
    }
    if (const auto* items = json::find(*object, "items")) CHECK(look(*items, path + "/items"));
    return {};
  }

 private:
  Result<void> follow(const std::string& reference, const std::string& path) {
    if (reference.empty() || reference[0] != '#') {
      return fail(Code::validation,
                  "The schema at {}{} refers to '{}' outside itself, which is not supported.", at_,
                  path, reference);
    }
    auto target = json::at_pointer(root_, std::string_view(reference).substr(1));
    if (!target || !*target)
      return fail(Code::validation, "The schema at {}{} refers to '{}', where nothing stands.", at_,
                  path, reference);
    if (!open_.insert(reference).second || *target == &root_) {
      return fail(Code::validation,
                  "The schema at {}{} is recursive by '{}', which is not supported.", at_, path,
                  reference);
    }
    CHECK(look(**target, path));
    open_.erase(reference);
    return {};
  }

  const json::Value& root_;
  const std::string& at_;
  std::set<std::string> open_;
  int budget_ = 10'000;
};

}  // namespace

Result<void> check_output_schema(const json::Value& schema, const std::string& at) {
  if (!schema.is_object())
    return fail(Code::validation, "The schema at {} must be a JSON object.", at);
  return Walk(schema, at).look(schema, "");
}

}  // namespace outcrop::models
