#pragma once
/// Rows and transactions. SQLite in WAL mode on a thread of its own; what execute() or
/// transaction() has acknowledged is synced to disk. Statements that wait together share one
/// transaction and one sync; one that fails takes nothing of its neighbours with it. Statements are
/// portable between SQLite and PostgreSQL: plain `?` parameters, one statement a call, no dialect's
/// functions, no BEGIN, PRAGMA or ATTACH. Text is UTF-8; other bytes are a Blob. Order:   as
/// called. A query sees every statement called before it. Errors:  conflict (a constraint; the
/// detail says which), too_large (an answer, a value), deadline
///          (a query over `query_time`), unavailable (queue full, disk full, locked by another
///          program), io, corrupt, internal (a statement that is wrong). The log's detail has
///          SQLite's own words.
/// Threads: the loop's; work inside transaction() runs on the store's thread and must touch nothing
/// else. Limits:  RecordsOptions. A full queue refuses the next statement with `unavailable`. Life:
/// destroyed before its loop; everything accepted is carried out first.

#include "base/result.h"
#include "base/task.h"
#include "base/time.h"
#include "wire/loop.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace outcrop::store {

struct Blob {
  std::string bytes;
  bool operator==(const Blob&) const = default;
};
using Cell = std::variant<std::monostate, std::int64_t, double, std::string, Blob>;
using Params = std::vector<Cell>;

struct Row {
  std::vector<Cell> cells;
  bool null(std::size_t column) const { return cells[column].index() == 0; }
  std::int64_t integer(std::size_t column) const { return std::get<std::int64_t>(cells[column]); }
  double real(std::size_t column) const;  // an integer widens
  const std::string& text(std::size_t column) const { return std::get<std::string>(cells[column]); }
  const std::string& bytes(std::size_t column) const { return std::get<Blob>(cells[column]).bytes; }
};
using Rows = std::vector<Row>;

/// Statements inside one transaction; on the store's thread. After one of them failed the rest fail
/// with the same error and the transaction is rolled back, as PostgreSQL does it: say ON CONFLICT
/// in the statement where a conflict is expected.
class Transaction {
 public:
  virtual ~Transaction() = default;
  virtual Result<Rows> query(std::string_view sql, const Params& params = {}) = 0;
  virtual Result<std::int64_t> execute(std::string_view sql,
                                       const Params& params = {}) = 0;  // rows changed
};

/// One step of a schema, named "<folder>/<number>-<what>", of one or more statements; applied once,
/// in order, each in a transaction.
struct Migration {
  std::string name;
  std::string sql;
};

struct RecordsOptions {
  std::size_t queue = 10'000;            // statements waiting; transactions count as one
  std::size_t rows = 100'000;            // of one answer; beyond it the query fails with too_large
  std::size_t answer_bytes = 256 << 20;  // likewise
  std::size_t batch = 512;               // statements that share a transaction at most
  std::size_t prepared = 256;            // statements kept compiled; the least used goes first
  Millis query_time{30'000};             // of one query; a statement that writes is not interrupted
  Millis busy_time{5'000};               // wait for another program that reads or copies the file
};

struct RecordsStats {  // since open, except where it says now
  std::uint64_t statements = 0, commits = 0, refused = 0;
  std::size_t queued_now = 0;
};

class Records {
 public:
  /// Creates the file (mode 0600, and a file that others may read is made so) when it is not there;
  /// its folder must be. ":memory:" keeps everything in memory, for tests.
  /// Errors: io, corrupt (the file is no database), conflict (another process holds `<path>.lock`;
  /// the message names it. The lock goes with its process, however that ends).
  static Result<std::unique_ptr<Records>> open(Loop& loop, const std::string& path,
                                               RecordsOptions options = {});
  virtual ~Records() = default;

  /// A folder hands over all its migrations, in one call. Errors: conflict, naming the migration,
  /// when one was edited after it was applied, when one is missing between applied ones, or when
  /// the file holds a later one than the program knows (a newer version wrote it); validation for a
  /// bad name.
  virtual Task<Result<void>> migrate(std::vector<Migration> migrations) = 0;
  virtual Task<Result<Rows>> query(std::string sql, Params params = {}) = 0;
  /// Gives the number of rows changed.
  virtual Task<Result<std::int64_t>> execute(std::string sql, Params params = {}) = 0;
  /// Commits when `work` returns a value, rolls back when it returns an error (which is passed on)
  /// or throws (internal).
  virtual Task<Result<void>> transaction(std::function<Result<void>(Transaction&)> work) = 0;
  /// For commands that own the store and have no loop running: these block until they are done. Any
  /// thread but the store's own.
  virtual Result<Rows> query_now(std::string_view sql, const Params& params = {}) = 0;
  virtual Result<std::int64_t> execute_now(std::string_view sql, const Params& params = {}) = 0;
  /// Any thread.
  virtual RecordsStats stats() const = 0;
};

}  // namespace outcrop::store
