#include "wire/client_url.h"

#include "base/text.h"

#include <algorithm>
#include <charconv>
#include <sys/un.h>

namespace outcrop::wire {
namespace {

using Scheme = Origin::Scheme;

std::uint16_t usual_port(Scheme scheme) { return scheme == Scheme::https ? 443 : 80; }

bool is_target(std::string_view target) {
  return std::all_of(target.begin(), target.end(), [](unsigned char c) {
    return c > 0x20 && c < 0x7F && c != '"' && c != '<' && c != '>' && c != '\\' && c != '^' &&
           c != '`' && c != '{' && c != '|' && c != '}';
  });
}

bool is_host(std::string_view host, bool bracketed) {
  return !host.empty() && host.size() <= 253 && std::all_of(host.begin(), host.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' ||
           (!bracketed && (c == '-' || c == '_')) || (bracketed && c == ':');
  });
}

Result<std::string> clean_target(std::string_view target) {
  target = target.substr(0, target.find('#'));
  std::string out(target);
  if (out.empty() || out[0] != '/') out.insert(0, 1, '/');
  if (!is_target(out)) {
    return fail(Code::validation, "The URL's path has characters that must be percent-encoded.");
  }
  return out;
}

Result<Url> parse_unix(std::string_view rest) {
  auto end = rest.find(":/");
  std::string_view path = rest.substr(0, end);
  if (path.empty() || path[0] != '/' || path.find('\0') != path.npos) {
    return fail(Code::validation, "A URL of a Unix socket is written unix:/path/of/socket:/path.");
  }
  if (path.size() >= sizeof(sockaddr_un::sun_path)) {
    return fail(Code::validation,
                "The path of a Unix socket has at most {} bytes; this one has {}.",
                sizeof(sockaddr_un::sun_path) - 1, path.size());
  }
  TRY(target, clean_target(end == rest.npos ? "" : rest.substr(end + 1)));
  return Url{{Scheme::unix_socket, std::string(path), 0}, std::move(target)};
}

Result<Origin> parse_authority(Scheme scheme, std::string_view authority) {
  if (authority.find('@') != authority.npos) {
    return fail(Code::validation,
                "The URL must not carry a user's name or password: use a header.");
  }
  Origin origin{scheme, "", usual_port(scheme)};
  std::string_view port;
  bool bracketed = authority.starts_with('[');
  if (bracketed) {
    auto close = authority.find(']');
    if (close == authority.npos)
      return fail(Code::validation, "The URL's IPv6 address lacks its ']'.");
    origin.host = lower(authority.substr(1, close - 1));
    port = authority.substr(close + 1);
    if (!port.empty() && port[0] != ':')
      return fail(Code::validation, "The URL's host is not one.");
    if (!port.empty()) port.remove_prefix(1);
  } else {
    auto colon = authority.find(':');
    origin.host = lower(authority.substr(0, colon));
    if (colon != authority.npos) port = authority.substr(colon + 1);
  }
  if (!is_host(origin.host, bracketed))
    return fail(Code::validation, "The URL's host '{}' is not one.", origin.host);
  if (!port.empty()) {
    auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), origin.port);
    if (error != std::errc() || end != port.data() + port.size() || origin.port == 0) {
      return fail(Code::validation, "The URL's port '{}' is not a number from 1 to 65535.", port);
    }
  }
  return origin;
}

}  // namespace

std::string Origin::text() const {
  if (scheme == Scheme::unix_socket) return "unix:" + host;
  std::string name = host.find(':') != host.npos ? "[" + host + "]" : host;
  return fmt::format("{}://{}:{}", scheme == Scheme::https ? "https" : "http", name, port);
}

std::string Origin::authority() const {
  if (scheme == Scheme::unix_socket) return "localhost";
  std::string name = host.find(':') != host.npos ? "[" + host + "]" : host;
  return port == usual_port(scheme) ? name : fmt::format("{}:{}", name, port);
}

Result<Url> parse_url(std::string_view text) {
  auto colon = text.find(':');
  std::string scheme = lower(text.substr(0, colon));
  if (colon == text.npos)
    return fail(Code::validation, "The URL must begin with http://, https:// or unix:/.");
  std::string_view rest = text.substr(colon + 1);
  if (scheme == "unix") return parse_unix(rest);
  if ((scheme != "http" && scheme != "https") || !rest.starts_with("//")) {
    return fail(Code::validation, "The URL must begin with http://, https:// or unix:/.");
  }
  rest.remove_prefix(2);
  auto end = rest.find_first_of("/?#");
  TRY(origin,
      parse_authority(scheme == "https" ? Scheme::https : Scheme::http, rest.substr(0, end)));
  TRY(target, clean_target(end == rest.npos ? "" : rest.substr(end)));
  return Url{std::move(origin), std::move(target)};
}

Result<Url> resolve_url(const Url& base, std::string_view reference) {
  auto colon = reference.find(':');
  if (colon != reference.npos && colon < reference.find_first_of("/?#"))
    return parse_url(reference);
  if (reference.starts_with("//")) {
    if (base.origin.scheme == Scheme::unix_socket) {
      return fail(Code::validation, "A Unix socket cannot refer to another host without a scheme.");
    }
    return parse_url((base.origin.scheme == Scheme::https ? "https:" : "http:") +
                     std::string(reference));
  }
  std::string_view path = std::string_view(base.target).substr(0, base.target.find('?'));
  std::string target;
  if (reference.starts_with('/')) {
    target = reference;
  } else if (reference.empty() || reference[0] == '#') {
    target = base.target;
  } else if (reference[0] == '?') {
    target = std::string(path) + std::string(reference);
  } else {
    target = std::string(path.substr(0, path.rfind('/') + 1)) + std::string(reference);
  }
  TRY(clean, clean_target(target));
  return Url{base.origin, std::move(clean)};
}

}  // namespace outcrop::wire
