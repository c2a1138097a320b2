#include "store/statement_queue.h"

#include <exception>

namespace outcrop::store {
namespace {

// A batch of slow transactions is committed in pieces, so that the first of it need not wait for
// all.
constexpr Millis commit_after{50};

}  // namespace

StatementQueue::StatementQueue(Loop& loop, std::unique_ptr<Sqlite> db,
                               const RecordsOptions& options)
    : loop_(loop),
      db_(std::move(db)),
      queue_limit_(options.queue),
      batch_limit_(std::max<std::size_t>(options.batch, 1)),
      thread_([this] { serve(); }) {}

StatementQueue::~StatementQueue() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

Result<void> StatementQueue::enqueue(JobPtr job) {
  if (std::this_thread::get_id() == thread_.get_id()) {
    return fail(Error{.code = Code::internal,
                      .message = "The record store was asked to wait for itself.",
                      .detail = "inside transaction() use the Transaction"});
  }
  {
    std::lock_guard lock(mutex_);
    if (waiting_.size() >= queue_limit_) {
      refused_.fetch_add(1, std::memory_order_relaxed);
      return fail(Code::unavailable,
                  "The record store has {} statements waiting and takes no more now: try again.",
                  waiting_.size());
    }
    waiting_.push_back(std::move(job));
  }
  wake_.notify_one();
  return {};
}

RecordsStats StatementQueue::stats() const {
  std::lock_guard lock(mutex_);
  return {.statements = statements_,
          .commits = commits_,
          .refused = refused_,
          .queued_now = waiting_.size()};
}

void StatementQueue::serve() {
  for (;;) {
    std::vector<JobPtr> batch;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
      if (waiting_.empty()) return;
      while (!waiting_.empty() && batch.size() < batch_limit_) {
        batch.push_back(std::move(waiting_.front()));
        waiting_.pop_front();
      }
    }
    run_batch(std::move(batch));
  }
}

void StatementQueue::run_batch(std::vector<JobPtr> batch) {
  Instant first_write;
  for (auto& job : batch) {
    statements_.fetch_add(1, std::memory_order_relaxed);
    if (job->kind == Kind::alone) {
      commit();
      run_guarded(*job);
      deliver(std::move(job));
      continue;
    }
    if (job->kind == Kind::statement && !db_->writes(job->sql)) {
      run_guarded(*job);
      if (db_->in_transaction()) {
        uncommitted_.push_back(std::move(job));
      } else {
        deliver(std::move(job));
      }
      continue;
    }
    if (!db_->in_transaction()) {
      if (auto begun = db_->control("BEGIN IMMEDIATE"); !begun) {
        job->fail_with(begun.error());
        deliver(std::move(job));
        continue;
      }
      first_write = now();
    }
    run_in_savepoint(*job);
    uncommitted_.push_back(std::move(job));
    // Disk full, an I/O error: SQLite has rolled back all of it, not just this statement.
    if (!db_->in_transaction()) {
      const Error* why = uncommitted_.back()->failed();
      lose_transaction(why != nullptr ? *why
                                      : Error{.code = Code::io,
                                              .message = "The record store lost a transaction."});
    } else if (now() - first_write > commit_after) {
      commit();
    }
  }
  commit();
  flush();
}

/// An exception is a bug of the work or a lack of memory; neither may end the store's thread.
void StatementQueue::run_guarded(Job& job) {
  try {
    job.run(*db_);
  } catch (const std::exception& exception) {
    job.fail_with({.code = Code::internal,
                   .message = "Work inside the record store failed.",
                   .detail = exception.what()});
  }
}

void StatementQueue::run_in_savepoint(Job& job) {
  if (auto opened = db_->control("SAVEPOINT one"); !opened) return job.fail_with(opened.error());
  run_guarded(job);
  if (!db_->in_transaction()) {
    if (job.failed() == nullptr)
      job.fail_with({.code = Code::io, .message = "The record store lost a transaction."});
    return;
  }
  if (job.failed() != nullptr) {
    if (auto undone = db_->control("ROLLBACK TO one"); !undone)
      return job.fail_with(undone.error());
  }
  if (auto closed = db_->control("RELEASE one"); !closed) job.fail_with(closed.error());
}

void StatementQueue::commit() {
  if (db_->in_transaction()) {
    flush();  // answers that do not depend on this commit need not wait for the disk
    if (auto committed = db_->control("COMMIT"); !committed) {
      if (db_->in_transaction()) static_cast<void>(db_->control("ROLLBACK"));
      return lose_transaction(committed.error());
    }
    commits_.fetch_add(1, std::memory_order_relaxed);
  }
  for (auto& job : std::exchange(uncommitted_, {})) deliver(std::move(job));
}

/// Nothing of the open transaction was kept: everybody in it is told so. Who failed by itself keeps
/// its own error.
void StatementQueue::lose_transaction(const Error& error) {
  Error shared = error;
  if (shared.code != Code::io && shared.code != Code::corrupt) shared.code = Code::unavailable;
  shared.message = fmt::format("The record store kept nothing of this. {}", error.message);
  for (auto& job : std::exchange(uncommitted_, {})) {
    if (job->failed() == nullptr) job->fail_with(shared);
    deliver(std::move(job));
  }
}

void StatementQueue::deliver(JobPtr job) {
  if (!job->deliver_here()) answered_.push_back(std::move(job));
}

/// One turn of the loop for all answers of a commit: waking it costs more than an answer.
void StatementQueue::flush() {
  if (answered_.empty()) return;
  loop_.post([jobs = std::exchange(answered_, {})] {
    for (const auto& job : jobs) job->deliver_on_loop();
  });
}

}  // namespace outcrop::store
