#pragma once
/// Ctrl-C as a flag, so that a command can stop cleanly and say how to go on.

#include <atomic>

namespace outcrop::commands {

/// Installs a handler for SIGINT for its lifetime. The first Ctrl-C sets the flag; when it is still
/// set at the next one, the process ends at once with the signal's own status.
class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;
  const std::atomic<bool>& flag() const;
  bool raised() const { return flag().load(); }
  void clear();
};

}  // namespace outcrop::commands
