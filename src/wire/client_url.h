#pragma once
/// Where a request goes, taken from its URL.

#include "base/result.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace outcrop::wire {

struct Origin {
  enum class Scheme { http, https, unix_socket } scheme = Scheme::http;
  std::string host;  // lower case, an IPv6 address without its brackets; of a Unix socket its path
  std::uint16_t port = 0;
  bool operator==(const Origin&) const = default;

  /// "https://[::1]:8443", "unix:/run/x.sock": the key of the pool, and a name for messages.
  std::string text() const;
  /// For the Host header: without the scheme's own port.
  std::string authority() const;
};

struct Url {
  Origin origin;
  std::string target;  // path and query, "/" at least
};

/// Errors: validation, saying what is wrong. A fragment is dropped; a user's name or password in
/// the URL is refused, as are characters that must be percent-encoded.
Result<Url> parse_url(std::string_view text);
/// What a Location header names, seen from `base` (RFC 3986, 5.2; dot segments are left to the
/// server).
Result<Url> resolve_url(const Url& base, std::string_view reference);

}  // namespace outcrop::wire
