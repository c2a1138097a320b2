#pragma once
/// SIGINT and SIGTERM as a call on the loop.

#include "wire/loop.h"

#include <functional>
#include <thread>

namespace outcrop::app {

/// Blocks the two signals for every thread made afterwards and waits for them on one of its own:
/// make it before any other thread. The second signal ends the process at once.
class StopSignals {
 public:
  StopSignals();
  ~StopSignals();
  /// `stop` runs on the loop, once.
  void listen(Loop& loop, std::function<void()> stop);

 private:
  std::thread waiter_;
};

}  // namespace outcrop::app
