#pragma once
/// Rows and transactions. SQLite in WAL mode on a thread of its own; what execute() or
/// transaction() has acknowledged is synced to disk. Statements are portable between SQLite and
/// PostgreSQL: `?` parameters, no dialect's functions. Threads: the loop's; work inside
/// transaction() runs on the store's thread and must touch nothing else. Limits:  `queue`
/// statements wait at most; the next is refused with `unavailable`.

#include "base/result.h"
#include "base/task.h"
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

/// Statements inside one transaction; on the store's thread.
class Transaction {
 public:
  virtual ~Transaction() = default;
  virtual Result<Rows> query(std::string_view sql, const Params& params = {}) = 0;
  virtual Result<std::int64_t> execute(std::string_view sql,
                                       const Params& params = {}) = 0;  // rows changed
};

/// One step of a schema, named "<folder>/<number>-<what>"; applied once, in order, each in a
/// transaction.
struct Migration {
  std::string name;
  std::string sql;
};

struct RecordsOptions {
  std::size_t queue = 10'000;  // statements
  std::size_t rows = 100'000;  // of one answer; beyond it the query fails with too_large
};

class Records {
 public:
  /// Creates the file (mode 0600) when it is not there. Errors: io, corrupt (the file is no
  /// database), conflict (another process holds the lock).
  static Result<std::unique_ptr<Records>> open(Loop& loop, const std::string& path,
                                               RecordsOptions options = {});
  virtual ~Records() = default;

  virtual Task<Result<void>> migrate(std::vector<Migration> migrations) = 0;
  virtual Task<Result<Rows>> query(std::string sql, Params params = {}) = 0;
  virtual Task<Result<std::int64_t>> execute(std::string sql, Params params = {}) = 0;
  /// Commits when `work` returns a value, rolls back when it returns an error (which is passed on).
  virtual Task<Result<void>> transaction(std::function<Result<void>(Transaction&)> work) = 0;
  /// For commands that own the store and have no loop running.
  virtual Result<Rows> query_now(std::string_view sql, const Params& params = {}) = 0;
  virtual Result<std::int64_t> execute_now(std::string_view sql, const Params& params = {}) = 0;
};

}  // namespace outcrop::store
