#pragma once
/// The parent's side of one local model: keeps its engine process running and carries requests to
/// it.
///
///   stopped -> starting -> running -> (crash) -> waiting -> starting ...
/// A request starts a stopped engine and waits for a starting one. When an engine dies, its open
/// streams end with an error and it is started again after 0.25 s, doubling up to 30 s while it
/// keeps failing; requests then wait if the next start is near and fail with model_not_ready, and
/// the reason, if not. Threads: the loop's.

#include "base/cancel.h"
#include "base/error.h"
#include "base/result.h"
#include "base/task.h"
#include "base/time.h"
#include "engine/chat.h"
#include "engine/protocol.h"
#include "wire/loop.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace outcrop::engine {

struct HostOptions {
  std::string name;                        // of the model, for messages
  std::string program = "/proc/self/exe";  // run with "engine" as its first argument
  std::vector<std::string> arguments;  // of the engine: --model, --threads, ... (worker/options.h)
  Millis start_timeout{120'000};
  Millis idle_timeout{0};  // unload after so long without a request; 0: never
  Millis restart_first{250};
  Millis restart_most{30'000};
  Millis patience{5'000};           // how far off a restart may be for a request to wait for it
  std::size_t streams_max = 1'000;  // open at once; the next is throttled
  std::size_t send_bytes_max = 128u << 20;  // waiting to be sent
  /// For the log: what happened, and the particulars. Never a prompt.
  std::function<void(LogLevel, std::string_view what, std::string_view detail)> say;
};

struct HostStatus {
  enum class State : std::uint8_t { stopped, starting, running, waiting } state = State::stopped;
  int pid = 0;                // while starting or running
  std::int64_t starts = 0;    // of the process, in all
  std::int64_t failures = 0;  // in a row
  std::size_t streams = 0;    // open
  std::string last_failure;   // one sentence
};

class Host;

/// The frames of one request. Letting it go cancels what is not finished.
class Stream {
 public:
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  /// The next frame; taking it lets the engine produce another one. After done, error or a reply:
  /// nothing. A crash of the engine arrives as an error frame: model_not_ready before the first
  /// event, model_stream_error after it.
  Task<std::optional<Frame>> next();

 private:
  friend class Host;
  struct State;
  explicit Stream(std::shared_ptr<State> state) : state_(std::move(state)) {}
  std::shared_ptr<State> state_;
};
using StreamPtr = std::unique_ptr<Stream>;

class Host : public std::enable_shared_from_this<Host> {
 public:
  static std::shared_ptr<Host> make(Loop& loop, HostOptions options);
  ~Host();

  /// Starts the engine and waits until it serves. Errors: model_not_ready, with the engine's own
  /// sentence.
  Task<Result<Description>> start();
  /// Starts a request. A deadline and a cancellation end it with an error frame of model_timeout or
  /// cancelled. Errors: model_not_ready, throttled, too_large, cancelled.
  Task<Result<StreamPtr>> open(FrameType type, json::Object body, Deadline deadline,
                               CancelToken cancel);
  /// The same for requests with a single reply; an error frame becomes the error.
  Task<Result<Frame>> ask(FrameType type, json::Object body, Deadline deadline, CancelToken cancel);
  /// Ends the process; open streams end with `cancelled`. It does not start again.
  Task<void> stop();

  HostStatus status() const;
  /// Of the engine now or last running.
  const std::optional<Description>& description() const { return description_; }
  const std::string& name() const;

 private:
  struct Impl;
  friend class Stream;
  Host(Loop& loop, HostOptions options);
  Task<Result<void>> ready(Deadline deadline, CancelToken cancel);

  std::optional<Description> description_;
  std::unique_ptr<Impl> impl_;
};
using HostPtr = std::shared_ptr<Host>;

}  // namespace outcrop::engine
