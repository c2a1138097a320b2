#include "identity/checks.h"

#include "base/text.h"
#include "wire/sigv4.h"

#include <utility>

namespace outcrop::identity {
namespace {

namespace sigv4 = wire::sigv4;

constexpr std::string_view signature_differs =
    "The request signature we calculated does not match the signature you provided. Check your AWS "
    "Secret Access Key and signing method. Consult the service documentation for details.";

bool is_sha256_hex(std::string_view hash) {
  return hash.size() == 64 && hash.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::string minutes_text(std::chrono::seconds duration) {
  return std::to_string(duration.count() / 60) + " min.";
}

sigv4::CanonicalInput canonical_input(const wire::RequestHead& head, const SignedRequest& request,
                                      std::string_view hash, std::string& absent) {
  sigv4::CanonicalInput input{.method = head.method,
                              .path = head.path(),
                              .query = head.query(),
                              .headers = {},
                              .payload_hash = hash,
                              .path_style = sigv4::path_style(request.credential.scope.service)};
  if (request.presigned) input.omit_query[0] = "X-Amz-Signature";
  input.headers.reserve(16);
  std::string_view rest = request.signed_headers;
  while (!rest.empty()) {
    auto end = rest.find(';');
    auto name = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    if (name == "host" || name == ":authority") {
      auto host = name == "host" ? head.headers.find("host") : std::nullopt;
      input.headers.emplace_back(name, host ? *host : std::string_view(head.authority));
      continue;
    }
    bool found = false;
    for (const auto& [key, value] : head.headers.all()) {
      if (key != name) continue;
      input.headers.emplace_back(name, value);
      found = true;
    }
    if (!found) {
      input.headers.emplace_back(name, std::string_view());
      absent.append(absent.empty() ? "" : ";").append(name);
    }
  }
  return input;
}

}  // namespace

Failure refuse(Code code, std::string_view message, std::string detail) {
  return fail(Error{.code = code, .message = std::string(message), .detail = std::move(detail)});
}

bool is_payload_literal(std::string_view hash) {
  return hash == sigv4::unsigned_payload || hash == "STREAMING-UNSIGNED-PAYLOAD-TRAILER" ||
         hash == "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" ||
         hash == "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER" ||
         hash == "STREAMING-AWS4-HMAC-SHA256-EVENTS";
}

Result<void> check_scope(const SignedRequest& request) {
  const auto& credential = request.credential;
  std::string wrong;
  if (credential.terminator != sigv4::terminator) {
    wrong = "Credential should be scoped with a valid terminator: 'aws4_request', not '" +
            shown(credential.terminator) + "'. ";
  }
  if (credential.scope.date != std::string_view(request.amz_date).substr(0, 8)) {
    wrong +=
        "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from "
        "HTTP: '" +
        shown(credential.scope.date) + "' != '" + request.amz_date.substr(0, 8) + "', from '" +
        request.amz_date + "'.";
  }
  if (!wrong.empty()) return refuse(Code::invalid_signature, trim(wrong));
  bool host = false;
  for (auto name : split(request.signed_headers, ';'))
    host |= name == "host" || name == ":authority";
  if (!host) {
    return refuse(Code::invalid_signature,
                  "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.");
  }
  return {};
}

Result<void> check_time(const SignedRequest& request, const Options& options, WallTime now) {
  bool s3 = request.credential.scope.service == "s3";
  auto window = s3 ? options.clock_window_s3 : options.clock_window;
  WallTime at = std::chrono::floor<std::chrono::seconds>(now);
  auto lifetime = request.presigned ? request.expires : window;
  if (request.date + lifetime < at) {
    if (request.presigned && s3) return refuse(Code::access_denied, "Request has expired");
    return refuse(Code::invalid_signature,
                  "Signature expired: " + request.amz_date + " is now earlier than " +
                      basic_iso8601(at - lifetime) + " (" + basic_iso8601(at) + " - " +
                      minutes_text(lifetime) + ")");
  }
  if (request.date - window > at) {
    return refuse(Code::invalid_signature,
                  "Signature not yet current: " + request.amz_date + " is still later than " +
                      basic_iso8601(at + window) + " (" + basic_iso8601(at) + " + " +
                      minutes_text(window) + ")");
  }
  return {};
}

Result<std::string> payload_hash(const SignedRequest& request, std::string_view body) {
  const auto& declared = request.declared_hash;
  if (declared.empty()) {
    if (request.presigned && request.credential.scope.service == "s3") {
      return std::string(sigv4::unsigned_payload);
    }
    return body.empty() ? std::string(sigv4::empty_payload_hash) : hex(sha256(body));
  }
  if (is_payload_literal(declared)) return declared;
  if (!is_sha256_hex(declared)) {
    return refuse(
        Code::incomplete_signature,
        "x-amz-content-sha256 is '" + shown(declared) +
            "'; it must be a SHA-256 in lower-case hex, UNSIGNED-PAYLOAD, or one of AWS's "
            "STREAMING- values.");
  }
  std::string real = hex(sha256(body));
  if (real != declared) {
    return refuse(Code::invalid_signature, signature_differs,
                  "x-amz-content-sha256 declares " + declared + ", but the body of " +
                      std::to_string(body.size()) + " bytes hashes to " + real);
  }
  return real;
}

Result<void> check_signature(const wire::RequestHead& head, const SignedRequest& request,
                             std::string_view payload_hash, std::string_view signing_key) {
  const auto& scope = request.credential.scope;
  std::string absent;
  auto input = canonical_input(head, request, payload_hash, absent);
  bool odd_path =
      input.path_style == sigv4::PathStyle::encode_again && !sigv4::is_normal(input.path);
  // botocore and JS sign such a path resolved, Go and Rust as it stands.
  if (odd_path) input.path_style = sigv4::PathStyle::normalize_encode_again;
  std::string canonical;
  auto matches = [&] {
    canonical = sigv4::canonical_request(input);
    auto text = sigv4::string_to_sign(request.amz_date, scope, canonical);
    return equal_constant_time(sigv4::signature(signing_key, text), request.signature);
  };
  if (matches()) return {};
  if (odd_path) {
    input.path_style = sigv4::PathStyle::encode_again;
    if (matches()) return {};
  }
  std::string detail = "canonical request sha256 " + hex(sha256(canonical)) + ", payload " +
                       std::string(payload_hash) + ", signed headers " +
                       shown(request.signed_headers) + ", host '" + shown(head.authority) +
                       "', scope " + shown(scope.text());
  if (!absent.empty()) detail += "; signed but not received: " + shown(absent);
  return refuse(Code::invalid_signature, signature_differs, std::move(detail));
}

}  // namespace outcrop::identity
