#pragma once
/// A lock that one process holds on a data file, so that a second one is refused instead of served.
/// It is flock(2) on a file beside the data: the kernel lets go of it however its holder ends. The
/// file names the holder's process; it stays behind, empty, when the lock is given back. Threads:
/// one at a time.

#include "base/result.h"

#include <string>
#include <utility>

namespace outcrop::store {

class FileLock {
 public:
  /// Errors: conflict (held by another process, or by this one already), io.
  static Result<FileLock> take(std::string lock_path, const std::string& what);

  FileLock() = default;
  FileLock(FileLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileLock& operator=(FileLock&& other) noexcept;
  ~FileLock();

 private:
  int fd_ = -1;
};

}  // namespace outcrop::store
