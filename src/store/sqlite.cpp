#include "store/sqlite.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <cmath>

namespace outcrop::store {
namespace {

constexpr int progress_steps =
    20'000;  // of SQLite's machine, between two looks at the clock (about 0.2 ms)

struct Mapped {
  Code code;
  std::string_view message;
};

Mapped map(int extended) {
  switch (extended & 0xFF) {
    case SQLITE_CONSTRAINT:
      switch (extended) {
        case SQLITE_CONSTRAINT_UNIQUE:
        case SQLITE_CONSTRAINT_PRIMARYKEY:
        case SQLITE_CONSTRAINT_ROWID:
          return {Code::conflict, "A record with the same key exists already."};
        case SQLITE_CONSTRAINT_FOREIGNKEY:
          return {Code::conflict,
                  "The record refers to one that does not exist, or is referred to."};
        default:
          return {Code::conflict, "The record breaks a rule of its table."};
      }
    case SQLITE_CORRUPT:
      return {Code::corrupt, "The record store's file is damaged."};
    case SQLITE_NOTADB:
      return {Code::corrupt, "The record store's file is not a database."};
    case SQLITE_FULL:
      return {Code::unavailable, "The disk of the record store is full."};
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return {Code::unavailable, "The record store is locked by another program."};
    case SQLITE_NOMEM:
      return {Code::unavailable, "The record store is out of memory."};
    case SQLITE_INTERRUPT:
      return {Code::deadline, "A query of the record store took too long."};
    case SQLITE_TOOBIG:
      return {Code::too_large, "A value is too large for the record store."};
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
      return {Code::io, "The record store could not read or write its file."};
    default:
      return {Code::internal, "The record store was given a statement that it cannot run."};
  }
}

Failure wrong(std::string detail) {
  return fail(Error{.code = Code::internal,
                    .message = "The record store was given a statement that it cannot run.",
                    .detail = std::move(detail)});
}

Cell cell(sqlite3_stmt* statement, int column) {
  auto size = [&] { return static_cast<std::size_t>(sqlite3_column_bytes(statement, column)); };
  switch (sqlite3_column_type(statement, column)) {
    case SQLITE_INTEGER:
      return static_cast<std::int64_t>(sqlite3_column_int64(statement, column));
    case SQLITE_FLOAT:
      return sqlite3_column_double(statement, column);
    case SQLITE_TEXT: {
      auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement, column));
      return std::string(text, size());
    }
    case SQLITE_BLOB: {
      auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement, column));
      return Blob{bytes == nullptr ? std::string() : std::string(bytes, size())};
    }
    default:
      return std::monostate{};
  }
}

std::size_t bytes_of(const Cell& value) {
  std::size_t held = sizeof(Cell);
  if (auto* text = std::get_if<std::string>(&value)) held += text->size();
  if (auto* blob = std::get_if<Blob>(&value)) held += blob->bytes.size();
  return held;
}

/// Rewinds a statement and lets go of its parameters, which are the caller's memory.
class Rewind {
 public:
  explicit Rewind(sqlite3_stmt* statement) : statement_(statement) {}
  Rewind(const Rewind&) = delete;
  Rewind& operator=(const Rewind&) = delete;
  ~Rewind() {
    sqlite3_reset(statement_);
    sqlite3_clear_bindings(statement_);
  }

 private:
  sqlite3_stmt* statement_;
};

}  // namespace

double Row::real(std::size_t column) const {
  if (auto* integer = std::get_if<std::int64_t>(&cells[column]))
    return static_cast<double>(*integer);
  return std::get<double>(cells[column]);
}

Result<std::unique_ptr<Sqlite>> Sqlite::open(const std::string& path,
                                             const RecordsOptions& options) {
  std::unique_ptr<Sqlite> self(new Sqlite(options));
  int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  if (path == ":memory:") flags |= SQLITE_OPEN_CREATE;
  int code = sqlite3_open_v2(path.c_str(), &self->db_, flags, nullptr);
  if (self->db_ == nullptr) return fail(Code::unavailable, "The record store is out of memory.");
  auto name_file = [&](Error error) {
    error.message = fmt::format("{}: {}", path, error.message);
    return fail(std::move(error));
  };
  if (code != SQLITE_OK) return name_file(self->failure(code, "open").value());
  if (auto configured = self->configure(); !configured)
    return name_file(std::move(configured.error()));
  return self;
}

Result<void> Sqlite::configure() {
  sqlite3_busy_timeout(db_, static_cast<int>(options_.busy_time.count()));
  // A name in double quotes is a name, as in PostgreSQL, never a text; no statement may write the
  // schema's own tables; functions of a schema that a file brought along get no rights.
  sqlite3_db_config(db_, SQLITE_DBCONFIG_DQS_DML, 0, nullptr);
  sqlite3_db_config(db_, SQLITE_DBCONFIG_DQS_DDL, 0, nullptr);
  sqlite3_db_config(db_, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(db_, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  // The first statement reads the file, and so finds out that it is none of ours.
  CHECK(script("SELECT count(*) FROM sqlite_schema"));
  TRY(mode, query("PRAGMA journal_mode = WAL", {}));
  std::string journal = mode.empty() ? "" : mode[0].text(0);
  if (journal != "wal" && journal != "memory") {
    return fail(Code::io, "The file system cannot hold a write-ahead log (journal mode {}).",
                journal);
  }
  CHECK(
      script("PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY;"
             "PRAGMA cell_size_check = ON; PRAGMA cache_size = -16384;"
             "PRAGMA journal_size_limit = 67108864;"));
  sqlite3_set_authorizer(db_, &Sqlite::authorize, this);
  sqlite3_progress_handler(db_, progress_steps, &Sqlite::check_time, this);
  return {};
}

Sqlite::~Sqlite() {
  for (auto& statement : statements_) sqlite3_finalize(statement.handle);
  for (auto& [sql, handle] : controls_) sqlite3_finalize(handle);
  sqlite3_close_v2(db_);
}

int Sqlite::authorize(void* self, int action, const char* first, const char* second, const char*,
                      const char*) {
  if (static_cast<Sqlite*>(self)->ours_) return SQLITE_OK;
  switch (action) {
    case SQLITE_TRANSACTION:
    case SQLITE_SAVEPOINT:
    case SQLITE_ATTACH:
    case SQLITE_DETACH:
      return SQLITE_DENY;
    case SQLITE_PRAGMA: {
      std::string_view name = first == nullptr ? "" : first;
      // Full-text tables read the one by themselves; a migration that rebuilds a table needs the
      // other.
      bool allowed = (name == "data_version" && second == nullptr) || name == "defer_foreign_keys";
      return allowed ? SQLITE_OK : SQLITE_DENY;
    }
    default:
      return SQLITE_OK;
  }
}

int Sqlite::check_time(void* self) {
  return static_cast<Sqlite*>(self)->query_deadline_.passed() ? 1 : 0;
}

Failure Sqlite::failure(int code, std::string_view sql) const {
  int extended = sqlite3_extended_errcode(db_);
  if ((extended & 0xFF) != (code & 0xFF)) extended = code;
  Mapped mapped = map(extended);
  return fail(Error{
      .code = mapped.code,
      .message = std::string(mapped.message),
      .detail = fmt::format("{} ({}) in: {}", sqlite3_errmsg(db_), extended, sql.substr(0, 500))});
}

Result<sqlite3_stmt*> Sqlite::compile(std::string_view sql) {
  sqlite3_stmt* handle = nullptr;
  const char* tail = nullptr;
  int code = sqlite3_prepare_v3(db_, sql.data(), static_cast<int>(sql.size()),
                                SQLITE_PREPARE_PERSISTENT, &handle, &tail);
  if (code != SQLITE_OK) return failure(code, sql);
  if (handle == nullptr) return wrong("an empty statement");
  std::string_view rest = sql.substr(static_cast<std::size_t>(tail - sql.data()));
  if (rest.find_first_not_of(" \t\r\n;") != rest.npos) {
    sqlite3_finalize(handle);
    return wrong(fmt::format("more than one statement in: {}", sql.substr(0, 500)));
  }
  for (int i = 1; i <= sqlite3_bind_parameter_count(handle); ++i) {
    if (sqlite3_bind_parameter_name(handle, i) == nullptr) continue;
    sqlite3_finalize(handle);
    return wrong(fmt::format("a parameter that is not a plain '?' in: {}", sql.substr(0, 500)));
  }
  return handle;
}

Result<sqlite3_stmt*> Sqlite::prepared(std::string_view sql) {
  if (auto known = by_sql_.find(sql); known != by_sql_.end()) {
    statements_.splice(statements_.begin(), statements_, known->second);
    return known->second->handle;
  }
  TRY(handle, compile(sql));
  if (statements_.size() >= options_.prepared && !statements_.empty()) {
    by_sql_.erase(statements_.back().sql);
    sqlite3_finalize(statements_.back().handle);
    statements_.pop_back();
  }
  statements_.push_front({std::string(sql), handle});
  by_sql_.emplace(statements_.front().sql, statements_.begin());
  return handle;
}

Result<void> Sqlite::bind(sqlite3_stmt* statement, const Params& params, std::string_view sql) {
  auto wanted = static_cast<std::size_t>(sqlite3_bind_parameter_count(statement));
  if (wanted != params.size()) {
    return wrong(fmt::format("{} parameters for {} places in: {}", params.size(), wanted,
                             sql.substr(0, 500)));
  }
  for (std::size_t i = 0; i < params.size(); ++i) {
    int place = static_cast<int>(i) + 1;
    struct Binder {
      sqlite3_stmt* statement;
      int place;
      int operator()(std::monostate) const { return sqlite3_bind_null(statement, place); }
      int operator()(std::int64_t value) const {
        return sqlite3_bind_int64(statement, place, value);
      }
      int operator()(double value) const { return sqlite3_bind_double(statement, place, value); }
      int operator()(const std::string& text) const {
        return sqlite3_bind_text64(statement, place, text.data(), text.size(), SQLITE_STATIC,
                                   SQLITE_UTF8);
      }
      int operator()(const Blob& blob) const {
        if (blob.bytes.empty()) return sqlite3_bind_zeroblob(statement, place, 0);  // not NULL
        return sqlite3_bind_blob64(statement, place, blob.bytes.data(), blob.bytes.size(),
                                   SQLITE_STATIC);
      }
    };
    if (auto* number = std::get_if<double>(&params[i]); number != nullptr && std::isnan(*number)) {
      return wrong(fmt::format("parameter {} is not a number, which would become NULL, in: {}",
                               place, sql.substr(0, 500)));
    }
    if (int code = std::visit(Binder{statement, place}, params[i]); code != SQLITE_OK)
      return failure(code, sql);
  }
  return {};
}

Result<Sqlite::Answer> Sqlite::step_all(sqlite3_stmt* statement, std::string_view sql) {
  Answer answer;
  std::size_t held = 0;
  bool reads = sqlite3_stmt_readonly(statement) != 0;
  query_deadline_ = reads && !ours_ ? Deadline::in(options_.query_time) : Deadline();
  auto changed_before = sqlite3_total_changes64(db_);
  int code = SQLITE_ROW;
  while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
    if (answer.rows.size() >= options_.rows) {
      return fail(Code::too_large, "The answer has more than {} rows: ask for fewer at a time.",
                  options_.rows);
    }
    Row row;
    int columns = sqlite3_column_count(statement);
    row.cells.reserve(static_cast<std::size_t>(columns));
    for (int i = 0; i < columns; ++i) {
      row.cells.push_back(cell(statement, i));
      held += bytes_of(row.cells.back());
    }
    if (held > options_.answer_bytes) {
      return fail(Code::too_large,
                  "The answer has more than {} bytes: ask for fewer rows at a time.",
                  options_.answer_bytes);
    }
    answer.rows.push_back(std::move(row));
  }
  if (code != SQLITE_DONE) return failure(code, sql);
  // A statement that changes no row leaves the count of the one before it.
  if (sqlite3_total_changes64(db_) != changed_before) answer.changed = sqlite3_changes64(db_);
  return answer;
}

Result<Sqlite::Answer> Sqlite::run(std::string_view sql, const Params& params) {
  TRY(statement, prepared(sql));
  Rewind rewind(statement);
  CHECK(bind(statement, params, sql));
  auto answer = step_all(statement, sql);
  query_deadline_ = Deadline();  // it was this query's alone
  return answer;
}

Result<Rows> Sqlite::query(std::string_view sql, const Params& params) {
  TRY(answer, run(sql, params));
  return std::move(answer.rows);
}

Result<std::int64_t> Sqlite::execute(std::string_view sql, const Params& params) {
  TRY(answer, run(sql, params));
  return answer.changed;
}

Result<void> Sqlite::script(std::string_view sql) {
  while (!sql.empty()) {
    sqlite3_stmt* handle = nullptr;
    const char* tail = nullptr;
    int code = sqlite3_prepare_v3(db_, sql.data(), static_cast<int>(sql.size()), 0, &handle, &tail);
    if (code != SQLITE_OK) return failure(code, sql);
    std::string_view one = sql;
    sql.remove_prefix(static_cast<std::size_t>(tail - sql.data()));
    if (handle == nullptr) continue;  // a comment, or blanks
    auto done = step_all(handle, one);
    sqlite3_finalize(handle);
    if (!done) return fail(std::move(done.error()));
  }
  return {};
}

bool Sqlite::writes(std::string_view sql) {
  auto statement = prepared(sql);
  return statement && sqlite3_stmt_readonly(*statement) == 0;
}

Result<void> Sqlite::control(std::string_view sql) {
  ours_ = true;
  auto done = [&]() -> Result<void> {
    auto& handle = controls_[std::string(sql)];
    if (handle == nullptr) {
      TRY(compiled, compile(sql));
      handle = compiled;
    }
    Rewind rewind(handle);
    CHECK(step_all(handle, sql));
    return {};
  }();
  ours_ = false;
  return done;
}

bool Sqlite::in_transaction() const { return sqlite3_get_autocommit(db_) == 0; }

}  // namespace outcrop::store
