#include "json/json.h"

#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/value_stack.hpp>

#include <charconv>
#include <cmath>

namespace outcrop::json {
namespace {

/// Builds the document; takes numbers by their text, since the library's own conversion is off by
/// one unit in the last place for a fifth of the doubles with 17 digits.
struct Builder {
  static constexpr std::size_t max_object_size = std::size_t(-1);
  static constexpr std::size_t max_array_size = std::size_t(-1);
  static constexpr std::size_t max_key_size = std::size_t(-1);
  static constexpr std::size_t max_string_size = std::size_t(-1);

  boost::json::value_stack stack;
  std::string number;

  using Error = boost::system::error_code;
  using View = boost::json::string_view;

  bool on_document_begin(Error&) { return true; }
  bool on_document_end(Error&) { return true; }
  bool on_object_begin(Error&) { return true; }
  bool on_object_end(std::size_t n, Error&) { return stack.push_object(n), true; }
  bool on_array_begin(Error&) { return true; }
  bool on_array_end(std::size_t n, Error&) { return stack.push_array(n), true; }
  bool on_key_part(View s, std::size_t, Error&) { return stack.push_chars(s), true; }
  bool on_key(View s, std::size_t, Error&) { return stack.push_key(s), true; }
  bool on_string_part(View s, std::size_t, Error&) { return stack.push_chars(s), true; }
  bool on_string(View s, std::size_t, Error&) { return stack.push_string(s), true; }
  bool on_number_part(View s, Error&) { return number.append(s.data(), s.size()), true; }
  bool on_int64(std::int64_t i, View s, Error&) {
    bool negative_zero =
        i == 0 && (number.starts_with('-') || (number.empty() && s.starts_with('-')));
    number.clear();
    if (negative_zero) {
      stack.push_double(-0.0);
    } else {
      stack.push_int64(i);
    }
    return true;
  }
  bool on_uint64(std::uint64_t u, View, Error&) {
    return number.clear(), stack.push_uint64(u), true;
  }
  bool on_double(double approximate, View s, Error& error) {
    number.append(s.data(), s.size());
    double exact = approximate;
    auto [end, status] = std::from_chars(number.data(), number.data() + number.size(), exact);
    if (status == std::errc::result_out_of_range)
      exact = approximate;  // underflow to 0, or overflow
    number.clear();
    if (!std::isfinite(exact)) {
      error = boost::json::error::exponent_overflow;
      return false;
    }
    return stack.push_double(exact), true;
  }
  bool on_bool(bool b, Error&) { return stack.push_bool(b), true; }
  bool on_null(Error&) { return stack.push_null(), true; }
  bool on_comment_part(View, Error&) { return true; }
  bool on_comment(View, Error&) { return true; }
};

}  // namespace

Result<Value> read(std::string_view text, const ReadLimits& limits) {
  boost::json::parse_options options;
  options.max_depth = limits.depth;
  boost::json::basic_parser<Builder> parser(options);
  parser.handler().stack.reset();
  boost::system::error_code error;
  std::size_t used = parser.write_some(false, text.data(), text.size(), error);
  if (!error && used < text.size()) {
    // Only white space may follow.
    auto rest = text.find_first_not_of(" \t\r\n", used);
    if (rest != std::string_view::npos)
      return fail(Code::serialization, "JSON: extra text at byte {}", rest);
  }
  if (error) {
    if (error == boost::json::error::incomplete)
      return fail(Code::serialization, "JSON: ends too early, at byte {}", text.size());
    if (error == boost::json::error::too_deep)
      return fail(Code::serialization, "JSON: nested more than {} deep, at byte {}", limits.depth,
                  used);
    return fail(Code::serialization, "JSON: {} at byte {}", error.message(), used);
  }
  return parser.handler().stack.release();
}

}  // namespace outcrop::json
