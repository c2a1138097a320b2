#pragma once
/// Small text and byte encodings that more than one folder needs.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace outcrop {

std::string hex(std::string_view bytes);  // lower case
std::optional<std::string> unhex(std::string_view text);

std::string base64(std::string_view bytes);                  // standard alphabet, padded
std::optional<std::string> unbase64(std::string_view text);  // padded, nothing else inside
std::string base64url(std::string_view bytes);               // URL alphabet, no padding

/// RFC 3986: all but A-Z a-z 0-9 - _ . ~ (and '/' when kept) becomes %XX, upper case.
std::string percent_encode(std::string_view bytes, bool keep_slash = false);
/// Nothing when a '%' is not followed by two hex digits. '+' stays '+'.
std::optional<std::string> percent_decode(std::string_view text);

bool is_utf8(std::string_view bytes);
/// How many leading bytes of `bytes` end on a whole character; the rest is the beginning of one.
/// Bytes that can never be UTF-8 count as whole.
std::size_t whole_utf8(std::string_view bytes);
/// Code points, as AWS counts the length of a string. `text` must be UTF-8.
std::size_t code_points(std::string_view text);

std::string lower(std::string_view text);  // ASCII
bool equals_ignoring_case(std::string_view a, std::string_view b);
std::string_view trim(std::string_view text);  // spaces and tabs
std::vector<std::string_view> split(std::string_view text, char separator);
/// '*' matches any run of characters, '?' one; everything else itself.
bool glob_match(std::string_view pattern, std::string_view text);

/// Takes the same time wherever the difference is. Different lengths differ at once.
bool equal_constant_time(std::string_view a, std::string_view b);

std::string sha256(std::string_view bytes);  // 32 raw bytes
std::string hmac_sha256(std::string_view key, std::string_view bytes);

}  // namespace outcrop
