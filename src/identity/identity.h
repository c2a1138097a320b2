#pragma once
/// Who signed. Answers for every request: a Principal, or the error AWS gives.
/// Threads: the loop's.

#include "base/result.h"
#include "base/time.h"
#include "identity/keys.h"
#include "wire/http.h"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace outcrop::identity {

struct Principal {
  enum class How : std::uint8_t {
    sigv4,           // a signature in the header or the query
    short_term_key,  // bedrock-api-key-...
    long_term_key,   // ABSK...
    open,            // nobody in particular, in open mode
    local_socket,    // whoever may open our Unix socket; the front says so, not the Authenticator
  } how = How::open;
  std::string account;  // 12 digits
  std::string arn;      // arn:aws:iam::<account>:user/<name>
  std::string
      key_id;        // access key id, or the id of the API key; in open mode the unknown one given
  std::string name;  // the key's name
  bool admin = false;  // may call what is not AWS's: /metrics off loopback
  /// False when the signature says nothing about the body: UNSIGNED-PAYLOAD, STREAMING-..., API
  /// keys.
  bool body_signed = false;
};

/// What was learnt on the way, also from a request that is refused: the front needs the service
/// that was meant, to refuse it in its own protocol.
struct Scope {
  std::string service;  // the signing name; empty for API keys and unsigned requests
  std::string region;   // of the signature, or the configured one
};

struct Options {
  std::string account = "000000000000";
  std::string region = "us-east-1";  // when the request names none (API keys)
  /// Accept unsigned requests, and unknown keys whatever they signed, so that SDKs with dummy
  /// credentials work; a key that is known must still be right. Refused at start off loopback (by
  /// app).
  bool open = false;
  std::chrono::seconds clock_window{300};
  std::chrono::seconds clock_window_s3{900};
  std::size_t derived_keys = 4'096;  // cached signing keys
};

/// Limits: a client may name 128 signed headers; a session token or API key may have 8,192 bytes; a
///         presigned request may live 7 days, a short-term API key 12 hours (AWS's limits).
class Authenticator {
 public:
  /// `keys` must outlive it; keys that served are noted there as used.
  Authenticator(Keys& keys, Options options);
  ~Authenticator();
  /// `body` is needed when the signature covers its hash. Errors, with AWS's words:
  ///   missing_authentication  neither signature nor key
  ///   incomplete_signature    what came cannot be read as a signature (400)
  ///   unrecognized_client     no such access key, revoked, or a session token that is not ours
  ///   expired_token           the session token, or the access key, has run out
  ///   invalid_signature       the signature differs, its time is outside the window, its scope
  ///   contradicts it access_denied           an API key that is unknown, wrong, revoked or
  ///   expired; an S3 URL that ran out
  /// The detail says which hash the canonical request had and what was signed; never a secret.
  Result<Principal> authenticate(const wire::RequestHead& head, std::string_view body,
                                 WallTime now) const;
  /// Without judging: for routing and for refusals.
  Scope scope(const wire::RequestHead& head) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// A Bedrock API key as AWS's token generators make it: a presigned call in base64, made by whoever
/// holds the access key, without asking a server. `expires` 1 s to 12 h.
std::string mint_short_term_key(std::string_view access_key_id, std::string_view secret,
                                std::string_view region, WallTime now,
                                std::chrono::seconds expires = std::chrono::hours(12),
                                std::string_view session_token = {});

}  // namespace outcrop::identity
