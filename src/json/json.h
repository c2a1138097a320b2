#pragma once
/// JSON documents: Boost.JSON's value, read and written by functions that are exact about numbers.
/// Reading: integers that fit 64 bits stay integers, everything else is the nearest double; invalid
///          UTF-8, duplicate keys beyond the last, and depth over the limit are decided here, once:
///          refused, last one wins, refused.
/// Writing: shortest form that reads back the same; no exponent for ordinary magnitudes.
/// Threads: values are not shared between threads while one writes.

#include "base/result.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace outcrop::json {

using Value = boost::json::value;
using Object = boost::json::object;
using Array = boost::json::array;
using String = boost::json::string;

struct ReadLimits {
  std::size_t depth = 64;  // nested arrays and objects
};

/// Errors: serialization, with the byte offset in the message.
Result<Value> read(std::string_view text, const ReadLimits& limits = {});

std::string write(const Value& value);
void write(const Value& value, std::string& out);            // appends
std::string write_pretty(const Value& value);                // two spaces, for people
void write_string(std::string_view text, std::string& out);  // quoted and escaped
void write_number(double number, std::string& out);          // NaN and infinities become null

/// What stands under `key`, or nullptr; also nullptr when `value` is no object.
const Value* find(const Value& value, std::string_view key);
const Value* find(const Object& object, std::string_view key);
/// A string, integer or boolean under `key`; nothing when absent or of another type. A double with
/// an integral value counts as an integer.
std::optional<std::string_view> find_string(const Object& object, std::string_view key);
std::optional<std::int64_t> find_int(const Object& object, std::string_view key);
std::optional<double> find_double(const Object& object, std::string_view key);
std::optional<bool> find_bool(const Object& object, std::string_view key);
std::optional<std::int64_t> as_int(const Value& value);
std::optional<double> as_double(const Value& value);

inline std::string_view view(const String& text) { return {text.data(), text.size()}; }

/// RFC 6901. nullptr when nothing stands there. Errors: validation, for text that is no pointer.
Result<const Value*> at_pointer(const Value& document, std::string_view pointer);

}  // namespace outcrop::json
