#include "wire/loop.h"

#include "wire/asio.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

namespace outcrop {
namespace asio = boost::asio;

namespace {

// Threads that are started with the first piece of work: a command that never offloads has none.
// The queue needs no limit of its own: each entry belongs to a coroutine that waits for it.
class Pool {
 public:
  explicit Pool(std::size_t size) : size_(size) {}
  ~Pool() {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    for (auto& thread : threads_) thread.join();
  }
  void submit(std::function<void()> work) {
    {
      std::lock_guard lock(mutex_);
      queue_.push_back(std::move(work));
      if (idle_ < queue_.size() && threads_.size() < size_)
        threads_.emplace_back([this] { serve(); });
    }
    wake_.notify_one();
  }

 private:
  void serve() {
    std::unique_lock lock(mutex_);
    for (;;) {
      ++idle_;
      wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      --idle_;
      if (stopping_) return;  // what is queued is dropped, as what is suspended on the loop is
      auto work = std::move(queue_.front());
      queue_.pop_front();
      lock.unlock();
      work();
      work = nullptr;
      lock.lock();
    }
  }
  std::size_t size_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> queue_;
  std::vector<std::thread> threads_;
  std::size_t idle_ = 0;
  bool stopping_ = false;
};

std::size_t pool_size(std::size_t asked) {
  if (asked > 0) return asked;
  return std::max<std::size_t>(2, std::thread::hardware_concurrency()) - 1;
}

}  // namespace

struct Loop::Impl {
  explicit Impl(std::size_t pool_threads) : pool(pool_size(pool_threads)) {}
  asio::io_context io{1};  // one thread runs it: no wake-ups between its own turns
  asio::executor_work_guard<asio::io_context::executor_type> guard{io.get_executor()};
  Pool pool;  // after io, so that its threads are joined before io goes
};

Loop::Loop(std::size_t pool_threads) : impl_(std::make_unique<Impl>(pool_threads)) {}
Loop::~Loop() = default;

void Loop::run() {
  impl_->io.restart();
  impl_->io.run();
}

void Loop::stop() { impl_->io.stop(); }

namespace {
Task<void> run_and_stop(Loop& loop, Task<void> task, std::exception_ptr& failure) {
  try {
    co_await std::move(task);
  } catch (...) {
    failure = std::current_exception();
  }
  loop.stop();
}
}  // namespace

void Loop::run(Task<void> task) {
  std::exception_ptr failure;
  spawn(run_and_stop(*this, std::move(task), failure));
  run();
  if (failure) std::rethrow_exception(failure);
}

void Loop::post(std::function<void()> work) { asio::post(impl_->io, std::move(work)); }

void Loop::spawn(Task<void> task) {
  asio::post(impl_->io, [task = std::move(task)]() mutable { detach(std::move(task)); });
}

void Loop::submit(std::function<void()> work) { impl_->pool.submit(std::move(work)); }

void* Loop::native() { return &impl_->io; }

Task<bool> Loop::sleep(std::chrono::nanoseconds duration, CancelToken cancel) {
  return sleep_until(Deadline::in(duration), std::move(cancel));
}

Task<bool> Loop::sleep_until(Deadline deadline, CancelToken cancel) {
  if (cancel.cancelled()) co_return false;
  asio::steady_timer timer(impl_->io, deadline.at());
  bool cancelled = false;
  auto registration = cancel.on_cancel([&] {
    cancelled = true;
    timer.cancel();
  });
  co_await wire::await_io<>([&](auto done) { timer.async_wait(std::move(done)); });
  co_return !cancelled;
}

}  // namespace outcrop
