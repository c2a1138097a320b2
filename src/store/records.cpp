#include "store/records.h"

#include "store/file_lock.h"
#include "store/migrations.h"
#include "store/sqlite.h"
#include "store/statement_queue.h"

#include <climits>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace outcrop::store {
namespace {

/// The file's one true path: two links to it must meet at one lock.
Result<std::string> true_path(const std::string& path) {
  char resolved[PATH_MAX];
  if (::realpath(path.c_str(), resolved) != nullptr) return std::string(resolved);
  if (errno != ENOENT)
    return fail(Code::io, "{} cannot be opened: {}.", path, std::strerror(errno));
  auto slash = path.rfind('/');
  std::string folder = slash == path.npos ? "." : path.substr(0, slash + 1);
  std::string name = slash == path.npos ? path : path.substr(slash + 1);
  if (name.empty()) return fail(Code::io, "'{}' does not name a file.", path);
  if (::realpath(folder.c_str(), resolved) == nullptr) {
    return fail(Code::io, "The folder {} of the data file cannot be opened: {}.", folder,
                std::strerror(errno));
  }
  return std::string(resolved) + (std::string_view(resolved) == "/" ? "" : "/") + name;
}

/// SQLite gives its log and index files the mode of the data file.
Result<void> make_private(const std::string& path) {
  int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0)
    return fail(Code::io, "The data file {} cannot be opened: {}.", path, std::strerror(errno));
  struct stat facts{};
  bool good = ::fstat(fd, &facts) == 0;
  if (good && !S_ISREG(facts.st_mode)) {
    ::close(fd);
    return fail(Code::io, "The data file {} is not a regular file.", path);
  }
  if (good && (facts.st_mode & 0077) != 0) good = ::fchmod(fd, 0600) == 0;
  std::string why = good ? "" : std::strerror(errno);
  ::close(fd);
  if (!good) return fail(Code::io, "The data file {} cannot be made private: {}.", path, why);
  return {};
}

/// What work() of a transaction is handed. The first failure is kept and is the transaction's.
class SqliteTransaction : public Transaction {
 public:
  explicit SqliteTransaction(Sqlite& db) : db_(db) {}
  Result<Rows> query(std::string_view sql, const Params& params) override {
    if (failed_) return fail(*failed_);
    return keep(db_.query(sql, params));
  }
  Result<std::int64_t> execute(std::string_view sql, const Params& params) override {
    if (failed_) return fail(*failed_);
    return keep(db_.execute(sql, params));
  }
  const std::optional<Error>& failed() const { return failed_; }

 private:
  template <class T>
  Result<T> keep(Result<T> outcome) {
    if (!outcome) failed_ = outcome.error();
    return outcome;
  }
  Sqlite& db_;
  std::optional<Error> failed_;
};

class SqliteRecords : public Records {
 public:
  SqliteRecords(Loop& loop, FileLock lock, std::unique_ptr<Sqlite> db,
                const RecordsOptions& options)
      : lock_(std::move(lock)), queue_(loop, std::move(db), options) {}

  Task<Result<void>> migrate(std::vector<Migration> migrations) override {
    auto work = [migrations = std::move(migrations)](Sqlite& db) -> Result<bool> {
      CHECK(apply_migrations(db, migrations));
      return true;
    };
    CO_CHECK(co_await queue_.submit<bool>(StatementQueue::Kind::alone, std::move(work)));
    co_return Result<void>();
  }
  Task<Result<Rows>> query(std::string sql, Params params) override {
    return queue_.submit<Rows>(std::move(sql), std::move(params));
  }
  Task<Result<std::int64_t>> execute(std::string sql, Params params) override {
    return queue_.submit<std::int64_t>(std::move(sql), std::move(params));
  }
  Task<Result<void>> transaction(std::function<Result<void>(Transaction&)> work) override {
    auto inside = [work = std::move(work)](Sqlite& db) -> Result<bool> {
      SqliteTransaction transaction(db);
      CHECK(work(transaction));
      if (transaction.failed()) return fail(*transaction.failed());
      return true;
    };
    CO_CHECK(co_await queue_.submit<bool>(StatementQueue::Kind::write, std::move(inside)));
    co_return Result<void>();
  }
  Result<Rows> query_now(std::string_view sql, const Params& params) override {
    return queue_.run_now<Rows>(std::string(sql), params);
  }
  Result<std::int64_t> execute_now(std::string_view sql, const Params& params) override {
    return queue_.run_now<std::int64_t>(std::string(sql), params);
  }
  RecordsStats stats() const override { return queue_.stats(); }

 private:
  FileLock lock_;  // given back last, after the queue has closed the file
  StatementQueue queue_;
};

}  // namespace

Result<std::unique_ptr<Records>> Records::open(Loop& loop, const std::string& path,
                                               RecordsOptions options) {
  FileLock lock;
  std::string file = path;
  if (path != ":memory:") {
    TRY(found, true_path(path));
    file = found;
    TRY(taken, FileLock::take(file + ".lock", file));
    lock = std::move(taken);
    CHECK(make_private(file));
  }
  TRY(db, Sqlite::open(file, options));
  return std::make_unique<SqliteRecords>(loop, std::move(lock), std::move(db), options);
}

}  // namespace outcrop::store
