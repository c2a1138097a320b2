#pragma once
/// HTTP/1.1 on one connection: one exchange at a time, the next request waits in the buffer.
/// Threads: the loop's. Only .cpp files of wire/ include this header.

#include "base/cancel.h"
#include "wire/h1_parser.h"
#include "wire/server_connection.h"

#include <coroutine>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace outcrop::wire {

/// The connection's protocol and, in turn, each of its exchanges: nothing is allocated for either.
class Http1 final : public Protocol, public Exchange {
 public:
  explicit Http1(Connection& connection);

  std::size_t consume(std::string_view bytes) override;
  bool wants_input() const override;
  void on_sent() override;
  void on_gone(Code why) override;
  void on_deadline() override;
  void drain() override;
  bool idle() const override { return phase_ == Phase::idle; }

  const RequestHead& request() const override { return head_; }
  Task<Result<std::string>> read() override;
  Task<Result<void>> respond(ResponseHead head, std::string body) override;
  Task<Result<void>> start(ResponseHead head) override;
  Task<Result<void>> write(std::string bytes) override;
  Task<Result<void>> finish() override;
  void abort() override;
  bool started() const override { return progress_ != Progress::nothing; }
  CancelToken closed() const override;

 private:
  enum class Phase { idle, head, exchange, discarding };
  enum class Progress { nothing, streaming, finished, aborted };
  // How the end of the response's body is told.
  enum class Framing { none, length, chunked, until_close };

  struct Waiter {  // at most one coroutine waits for each thing
    std::coroutine_handle<>& slot;
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> waiter) noexcept { slot = waiter; }
    void await_resume() const noexcept {}
  };
  static void wake(std::coroutine_handle<>& slot) {
    if (auto waiter = std::exchange(slot, nullptr)) waiter.resume();
  }

  void begin_exchange();
  static outcrop::detail::Detached run(std::shared_ptr<Connection> connection, Http1& exchange);
  void end_exchange();
  void next_request();
  void refuse(const Refusal& refusal);
  Failure gone_error() const;
  bool body_can_be_skipped() const;
  Result<std::string> head_text(const ResponseHead& head, std::optional<std::size_t> body_bytes);
  Task<Result<void>> window();

  Connection& connection_;
  ServerCore& core_;
  Phase phase_ = Phase::idle;
  Progress progress_ = Progress::nothing;
  Framing framing_ = Framing::none;
  bool keep_alive_ = true, expect_pending_ = false, draining_ = false;
  std::optional<Code> gone_;  // why, once the connection is over
  std::optional<Error> body_error_;
  std::uint64_t length_left_ = 0;  // of a response with Content-Length

  RequestHead head_;
  std::string body_;  // read, not yet handed to the handler
  std::optional<H1Parser> parser_;
  std::coroutine_handle<> reader_, writer_;
  mutable std::optional<CancelSource> closed_;
};

}  // namespace outcrop::wire
