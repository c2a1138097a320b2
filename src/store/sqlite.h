#pragma once
/// One SQLite connection: opening with our settings, compiled statements kept, parameters and rows
/// as cells, errors as ours. No transactions of its own accord and no thread: that is records.cpp.
/// Threads: one at a time.

#include "base/result.h"
#include "base/time.h"
#include "store/records.h"

#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

struct sqlite3;
struct sqlite3_stmt;

namespace outcrop::store {

class Sqlite {
 public:
  /// `path` must exist, or be ":memory:".
  static Result<std::unique_ptr<Sqlite>> open(const std::string& path,
                                              const RecordsOptions& options);
  ~Sqlite();
  Sqlite(const Sqlite&) = delete;
  Sqlite& operator=(const Sqlite&) = delete;

  Result<Rows> query(std::string_view sql, const Params& params);
  /// Rows changed; 0 for a statement that changes the schema.
  Result<std::int64_t> execute(std::string_view sql, const Params& params);
  /// Any number of statements without parameters.
  Result<void> script(std::string_view sql);
  /// false also for a statement that does not compile: running it says why.
  bool writes(std::string_view sql);

  /// BEGIN, COMMIT and the like, which the authorizer keeps from statements of callers.
  Result<void> control(std::string_view sql);
  bool in_transaction() const;

 private:
  struct Statement {
    std::string sql;
    sqlite3_stmt* handle = nullptr;
  };
  struct Answer {
    Rows rows;
    std::int64_t changed = 0;
  };
  explicit Sqlite(const RecordsOptions& options) : options_(options) {}
  Result<void> configure();
  Result<sqlite3_stmt*> prepared(std::string_view sql);
  Result<void> bind(sqlite3_stmt* statement, const Params& params, std::string_view sql);
  Result<sqlite3_stmt*> compile(std::string_view sql);
  Result<Answer> run(std::string_view sql, const Params& params);
  Result<Answer> step_all(sqlite3_stmt* statement, std::string_view sql);
  Failure failure(int code, std::string_view sql) const;
  static int authorize(void* self, int action, const char* first, const char* second, const char*,
                       const char*);
  static int check_time(void* self);

  RecordsOptions options_;
  sqlite3* db_ = nullptr;
  bool ours_ = false;                // the statement at hand is the store's own
  Deadline query_deadline_;          // of the query that runs
  std::list<Statement> statements_;  // most recently used first
  std::unordered_map<std::string_view, std::list<Statement>::iterator> by_sql_;
  // Apart, or a caller's "COMMIT" would find the store's own in the cache.
  std::unordered_map<std::string, sqlite3_stmt*> controls_;
};

}  // namespace outcrop::store
