#include "observe/printable.h"

#include <fmt/format.h>

#include <cstdint>
#include <iterator>

namespace outcrop::observe {
namespace {

constexpr char32_t broken = 0xFFFFFFFF;

/// Takes one character from the front; `broken` for a byte that belongs to none.
char32_t take(std::string_view& text) {
  auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  unsigned char first = byte(0);
  if (first < 0x80) {
    text.remove_prefix(1);
    return first;
  }
  std::size_t length = first >= 0xC2 && first <= 0xDF   ? 2
                       : (first & 0xF0) == 0xE0         ? 3
                       : first >= 0xF0 && first <= 0xF4 ? 4
                                                        : 0;
  char32_t value = length == 2 ? first & 0x1F : length == 3 ? first & 0x0F : first & 0x07;
  bool good = length != 0 && text.size() >= length;
  for (std::size_t i = 1; good && i < length; ++i) {
    good = (byte(i) & 0xC0) == 0x80;
    value = value << 6 | (byte(i) & 0x3F);
  }
  // Overlong forms, surrogates and what lies beyond Unicode are no characters either.
  if (good && ((length == 3 && (value < 0x800 || (value >= 0xD800 && value <= 0xDFFF))) ||
               (length == 4 && (value < 0x10000 || value > 0x10FFFF)))) {
    good = false;
  }
  text.remove_prefix(good ? length : 1);
  return good ? value : broken;
}

bool unsafe(char32_t c) {
  return c < 0x20 || (c >= 0x7F && c <= 0x9F) ||       // C0, DEL, C1
         c == 0x200E || c == 0x200F || c == 0x061C ||  // direction marks
         (c >= 0x2028 && c <= 0x202E) ||               // separators, embeddings, overrides
         (c >= 0x2066 && c <= 0x2069) || c == 0xFEFF;  // isolates, a byte order mark
}

/// Calls `escape(c)` for what must not stand there as it is and copies the rest.
template <class Escape>
void copy_safely(std::string_view text, std::string& out, Escape escape) {
  while (!text.empty()) {
    const char* start = text.data();
    char32_t c = take(text);
    if (c == broken) {
      out += "\xEF\xBF\xBD";
    } else if (!escape(c)) {
      out.append(start, text.data());
    }
  }
}

}  // namespace

void escape_json(std::string_view text, std::string& out) {
  copy_safely(text, out, [&](char32_t c) {
    switch (c) {
      case '"':
        out += "\\\"";
        return true;
      case '\\':
        out += "\\\\";
        return true;
      case '\n':
        out += "\\n";
        return true;
      case '\r':
        out += "\\r";
        return true;
      case '\t':
        out += "\\t";
        return true;
      default:
        break;
    }
    if (!unsafe(c)) return false;
    fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<std::uint32_t>(c));
    return true;
  });
}

void escape_plain(std::string_view text, bool quoted, std::string& out) {
  copy_safely(text, out, [&](char32_t c) {
    if (quoted && (c == '"' || c == '\\')) {
      out += '\\';
      return false;
    }
    if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\t') {
      out += "\\t";
    } else if (unsafe(c)) {
      fmt::format_to(std::back_inserter(out), "\\u{{{:x}}}", static_cast<std::uint32_t>(c));
    } else {
      return false;
    }
    return true;
  });
}

std::string only_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  copy_safely(text, out, [](char32_t) { return false; });
  return out;
}

}  // namespace outcrop::observe
