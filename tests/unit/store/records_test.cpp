// What one statement and one transaction do.
#include "store/records.h"

#include "store/fixture.h"

#include <sqlite3.h>

#include <cmath>
#include <fstream>
#include <limits>
#include <stdexcept>
#include <sys/stat.h>
#include <thread>

namespace outcrop::store {
namespace {

using ::testing::HasSubstr;

class RecordsTest : public StoreTest {
 protected:
  void SetUp() override { open(); }
  void recreate(RecordsOptions options) { open(options); }
};

TEST_F(RecordsTest, EveryKindOfValueComesBackAsItWent) {
  must("CREATE TABLE t (id INTEGER PRIMARY KEY, v)");
  std::string every_byte;
  for (int i = 0; i < 256; ++i) every_byte += static_cast<char>(i);
  std::vector<Cell> values{std::monostate{},
                           std::numeric_limits<std::int64_t>::min(),
                           std::numeric_limits<std::int64_t>::max(),
                           std::int64_t{0},
                           0.1,
                           -0.0,
                           std::numeric_limits<double>::denorm_min(),
                           std::numeric_limits<double>::max(),
                           std::numeric_limits<double>::infinity(),
                           std::string(),
                           std::string("naïve — 日本語 🪨 \xF4\x8F\xBF\xBF"),
                           std::string("a\0b", 3),
                           Blob{},
                           Blob{every_byte},
                           Blob{std::string(3'000'000, 'x')}};
  for (std::size_t i = 0; i < values.size(); ++i) {
    must("INSERT INTO t VALUES (?, ?)", {static_cast<std::int64_t>(i), values[i]});
  }
  open();  // from the file, not from a cache
  auto all = rows("SELECT v FROM t ORDER BY id");
  ASSERT_EQ(all.size(), values.size());
  for (std::size_t i = 0; i < values.size(); ++i) EXPECT_EQ(all[i].cells[0], values[i]) << i;
}

TEST_F(RecordsTest, RowsKnowTheirTypes) {
  auto row = rows("SELECT 7, 2.5, 'x', NULL, ?", {Blob{"b"}})[0];
  EXPECT_EQ(row.integer(0), 7);
  EXPECT_EQ(row.real(0), 7.0);
  EXPECT_EQ(row.real(1), 2.5);
  EXPECT_EQ(row.text(2), "x");
  EXPECT_TRUE(row.null(3));
  EXPECT_FALSE(row.null(2));
  EXPECT_EQ(row.bytes(4), "b");
}

TEST_F(RecordsTest, ExecuteGivesTheNumberOfRowsChanged) {
  EXPECT_EQ(must("CREATE TABLE t (id INTEGER PRIMARY KEY)"), 0);
  EXPECT_EQ(must("INSERT INTO t VALUES (1), (2), (3)"), 3);
  EXPECT_EQ(must("CREATE TABLE u (id INTEGER PRIMARY KEY)"), 0);
  EXPECT_EQ(must("UPDATE t SET id = id + 10 WHERE id > 1"), 2);
  EXPECT_EQ(must("DELETE FROM t WHERE id = 99"), 0);
  EXPECT_EQ(must("INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING"), 0);
  EXPECT_EQ(must("DELETE FROM t"), 3);
}

TEST_F(RecordsTest, AQueryMayWriteAndReturn) {
  must("CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)");
  auto answer = rows("INSERT INTO t (v) VALUES (?) RETURNING id", {std::string("x")});
  ASSERT_EQ(answer.size(), 1u);
  open();
  EXPECT_EQ(count("t"), 1);
}

TEST_F(RecordsTest, ConstraintsAreConflictsAndSayWhichInTheDetail) {
  must(
      "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT UNIQUE NOT NULL, n INTEGER CHECK (n > "
      "0))");
  must("CREATE TABLE child (parent INTEGER REFERENCES t(id))");
  must("INSERT INTO t VALUES (1, 'a', 1)");
  for (const char* sql : {"INSERT INTO t VALUES (1, 'b', 1)", "INSERT INTO t VALUES (2, 'a', 1)",
                          "INSERT INTO t VALUES (2, NULL, 1)", "INSERT INTO t VALUES (2, 'b', 0)",
                          "INSERT INTO child VALUES (77)"}) {
    auto error = refused(sql);
    EXPECT_EQ(error.code, Code::conflict) << sql;
    EXPECT_THAT(error.detail, HasSubstr("constraint failed")) << sql;
    EXPECT_FALSE(error.message.empty());
  }
  must("INSERT INTO child VALUES (1)");
  EXPECT_EQ(refused("DELETE FROM t").code, Code::conflict);
}

TEST_F(RecordsTest, WrongStatementsAreRefusedWithTheReasonInTheDetail) {
  must("CREATE TABLE t (id INTEGER PRIMARY KEY)");
  struct Case {
    const char* sql;
    Params params;
    const char* detail;
  };
  for (const auto& c : std::vector<Case>{
           {"SELEC 1", {}, "syntax error"},
           {"SELECT * FROM missing", {}, "no such table"},
           {"SELECT \"text\"", {}, "no such column"},
           {"", {}, "empty"},
           {"-- nothing", {}, "empty"},
           {"INSERT INTO t VALUES (1); INSERT INTO t VALUES (2)", {}, "more than one"},
           {"SELECT ?", {}, "0 parameters for 1"},
           {"SELECT 1", {std::int64_t{1}}, "1 parameters for 0"},
           {"SELECT ?1", {std::int64_t{1}}, "not a plain '?'"},
           {"SELECT :a", {std::int64_t{1}}, "not a plain '?'"},
           {"SELECT ?", {std::nan("")}, "not a number"}}) {
    auto error = refused(c.sql, c.params);
    EXPECT_EQ(error.code, Code::internal) << c.sql;
    EXPECT_THAT(error.detail, HasSubstr(c.detail)) << c.sql;
    EXPECT_THAT(error.message, ::testing::Not(HasSubstr("SELECT"))) << c.sql;
  }
  EXPECT_EQ(count("t"), 0);
}

TEST_F(RecordsTest, TransactionsAndSettingsBelongToTheStore) {
  must("CREATE TABLE t (id INTEGER PRIMARY KEY)");  // by now the store has compiled its own COMMIT
  for (const char* sql : {"BEGIN", "BEGIN IMMEDIATE", "COMMIT", "ROLLBACK", "SAVEPOINT one",
                          "RELEASE one", "ROLLBACK TO one", "PRAGMA synchronous = OFF",
                          "PRAGMA foreign_keys", "ATTACH ':memory:' AS x"}) {
    EXPECT_THAT(refused(sql).detail, HasSubstr("not authorized")) << sql;
  }
  must("INSERT INTO t VALUES (1)");
  EXPECT_EQ(count("t"), 1);
}

TEST_F(RecordsTest, ATransactionCommitsAValueAndRollsBackAnError) {
  must("CREATE TABLE t (id INTEGER PRIMARY KEY)");
  auto good = run(loop_, records_->transaction([](Transaction& t) -> Result<void> {
    CHECK(t.execute("INSERT INTO t VALUES (?)", {std::int64_t{1}}));
    TRY(seen, t.query("SELECT count(*) FROM t"));
    if (seen[0].integer(0) != 1)
      return fail(Code::internal, "a transaction does not see its own rows");
    return {};
  }));
  EXPECT_TRUE(good);
  auto bad = run(loop_, records_->transaction([](Transaction& t) -> Result<void> {
    CHECK(t.execute("INSERT INTO t VALUES (2)"));
    return fail(Code::quota_exceeded, "enough");
  }));
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().code, Code::quota_exceeded);
  EXPECT_EQ(bad.error().message, "enough");
  auto thrown = run(loop_, records_->transaction([](Transaction& t) -> Result<void> {
    CHECK(t.execute("INSERT INTO t VALUES (3)"));
    throw std::runtime_error("oops");
  }));
  ASSERT_FALSE(thrown);
  EXPECT_EQ(thrown.error().code, Code::internal);
  EXPECT_EQ(thrown.error().detail, "oops");
  open();
  EXPECT_EQ(count("t"), 1);
}

TEST_F(RecordsTest, AFailedStatementFailsItsTransactionEvenWhenOverlooked) {
  must("CREATE TABLE t (id INTEGER PRIMARY KEY)");
  auto outcome = run(loop_, records_->transaction([](Transaction& t) -> Result<void> {
    CHECK(t.execute("INSERT INTO t VALUES (1)"));
    EXPECT_FALSE(t.execute("INSERT INTO t VALUES (1)"));
    auto later = t.execute("INSERT INTO t VALUES (2)");
    EXPECT_FALSE(later);
    EXPECT_FALSE(t.query("SELECT 1"));
    return {};
  }));
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, Code::conflict);
  EXPECT_EQ(count("t"), 0);
}

TEST_F(RecordsTest, WorkInsideATransactionCannotWaitForTheStore) {
  auto outcome = run(loop_, records_->transaction([this](Transaction&) -> Result<void> {
    CHECK(records_->query_now("SELECT 1"));
    return {};
  }));
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, Code::internal);
  EXPECT_THAT(outcome.error().message, HasSubstr("wait for itself"));
}

TEST_F(RecordsTest, CommandsWithoutALoopCanUseIt) {
  ASSERT_TRUE(records_->execute_now("CREATE TABLE t (id INTEGER PRIMARY KEY)"));
  EXPECT_EQ(
      records_->execute_now("INSERT INTO t VALUES (?), (?)", {std::int64_t{1}, std::int64_t{2}}),
      2);
  auto answer = records_->query_now("SELECT id FROM t ORDER BY id DESC");
  ASSERT_TRUE(answer);
  EXPECT_EQ((*answer)[0].integer(0), 2);
  EXPECT_EQ(records_->query_now("SELECT nothing FROM t").error().code, Code::internal);
}

TEST_F(RecordsTest, AnAnswerHasALimitOfRowsAndOfBytes) {
  recreate({.rows = 10, .answer_bytes = 10'000});
  must("CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)");
  for (int i = 0; i < 11; ++i) must("INSERT INTO t (v) VALUES ('x')");
  EXPECT_EQ(rows("SELECT * FROM t LIMIT 10").size(), 10u);
  EXPECT_EQ(refused("SELECT * FROM t").code, Code::too_large);
  EXPECT_EQ(rows("SELECT ?", {std::string(9'000, 'x')}).size(), 1u);
  EXPECT_EQ(refused("SELECT ?", {std::string(10'000, 'x')}).code, Code::too_large);
  EXPECT_EQ(rows("SELECT * FROM t LIMIT 1").size(), 1u);  // and goes on
}

TEST_F(RecordsTest, AQueryThatNeverEndsIsEnded) {
  recreate({.query_time = Millis(50)});
  auto error = refused(
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n");
  EXPECT_EQ(error.code, Code::deadline);
  EXPECT_EQ(rows("SELECT 1").size(), 1u);
}

TEST_F(RecordsTest, MoreStatementsThanAreKeptCompiledStillRun) {
  recreate({.prepared = 3});
  must("CREATE TABLE t (id INTEGER PRIMARY KEY)");
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 10; ++i) {
      EXPECT_EQ(rows("SELECT " + std::to_string(i))[0].integer(0), i);
    }
    must("INSERT INTO t DEFAULT VALUES");
  }
  must("ALTER TABLE t ADD COLUMN v TEXT");  // a compiled statement survives a change of the schema
  must("INSERT INTO t DEFAULT VALUES");
  EXPECT_EQ(count("t"), 4);
}

TEST_F(RecordsTest, TheFileIsPrivate) {
  must("CREATE TABLE t (id INTEGER PRIMARY KEY)");
  for (const char* suffix : {"", "-wal", "-shm", ".lock"}) {
    struct stat facts{};
    ASSERT_EQ(::stat((path() + suffix).c_str(), &facts), 0) << suffix;
    EXPECT_EQ(facts.st_mode & 0777, 0600u) << suffix;
  }
  records_.reset();
  ASSERT_EQ(::chmod(path().c_str(), 0644), 0);
  open();
  struct stat facts{};
  ASSERT_EQ(::stat(path().c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777, 0600u);
}

class OpenTest : public StoreTest {};

TEST_F(OpenTest, AFolderThatIsMissingIsNamed) {
  auto opened = Records::open(loop_, folder_.file("missing/data.db"));
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::io);
  EXPECT_THAT(opened.error().message, HasSubstr("missing"));
}

TEST_F(OpenTest, AFileThatIsNoDatabaseIsCorruptAndStaysAsItWas) {
  std::string text(5000, 'n');
  std::ofstream(path()) << text;
  auto opened = try_open();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::corrupt);
  EXPECT_THAT(opened.error().message, HasSubstr(path()));
  std::ifstream back(path());
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(back), {}), text);
}

TEST_F(OpenTest, DamageInsideTheFileIsCorrupt) {
  open();
  must("CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)");
  for (int i = 0; i < 100; ++i) must("INSERT INTO t (v) VALUES (?)", {std::string(500, 'v')});
  records_.reset();
  auto size = std::filesystem::file_size(path());
  std::fstream file(path(), std::ios::in | std::ios::out | std::ios::binary);
  for (std::size_t at = 4096; at < size; at += 4096) {
    file.seekp(static_cast<std::streamoff>(at));
    file.write("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 12);
  }
  file.close();
  open();
  auto error = refused("SELECT sum(length(v)) FROM t");
  EXPECT_EQ(error.code, Code::corrupt) << error.detail;
}

TEST_F(OpenTest, AnotherProgramThatWritesTheFileIsWaitedForButNotForEver) {
  open({.busy_time = Millis(50)});
  must("CREATE TABLE t (id INTEGER PRIMARY KEY)");
  sqlite3* other = nullptr;
  ASSERT_EQ(sqlite3_open(path().c_str(), &other), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(other, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
  auto began = now();
  auto error = refused("INSERT INTO t VALUES (1)");
  EXPECT_EQ(error.code, Code::unavailable);
  EXPECT_GE(now() - began, Millis(45));
  EXPECT_THAT(error.message, HasSubstr("locked by another program"));
  EXPECT_EQ(count("t"), 0);  // reading goes on
  ASSERT_EQ(sqlite3_exec(other, "COMMIT", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(other);
  must("INSERT INTO t VALUES (1)");
}

TEST_F(OpenTest, AFolderInPlaceOfTheFileIsRefused) {
  std::filesystem::create_directory(path());
  auto opened = try_open();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::io);
}

TEST_F(OpenTest, MemoryKeepsNothing) {
  auto opened = Records::open(loop_, ":memory:");
  ASSERT_TRUE(opened) << opened.error().detail;
  ASSERT_TRUE((*opened)->execute_now("CREATE TABLE t (id INTEGER PRIMARY KEY)"));
  ASSERT_TRUE((*opened)->execute_now("INSERT INTO t VALUES (1)"));
  EXPECT_EQ((*(*opened)->query_now("SELECT count(*) FROM t"))[0].integer(0), 1);
  auto second = Records::open(loop_, ":memory:");
  ASSERT_TRUE(second);
  EXPECT_FALSE((*second)->query_now("SELECT count(*) FROM t"));
}

}  // namespace
}  // namespace outcrop::store
