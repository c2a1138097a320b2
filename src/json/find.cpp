#include "json/json.h"

#include <charconv>
#include <cmath>

namespace outcrop::json {

const Value* find(const Object& object, std::string_view key) {
  return object.if_contains(boost::json::string_view(key.data(), key.size()));
}

const Value* find(const Value& value, std::string_view key) {
  const auto* object = value.if_object();
  return object ? find(*object, key) : nullptr;
}

std::optional<std::int64_t> as_int(const Value& value) {
  if (const auto* i = value.if_int64()) return *i;
  if (const auto* d = value.if_double(); d && std::trunc(*d) == *d && std::fabs(*d) < 9e15)
    return static_cast<std::int64_t>(*d);
  return std::nullopt;
}

std::optional<double> as_double(const Value& value) {
  if (const auto* d = value.if_double()) return *d;
  if (const auto* i = value.if_int64()) return static_cast<double>(*i);
  if (const auto* u = value.if_uint64()) return static_cast<double>(*u);
  return std::nullopt;
}

std::optional<std::string_view> find_string(const Object& object, std::string_view key) {
  const auto* value = find(object, key);
  const auto* text = value ? value->if_string() : nullptr;
  if (!text) return std::nullopt;
  return view(*text);
}

std::optional<std::int64_t> find_int(const Object& object, std::string_view key) {
  const auto* value = find(object, key);
  return value ? as_int(*value) : std::nullopt;
}

std::optional<double> find_double(const Object& object, std::string_view key) {
  const auto* value = find(object, key);
  return value ? as_double(*value) : std::nullopt;
}

std::optional<bool> find_bool(const Object& object, std::string_view key) {
  const auto* value = find(object, key);
  const auto* flag = value ? value->if_bool() : nullptr;
  return flag ? std::optional<bool>(*flag) : std::nullopt;
}

Result<const Value*> at_pointer(const Value& document, std::string_view pointer) {
  if (!pointer.empty() && pointer[0] != '/')
    return fail(Code::validation, "'{}' is not a JSON Pointer: it must start with '/'", pointer);
  const Value* at = &document;
  while (!pointer.empty()) {
    pointer.remove_prefix(1);
    auto end = std::min(pointer.find('/'), pointer.size());
    std::string token;
    for (std::size_t i = 0; i < end; ++i) {
      if (pointer[i] != '~') {
        token += pointer[i];
      } else if (i + 1 < end && (pointer[i + 1] == '0' || pointer[i + 1] == '1')) {
        token += pointer[++i] == '0' ? '~' : '/';
      } else {
        return fail(Code::validation, "a JSON Pointer may hold '~' only as '~0' or '~1'");
      }
    }
    pointer.remove_prefix(end);
    if (!at) continue;  // nothing stands here; the rest is still checked
    if (const auto* array = at->if_array()) {
      std::size_t index = 0;
      auto [stop, error] = std::from_chars(token.data(), token.data() + token.size(), index);
      bool whole = error == std::errc{} && stop == token.data() + token.size() &&
                   (token.size() == 1 || token[0] != '0');
      at = whole && index < array->size() ? &(*array)[index] : nullptr;
    } else {
      at = find(*at, token);
    }
  }
  return at;
}

}  // namespace outcrop::json
