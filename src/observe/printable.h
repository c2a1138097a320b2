#pragma once
/// Makes any bytes safe to show: what is not UTF-8 becomes U+FFFD; control characters, line
/// separators and the characters that reverse the direction of text are escaped.

#include <string>
#include <string_view>

namespace outcrop::observe {

/// The inside of a JSON string, without its quotes; the result holds no byte below 0x20.
void escape_json(std::string_view text, std::string& out);
/// For a line that people read: \n, \t and \u{1b}; '"' and '\' only inside quotes.
void escape_plain(std::string_view text, bool quoted, std::string& out);
/// Valid UTF-8, nothing else changed.
std::string only_utf8(std::string_view text);

}  // namespace outcrop::observe
