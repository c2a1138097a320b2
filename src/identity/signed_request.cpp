#include "identity/signed_request.h"

#include "base/text.h"

#include <algorithm>
#include <charconv>

namespace outcrop::identity {
namespace {

using wire::sigv4::Scope;

Failure incomplete(std::string message) {
  return fail(Code::incomplete_signature, std::move(message));
}

/// X-Amz-Date in basic ISO 8601; a Date header may also be in HTTP's form.
Result<void> read_date(SignedRequest& out, std::string_view text, bool http_form_allowed) {
  auto date = parse_basic_iso8601(text);
  if (!date && http_form_allowed) date = parse_http_date(text);
  if (!date) {
    return incomplete("Date must be in ISO-8601 'basic format'. Got '" + shown(text) + "'.");
  }
  out.date = *date;
  out.amz_date = basic_iso8601(*date);
  return {};
}

Result<void> set_credential(SignedRequest& out, std::string_view text) {
  auto credential = parse_credential(text);
  if (!credential) {
    return incomplete(
        "Credential must have exactly 5 slash-delimited elements, e.g. "
        "keyid/date/region/service/term, got '" +
        shown(text) + "'.");
  }
  out.credential = std::move(*credential);
  return {};
}

Result<void> check_form(const SignedRequest& out) {
  auto names = std::count(out.signed_headers.begin(), out.signed_headers.end(), ';') + 1;
  if (static_cast<std::size_t>(names) > signed_headers_max) {
    return incomplete("SignedHeaders names " + std::to_string(names) + " headers; at most " +
                      std::to_string(signed_headers_max) + " are allowed.");
  }
  if (out.token.size() > token_bytes_max) {
    return incomplete("X-Amz-Security-Token has " + std::to_string(out.token.size()) +
                      " bytes; at most " + std::to_string(token_bytes_max) + " are allowed.");
  }
  return {};
}

}  // namespace

std::string shown(std::string_view text) {
  std::string out;
  for (char c : text.substr(0, 64)) out += c >= 0x20 && c < 0x7F && c != '\'' ? c : '?';
  if (text.size() > 64) out += "...";
  return out;
}

std::optional<Credential> parse_credential(std::string_view text) {
  if (text.size() > credential_bytes_max) return std::nullopt;
  std::array<std::string_view, 5> parts;
  for (std::size_t i = 0; i < 5; ++i) {
    auto slash = text.find('/');
    if ((slash == std::string_view::npos) != (i == 4)) return std::nullopt;
    parts[i] = text.substr(0, slash);
    if (parts[i].empty()) return std::nullopt;
    if (i < 4) text.remove_prefix(slash + 1);
  }
  return Credential{std::string(parts[0]),
                    Scope{std::string(parts[1]), std::string(parts[2]), std::string(parts[3])},
                    std::string(parts[4])};
}

bool is_presigned(std::string_view query) {
  return query.find("X-Amz-Signature=") != std::string_view::npos ||
         query.find("X-Amz-Algorithm=") != std::string_view::npos;
}

Result<SignedRequest> read_header(const wire::RequestHead& head, std::string_view authorization) {
  auto space = authorization.find(' ');
  auto named = authorization.substr(0, space);
  if (named != wire::sigv4::algorithm) {
    return incomplete("Unsupported AWS 'algorithm': '" + shown(named) +
                      "' (only AWS4-HMAC-SHA256 is supported).");
  }
  SignedRequest out;
  std::string_view credential, rest;
  if (space != std::string_view::npos) rest = authorization.substr(space + 1);
  while (!rest.empty()) {
    auto comma = rest.find(',');
    auto part = trim(rest.substr(0, comma));
    rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
    if (part.empty()) continue;
    auto equals = part.find('=');
    if (equals == std::string_view::npos) {
      return incomplete(
          "'" + shown(part) +
          "' not a valid key=value pair (missing equal-sign) in Authorization header.");
    }
    auto name = part.substr(0, equals), value = part.substr(equals + 1);
    if (name == "Credential") {
      credential = value;
    } else if (name == "SignedHeaders") {
      out.signed_headers = value;
    } else if (name == "Signature") {
      out.signature = value;
    }
  }
  auto amz_date = head.headers.find("x-amz-date");
  auto date = amz_date ? amz_date : head.headers.find("date");
  std::string missing;
  auto require = [&missing](bool there, std::string_view what) {
    if (there) return;
    if (!missing.empty()) missing += ' ';
    missing.append("Authorization header requires ").append(what) += '.';
  };
  require(!credential.empty(), "'Credential' parameter");
  require(!out.signature.empty(), "'Signature' parameter");
  require(!out.signed_headers.empty(), "'SignedHeaders' parameter");
  require(date.has_value(), "existence of either a 'X-Amz-Date' or a 'Date' header");
  if (!missing.empty()) return incomplete(std::move(missing));
  CHECK(set_credential(out, credential));
  CHECK(read_date(out, *date, !amz_date));
  out.token = head.headers.find("x-amz-security-token").value_or("");
  out.declared_hash = head.headers.find("x-amz-content-sha256").value_or("");
  CHECK(check_form(out));
  return out;
}

Result<SignedRequest> read_query(const wire::RequestHead& head, std::string_view query,
                                 std::chrono::seconds lifetime_max) {
  auto pairs = wire::parse_query(query);
  if (!pairs) return incomplete("The query string holds a broken percent escape.");
  auto find = [&pairs](std::string_view name) -> std::optional<std::string_view> {
    for (const auto& [key, value] : *pairs) {
      if (key == name) return value;
    }
    return std::nullopt;
  };
  SignedRequest out;
  out.presigned = true;
  std::string missing;
  auto required = [&](std::string_view name) -> std::string_view {
    auto value = find(name);
    if (value && !value->empty()) return *value;
    if (!missing.empty()) missing += ' ';
    missing.append("AWS query-string parameters must include '").append(name) += "'.";
    return {};
  };
  auto algorithm = required("X-Amz-Algorithm");
  auto credential = required("X-Amz-Credential");
  out.signature = required("X-Amz-Signature");
  out.signed_headers = required("X-Amz-SignedHeaders");
  auto date = required("X-Amz-Date");
  auto expires = required("X-Amz-Expires");
  if (!missing.empty()) return incomplete(std::move(missing));
  if (algorithm != wire::sigv4::algorithm) {
    return incomplete("Unsupported AWS 'algorithm': '" + shown(algorithm) +
                      "' (only AWS4-HMAC-SHA256 is supported).");
  }
  CHECK(set_credential(out, credential));
  CHECK(read_date(out, date, false));
  std::int64_t seconds = 0;
  auto [end, error] = std::from_chars(expires.data(), expires.data() + expires.size(), seconds);
  if (error != std::errc{} || end != expires.data() + expires.size() || seconds < 1 ||
      seconds > lifetime_max.count()) {
    return incomplete("X-Amz-Expires is '" + shown(expires) + "'; 1 to " +
                      std::to_string(lifetime_max.count()) + " seconds are allowed.");
  }
  out.expires = std::chrono::seconds(seconds);
  out.token = find("X-Amz-Security-Token").value_or("");
  auto header_hash = head.headers.find("x-amz-content-sha256");
  out.declared_hash = header_hash ? *header_hash : find("X-Amz-Content-Sha256").value_or("");
  CHECK(check_form(out));
  return out;
}

}  // namespace outcrop::identity
