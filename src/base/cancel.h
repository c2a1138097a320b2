#pragma once
/// Cancellation travels down: who starts work holds a CancelSource, the work gets its CancelToken.
/// Threads: the event loop's thread only. Callbacks run inside cancel(), once, in order of registration.

#include <functional>
#include <list>
#include <memory>
#include <utility>

namespace outcrop {

class CancelToken;

namespace detail {
struct CancelState {
  bool cancelled = false;
  std::list<std::function<void()>> callbacks;
};
}  // namespace detail

/// Takes its callback back when it goes out of scope.
class CancelRegistration {
 public:
  CancelRegistration() = default;
  CancelRegistration(CancelRegistration&& other) noexcept { *this = std::move(other); }
  CancelRegistration& operator=(CancelRegistration&& other) noexcept {
    if (this != &other) {
      reset();
      state_ = std::move(other.state_);
      position_ = other.position_;
      other.state_.reset();
    }
    return *this;
  }
  ~CancelRegistration() { reset(); }
  void reset() {
    if (auto state = std::exchange(state_, nullptr); state && !state->cancelled) state->callbacks.erase(position_);
  }

 private:
  friend class CancelToken;
  std::shared_ptr<detail::CancelState> state_;
  std::list<std::function<void()>>::iterator position_{};
};

class CancelToken {
 public:
  CancelToken() = default;  // never cancelled
  bool cancelled() const { return state_ && state_->cancelled; }
  /// callback runs at once when the token is cancelled already.
  [[nodiscard]] CancelRegistration on_cancel(std::function<void()> callback) const {
    CancelRegistration registration;
    if (!state_) return registration;
    if (state_->cancelled) {
      callback();
      return registration;
    }
    registration.position_ = state_->callbacks.insert(state_->callbacks.end(), std::move(callback));
    registration.state_ = state_;
    return registration;
  }

 private:
  friend class CancelSource;
  std::shared_ptr<detail::CancelState> state_;
};

class CancelSource {
 public:
  CancelSource() : state_(std::make_shared<detail::CancelState>()) {}
  CancelToken token() const {
    CancelToken token;
    token.state_ = state_;
    return token;
  }
  bool cancelled() const { return state_->cancelled; }
  void cancel() {
    if (std::exchange(state_->cancelled, true)) return;
    auto state = state_;  // a callback may destroy this source
    auto callbacks = std::move(state->callbacks);
    for (auto& callback : callbacks) callback();
  }

 private:
  std::shared_ptr<detail::CancelState> state_;
};

}  // namespace outcrop
