#include "observe/log.h"

#include "base/text.h"
#include "base/time.h"
#include "json/json.h"
#include "observe/printable.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <mutex>
#include <poll.h>
#include <unistd.h>

namespace outcrop::observe {
namespace {

struct Settings {
  std::atomic<LogLevel> level{LogLevel::info};
  std::atomic<bool> json{true};
  std::atomic<bool> prompts{false};
  std::atomic<int> fd{2};
  std::atomic<std::size_t> field_bytes{8192};
  std::atomic<int> blocked_ms{200};
};
Settings settings;

std::mutex writing;  // a line that the system takes in two pieces must not be split by another
std::atomic<std::uint64_t> lost_total{0};
// Both under `writing`.
std::uint64_t lost_unreported = 0;
bool torn = false;  // the last line lost its end: the next one starts with a line end of its own

constexpr std::array<std::string_view, 8> secret_names{
    "authorization",     "password",      "secret",  "secret_key",
    "secret_access_key", "session_token", "api_key", "private_key"};
constexpr std::string_view redacted = "[redacted]";

bool is_secret(std::string_view name) {
  return std::find(secret_names.begin(), secret_names.end(), name) != secret_names.end();
}

/// Cuts a long text at a whole character; `note` then says what is missing.
std::string_view shorten(std::string_view text, std::string& note) {
  std::size_t limit = settings.field_bytes.load(std::memory_order_relaxed);
  if (text.size() <= limit) return text;
  note = fmt::format(" [cut: {} bytes in all]", text.size());
  std::string_view head = text.substr(0, limit);
  return head.substr(0, whole_utf8(head));
}

void append_text_json(std::string_view text, std::string& out) {
  std::string note;
  text = shorten(text, note);
  out += '"';
  escape_json(text, out);
  out += note;
  out += '"';
}

void append_text_plain(std::string_view text, std::string& out) {
  std::string note;
  text = shorten(text, note);
  bool quoted = text.empty() || !note.empty() || text.find_first_of(" =\"") != text.npos;
  if (quoted) out += '"';
  escape_plain(text, quoted, out);
  out += note;
  if (quoted) out += '"';
}

void append_value(const Field& field, bool as_json, std::string& out) {
  struct Visitor {
    bool as_json;
    std::string& out;
    void operator()(std::string_view text) const {
      as_json ? append_text_json(text, out) : append_text_plain(text, out);
    }
    void operator()(std::int64_t number) const {
      fmt::format_to(std::back_inserter(out), "{}", number);
    }
    void operator()(std::uint64_t number) const {
      fmt::format_to(std::back_inserter(out), "{}", number);
    }
    void operator()(double number) const { json::write_number(number, out); }
    void operator()(bool flag) const { out += flag ? "true" : "false"; }
  };
  if (is_secret(field.name)) return Visitor{as_json, out}(redacted);
  std::visit(Visitor{as_json, out}, field.value);
}

std::string json_line(LogLevel level, std::string_view what, std::initializer_list<Field> fields) {
  std::string line;
  line.reserve(256);
  line += R"({"time":")";
  line += iso8601(wall_now());
  line += R"(","level":")";
  line += log_level_name(level);
  line += R"(","what":)";
  append_text_json(what, line);
  for (const Field& field : fields) {
    line += ",\"";
    escape_json(field.name, line);
    if (field.name == "time" || field.name == "level" || field.name == "what") line += '_';
    line += "\":";
    append_value(field, true, line);
  }
  line += "}\n";
  return line;
}

std::string plain_line(LogLevel level, std::string_view what, std::initializer_list<Field> fields) {
  std::string line;
  line.reserve(256);
  std::string time = iso8601(wall_now());
  line.append(time, 11, 12);  // 21:58:10.123: whoever reads along knows the day
  line += fmt::format(" {:<5} ", log_level_name(level));
  std::string note;
  escape_plain(shorten(what, note), false, line);
  line += note;
  for (const Field& field : fields) {
    line += "  ";
    escape_plain(field.name, false, line);
    line += '=';
    append_value(field, false, line);
  }
  line += '\n';
  return line;
}

/// false when nothing of the line, or not all of it, went out.
bool write_line(int fd, std::string line, int patience_ms) {
  if (torn) line.insert(0, 1, '\n');
  Instant give_up = now() + Millis(patience_ms);
  std::string_view rest = line;
  while (!rest.empty()) {
    ssize_t written = ::write(fd, rest.data(), rest.size());
    if (written > 0) {
      rest.remove_prefix(static_cast<std::size_t>(written));
      continue;
    }
    if (written < 0 && errno == EINTR) continue;
    bool full = written < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
    auto left = std::chrono::duration_cast<Millis>(give_up - now()).count();
    pollfd writable{fd, POLLOUT, 0};
    if (full && left > 0 && ::poll(&writable, 1, static_cast<int>(left)) != 0) continue;
    if (rest.size() < line.size()) torn = true;
    return false;
  }
  torn = false;
  return true;
}

std::string format_line(LogLevel level, std::string_view what,
                        std::initializer_list<Field> fields) {
  return settings.json.load(std::memory_order_relaxed) ? json_line(level, what, fields)
                                                       : plain_line(level, what, fields);
}

}  // namespace

void configure_log(const LogOptions& options) {
  std::lock_guard lock(writing);
  settings.level = options.level;
  settings.json = options.json;
  settings.prompts = options.prompts;
  settings.fd = options.fd;
  settings.field_bytes = std::max<std::size_t>(options.field_bytes, 16);
  settings.blocked_ms = options.blocked_ms;
}

void set_log_level(LogLevel level) { settings.level = level; }

bool logs(LogLevel level) { return level >= settings.level.load(std::memory_order_relaxed); }

std::string_view log_level_name(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return "debug";
    case LogLevel::info:
      return "info";
    case LogLevel::warn:
      return "warn";
    case LogLevel::error:
      return "error";
  }
  return "error";
}

std::optional<LogLevel> log_level(std::string_view name) {
  for (LogLevel level : {LogLevel::debug, LogLevel::info, LogLevel::warn, LogLevel::error}) {
    if (name == log_level_name(level)) return level;
  }
  return std::nullopt;
}

void log(LogLevel level, std::string_view what, std::initializer_list<Field> fields) {
  if (!logs(level)) return;
  int saved_errno = errno;  // who logs a failure may read errno afterwards
  std::string line = format_line(level, what, fields);
  {
    std::lock_guard lock(writing);
    int fd = settings.fd.load(std::memory_order_relaxed);
    int patience_ms = settings.blocked_ms.load(std::memory_order_relaxed);
    if (lost_unreported > 0) {
      // Nobody waits a second time for a reader that is gone: the report goes out at once or not
      // yet.
      std::string report =
          format_line(LogLevel::warn, "log lines were lost", {{"lines", lost_unreported}});
      if (write_line(fd, std::move(report), 0)) lost_unreported = 0;
    }
    if (lost_unreported > 0 || !write_line(fd, std::move(line), patience_ms)) {
      ++lost_unreported;
      ++lost_total;
    }
  }
  errno = saved_errno;
}

std::string prompt(std::string_view text) {
  if (settings.prompts.load(std::memory_order_relaxed)) return std::string(text);
  return fmt::format("[{} characters]", code_points(text));
}

std::uint64_t log_lines_lost() { return lost_total.load(std::memory_order_relaxed); }

}  // namespace outcrop::observe
