#pragma once
/// Cancellation travels down: who starts work holds a CancelSource, the work gets its CancelToken.
/// Threads: the event loop's thread only. Callbacks run inside cancel(), once, in order of
/// registration.

#include <functional>
#include <list>
#include <memory>
#include <utility>

namespace outcrop {

class CancelToken;

namespace detail {
struct CancelEntry {
  std::function<void()> callback;  // empty once it has run or was taken back
};
struct CancelState {
  bool cancelled = false;
  std::list<std::shared_ptr<CancelEntry>> entries;
};
}  // namespace detail

/// Takes its callback back when it goes out of scope, also while cancel() is running others.
class CancelRegistration {
 public:
  CancelRegistration() = default;
  CancelRegistration(CancelRegistration&& other) noexcept = default;
  CancelRegistration& operator=(CancelRegistration&& other) noexcept {
    if (this != &other) {
      reset();
      state_ = std::move(other.state_);
      position_ = other.position_;
      entry_ = std::move(other.entry_);
    }
    return *this;
  }
  ~CancelRegistration() { reset(); }
  void reset() {
    auto state = std::exchange(state_, nullptr);
    auto entry = std::exchange(entry_, nullptr);
    if (!state) return;
    entry->callback = nullptr;
    if (!state->cancelled) state->entries.erase(position_);
  }

 private:
  friend class CancelToken;
  std::shared_ptr<detail::CancelState> state_;
  std::list<std::shared_ptr<detail::CancelEntry>>::iterator position_{};
  std::shared_ptr<detail::CancelEntry> entry_;
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
    registration.entry_ =
        std::make_shared<detail::CancelEntry>(detail::CancelEntry{std::move(callback)});
    registration.position_ = state_->entries.insert(state_->entries.end(), registration.entry_);
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
    auto entries = std::move(state->entries);
    for (auto& entry : entries) {
      if (auto callback = std::exchange(entry->callback, nullptr)) callback();
    }
  }

 private:
  std::shared_ptr<detail::CancelState> state_;
};

}  // namespace outcrop
