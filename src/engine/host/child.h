#pragma once
/// One run of an engine process: its socket, its standard error, its end. Two threads of its own
/// move the bytes, so that neither a long prompt nor a full pipe holds up the event loop. Threads:
/// everything on the loop's; the callbacks run there too, in order, and not after the
///          destructor, which kills the process.

#include "base/error.h"
#include "base/result.h"
#include "engine/protocol.h"
#include "wire/loop.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace outcrop::engine {

struct ChildEvents {
  std::function<void(Frame)> frame;
  std::function<void(std::string)> line;  // of standard error
  /// The process is gone and everything it sent was handed over. `how` is a phrase: "was killed by
  /// signal 9 (Killed)", "ended with status 1", "broke the protocol: ...".
  std::function<void(std::string how, bool clean)> ended;
};

class Child {
 public:
  /// `program` is executed with `arguments`, then --fd and --parent. Errors: io, with the system's
  /// words.
  static Result<std::unique_ptr<Child>> start(Loop& loop, const std::string& program,
                                              const std::vector<std::string>& arguments,
                                              std::size_t send_bytes_max, ChildEvents events);
  ~Child();

  /// Errors: throttled, when more than send_bytes_max wait to be sent; too_large.
  Result<void> send(const Frame& frame);
  /// Closes the connection; the engine ends by itself at once.
  void close();
  void kill();
  int pid() const { return pid_; }

 private:
  struct Shared;
  Child() = default;

  std::shared_ptr<Shared> shared_;
  int pid_ = -1;
};

}  // namespace outcrop::engine
