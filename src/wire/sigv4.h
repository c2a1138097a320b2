#pragma once
/// The calculation of AWS Signature Version 4, without I/O and without a clock: identity/ verifies
/// with it, sign.h and outbound providers sign with it. Source: AWS "Create a signed AWS API
/// request" (2025).

#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace outcrop::wire::sigv4 {

inline constexpr std::string_view algorithm = "AWS4-HMAC-SHA256";
inline constexpr std::string_view terminator = "aws4_request";
inline constexpr std::string_view unsigned_payload = "UNSIGNED-PAYLOAD";
inline constexpr std::string_view empty_payload_hash =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

struct Scope {
  std::string date;  // YYYYMMDD
  std::string region;
  std::string service;
  std::string text() const { return date + "/" + region + "/" + service + "/aws4_request"; }
};

/// HMAC chain date, region, service, "aws4_request": 32 raw bytes, worth caching by scope.
std::string signing_key(std::string_view secret, const Scope& scope);

/// How the path on the wire becomes canonical.
enum class PathStyle {
  encode_again,            // every service but S3: each segment is encoded once more
  as_sent,                 // S3: escapes stay, bytes that needed one and have none get theirs
  normalize_encode_again,  // "." and ".." resolved and empty segments dropped first, as botocore
                           // and JS do for every service but S3; the same as encode_again on
                           // ordinary paths
};
/// True when normalising would change nothing.
bool is_normal(std::string_view path);

/// The style of a service whose path is as it should be.
inline PathStyle path_style(std::string_view service) {
  return service == "s3" ? PathStyle::as_sent : PathStyle::encode_again;
}

struct CanonicalInput {
  std::string_view method{};
  std::string_view path{};   // as on the wire
  std::string_view query{};  // as on the wire, without '?'
  /// The signed ones: lower-case name, raw value. Sorted here; those of one name are joined in the
  /// order given, runs of white space become one space.
  std::vector<std::pair<std::string_view, std::string_view>> headers{};
  std::string_view payload_hash{};  // hex, or a literal such as UNSIGNED-PAYLOAD
  PathStyle path_style = PathStyle::encode_again;
  /// Parameters left out (X-Amz-Signature when presigned).
  std::array<std::string_view, 2> omit_query{};
};

std::string canonical_request(const CanonicalInput& input);
std::string string_to_sign(std::string_view amz_date, const Scope& scope,
                           std::string_view canonical_request);
/// Hex.
std::string signature(std::string_view signing_key, std::string_view string_to_sign);

/// The next link of a chain of signed pieces (hex): a frame of an event stream (`headers` is its
/// encoded
/// `:date` header, `payload` the frame's), or a chunk of a STREAMING-AWS4-HMAC-SHA256-PAYLOAD body
/// (`headers` empty). The first prior signature is the request's own.
std::string chunk_signature(std::string_view signing_key, std::string_view amz_date,
                            const Scope& scope, std::string_view prior_signature,
                            std::string_view headers, std::string_view payload);

}  // namespace outcrop::wire::sigv4
