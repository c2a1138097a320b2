// What was acknowledged survives the death of its process, and two processes never share a file.
#include "store/fixture.h"

#include <sqlite3.h>

#include <random>
#include <set>
#include <signal.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace outcrop::store {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

/// A child process that runs `body` and ends without the test program's own clean-up.
template <class Body>
pid_t in_child(Body body) {
  pid_t child = ::fork();
  if (child == 0) {
    body();
    ::_exit(0);
  }
  return child;
}

std::string integrity(const std::string& file) {
  sqlite3* db = nullptr;
  std::string verdict = "not opened";
  if (sqlite3_open(file.c_str(), &db) == SQLITE_OK) {
    auto take = [](void* out, int, char** columns, char**) {
      *static_cast<std::string*>(out) = columns[0];
      return 0;
    };
    sqlite3_exec(db, "PRAGMA integrity_check", take, &verdict, nullptr);
  }
  sqlite3_close(db);
  return verdict;
}

Task<void> write_for_ever(Records& records, int writer, int pipe) {
  for (std::int32_t i = 0;; ++i) {
    auto done = co_await records.execute("INSERT INTO t VALUES (?, ?)",
                                         {std::int64_t{writer}, std::int64_t{i}});
    if (!done) ::_exit(3);
    std::int32_t acknowledged[2] = {writer, i};
    if (::write(pipe, acknowledged, sizeof acknowledged) != sizeof acknowledged) ::_exit(4);
  }
}

class CrashTest : public StoreTest {};

TEST_F(CrashTest, KillLosesNoAcknowledgedWrite) {
  const auto seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  std::uniform_int_distribution<int> acknowledgements(100, 499);
  open();
  must("CREATE TABLE t (writer INTEGER, i INTEGER, PRIMARY KEY (writer, i))");
  records_.reset();
  std::set<std::pair<std::int64_t, std::int64_t>> acknowledged;
  constexpr int writers = 16;
  for (int round = 0; round < 5; ++round) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    std::string file = path();
    pid_t child = in_child([&] {
      Loop loop(1);
      auto records = Records::open(loop, file);
      if (!records) ::_exit(2);
      for (int w = 0; w < writers; ++w) {
        loop.spawn(write_for_ever(**records, round * writers + w, ends[1]));
      }
      loop.run();
    });
    ::close(ends[1]);
    std::int32_t pair[2];
    // Dies while writes are under way: after a few hundred acknowledgements, at no special moment.
    for (int n = acknowledgements(random);
         n > 0 && ::read(ends[0], pair, sizeof pair) == sizeof pair; --n) {
      acknowledged.emplace(pair[0], pair[1]);
    }
    ::kill(child, SIGKILL);
    while (::read(ends[0], pair, sizeof pair) == sizeof pair)
      acknowledged.emplace(pair[0], pair[1]);
    ::close(ends[0]);
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the child ended by itself: " << WEXITSTATUS(status);
    open();  // the lock went with its holder
    std::set<std::pair<std::int64_t, std::int64_t>> kept;
    for (auto& row : rows("SELECT writer, i FROM t")) kept.emplace(row.integer(0), row.integer(1));
    for (auto& write : acknowledged)
      ASSERT_TRUE(kept.contains(write)) << write.first << ":" << write.second;
    records_.reset();
    EXPECT_EQ(integrity(path()), "ok");
  }
  EXPECT_GT(acknowledged.size(), 500u);
}

TEST_F(CrashTest, ASecondProcessIsRefusedAndToldWhoHoldsTheFile) {
  int ready[2], leave[2];
  ASSERT_EQ(::pipe(ready), 0);
  ASSERT_EQ(::pipe(leave), 0);
  std::string file = path();
  pid_t child = in_child([&] {
    ::close(leave[1]);
    Loop loop(1);
    auto records = Records::open(loop, file);
    char c = records ? 'y' : 'n';
    if (::write(ready[1], &c, 1) != 1 || ::read(leave[0], &c, 1) < 0) ::_exit(1);
    ::_exit(0);  // without giving the lock back
  });
  char c = 0;
  ASSERT_EQ(::read(ready[0], &c, 1), 1);
  ASSERT_EQ(c, 'y');
  auto second = try_open();
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::conflict);
  EXPECT_THAT(second.error().message,
              AllOf(HasSubstr("process " + std::to_string(child)), HasSubstr(file + ".lock")));
  // The same file by another name is the same file.
  std::filesystem::create_symlink(file, folder_.file("alias.db"));
  EXPECT_EQ(Records::open(loop_, folder_.file("alias.db")).error().code, Code::conflict);
  ::close(leave[1]);
  ::waitpid(child, nullptr, 0);
  EXPECT_TRUE(try_open());
  for (int fd : {ready[0], ready[1], leave[0]}) ::close(fd);
}

TEST_F(CrashTest, OneProcessOpensAFileOnce) {
  open();
  auto second = try_open();
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::conflict);
  EXPECT_THAT(second.error().message, HasSubstr("process " + std::to_string(::getpid())));
  records_.reset();
  EXPECT_TRUE(try_open());
}

}  // namespace
}  // namespace outcrop::store
