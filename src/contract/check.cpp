#include "contract/check.h"

#include "base/text.h"
#include "base/time.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace outcrop::contract {
namespace {

std::string_view token(const json::Value& value) {
  if (value.is_string()) return "STRING_VALUE";
  if (value.is_bool()) return value.get_bool() ? "TRUE_VALUE" : "FALSE_VALUE";
  return "NUMBER_VALUE";
}

std::string_view type_name(Kind kind) {
  switch (kind) {
    case Kind::string:
      return "String";
    case Kind::integer:
      return "Integer";
    case Kind::long_:
      return "Long";
    case Kind::float_:
      return "Float";
    case Kind::double_:
      return "Double";
    case Kind::boolean:
      return "Boolean";
    case Kind::blob:
      return "Blob";
    case Kind::timestamp:
      return "Timestamp";
    default:
      return name_of(kind);
  }
}

/// A whole number that fits, or nothing: a fraction is not cut off silently.
bool fits_integer(const json::Value& value, Kind kind) {
  double low =
      kind == Kind::integer ? std::numeric_limits<std::int32_t>::min() : -9223372036854775808.0;
  double high =
      kind == Kind::integer ? std::numeric_limits<std::int32_t>::max() : 9223372036854774784.0;
  if (const auto* whole = value.if_int64())
    return kind == Kind::long_ || (*whole >= std::numeric_limits<std::int32_t>::min() &&
                                   *whole <= std::numeric_limits<std::int32_t>::max());
  const auto* number = value.if_double();
  return number && std::trunc(*number) == *number && *number >= low && *number <= high;
}

bool type_fits(const Shape& shape, const json::Value& value) {
  switch (shape.kind) {
    case Kind::string:
      return value.is_string();
    case Kind::integer:
    case Kind::long_:
      return fits_integer(value, shape.kind);
    case Kind::float_:
    case Kind::double_:
      return value.is_number();
    case Kind::boolean:
      return value.is_bool();
    case Kind::blob:
      return value.is_string() && base64_bytes(json::view(value.get_string()));
    case Kind::timestamp:
      if (shape.epoch) return value.is_number();
      return value.is_string() && parse_iso8601(json::view(value.get_string()));
    default:
      return true;
  }
}

bool is_number(Kind kind) {
  return kind == Kind::integer || kind == Kind::long_ || kind == Kind::float_ ||
         kind == Kind::double_;
}
bool is_scalar(Kind kind) {
  return kind != Kind::structure && kind != Kind::union_ && kind != Kind::list &&
         kind != Kind::map && kind != Kind::document;
}

std::string at_most(const Shape& shape) {
  return fmt::format("Member must have {} less than or equal to {}",
                     is_number(shape.kind) ? "value" : "length", shape.max_text);
}
std::string at_least(const Shape& shape) {
  return fmt::format("Member must have {} greater than or equal to {}",
                     is_number(shape.kind) ? "value" : "length", shape.min_text);
}
std::string pattern_of(const Shape& shape) {
  return fmt::format("Member must satisfy regular expression pattern: {}", shape.pattern->text());
}
std::string enum_of(const Shape& shape) {
  return fmt::format("Member must satisfy enum value set: [{}]", fmt::join(shape.values, ", "));
}

/// The constraints of a scalar that a value of the right type breaks, one bit each.
enum Broken : unsigned { none = 0, maximum = 1, minimum = 2, pattern = 4, values = 8 };

unsigned broken_size(const Shape& shape, double size) {
  unsigned broken = none;
  if (shape.has_max() && size > shape.max) broken |= maximum;
  if (shape.has_min() && size < shape.min) broken |= minimum;
  return broken;
}

unsigned broken_text(const Shape& shape, std::string_view text, const CheckLimits& limits) {
  unsigned broken = none;
  if (shape.has_max() || shape.has_min())
    broken = broken_size(shape, static_cast<double>(code_points(text)));
  if (!shape.values.empty()) {
    if (std::find(shape.values.begin(), shape.values.end(), text) == shape.values.end())
      broken |= values;
  }
  bool hopeless = (broken & maximum) && text.size() > limits.pattern_bytes;
  if (shape.pattern && !hopeless && !shape.pattern->matches(text)) broken |= pattern;
  return broken;
}

unsigned broken_scalar(const Shape& shape, const json::Value& value, const CheckLimits& limits) {
  if (shape.kind == Kind::string) return broken_text(shape, json::view(value.get_string()), limits);
  if (is_number(shape.kind)) {
    auto number = json::as_double(value);
    return number ? broken_size(shape, *number) : static_cast<unsigned>(none);
  }
  if (shape.kind == Kind::blob && (shape.has_max() || shape.has_min()))
    return broken_size(
        shape, static_cast<double>(base64_bytes(json::view(value.get_string())).value_or(0)));
  return none;
}

/// All constraints of an element, as the services list them.
std::string constraints_of(const Shape& shape) {
  std::vector<std::string> all;
  if (shape.has_max()) all.push_back(at_most(shape));
  if (shape.has_min()) all.push_back(at_least(shape));
  if (shape.pattern) all.push_back(pattern_of(shape));
  if (!shape.values.empty()) all.push_back(enum_of(shape));
  return fmt::format("[{}]", fmt::join(all, ", "));
}

std::string cut(std::string_view text, std::size_t bytes) {
  if (text.size() <= bytes) return std::string(text);
  return fmt::format("{}...", text.substr(0, whole_utf8(text.substr(0, bytes))));
}

/// As the services print a value: text as it is, lists in brackets. Empty for what they would print
/// at length.
std::optional<std::string> shown(const json::Value& value, Kind kind, std::size_t bytes) {
  if (value.is_string())
    return kind == Kind::blob ? std::nullopt
                              : std::optional(cut(json::view(value.get_string()), bytes));
  if (kind == Kind::float_ || kind == Kind::double_) {
    std::string text;
    json::write_number(json::as_double(value).value_or(0), text);
    return text;
  }
  if (const auto* list = value.if_array()) {
    std::string text = "[";
    for (const auto& item : *list) {
      if (!item.is_string() && !item.is_number() && !item.is_bool()) return std::nullopt;
      if (text.size() > bytes) break;
      if (text.size() > 1) text += ", ";
      text += item.is_string() ? cut(json::view(item.get_string()), bytes) : json::write(item);
    }
    if (text.size() <= bytes) return text + "]";
    return cut(text, bytes);
  }
  if (const auto* map = value.if_object())
    return map->empty() ? std::optional<std::string>("{}") : std::nullopt;
  return json::write(value);
}

}  // namespace

std::optional<std::size_t> base64_bytes(std::string_view text) {
  static constexpr auto table = [] {
    std::array<bool, 256> allowed{};
    for (unsigned char c = 'A'; c <= 'Z'; ++c) allowed[c] = allowed[c + 32u] = true;
    for (unsigned char c = '0'; c <= '9'; ++c) allowed[c] = true;
    allowed['+'] = allowed['/'] = true;
    return allowed;
  }();
  if (text.size() % 4 != 0) return std::nullopt;
  std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  bool good = true;
  for (unsigned char c : text.substr(0, text.size() - padding)) good &= table[c];
  if (!good) return std::nullopt;
  return text.size() / 4 * 3 - padding;
}

std::string Checker::path() const {
  std::string text;
  for (const auto& step : path_) {
    if (!text.empty()) text += '.';
    if (step.index) {
      text += fmt::format("{}.member", step.index);
    } else if (step.key) {
      text += cut(step.name, limits_.value_bytes) + ".member";
    } else {
      text += step.name;
    }
  }
  return text;
}

void Checker::report(std::string_view shown_value, std::string_view constraint) {
  if (++count_ > limits_.violations) return;
  reported_.push_back(fmt::format("Value{} at '{}' failed to satisfy constraint: {}", shown_value,
                                  path(), constraint));
}

void Checker::violation(const json::Value* value, const Shape& shape, bool hidden,
                        std::string_view constraint) {
  if (hidden || shape.sensitive) return report("", constraint);
  if (!value) return report(" null", constraint);
  auto text = shown(*value, shape.kind, limits_.value_bytes);
  report(text ? fmt::format(" '{}'", *text) : "", constraint);
}

void Checker::wrong_type(std::string_view found, const Shape& shape) {
  if (type_error_) return;
  auto where = path();
  auto text = found.ends_with("_VALUE")
                  ? fmt::format("{} cannot be converted to {}", found, type_name(shape.kind))
                  : std::string(found);
  type_error_ = where.empty() ? text : fmt::format("{} (at '{}')", text, where);
}

void Checker::members(const Shape& structure, const json::Object& object, bool hidden) {
  hidden = hidden || structure.sensitive;
  std::uint64_t seen = 0;
  std::size_t expected = 0;  // documents tend to hold their members in the model's order
  for (const auto& entry : object) {
    std::string_view key(entry.key().data(), entry.key().size());
    std::size_t index = expected;
    if (index >= structure.members.size() || structure.members[index].name != key) {
      const auto* found = structure.find(key);
      if (!found) continue;  // a newer SDK may know more
      index = static_cast<std::size_t>(found - structure.members.data());
    }
    expected = index + 1;
    if (entry.value().is_null()) continue;
    seen |= std::uint64_t{1} << index;
    const auto& member = structure.members[index];
    enter(member.name);
    value(*member.shape, entry.value(), hidden);
    leave();
    if (stopped()) return;
  }
  for (std::size_t i = 0; i < structure.members.size(); ++i) {
    const auto& member = structure.members[i];
    if (!member.required || ((seen >> i) & 1)) continue;
    if (&member == structure.payload &&
        (member.shape->event_stream || member.shape->kind == Kind::blob))
      continue;
    enter(member.name);
    violation(nullptr, *member.shape, hidden, "Member must not be null");
    leave();
  }
}

void Checker::union_(const Shape& shape, const json::Object& object, bool hidden) {
  std::vector<std::string> set;
  std::size_t known = 0, unknown = 0;
  for (const auto& entry : object) {
    if (entry.value().is_null()) continue;
    std::string_view key(entry.key().data(), entry.key().size());
    const auto* member = shape.find(key);
    (member ? known : unknown) += 1;
    if (set.size() < 4) set.push_back(cut(key, limits_.value_bytes));
    if (!member) continue;
    enter(member->name);
    value(*member->shape, entry.value(), hidden || shape.sensitive);
    leave();
    if (stopped()) return;
  }
  if (known == 1 && unknown == 0) return;
  std::vector<std::string_view> names;
  for (const auto& member : shape.members) names.push_back(member.name);
  report("", fmt::format("Member must have exactly one of [{}] set, but has [{}{}]",
                         fmt::join(names, ", "), fmt::join(set, ", "),
                         known + unknown > set.size() ? ", ..." : ""));
}

void Checker::value(const Shape& shape, const json::Value& value, bool hidden) {
  if (shape.kind == Kind::document) return;
  const auto* object = value.if_object();
  const auto* array = value.if_array();
  if (array && shape.kind != Kind::list)
    return wrong_type("Start of list found where not expected", shape);
  if (object && (is_scalar(shape.kind) || shape.kind == Kind::list))
    return wrong_type("Start of structure or map found where not expected.", shape);
  switch (shape.kind) {
    case Kind::structure:
      if (!object) return wrong_type("Expected null", shape);
      return members(shape, *object, hidden);
    case Kind::union_:
      if (!object) return wrong_type("Expected null", shape);
      return union_(shape, *object, hidden);
    case Kind::list:
      if (!array) return wrong_type("Expected list or null", shape);
      return list(shape, value, hidden);
    case Kind::map:
      if (!object) return wrong_type("Expected map or null", shape);
      return map(shape, value, hidden);
    default:
      return scalar(shape, value, hidden);
  }
}

void Checker::scalar(const Shape& shape, const json::Value& value, bool hidden) {
  if (!type_fits(shape, value)) return wrong_type(token(value), shape);
  auto broken = broken_scalar(shape, value, limits_);
  if (!broken) return;
  if (broken & maximum) violation(&value, shape, hidden, at_most(shape));
  if (broken & minimum) violation(&value, shape, hidden, at_least(shape));
  if (broken & pattern) violation(&value, shape, hidden, pattern_of(shape));
  if (broken & values) violation(&value, shape, hidden, enum_of(shape));
}

void Checker::sizes(const Shape& shape, std::size_t size, const json::Value* value, bool hidden) {
  auto broken = broken_size(shape, static_cast<double>(size));
  if (broken & maximum) violation(value, shape, hidden, at_most(shape));
  if (broken & minimum) violation(value, shape, hidden, at_least(shape));
}

void Checker::list(const Shape& shape, const json::Value& value, bool hidden) {
  const auto& array = value.get_array();
  hidden = hidden || shape.sensitive;
  const auto& element = *shape.element;
  std::size_t size = array.size(), index = 0;
  bool broken = false;
  path_.push_back({{}, 0});
  for (const auto& item : array) {
    if (item.is_null()) {
      size -= 1;
      continue;
    }
    path_.back().index = ++index;
    if (!is_scalar(element.kind)) {
      this->value(element, item, hidden);
    } else if (item.is_array()) {
      wrong_type("Start of list found where not expected", element);
    } else if (item.is_object()) {
      wrong_type("Start of structure or map found where not expected.", element);
    } else if (!type_fits(element, item)) {
      wrong_type(token(item), element);
    } else {
      broken = broken || broken_scalar(element, item, limits_);
    }
    if (stopped()) return;
  }
  path_.pop_back();
  sizes(shape, size, &value, hidden);
  // The services say this once for the list, not once an element.
  if (broken)
    violation(&value, shape, hidden || element.sensitive,
              fmt::format("Member must satisfy constraint: {}", constraints_of(element)));
}

void Checker::map(const Shape& shape, const json::Value& value, bool hidden) {
  const auto& object = value.get_object();
  hidden = hidden || shape.sensitive;
  const auto& element = *shape.element;
  std::size_t size = 0;
  bool broken_keys = false, broken_values = false;
  path_.push_back({{}, 0, true});
  for (const auto& entry : object) {
    if (entry.value().is_null()) continue;
    size += 1;
    std::string_view key(entry.key().data(), entry.key().size());
    path_.back().name = key;
    broken_keys = broken_keys || broken_text(*shape.key, key, limits_);
    if (!is_scalar(element.kind)) {
      this->value(element, entry.value(), hidden);
    } else if (entry.value().is_array()) {
      wrong_type("Start of list found where not expected", element);
    } else if (entry.value().is_object()) {
      wrong_type("Start of structure or map found where not expected.", element);
    } else if (!type_fits(element, entry.value())) {
      wrong_type(token(entry.value()), element);
    } else {
      broken_values = broken_values || broken_scalar(element, entry.value(), limits_);
    }
    if (stopped()) return;
  }
  path_.pop_back();
  sizes(shape, size, &value, hidden);
  if (broken_keys)
    violation(&value, shape, hidden || shape.key->sensitive,
              fmt::format("Map keys must satisfy constraint: {}", constraints_of(*shape.key)));
  if (broken_values)
    violation(&value, shape, hidden || element.sensitive,
              fmt::format("Map value must satisfy constraint: {}", constraints_of(element)));
}

void Checker::blob(const Member& member, std::size_t bytes) {
  enter(member.name);
  auto broken = broken_size(*member.shape, static_cast<double>(bytes));
  if (broken & maximum) report("", at_most(*member.shape));
  if (broken & minimum) report("", at_least(*member.shape));
  leave();
}

Error Checker::error() const {
  if (type_error_) return Error{.code = Code::serialization, .message = *type_error_};
  auto text = fmt::format("{} validation error{} detected: {}", count_, count_ == 1 ? "" : "s",
                          fmt::join(reported_, "; "));
  if (count_ > reported_.size()) text += fmt::format("; and {} more", count_ - reported_.size());
  return Error{.code = Code::validation, .message = std::move(text)};
}

namespace {

void drop_nulls_of_members(const Shape& shape, json::Object& object) {
  bool any = false;
  for (auto& entry : object) {
    if (entry.value().is_null()) {
      any = true;
    } else if (const auto* member = shape.find({entry.key().data(), entry.key().size()})) {
      drop_nulls(*member->shape, entry.value());
    }
  }
  if (!any) return;
  json::Object kept(object.storage());
  kept.reserve(object.size());
  for (auto& entry : object) {
    if (!entry.value().is_null()) kept.emplace(entry.key(), std::move(entry.value()));
  }
  object = std::move(kept);
}

}  // namespace

void drop_nulls(const Shape& structure, json::Object& object) {
  drop_nulls_of_members(structure, object);
}

void drop_nulls(const Shape& shape, json::Value& value) {
  switch (shape.kind) {
    case Kind::structure:
    case Kind::union_:
      if (auto* object = value.if_object()) drop_nulls_of_members(shape, *object);
      return;
    case Kind::list:
      if (auto* array = value.if_array()) {
        bool nulls = false;
        if (is_scalar(shape.element->kind) || shape.element->kind == Kind::document) {
          for (const auto& item : *array) nulls = nulls || item.is_null();
        } else {
          for (auto& item : *array) {
            nulls = nulls || item.is_null();
            drop_nulls(*shape.element, item);
          }
        }
        // A null inside a list of documents is a document.
        if (!nulls || shape.element->kind == Kind::document) return;
        array->erase(std::remove_if(array->begin(), array->end(),
                                    [](const json::Value& item) { return item.is_null(); }),
                     array->end());
      }
      return;
    case Kind::map:
      if (auto* object = value.if_object(); object && shape.element->kind != Kind::document) {
        bool nulls = false;
        for (auto& entry : *object) {
          nulls = nulls || entry.value().is_null();
          drop_nulls(*shape.element, entry.value());
        }
        if (!nulls) return;
        for (auto at = object->begin(); at != object->end();)
          at = at->value().is_null() ? object->erase(at) : at + 1;
      }
      return;
    default:
      return;
  }
}

}  // namespace outcrop::contract
