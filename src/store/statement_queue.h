#pragma once
/// The store's thread: takes statements from a bounded queue and lets those that wait together
/// share one transaction, and so one sync of the disk. While that sync runs the next ones gather.
/// Each writing statement stands in a savepoint of its own, and nothing is answered before the
/// commit that holds it. A statement that only reads is answered at once unless writes before it
/// are still to be committed: it has seen them. Threads: submit() on the loop's, run_now() on any
/// but the store's own, stats() on any.

#include "base/async.h"
#include "base/result.h"
#include "base/task.h"
#include "store/records.h"
#include "store/sqlite.h"
#include "wire/loop.h"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace outcrop::store {

class StatementQueue {
 public:
  enum class Kind {
    statement,  // reads or writes: its text tells
    write,      // in the shared transaction, in a savepoint
    alone,      // makes its own transactions; the shared one is committed before it
  };
  template <class T>
  using Work = std::function<Result<T>(Sqlite&)>;

  StatementQueue(Loop& loop, std::unique_ptr<Sqlite> db, const RecordsOptions& options);
  /// Carries out what was accepted, then ends the thread and closes the file.
  ~StatementQueue();

  template <class T>
  Task<Result<T>> submit(std::string sql, Params params) {
    return submit<T>(Kind::statement, statement<T>(sql, std::move(params)), sql);
  }
  template <class T>
  Task<Result<T>> submit(Kind kind, Work<T> work, std::string sql = {}) {
    auto job = std::make_shared<TypedJob<T>>(kind, std::move(sql), std::move(work));
    CO_CHECK(enqueue(job));
    co_return co_await job->slot;
  }
  template <class T>
  Result<T> run_now(std::string sql, Params params) {
    auto job =
        std::make_shared<TypedJob<T>>(Kind::statement, sql, statement<T>(sql, std::move(params)));
    job->promise.emplace();
    auto answer = job->promise->get_future();
    CHECK(enqueue(job));
    return answer.get();
  }
  RecordsStats stats() const;

 private:
  struct Job {
    Job(Kind job_kind, std::string text) : kind(job_kind), sql(std::move(text)) {}
    virtual ~Job() = default;
    virtual void run(Sqlite& db) = 0;         // keeps its answer
    virtual const Error* failed() const = 0;  // of the answer kept
    virtual void fail_with(const Error& error) = 0;
    virtual bool deliver_here() = 0;  // false when the loop's thread must
    virtual void deliver_on_loop() = 0;
    Kind kind;
    std::string sql;
  };
  using JobPtr = std::shared_ptr<Job>;
  template <class T>
  struct TypedJob : Job {
    TypedJob(Kind job_kind, std::string text, Work<T> to_do)
        : Job(job_kind, std::move(text)), work(std::move(to_do)) {}
    void run(Sqlite& db) override { answer.emplace(work(db)); }
    const Error* failed() const override { return *answer ? nullptr : &answer->error(); }
    void fail_with(const Error& error) override { answer.emplace(fail(error)); }
    bool deliver_here() override {
      if (!promise) return false;
      promise->set_value(std::move(*answer));
      return true;
    }
    void deliver_on_loop() override { slot.set(std::move(*answer)); }
    Work<T> work;
    std::optional<Result<T>> answer;
    OneShot<Result<T>> slot;                         // who waits on the loop
    std::optional<std::promise<Result<T>>> promise;  // or who blocks
  };

  template <class T>
  static Work<T> statement(std::string sql, Params params) {
    return [sql = std::move(sql), params = std::move(params)](Sqlite& db) -> Result<T> {
      if constexpr (std::is_same_v<T, Rows>) {
        return db.query(sql, params);
      } else {
        return db.execute(sql, params);
      }
    };
  }

  Result<void> enqueue(JobPtr job);
  void serve();
  void run_batch(std::vector<JobPtr> batch);
  void run_guarded(Job& job);
  void run_in_savepoint(Job& job);
  void commit();
  void lose_transaction(const Error& error);
  void deliver(JobPtr job);
  void flush();

  Loop& loop_;
  std::unique_ptr<Sqlite> db_;
  std::size_t queue_limit_;
  std::size_t batch_limit_;

  // The store's thread only.
  std::vector<JobPtr> uncommitted_;  // ran in the open transaction, in order
  std::vector<JobPtr> answered_;     // for the loop, with the next flush()

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<JobPtr> waiting_;
  bool stopping_ = false;
  std::atomic<std::uint64_t> statements_{0}, commits_{0}, refused_{0};
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace outcrop::store
