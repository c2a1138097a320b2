#pragma once
/// The client's side of Signature Version 4: puts a signature on a request. For outbound providers,
/// for `outcrop env`, and for tests.

#include "base/time.h"
#include "wire/http.h"
#include "wire/sigv4.h"

#include <chrono>
#include <string>
#include <string_view>

namespace outcrop::wire::sigv4 {

struct Credentials {
  std::string access_key_id;
  std::string secret;
  std::string session_token{};
};

/// Sets x-amz-date, x-amz-security-token (when there is one), x-amz-content-sha256 (for S3, or
/// keeps the one that is there) and authorization. Signed: host (head.authority), content-type and
/// every x-amz-*.
void sign(RequestHead& head, std::string_view body, const Credentials& credentials,
          std::string_view region, std::string_view service, WallTime now);

struct Presign {
  std::string_view method = "GET";
  std::string_view authority{};
  std::string_view path{};   // as on the wire
  std::string_view query{};  // parameters of the request itself
  std::string_view region{};
  std::string_view service{};
  std::chrono::seconds expires{900};
  std::string_view payload_hash = empty_payload_hash;
};
/// The whole query, signature included, sorted.
std::string presign(const Presign& request, const Credentials& credentials, WallTime now);

}  // namespace outcrop::wire::sigv4
