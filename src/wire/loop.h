#pragma once
/// The event loop: one thread on which every coroutine of the server runs, and a small pool for
/// work that would hold it up (hashing megabytes, reading files, compiling grammars). Threads:
/// post() and stop() from any; everything else on the loop's own thread.

#include "base/async.h"
#include "base/cancel.h"
#include "base/result.h"
#include "base/task.h"
#include "base/time.h"

#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

namespace outcrop {

class Loop {
 public:
  /// pool_threads 0 picks the number of cores minus one, at least one.
  explicit Loop(std::size_t pool_threads = 0);
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  /// Runs until stop(), then returns; what is still suspended stays so.
  void run();
  void stop();
  /// Runs until the task has ended (tests, and commands that do one thing).
  void run(Task<void> task);

  void post(std::function<void()> work);
  /// Starts the task in a turn of its own.
  void spawn(Task<void> task);

  /// false when the token was cancelled first.
  Task<bool> sleep(std::chrono::nanoseconds duration, CancelToken cancel = {});
  Task<bool> sleep_until(Deadline deadline, CancelToken cancel = {});

  /// Runs `work` on the pool and resumes here with what it returned. An exception travels too.
  template <class Work>
  Task<std::invoke_result_t<Work>> offload(Work work);

  /// For wire/ and store/ alone: boost::asio::io_context, without its header.
  void* native();

 private:
  void submit(std::function<void()> work);  // to the pool
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

template <class Work>
Task<std::invoke_result_t<Work>> Loop::offload(Work work) {
  using Value = std::invoke_result_t<Work>;
  static_assert(!std::is_void_v<Value>, "return something: a Result<> will do");
  // All of it lives in this frame, which stays suspended until the pool is through with it.
  std::optional<Value> value;
  std::exception_ptr failure;
  OneShot<bool> done;
  submit([this, &value, &failure, &done, &work] {
    try {
      value.emplace(work());
    } catch (...) {
      failure = std::current_exception();
    }
    post([&done] { done.set(true); });
  });
  co_await done;
  if (failure) std::rethrow_exception(failure);
  co_return std::move(*value);
}

}  // namespace outcrop
