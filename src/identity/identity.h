#pragma once
/// Who signed. Answers for every request: a Principal, or the error AWS gives.
/// Threads: the loop's.

#include "base/result.h"
#include "base/task.h"
#include "base/time.h"
#include "store/records.h"
#include "wire/http.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace outcrop::identity {

struct Principal {
  enum class How : std::uint8_t {
    sigv4,
    short_term_key,
    long_term_key,
    open,
    local_socket
  } how = How::open;
  std::string account;  // 12 digits
  std::string arn;      // arn:aws:iam::<account>:user/<name>
  std::string key_id;   // access key id, or the id of the API key
  std::string name;     // the key's name
  bool admin = false;   // may call what is not AWS's: /metrics off loopback
};

/// What was learnt on the way, also from a request that is refused: the front needs the service
/// that was meant, to refuse it in its own protocol.
struct Scope {
  std::string service;  // the signing name; empty for API keys
  std::string region;   // of the signature, or the configured one
};

struct Options {
  std::string account = "000000000000";
  std::string region = "us-east-1";  // when the request names none (API keys)
  bool open = false;                 // accept unsigned requests; refused at start off loopback
  std::chrono::seconds clock_window{300};
  std::chrono::seconds clock_window_s3{900};
  std::size_t derived_keys = 4'096;  // cached signing keys
};

struct Key {
  enum class Kind : std::uint8_t { access_key, api_key } kind = Kind::access_key;
  std::string id;  // AKIA..., or BedrockAPIKey-<id>
  std::string name;
  bool admin = false;
  WallTime created{};
  std::optional<WallTime> expires;
  std::optional<WallTime> revoked;
  std::optional<WallTime> last_used;
};

struct NewKey {
  Key key;
  std::string secret;  // shown once: the secret access key, or the whole ABSK... token
};

/// Keys are kept in records and held in memory; secrets of access keys are kept sealed with a key
/// that lies in a file of its own (mode 0600), API keys only as a hash.
class Keys {
 public:
  static Task<Result<std::unique_ptr<Keys>>> open(store::Records& records,
                                                  const std::string& sealing_key_file);
  virtual ~Keys() = default;
  virtual Task<Result<NewKey>> create(Key::Kind kind, std::string name, bool admin,
                                      std::optional<WallTime> expires) = 0;
  virtual std::vector<Key> list() const = 0;
  /// Errors: not_found.
  virtual Task<Result<void>> revoke(std::string id) = 0;
  /// Synchronous, from memory.
  virtual const Key* find(std::string_view id) const = 0;
  virtual std::optional<std::string_view> secret(std::string_view access_key_id) const = 0;
  virtual bool verify_api_key(std::string_view id, std::string_view token) const = 0;
  /// Noted in memory, written now and then.
  virtual void used(std::string_view id, WallTime when) = 0;
};

class Authenticator {
 public:
  Authenticator(const Keys& keys, Options options);
  ~Authenticator();
  /// `body` is needed when the signature covers its hash. Errors: see bedrock-runtime's
  /// authentication failures: missing_authentication, unrecognized_client, invalid_signature,
  /// incomplete_signature, expired_token, access_denied (a bad API key).
  Result<Principal> authenticate(const wire::RequestHead& head, std::string_view body,
                                 WallTime now) const;
  /// Without judging: for routing and for refusals.
  Scope scope(const wire::RequestHead& head) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace outcrop::identity
