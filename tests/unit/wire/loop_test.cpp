// The loop: sleeping, cancelling, offloading, stopping.

#include "wire/loop.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace outcrop {
namespace {

using namespace std::chrono_literals;

Task<void> sleeps(Loop& loop, std::vector<int>& order, int number, Millis duration) {
  co_await loop.sleep(duration);
  order.push_back(number);
  if (order.size() == 3) loop.stop();
}

TEST(Loop, SleepersWakeInOrderOfTheirDeadlines) {
  Loop loop;
  std::vector<int> order;
  loop.spawn(sleeps(loop, order, 3, 30ms));
  loop.spawn(sleeps(loop, order, 1, 1ms));
  loop.spawn(sleeps(loop, order, 2, 15ms));
  loop.run();
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3}));
}

Task<void> sleeps_long(Loop& loop, CancelToken cancel, bool& slept, Instant& woke) {
  slept = co_await loop.sleep(1h, std::move(cancel));
  woke = now();
}

Task<void> cancels(Loop& loop, CancelSource& source) {
  co_await loop.sleep(5ms);
  source.cancel();
  co_await loop.sleep(5ms);
}

TEST(Loop, CancellationEndsASleepAndSaysSo) {
  Loop loop;
  CancelSource source;
  bool slept = true;
  Instant woke{};
  loop.spawn(sleeps_long(loop, source.token(), slept, woke));
  loop.run(cancels(loop, source));
  EXPECT_FALSE(slept);
  EXPECT_NE(woke, Instant{});
}

TEST(Loop, ACancelledTokenSleepsNotAtAll) {
  Loop loop;
  CancelSource source;
  source.cancel();
  bool slept = true;
  Instant woke{};
  loop.run(sleeps_long(loop, source.token(), slept, woke));
  EXPECT_FALSE(slept);
}

Task<void> offloads(Loop& loop, std::thread::id& worker, std::thread::id& after,
                    std::string& value) {
  value = co_await loop.offload([&worker] {
    worker = std::this_thread::get_id();
    return std::string("done");
  });
  after = std::this_thread::get_id();
}

TEST(Loop, OffloadWorksElsewhereAndResumesHere) {
  Loop loop(2);
  std::thread::id worker, after;
  std::string value;
  loop.run(offloads(loop, worker, after, value));
  EXPECT_EQ(value, "done");
  EXPECT_NE(worker, std::this_thread::get_id());
  EXPECT_EQ(after, std::this_thread::get_id());
}

Task<void> offloads_throwing(Loop& loop) {
  co_await loop.offload([]() -> int { throw std::runtime_error("from the pool"); });
}

TEST(Loop, AnExceptionTravelsFromThePoolToTheCallerOfRun) {
  Loop loop(1);
  EXPECT_THROW(loop.run(offloads_throwing(loop)), std::runtime_error);
}

Task<void> offloads_many(Loop& loop, int count, int& sum) {
  for (int i = 0; i < count; ++i) sum += co_await loop.offload([i] { return i; });
}

TEST(Loop, OneThreadWorksThroughManyPieces) {
  Loop loop(1);
  int sum = 0;
  loop.run(offloads_many(loop, 1000, sum));
  EXPECT_EQ(sum, 999 * 1000 / 2);
}

TEST(Loop, PostAndStopReachTheLoopFromAnotherThread) {
  Loop loop;
  int seen = 0;
  std::thread other([&] {
    for (int i = 0; i < 100; ++i) loop.post([&] { ++seen; });
    loop.post([&] { loop.stop(); });
  });
  loop.run();
  other.join();
  EXPECT_EQ(seen, 100);
}

Task<void> nothing() { co_return; }

TEST(Loop, RunsAgainAfterItWasStopped) {
  Loop loop;
  loop.run(nothing());
  int seen = 0;
  loop.post([&] {
    ++seen;
    loop.stop();
  });
  loop.run();
  EXPECT_EQ(seen, 1);
}

}  // namespace
}  // namespace outcrop
