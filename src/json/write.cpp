#include "json/json.h"

#include <charconv>
#include <cmath>

namespace outcrop::json {
namespace {

constexpr char hex_digits[] = "0123456789abcdef";

template <class Integer>
void write_integer(Integer number, std::string& out) {
  char buffer[24];
  auto end = std::to_chars(buffer, buffer + sizeof buffer, number).ptr;
  out.append(buffer, end);
}

void indent(std::string& out, int depth) {
  out += '\n';
  out.append(static_cast<std::size_t>(depth) * 2, ' ');
}

void write_value(const Value& value, std::string& out, int depth, bool pretty) {
  switch (value.kind()) {
    case boost::json::kind::null:
      out += "null";
      return;
    case boost::json::kind::bool_:
      out += value.get_bool() ? "true" : "false";
      return;
    case boost::json::kind::int64:
      write_integer(value.get_int64(), out);
      return;
    case boost::json::kind::uint64:
      write_integer(value.get_uint64(), out);
      return;
    case boost::json::kind::double_:
      write_number(value.get_double(), out);
      return;
    case boost::json::kind::string:
      write_string(view(value.get_string()), out);
      return;
    case boost::json::kind::array: {
      out += '[';
      bool first = true;
      for (const auto& item : value.get_array()) {
        if (!first) out += ',';
        first = false;
        if (pretty) indent(out, depth + 1);
        write_value(item, out, depth + 1, pretty);
      }
      if (pretty && !first) indent(out, depth);
      out += ']';
      return;
    }
    case boost::json::kind::object: {
      out += '{';
      bool first = true;
      for (const auto& member : value.get_object()) {
        if (!first) out += ',';
        first = false;
        if (pretty) indent(out, depth + 1);
        write_string({member.key().data(), member.key().size()}, out);
        out += pretty ? ": " : ":";
        write_value(member.value(), out, depth + 1, pretty);
      }
      if (pretty && !first) indent(out, depth);
      out += '}';
      return;
    }
  }
}

}  // namespace

void write_string(std::string_view text, std::string& out) {
  out += '"';
  std::size_t start = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    auto c = static_cast<unsigned char>(text[i]);
    if (c >= 0x20 && c != '"' && c != '\\') continue;
    out.append(text, start, i - start);
    start = i + 1;
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\b':
        out += "\\b";
        break;
      case '\f':
        out += "\\f";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        out += {'\\', 'u', '0', '0', hex_digits[c >> 4], hex_digits[c & 15]};
    }
  }
  out.append(text, start, text.size() - start);
  out += '"';
}

void write_number(double number, std::string& out) {
  if (!std::isfinite(number)) {
    out += "null";
    return;
  }
  char buffer[32];
  double magnitude = std::fabs(number);
  bool plain = number == 0 || (magnitude >= 1e-5 && magnitude < 1e17);
  auto end =
      plain ? std::to_chars(buffer, buffer + sizeof buffer, number, std::chars_format::fixed).ptr
            : std::to_chars(buffer, buffer + sizeof buffer, number).ptr;
  std::string_view text(buffer, static_cast<std::size_t>(end - buffer));
  out += text;
  // 1.0 stays a double when it is read back.
  if (text.find_first_of(".e") == std::string_view::npos) out += ".0";
}

void write(const Value& value, std::string& out) { write_value(value, out, 0, false); }

std::string write(const Value& value) {
  std::string out;
  write(value, out);
  return out;
}

std::string write_pretty(const Value& value) {
  std::string out;
  write_value(value, out, 0, true);
  return out;
}

}  // namespace outcrop::json
