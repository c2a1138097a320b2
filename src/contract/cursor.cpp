#include "contract/cursor.h"

#include <fmt/format.h>

#include <cctype>
#include <charconv>
#include <cstring>

namespace outcrop::contract {
namespace {

constexpr int depth_max = 16;

bool in_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || c == '+' || c == '-' || c == '.';
}

void append_utf8(std::string& out, unsigned code) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xc0 | (code >> 6));
    out += static_cast<char>(0x80 | (code & 0x3f));
  } else {
    out += static_cast<char>(0xe0 | (code >> 12));
    out += static_cast<char>(0x80 | ((code >> 6) & 0x3f));
    out += static_cast<char>(0x80 | (code & 0x3f));
  }
}

}  // namespace

void Cursor::fail_with(std::string_view what) {
  if (error_.empty()) error_ = fmt::format("{} at byte {}", what, at_);
}

char Cursor::peek() {
  if (failed()) return '\0';
  while (at_ < text_.size() &&
         (text_[at_] == '\n' || text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\r'))
    ++at_;
  return at_ < text_.size() ? text_[at_] : '\0';
}

void Cursor::expect(char wanted) {
  if (peek() == wanted) {
    ++at_;
  } else {
    fail_with(fmt::format("expected '{}'", wanted));
  }
}

bool Cursor::enter(char open) {
  expect(open);
  if (++depth_ > depth_max) fail_with("nested too deep");
  return !failed();
}

bool Cursor::leave(char close) {
  if (peek() != close) return false;
  ++at_;
  depth_ -= 1;
  return true;
}

bool Cursor::more(char close) {
  char next = peek();
  if (next == ',' || next == close) {
    ++at_;
    return next == ',';
  }
  fail_with("expected ',' or an end");
  return false;
}

std::string_view Cursor::string() {
  expect('"');
  if (failed()) return {};
  std::size_t start = at_;
  while (at_ < text_.size() && text_[at_] != '"' && text_[at_] != '\\') ++at_;
  if (at_ < text_.size() && text_[at_] == '"') return text_.substr(start, at_++ - start);

  std::string rewritten(text_.substr(start, at_ - start));
  while (at_ < text_.size() && text_[at_] != '"') {
    char c = text_[at_++];
    if (c != '\\') {
      rewritten += c;
      continue;
    }
    if (at_ >= text_.size()) break;
    switch (char escape = text_[at_++]) {
      case '"':
      case '\\':
      case '/':
        rewritten += escape;
        break;
      case 'b':
        rewritten += '\b';
        break;
      case 'f':
        rewritten += '\f';
        break;
      case 'n':
        rewritten += '\n';
        break;
      case 'r':
        rewritten += '\r';
        break;
      case 't':
        rewritten += '\t';
        break;
      case 'u': {
        unsigned code = 0;
        auto digits = text_.substr(at_, 4);
        auto [stop, status] =
            std::from_chars(digits.data(), digits.data() + digits.size(), code, 16);
        if (status != std::errc{} || stop != digits.data() + 4 ||
            (code >= 0xd800 && code < 0xe000)) {
          fail_with("an escape that contracts do not use");
          return {};
        }
        at_ += 4;
        append_utf8(rewritten, code);
        break;
      }
      default:
        fail_with("unknown escape");
        return {};
    }
  }
  if (at_ >= text_.size()) {
    fail_with("a string without an end");
    return {};
  }
  ++at_;
  auto* kept = static_cast<char*>(arena_.allocate(rewritten.size() + 1, 1));
  std::memcpy(kept, rewritten.data(), rewritten.size());
  return {kept, rewritten.size()};
}

std::string_view Cursor::word() {
  peek();
  if (failed()) return {};
  std::size_t start = at_;
  while (at_ < text_.size() && in_word(text_[at_])) ++at_;
  if (at_ == start) fail_with("expected a value");
  return text_.substr(start, at_ - start);
}

void Cursor::skip() {
  switch (peek()) {
    case '{':
      object([this](std::string_view) { skip(); });
      return;
    case '[':
      array([this] { skip(); });
      return;
    case '"':
      string();
      return;
    default:
      word();
  }
}

void Cursor::end() {
  if (peek() != '\0' || at_ < text_.size()) fail_with("text after the end");
}

}  // namespace outcrop::contract
