#pragma once
/// The log: one JSON object a line on standard error (or a plain line on a terminal), never with a
/// prompt or a secret unless `log.prompts` says so; who logs text of a user calls prompt().
/// Shape:   {"time":"…Z","level":"info","what":"…",fields…}; one line is one write(2), so that
/// lines
///          of threads never mix (nor those of processes that share a file opened for appending).
///          Whatever is not printable is escaped, in the plain form too: no field can forge a line
///          or steer a terminal. A field named time, level or what gets a '_' behind its name.
/// Limits:  a text longer than `field_bytes` is cut, and says how long it was. A descriptor that
/// takes
///          nothing for `blocked_ms` loses the line; the next line that goes out says how many were
///          lost.
/// Threads: any.

#include "base/error.h"

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

namespace outcrop::observe {

/// Only for the call it is written in: it borrows its texts.
struct Field {
  using Value = std::variant<std::string_view, std::int64_t, std::uint64_t, double, bool>;
  std::string_view name;  // snake_case, units last: latency_ms
  Value value;
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
  static Value widen(Number number) {
    if constexpr (std::is_floating_point_v<Number>) {
      return static_cast<double>(number);
    } else if constexpr (std::is_unsigned_v<Number>) {
      return static_cast<std::uint64_t>(number);
    } else {
      return static_cast<std::int64_t>(number);
    }
  }
};

struct LogOptions {
  LogLevel level = LogLevel::info;
  bool json = true;                // false: a line for people
  bool prompts = false;            // log users' texts
  int fd = 2;                      // not closed by the log
  std::size_t field_bytes = 8192;  // of one text
  int blocked_ms = 200;            // how long a full pipe may hold up the caller
};
/// Takes effect from the next line on; may be called at any time.
void configure_log(const LogOptions& options);
/// Changes the level alone (SIGHUP, an administrator's request).
void set_log_level(LogLevel level);
bool logs(LogLevel level);
/// "debug", "info", "warn", "error"; nothing for any other name.
std::optional<LogLevel> log_level(std::string_view name);
std::string_view log_level_name(LogLevel level);

/// `what` is a constant phrase one can search for; everything that varies is a field. The values of
/// fields named authorization, password, secret, secret_key, secret_access_key, session_token,
/// api_key and private_key are never written.
void log(LogLevel level, std::string_view what, std::initializer_list<Field> fields = {});
/// The text itself when prompts are logged, otherwise its length: "[412 characters]".
std::string prompt(std::string_view text);
/// Lines that no descriptor took, since start.
std::uint64_t log_lines_lost();

}  // namespace outcrop::observe
