// Statements that wait together share a transaction and a sync; each is answered after it, and none
// spoils another. The disk's syncs are counted, and made to fail, by standing in for fdatasync(2).
#include "base/async.h"
#include "store/fixture.h"

#include <atomic>
#include <cerrno>
#include <latch>
#include <sys/syscall.h>
#include <thread>
#include <unistd.h>

namespace {
std::atomic<int> syncs{0};
std::atomic<bool> syncs_fail{false};
int count_sync(long call, int fd) {
  ++syncs;
  if (syncs_fail) {
    errno = EIO;
    return -1;
  }
  return static_cast<int>(::syscall(call, fd));
}
}  // namespace
extern "C" int fdatasync(int fd) { return count_sync(SYS_fdatasync, fd); }
extern "C" int fsync(int fd) { return count_sync(SYS_fsync, fd); }

namespace outcrop::store {
namespace {

using ::testing::HasSubstr;

class GroupCommitTest : public StoreTest {
 protected:
  void SetUp() override {
    open();
    must("CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)");
  }
  void TearDown() override { syncs_fail = false; }

  /// Holds the store's thread until release(), so that what is called meanwhile waits together.
  void hold() {
    detach(held());
    entered_.wait();
  }
  Task<void> held() {
    co_await records_->transaction([this](Transaction&) -> Result<void> {
      entered_.count_down();
      release_.wait();
      return fail(Code::cancelled, "only holding");
    });
    finished();
  }
  void release() { release_.count_down(); }

  struct Outcome {
    std::string sql;
    std::optional<Result<std::int64_t>> result;
    std::int64_t syncs_before = -1;
  };
  /// Calls execute() and notes its outcome in order of arrival.
  void start(std::string sql) {
    ++started_;
    outcomes_.push_back({sql, std::nullopt});
    detach(one(outcomes_.size() - 1, std::move(sql)));
  }
  Task<void> one(std::size_t index, std::string sql) {
    auto result = co_await records_->execute(std::move(sql));
    outcomes_[index].result = std::move(result);
    outcomes_[index].syncs_before = syncs;
    finished();
  }
  Task<void> look(std::string sql, std::optional<Result<Rows>>* out) {
    *out = co_await records_->query(std::move(sql));
    finished();
  }
  void finished() {
    if (++ended_ == started_ + 1) loop_.stop();
  }
  void wait_for_all() { loop_.run(); }

  std::latch entered_{1}, release_{1};
  std::vector<Outcome> outcomes_;
  std::size_t started_ = 0, ended_ = 0;
};

TEST_F(GroupCommitTest, WritesThatWaitTogetherShareOneCommitAndOneSync) {
  hold();
  for (int i = 0; i < 100; ++i) start("INSERT INTO t (v) VALUES ('" + std::to_string(i) + "')");
  auto commits = records_->stats().commits;
  EXPECT_EQ(records_->stats().queued_now, 100u);
  int before = syncs;
  release();
  wait_for_all();
  for (auto& outcome : outcomes_) {
    ASSERT_TRUE(*outcome.result) << outcome.result->error().detail;
    EXPECT_GT(outcome.syncs_before, before);  // answered after the sync
  }
  // The held transaction commits (empty, without a sync) on its own or with them.
  EXPECT_LE(records_->stats().commits - commits, 2u);
  EXPECT_LE(syncs - before, 1);
  EXPECT_EQ(count("t"), 100);
}

TEST_F(GroupCommitTest, WritesOneAfterAnotherAreSyncedEach) {
  int before = syncs;
  for (int i = 0; i < 10; ++i) must("INSERT INTO t (v) VALUES ('x')");
  EXPECT_EQ(syncs - before, 10);
}

TEST_F(GroupCommitTest, AFailingStatementTakesNothingOfItsNeighboursWithIt) {
  hold();
  start("INSERT INTO t VALUES (1, 'a')");
  start("INSERT INTO t VALUES (1, 'again')");
  start("INSERT OR FAIL INTO t VALUES (2, 'half'), (1, 'again')");
  start("INSERT INTO nowhere VALUES (1)");
  start("INSERT INTO t VALUES (3, 'c')");
  release();
  wait_for_all();
  EXPECT_TRUE(*outcomes_[0].result);
  EXPECT_EQ(outcomes_[1].result->error().code, Code::conflict);
  EXPECT_EQ(outcomes_[2].result->error().code, Code::conflict);
  EXPECT_EQ(outcomes_[3].result->error().code, Code::internal);
  EXPECT_TRUE(*outcomes_[4].result);
  auto all = rows("SELECT id FROM t ORDER BY id");
  ASSERT_EQ(all.size(), 2u);  // also not the first half of the third
  EXPECT_EQ(all[0].integer(0), 1);
  EXPECT_EQ(all[1].integer(0), 3);
}

TEST_F(GroupCommitTest, AStatementThatEndsTheSharedTransactionIsToldFromThoseItTookAlong) {
  hold();
  start("INSERT INTO t VALUES (1, 'a')");
  start("INSERT OR ROLLBACK INTO t VALUES (1, 'again')");
  start("INSERT INTO t VALUES (3, 'c')");
  release();
  wait_for_all();
  EXPECT_EQ(outcomes_[0].result->error().code, Code::unavailable);
  EXPECT_THAT(outcomes_[0].result->error().message, HasSubstr("kept nothing of this"));
  EXPECT_EQ(outcomes_[1].result->error().code, Code::conflict);
  EXPECT_TRUE(*outcomes_[2].result);
  EXPECT_EQ(count("t"), 1);
}

TEST_F(GroupCommitTest, NothingIsAcknowledgedThatTheDiskDidNotTake) {
  must("INSERT INTO t VALUES (1, 'before')");
  syncs_fail = true;
  auto error = refused("INSERT INTO t VALUES (2, 'lost')");
  EXPECT_EQ(error.code, Code::io) << error.detail;
  EXPECT_THAT(error.message, HasSubstr("kept nothing"));
  syncs_fail = false;
  must("INSERT INTO t VALUES (3, 'after')");
  EXPECT_EQ(rows("SELECT id FROM t WHERE id = 2").size(), 0u);
  open();
  EXPECT_EQ(count("t"), 2);
}

TEST_F(GroupCommitTest, AQueryBehindAWriteSeesIt) {
  hold();
  start("INSERT INTO t VALUES (1, 'a')");
  std::optional<Result<Rows>> seen;
  ++started_;
  detach(look("SELECT v FROM t", &seen));
  release();
  wait_for_all();
  ASSERT_TRUE(*seen);
  ASSERT_EQ((*seen)->size(), 1u);
}

TEST_F(GroupCommitTest, AFullQueueRefusesAtOnceAndKeepsWhatItAccepted) {
  open({.queue = 5});
  hold();
  for (int i = 0; i < 8; ++i) start("INSERT INTO t (v) VALUES ('x')");
  for (int i = 5; i < 8; ++i) {
    ASSERT_TRUE(outcomes_[static_cast<std::size_t>(i)].result) << "refused at once";
    EXPECT_EQ(outcomes_[static_cast<std::size_t>(i)].result->error().code, Code::unavailable);
  }
  EXPECT_EQ(records_->stats().refused, 3u);
  release();
  wait_for_all();
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(*outcomes_[static_cast<std::size_t>(i)].result);
  EXPECT_EQ(count("t"), 5);
}

TEST_F(GroupCommitTest, ClosingCarriesOutWhatWasAccepted) {
  hold();
  for (int i = 0; i < 50; ++i) start("INSERT INTO t (v) VALUES ('x')");
  std::thread later([this] {
    std::this_thread::sleep_for(Millis(20));
    release();
  });
  records_.reset();
  later.join();
  wait_for_all();  // the answers were on their way
  for (auto& outcome : outcomes_) EXPECT_TRUE(*outcome.result);
  open();
  EXPECT_EQ(count("t"), 50);
}

TEST_F(GroupCommitTest, ABatchHasALimit) {
  open({.batch = 10});
  hold();
  for (int i = 0; i < 100; ++i) start("INSERT INTO t (v) VALUES ('x')");
  auto commits = records_->stats().commits;
  release();
  wait_for_all();
  EXPECT_GE(records_->stats().commits - commits, 10u);
  EXPECT_EQ(count("t"), 100);
}

}  // namespace
}  // namespace outcrop::store
