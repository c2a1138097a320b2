#pragma once
/// Reads what a client says about its signature, wherever it stands. Nothing is judged but its
/// form. Views point into the request.

#include "base/result.h"
#include "base/time.h"
#include "wire/http.h"
#include "wire/sigv4.h"

#include <array>
#include <optional>
#include <string>
#include <string_view>

namespace outcrop::identity {

inline constexpr std::size_t signed_headers_max = 128;
inline constexpr std::size_t credential_bytes_max = 256;
inline constexpr std::size_t token_bytes_max = 8'192;  // a session token, or an API key

struct Credential {
  std::string key_id;
  wire::sigv4::Scope scope;
  std::string terminator;
};
/// "AK/20240101/us-east-1/bedrock/aws4_request", decoded. Nothing when it has not five parts or is
/// longer than any real one: it becomes the name of a cached key.
std::optional<Credential> parse_credential(std::string_view text);

struct SignedRequest {
  Credential credential;
  std::string signed_headers;  // as named: "host;x-amz-date"
  std::string signature;
  std::string amz_date;  // basic ISO 8601, also when the client sent another form
  WallTime date{};
  std::string token;          // X-Amz-Security-Token, or empty
  std::string declared_hash;  // x-amz-content-sha256, or empty
  bool presigned = false;
  std::chrono::seconds expires{0};  // of a presigned one
};

/// `authorization` is the header's value and begins with "AWS4-". Errors: incomplete_signature.
Result<SignedRequest> read_header(const wire::RequestHead& head, std::string_view authorization);
/// A query with X-Amz-Algorithm and its companions. `lifetime_max` bounds X-Amz-Expires.
/// Errors: incomplete_signature.
Result<SignedRequest> read_query(const wire::RequestHead& head, std::string_view query,
                                 std::chrono::seconds lifetime_max);
bool is_presigned(std::string_view query);

/// What came off the wire, cut and cleaned for a message.
std::string shown(std::string_view text);

}  // namespace outcrop::identity
