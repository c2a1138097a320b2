#include "models/dialects/body_check.h"

#include "base/text.h"

#include <algorithm>

namespace outcrop::models {
namespace {

std::string_view type_name(const json::Value& value) {
  switch (value.kind()) {
    case boost::json::kind::null:
      return "Null";
    case boost::json::kind::bool_:
      return "Boolean";
    case boost::json::kind::int64:
      return "Integer";
    case boost::json::kind::uint64:
      return "Integer";
    case boost::json::kind::double_:
      return "BigDecimal";
    case boost::json::kind::string:
      return "String";
    case boost::json::kind::array:
      return "JSONArray";
    case boost::json::kind::object:
      return "JSONObject";
  }
  return "Null";
}

}  // namespace

Failure malformed(std::string_view what) {
  return fail(Code::validation,
              "Malformed input request: {}, please reformat your input and try again.", what);
}

const json::Value* BodyCheck::find(std::string_view key) const {
  const auto* value = json::find(*object_, key);
  return value && !value->is_null() ? value : nullptr;
}

void BodyCheck::error(std::string_view below, std::string_view what) {
  errors_->push_back(fmt::format("{}{}: {}", path_, below, what));
}

void BodyCheck::wrong_type(std::string_view key, std::string_view expected,
                           const json::Value& found) {
  error(fmt::format("/{}", key),
        fmt::format("expected type: {}, found: {}", expected, type_name(found)));
}

void BodyCheck::required(std::initializer_list<std::string_view> keys) {
  for (auto key : keys) {
    if (!json::find(*object_, key)) error("", fmt::format("required key [{}] not found", key));
  }
}

void BodyCheck::only(std::initializer_list<std::string_view> keys) {
  for (const auto& [name, value] : *object_) {
    const std::string_view key(name.data(), name.size());
    if (std::find(keys.begin(), keys.end(), key) == keys.end())
      error("", fmt::format("extraneous key [{}] is not permitted", key));
  }
}

std::optional<std::string> BodyCheck::text(std::string_view key, std::size_t least,
                                           std::size_t most) {
  const auto* value = find(key);
  if (!value) return std::nullopt;
  const auto* text = value->if_string();
  if (!text) {
    wrong_type(key, "String", *value);
    return std::nullopt;
  }
  const std::size_t length = least > 0 || most != SIZE_MAX ? code_points(json::view(*text)) : 0;
  if (length < least)
    error(fmt::format("/{}", key),
          fmt::format("expected minLength: {}, actual: {}", least, length));
  if (length > most)
    error(fmt::format("/{}", key), fmt::format("expected maxLength: {}, actual: {}", most, length));
  return std::string(json::view(*text));
}

std::optional<std::int64_t> BodyCheck::integer(std::string_view key, std::int64_t least,
                                               std::int64_t most) {
  const auto* value = find(key);
  if (!value) return std::nullopt;
  auto number = json::as_int(*value);
  if (!number) {
    wrong_type(key, "Integer", *value);
    return std::nullopt;
  }
  if (*number < least)
    error(fmt::format("/{}", key), fmt::format("{} is not greater or equal to {}", *number, least));
  if (*number > most)
    error(fmt::format("/{}", key), fmt::format("{} is not less or equal to {}", *number, most));
  return number;
}

std::optional<double> BodyCheck::number(std::string_view key, double least, double most) {
  const auto* value = find(key);
  if (!value) return std::nullopt;
  auto number = json::as_double(*value);
  if (!number) {
    wrong_type(key, "Number", *value);
    return std::nullopt;
  }
  if (*number < least)
    error(fmt::format("/{}", key),
          fmt::format("{} is not greater or equal to {}", json::write(*value), least));
  if (*number > most)
    error(fmt::format("/{}", key),
          fmt::format("{} is not less or equal to {}", json::write(*value), most));
  return number;
}

std::optional<bool> BodyCheck::boolean(std::string_view key) {
  const auto* value = find(key);
  if (!value) return std::nullopt;
  if (!value->is_bool()) {
    wrong_type(key, "Boolean", *value);
    return std::nullopt;
  }
  return value->get_bool();
}

std::optional<std::string> BodyCheck::one_of(std::string_view key,
                                             std::initializer_list<std::string_view> allowed) {
  auto said = text(key);
  if (said && std::find(allowed.begin(), allowed.end(), *said) == allowed.end()) {
    error(fmt::format("/{}", key), fmt::format("{} is not a valid enum value", *said));
    return std::nullopt;
  }
  return said;
}

const json::Object* BodyCheck::object(std::string_view key) {
  const auto* value = find(key);
  if (!value) return nullptr;
  const auto* object = value->if_object();
  if (!object) wrong_type(key, "JSONObject", *value);
  return object;
}

const json::Array* BodyCheck::array(std::string_view key, std::size_t least, std::size_t most) {
  const auto* value = find(key);
  if (!value) return nullptr;
  const auto* array = value->if_array();
  if (!array) {
    wrong_type(key, "JSONArray", *value);
    return nullptr;
  }
  if (array->size() < least)
    error(fmt::format("/{}", key),
          fmt::format("expected minimum item count: {}, found: {}", least, array->size()));
  if (array->size() > most)
    error(fmt::format("/{}", key),
          fmt::format("expected maximum item count: {}, found: {}", most, array->size()));
  return array;
}

std::vector<std::string> BodyCheck::texts(std::string_view key, std::size_t least, std::size_t most,
                                          std::size_t text_most) {
  std::vector<std::string> out;
  const auto* list = array(key, least, most);
  if (!list) return out;
  for (std::size_t i = 0; i < list->size(); ++i) {
    const auto* text = (*list)[i].if_string();
    const std::string below = fmt::format("/{}/{}", key, i);
    if (!text) {
      error(below, fmt::format("expected type: String, found: {}", type_name((*list)[i])));
      continue;
    }
    if (text_most != SIZE_MAX) {
      const std::size_t length = code_points(json::view(*text));
      if (length > text_most)
        error(below, fmt::format("expected maxLength: {}, actual: {}", text_most, length));
    }
    out.emplace_back(json::view(*text));
  }
  return out;
}

Result<void> BodyCheck::done() const {
  if (errors_->empty()) return {};
  // A body of a thousand wrong keys is described by the first twenty.
  std::string all;
  for (std::size_t i = 0; i < errors_->size() && i < 20; ++i) all += (*errors_)[i];
  return malformed(all);
}

}  // namespace outcrop::models
