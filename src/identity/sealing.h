#pragma once
/// Secrets at rest: AES-256-GCM under a key that lies in a file of its own.
/// File:    64 hex digits and a newline, mode 0600. Made on first start; who loses it loses every
///          access key's secret, so a backup of the records needs this file too.
/// Sealed:  version byte 1, nonce (12 random bytes), ciphertext, tag (16 bytes). `context` is
///          authenticated and not stored: a sealed secret moved to another row does not open.
/// Threads: any.

#include "base/result.h"

#include <string>
#include <string_view>

namespace outcrop::identity {

class SealingKey {
 public:
  /// Errors: io; validation when the file's mode lets others read it; corrupt when it holds no key;
  /// not_found when it is not there and `create` is false.
  static Result<SealingKey> open(const std::string& file, bool create);
  static SealingKey random();

  std::string seal(std::string_view secret, std::string_view context) const;
  /// Errors: corrupt (tampered with, sealed by another key, or for another context).
  Result<std::string> unseal(std::string_view sealed, std::string_view context) const;

 private:
  explicit SealingKey(std::string key) : key_(std::move(key)) {}
  std::string key_;  // 32 bytes
};

}  // namespace outcrop::identity
