#pragma once
/// Meeting points for coroutines on one event loop: OneShot hands over a single value, Channel a
/// bounded stream of them, Semaphore a bounded number of permits.
/// Threads: the event loop's thread only. The waiter is resumed inside the call that wakes it.

#include "base/result.h"
#include "base/task.h"

#include <coroutine>
#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <utility>

namespace outcrop {

/// One producer, one consumer, one value. Copies share the same slot.
template <class T>
class OneShot {
 public:
  OneShot() : state_(std::make_shared<State>()) {}
  /// The first value wins; later ones are dropped.
  void set(T value) const {
    if (state_->value || state_->taken) return;
    auto state = state_;
    state->value.emplace(std::move(value));
    if (auto waiter = std::exchange(state->waiter, nullptr)) waiter.resume();
  }
  bool is_set() const { return state_->value.has_value() || state_->taken; }
  auto operator co_await() const {
    struct Awaiter {
      std::shared_ptr<State> state;
      bool await_ready() const { return state->value.has_value(); }
      void await_suspend(std::coroutine_handle<> waiter) { state->waiter = waiter; }
      T await_resume() {
        state->taken = true;
        T value = std::move(*state->value);
        state->value.reset();
        return value;
      }
    };
    return Awaiter{state_};
  }

 private:
  struct State {
    std::optional<T> value;
    bool taken = false;
    std::coroutine_handle<> waiter;
  };
  std::shared_ptr<State> state_;
};

/// A bounded queue with one consumer. push() waits while `limit` items are queued, so that a slow
/// reader slows its producer; try_push() refuses instead. close() lets the consumer drain what is
/// queued, then pop() gives nothing.
template <class T>
class Channel {
 public:
  explicit Channel(std::size_t limit) : state_(std::make_shared<State>()) { state_->limit = limit; }

  bool try_push(T item) const {
    if (state_->closed || state_->items.size() >= state_->limit) return false;
    state_->items.push_back(std::move(item));
    wake(state_->consumer);
    return true;
  }
  /// false when the channel is closed.
  Task<bool> push(T item) const {
    auto state = state_;
    while (!state->closed && state->items.size() >= state->limit)
      co_await Wait{state, &State::producer};
    if (state->closed) co_return false;
    state->items.push_back(std::move(item));
    wake(state->consumer);
    co_return true;
  }
  Task<std::optional<T>> pop() const {
    auto state = state_;
    while (state->items.empty() && !state->closed) co_await Wait{state, &State::consumer};
    if (state->items.empty()) co_return std::nullopt;
    std::optional<T> item(std::move(state->items.front()));
    state->items.pop_front();
    wake(state->producer);
    co_return item;
  }
  void close() const {
    auto state = state_;
    state->closed = true;
    wake(state->consumer);
    wake(state->producer);
  }
  bool closed() const { return state_->closed; }
  std::size_t size() const { return state_->items.size(); }

 private:
  struct State {
    std::size_t limit = 0;
    std::deque<T> items;
    bool closed = false;
    std::coroutine_handle<> consumer;
    std::coroutine_handle<> producer;
  };
  struct Wait {
    std::shared_ptr<State> state;
    std::coroutine_handle<> State::* side;
    bool await_ready() const { return false; }
    void await_suspend(std::coroutine_handle<> waiter) { (*state).*side = waiter; }
    void await_resume() const {}
  };
  static void wake(std::coroutine_handle<>& side) {
    if (auto waiter = std::exchange(side, nullptr)) waiter.resume();
  }
  std::shared_ptr<State> state_;
};

/// `permits` at a time, first come, first served. At most `waiting_limit` wait; the next is
/// refused.
class Semaphore {
 public:
  Semaphore(std::size_t permits, std::size_t waiting_limit)
      : permits_(permits), waiting_limit_(waiting_limit) {}

  class [[nodiscard]] Permit {
   public:
    explicit Permit(Semaphore* owner) : owner_(owner) {}
    Permit(Permit&& other) noexcept : owner_(std::exchange(other.owner_, nullptr)) {}
    Permit& operator=(Permit&& other) noexcept {
      release();
      owner_ = std::exchange(other.owner_, nullptr);
      return *this;
    }
    ~Permit() { release(); }
    void release() {
      if (auto* owner = std::exchange(owner_, nullptr)) owner->give_back();
    }

   private:
    Semaphore* owner_;
  };

  Task<Result<Permit>> acquire() {
    if (permits_ > 0) {
      --permits_;
    } else {
      if (waiters_.size() >= waiting_limit_)
        co_return fail(Code::throttled, "Too many requests, please wait before trying again.");
      co_await Wait{this};  // give_back() hands its permit over directly
    }
    co_return Permit(this);
  }
  std::size_t waiting() const { return waiters_.size(); }

 private:
  struct Wait {
    Semaphore* semaphore;
    bool await_ready() const { return false; }
    void await_suspend(std::coroutine_handle<> waiter) { semaphore->waiters_.push_back(waiter); }
    void await_resume() const {}
  };
  void give_back() {
    if (waiters_.empty()) {
      ++permits_;
      return;
    }
    auto next = waiters_.front();
    waiters_.pop_front();
    next.resume();
  }
  std::size_t permits_;
  std::size_t waiting_limit_;
  std::deque<std::coroutine_handle<>> waiters_;
};

}  // namespace outcrop
