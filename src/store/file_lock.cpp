#include "store/file_lock.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

namespace outcrop::store {
namespace {

std::string holder(int fd) {
  char buffer[32];
  ssize_t size = ::pread(fd, buffer, sizeof buffer, 0);
  std::string text(buffer, static_cast<std::size_t>(size > 0 ? size : 0));
  text = text.substr(0, text.find('\n'));
  bool digits = !text.empty() && text.find_first_not_of("0123456789") == text.npos;
  return digits ? "process " + text : "another process";
}

}  // namespace

Result<FileLock> FileLock::take(std::string lock_path, const std::string& what) {
  int fd = ::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) {
    return fail(Code::io, "The lock file {} cannot be opened: {}.", lock_path,
                std::strerror(errno));
  }
  FileLock lock;
  lock.fd_ = fd;
  while (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno == EINTR) continue;
    std::string why = errno == EWOULDBLOCK ? "" : std::strerror(errno);
    std::string who = holder(fd);
    ::close(std::exchange(lock.fd_, -1));  // not ours to empty
    if (!why.empty())
      return fail(Code::io, "The lock file {} cannot be locked: {}.", lock_path, why);
    return fail(Code::conflict, "{} is in use by {} (lock file {}): stop it, or name another file.",
                what, who, lock_path);
  }
  std::string pid = fmt::format("{}\n", ::getpid());
  if (::ftruncate(fd, 0) != 0 ||
      ::pwrite(fd, pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
    return fail(Code::io, "The lock file {} cannot be written: {}.", lock_path,
                std::strerror(errno));
  }
  return lock;
}

FileLock& FileLock::operator=(FileLock&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

FileLock::~FileLock() {
  if (fd_ < 0) return;
  // Emptied while it is still held, so that nobody reads the name of a holder that is gone.
  if (::ftruncate(fd_, 0) != 0) {
    // The lock is what counts; the name in it is a courtesy.
  }
  ::close(fd_);
}

}  // namespace outcrop::store
