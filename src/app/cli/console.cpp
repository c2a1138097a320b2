#include "app/cli/console.h"

#include "base/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <sys/ioctl.h>
#include <unistd.h>

namespace outcrop::cli {
namespace {

constexpr int columns_limit = 100;

std::string painted(bool on, Style style, std::string_view text) {
  constexpr std::string_view codes[] = {"", "1", "2", "32", "33", "31"};
  if (!on || style == Style::plain) return std::string(text);
  return fmt::format("\x1b[{}m{}\x1b[0m", codes[static_cast<int>(style)], text);
}

struct Point {
  char32_t value;
  std::size_t bytes;
};
Point point_at(std::string_view text) {
  auto c = static_cast<unsigned char>(text[0]);
  std::size_t bytes = c < 0x80 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
  bytes = std::min(bytes, text.size());
  char32_t value = bytes == 1 ? c : c & (0xFF >> (bytes + 1));
  for (std::size_t i = 1; i < bytes; ++i)
    value = value << 6 | (static_cast<unsigned char>(text[i]) & 0x3F);
  return {value, bytes};
}

std::size_t columns_of(char32_t c) {
  if (c == 0x200D || (c >= 0x300 && c <= 0x36F) || (c >= 0xFE00 && c <= 0xFE0F)) return 0;
  bool wide = (c >= 0x1100 && c <= 0x115F) || (c >= 0x2E80 && c <= 0xA4CF) ||
              (c >= 0xAC00 && c <= 0xD7A3) || (c >= 0xF900 && c <= 0xFAFF) ||
              (c >= 0xFE30 && c <= 0xFE6F) || (c >= 0xFF00 && c <= 0xFF60) ||
              (c >= 0x1F300 && c <= 0x1FAFF) || (c >= 0x20000 && c <= 0x3FFFD);
  return wide ? 2 : 1;
}

std::size_t sequence_length(std::string_view text) {  // of a colour sequence at the start, or 0
  if (!text.starts_with("\x1b[")) return 0;
  auto end = text.find('m');
  return end == std::string_view::npos ? 0 : end + 1;
}

void put(std::FILE* file, std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), file);
  std::fflush(file);
}

}  // namespace

Console Console::of_process() {
  Console console;
  console.out_terminal = ::isatty(STDOUT_FILENO) == 1;
  console.err_terminal = ::isatty(STDERR_FILENO) == 1;
  console.in_terminal = ::isatty(STDIN_FILENO) == 1;
  const char* no_colour = std::getenv("NO_COLOR");
  const char* terminal = std::getenv("TERM");
  console.colour = !(no_colour && *no_colour) && !(terminal && std::strcmp(terminal, "dumb") == 0);
  winsize size{};
  int fd = console.out_terminal ? STDOUT_FILENO : STDERR_FILENO;
  if (::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col >= 20)
    console.width = std::min<int>(size.ws_col, columns_limit);
  return console;
}

void Console::print(std::string_view text) const { put(out, text); }
void Console::error(std::string_view text) const { put(err, text); }
void Console::document(const json::Value& value) const {
  std::string text = out_terminal ? json::write_pretty(value) : json::write(value);
  if (text.empty() || text.back() != '\n') text += '\n';
  print(text);
}
std::string Console::paint(Style style, std::string_view text) const {
  return painted(colour && out_terminal, style, text);
}
std::string Console::paint_error(Style style, std::string_view text) const {
  return painted(colour && err_terminal, style, text);
}

std::size_t columns(std::string_view text) {
  std::size_t count = 0;
  while (!text.empty()) {
    if (auto skip = sequence_length(text)) {
      text.remove_prefix(skip);
      continue;
    }
    auto [value, bytes] = point_at(text);
    count += columns_of(value);
    text.remove_prefix(bytes);
  }
  return count;
}

std::string fitted(std::string_view text, std::size_t width) {
  if (columns(text) <= width) return std::string(text);
  if (width == 0) return {};
  std::string out;
  std::size_t used = 0;
  bool coloured = false;
  while (!text.empty()) {
    std::size_t bytes = sequence_length(text);
    std::size_t cost = 0;
    if (bytes == 0) {
      Point point = point_at(text);
      bytes = point.bytes;
      cost = columns_of(point.value);
    } else {
      coloured = true;
    }
    if (used + cost > width - 1) break;
    out += text.substr(0, bytes);
    used += cost;
    text.remove_prefix(bytes);
  }
  return out + "…" + (coloured ? "\x1b[0m" : "");
}

std::string printable(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    auto [value, bytes] = point_at(text);
    bool control =
        (value < 0x20 && value != '\n' && value != '\t') || (value >= 0x7F && value < 0xA0);
    if (control) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned>(value));
    } else {
      out += text.substr(0, bytes);
    }
    text.remove_prefix(bytes);
  }
  return out;
}

std::string bytes_text(double bytes) {
  constexpr std::string_view units[] = {"bytes", "kB", "MB", "GB", "TB", "PB"};
  std::size_t unit = 0;
  while (bytes >= 999.5 && unit + 1 < std::size(units)) bytes /= 1000, ++unit;
  bool one_digit = unit > 0 && bytes < 9.95;
  return fmt::format("{:.{}f} {}", bytes, one_digit ? 1 : 0, units[unit]);
}

std::string time_text(double seconds) {
  if (!(seconds >= 0) || seconds > 1e9) return "–";
  if (seconds < 0.9995) return fmt::format("{:.0f} ms", seconds * 1000);
  if (seconds < 9.95) return fmt::format("{:.1f} s", seconds);
  auto whole = static_cast<std::int64_t>(std::llround(seconds));
  if (whole < 60) return fmt::format("{} s", whole);
  if (whole < 3600) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
  return fmt::format("{} h {:02} min", whole / 3600, whole % 3600 / 60);
}

std::string grouped(std::int64_t number) {
  std::string digits = fmt::format("{}", number);
  std::size_t first = digits[0] == '-' ? 1 : 0;
  for (std::size_t at = digits.size(); at > first + 3;) digits.insert(at -= 3, 1, ',');
  return digits;
}

}  // namespace outcrop::cli
