#pragma once
/// Boost.Asio as this folder uses it: plain callbacks inside, awaitable by Task outside. Only .cpp
/// files of wire/ include this header: it costs seconds, and what it wraps is not meant to be seen
/// elsewhere.
///
/// One operation:
///   auto [error, count] = co_await await_io<std::size_t>(
///       [&](auto done) { socket.async_read_some(boost::asio::buffer(piece), std::move(done)); });
///   boost::system::error_code error = co_await await_io<>([&](auto done) {
///   timer.async_wait(std::move(done)); });
/// The values are those of the operation's completion signature after its error_code; the lambda
/// lives until the operation ended, so it may capture by reference.
///
/// With a deadline and a cancellation, named before the operation and asked after it:
///   Watch watch(context(loop), deadline, cancel, [&] { socket.cancel(); });
///   auto [error, count] = co_await await_io<std::size_t>(…);
///   if (error) co_return watch.error(Code::io, error, "reading from the upstream");
///
/// The frame of a coroutine that waits here must not be destroyed before the operation ended:
/// cancel it. Threads: the loop's.

#include "base/cancel.h"
#include "base/result.h"
#include "base/time.h"
#include "wire/loop.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/system/error_code.hpp>

#include <coroutine>
#include <functional>
#include <optional>
#include <tuple>
#include <utility>

namespace outcrop::wire {

inline boost::asio::io_context& context(Loop& loop) {
  return *static_cast<boost::asio::io_context*>(loop.native());
}

namespace detail {

template <class Start, class... Values>
class IoAwaiter {
 public:
  explicit IoAwaiter(Start start) : start_(std::move(start)) {}
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> waiter) {
    waiter_ = waiter;
    start_(Done{this});
  }
  auto await_resume() {
    if constexpr (sizeof...(Values) == 0) {
      return error_;
    } else {
      return std::tuple_cat(std::make_tuple(error_), std::move(*values_));
    }
  }

 private:
  struct Done {
    IoAwaiter* awaiter;
    void operator()(boost::system::error_code error, Values... values) {
      awaiter->error_ = error;
      awaiter->values_.emplace(std::move(values)...);
      awaiter->waiter_.resume();
    }
  };
  Start start_;
  std::coroutine_handle<> waiter_;
  boost::system::error_code error_;
  std::optional<std::tuple<Values...>> values_;
};

}  // namespace detail

/// Awaitable of one Asio operation: `start` is handed the completion handler and starts it.
template <class... Values, class Start>
auto await_io(Start start) {
  return detail::IoAwaiter<Start, Values...>(std::move(start));
}

/// Guards what runs in its scope: calls `stop` once, when the deadline passes or the token is
/// cancelled. `stop` cancels an Asio operation (so that it completes with operation_aborted in a
/// later turn). It allocates a small state, because the timer's handler may run after the scope has
/// ended.
class Watch {
 public:
  Watch(boost::asio::io_context& io, Deadline deadline, const CancelToken& cancel,
        std::function<void()> stop)
      : state_(std::make_shared<State>(io)) {
    state_->stop = std::move(stop);
    registration_ = cancel.on_cancel([state = state_] { state->fire(Code::cancelled); });
    if (state_->fired || deadline.never()) return;
    state_->timer.expires_at(deadline.at());
    state_->timer.async_wait([state = state_](boost::system::error_code error) {
      if (!error) state->fire(Code::deadline);
    });
  }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  ~Watch() {
    registration_.reset();
    state_->stop = nullptr;
    state_->timer.cancel();
  }
  /// deadline or cancelled when that is what stopped the operation. An operation that is started
  /// when this is set already must be skipped: nothing would stop it any more.
  std::optional<Code> fired() const { return state_->fired; }
  /// The error to hand on: deadline or cancelled when fired, otherwise `code` with what the system
  /// said.
  Failure error(Code code, const boost::system::error_code& system, std::string_view doing) const {
    if (state_->fired == Code::deadline)
      return fail(Code::deadline, "The deadline passed while {}.", doing);
    if (state_->fired == Code::cancelled)
      return fail(Code::cancelled, "Cancelled while {}.", doing);
    return fail(code, "Failed while {}: {}.", doing, system.message());
  }

 private:
  struct State {
    explicit State(boost::asio::io_context& io) : timer(io) {}
    void fire(Code why) {
      if (fired || !stop) return;
      fired = why;
      std::exchange(stop, nullptr)();
    }
    boost::asio::steady_timer timer;
    std::function<void()> stop;
    std::optional<Code> fired;
  };
  std::shared_ptr<State> state_;
  CancelRegistration registration_;
};

}  // namespace outcrop::wire
