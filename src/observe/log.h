#pragma once
/// The log: one JSON object a line on standard error (or a plain line on a terminal), never with a
/// prompt or a secret unless `log.prompts` says so; who logs text of a user calls prompt().
/// Threads: any.

#include "base/error.h"

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace outcrop::observe {

struct Field {
  std::string_view name;  // snake_case, units last: latency_ms
  std::variant<std::string_view, std::int64_t, double, bool> value;
  Field(std::string_view field, std::string_view text) : name(field), value(text) {}
  Field(std::string_view field, const char* text) : name(field), value(std::string_view(text)) {}
  Field(std::string_view field, const std::string& text)
      : name(field), value(std::string_view(text)) {}
  Field(std::string_view field, bool flag) : name(field), value(flag) {}
  template <class Number>
    requires std::is_arithmetic_v<Number>
  Field(std::string_view field, Number number) : name(field), value(widen(number)) {}

 private:
  template <class Number>
  static std::variant<std::string_view, std::int64_t, double, bool> widen(Number number) {
    if constexpr (std::is_floating_point_v<Number>) {
      return static_cast<double>(number);
    } else {
      return static_cast<std::int64_t>(number);
    }
  }
};

struct LogOptions {
  LogLevel level = LogLevel::info;
  bool json = true;      // false: a line for people
  bool prompts = false;  // log users' texts
  int fd = 2;
};
void configure_log(const LogOptions& options);
bool logs(LogLevel level);

/// `what` is a constant phrase one can search for; everything that varies is a field.
void log(LogLevel level, std::string_view what, std::initializer_list<Field> fields = {});
/// The text itself when prompts are logged, otherwise its length: "[412 characters]".
std::string prompt(std::string_view text);

}  // namespace outcrop::observe
