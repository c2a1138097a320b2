#pragma once
/// The calculation of AWS Signature Version 4, without I/O and without a clock: identity/ verifies
/// with it, outbound providers sign with it. Source: AWS "Create a signed AWS API request" (2025).

#include "base/result.h"
#include "wire/http.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace outcrop::wire::sigv4 {

struct Scope {
  std::string date;  // YYYYMMDD
  std::string region;
  std::string service;
  std::string text() const { return date + "/" + region + "/" + service + "/aws4_request"; }
};

/// HMAC chain date, region, service, "aws4_request": 32 raw bytes, worth caching by scope.
std::string signing_key(std::string_view secret, const Scope& scope);

/// How the path becomes canonical: every service but S3 encodes the path as on the wire once more.
enum class PathStyle { encode_again, as_sent };

struct CanonicalInput {
  std::string_view method;
  std::string_view path;   // as on the wire
  std::string_view query;  // as on the wire, without '?'
  std::vector<std::pair<std::string, std::string>>
      headers;                    // the signed ones: lower-case name, raw value
  std::string_view payload_hash;  // hex, or a literal such as UNSIGNED-PAYLOAD
  PathStyle path_style = PathStyle::encode_again;
  std::string_view omit_query{};  // a parameter left out (X-Amz-Signature when presigned)
};

std::string canonical_request(const CanonicalInput& input);
std::string string_to_sign(std::string_view amz_date, const Scope& scope,
                           std::string_view canonical_request);
/// Hex.
std::string signature(std::string_view signing_key, std::string_view string_to_sign);

}  // namespace outcrop::wire::sigv4
