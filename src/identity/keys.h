#pragma once
/// The keys that Outcrop itself has handed out.
/// Threads: the loop's.

#include "base/result.h"
#include "base/task.h"
#include "base/time.h"
#include "store/records.h"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace outcrop::identity {

struct Key {
  enum class Kind : std::uint8_t { access_key, api_key } kind = Kind::access_key;
  std::string id;  // AKIA..., or BedrockAPIKey-<id>
  std::string name;
  bool admin = false;
  WallTime created{};
  std::optional<WallTime> expires;
  std::optional<WallTime> revoked;
  std::optional<WallTime> last_used;  // up to a minute behind in the store

  bool usable(WallTime now) const { return !revoked && (!expires || *expires > now); }
};

struct NewKey {
  Key key;
  std::string secret;  // shown once: the secret access key, or the whole ABSK... token
};

/// Temporary credentials that lean on an access key: they end with it, and carry its rights.
struct TemporaryCredentials {
  std::string access_key_id;  // ASIA...
  std::string secret;
  std::string
      session_token;  // sealed: holds the secret, the parent and the expiry; nothing is stored
  WallTime expires{};
};
struct Session {
  std::string parent;  // id of the access key
  std::string secret;
  WallTime expires{};
};

struct KeysOptions {
  std::size_t keys = 10'000;                 // revoked ones included
  std::chrono::seconds last_used_write{60};  // how often last_used is written, at most
};

/// Keys are kept in records and held in memory; secrets of access keys are kept sealed with a key
/// that lies in a file of its own (mode 0600), API keys only as a salted hash.
class Keys {
 public:
  /// `records` must outlive the keys. Makes the sealing key file when there is none and nothing is
  /// sealed yet. Errors: of SealingKey::open; corrupt when a sealed secret does not open.
  static Task<Result<std::unique_ptr<Keys>>> open(store::Records& records,
                                                  std::string sealing_key_file,
                                                  KeysOptions options = {});
  virtual ~Keys() = default;

  /// Errors: validation (the name: 1 to 64 of A-Z a-z 0-9 + = , . @ _ -; an expiry that has
  /// passed), quota_exceeded.
  virtual Task<Result<NewKey>> create(Key::Kind kind, std::string name, bool admin,
                                      std::optional<WallTime> expires) = 0;
  /// Oldest first.
  virtual std::vector<Key> list() const = 0;
  /// At once, also for sessions and short-term API keys that lean on it; a second time changes
  /// nothing. Errors: not_found; of records, and then the key is revoked until a restart.
  virtual Task<Result<void>> revoke(std::string id) = 0;

  /// Synchronous, from memory.
  virtual const Key* find(std::string_view id) const = 0;
  virtual std::optional<std::string_view> secret(std::string_view access_key_id) const = 0;
  /// Only whether the token is that key's; whether the key is usable is another question.
  virtual bool verify_api_key(std::string_view id, std::string_view token) const = 0;

  /// Errors: not_found; validation (a parent that is no usable access key; 15 minutes to 36 hours).
  virtual Result<TemporaryCredentials> mint_session(std::string_view parent,
                                                    std::chrono::seconds duration,
                                                    WallTime now) const = 0;
  /// Whether it has expired, and whether its parent is usable, are other questions.
  /// Errors: unrecognized_client (not ours, or of another key id).
  virtual Result<Session> session(std::string_view access_key_id, std::string_view token) const = 0;

  /// Noted in memory, written now and then.
  virtual void used(std::string_view id, WallTime when) = 0;
  /// Writes what used() noted; at shutdown.
  virtual Task<Result<void>> flush() = 0;
};

}  // namespace outcrop::identity
