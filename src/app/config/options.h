#pragma once
/// The table of options: one row drives reading, checking, the messages, `outcrop config` and
/// docs/configuration.md. A new option is a field in config.h and a row in options.cpp.

#include "app/config/config.h"
#include "base/result.h"
#include "json/json.h"

#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace outcrop::config {

enum class Kind : std::uint8_t {
  text,      // a string
  path,      // a string; "~/" is the home folder; relative to the file it stands in
  address,   // HOST:PORT
  whole,     // an integer
  toggle,    // true or false
  choice,    // one of `allowed`
  list,      // strings
  size,      // bytes, or "64 KiB"
  duration,  // "15 s"
};

/// What is known of an option without its value. A value travels as JSON in one form a kind: sizes
/// as bytes, durations as milliseconds, everything else as TOML has it.
struct Facts {
  std::string key;  // "server.listen"; within a [[model]] table, "name"
  Kind kind = Kind::text;
  std::string summary;  // one or two sentences
  std::string unit{};   // of a whole number: "tokens"
  std::int64_t minimum = 0;
  std::int64_t maximum = std::numeric_limits<std::int64_t>::max();
  std::string example{};               // as written in TOML
  std::vector<std::string> allowed{};  // of a choice
  std::string pattern{};               // of a text: what it has to match, in words
  std::function<bool(std::string_view)> accepts{};
  std::string default_words{};  // where the default is no constant
  bool required = false;
};

template <class T>
struct Option {
  Facts facts;
  std::function<void(T&, const json::Value&)> set;
  std::function<json::Value(const T&)> get;
};

const std::vector<Option<Config>>& options();
const std::vector<Option<ModelEntry>>& model_options();
/// Of a [[scripted]] table, besides its name and its script.
const std::vector<Option<ScriptedEntry>>& scripted_options();

/// Variables of the environment that set an option, and the flags that do.
struct Override {
  std::string_view variable;
  std::string_view flag;
  std::string_view key;
};
const std::vector<Override>& overrides();

/// The value in its one form. Errors: validation; the message goes after "KEY = VALUE: " and says
/// what is wanted: `a whole number is wanted, such as 8`.
Result<json::Value> check(const Facts& facts, const json::Value& value);
/// The same for text of a flag or variable: "8", "true", "a,b" for a list.
Result<json::Value> check_text(const Facts& facts, std::string_view text);
/// As it would be written in TOML.
std::string written(const Facts& facts, const json::Value& value);

/// 65536 -> "64 KiB"; 40000000 -> "40 MB"; exact, or else plain bytes.
std::string size_text(std::int64_t bytes);
/// 15000 -> "15 s", 120000 -> "2 min".
std::string duration_text(std::int64_t milliseconds);
Result<std::int64_t> parse_size(std::string_view text);
Result<std::int64_t> parse_duration(std::string_view text);

}  // namespace outcrop::config
