#include "engine/worker/scheduler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <set>

namespace outcrop::engine {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Job job(std::uint32_t id, int prompt, int output, Class priority = Class::interactive) {
  Job made;
  made.id = id;
  made.priority = priority;
  made.known = prompt;
  made.output_left = output;
  return made;
}

std::vector<std::pair<std::uint32_t, int>> planned(const Scheduler& scheduler, int budget) {
  std::vector<std::pair<std::uint32_t, int>> out;
  for (const auto& chunk : scheduler.plan(budget)) out.emplace_back(chunk.id, chunk.count);
  return out;
}

using Plan = std::vector<std::pair<std::uint32_t, int>>;

TEST(SchedulerTest, PromptsAreComputedInChunksOfTheBudget) {
  Scheduler scheduler({.pool_tokens = 1'000});
  ASSERT_TRUE(scheduler.submit(job(1, 150, 10)));
  EXPECT_THAT(scheduler.admit(), ElementsAre(1));
  EXPECT_EQ(planned(scheduler, 100), (Plan{{1, 100}}));
  scheduler.feed(1, 100);
  EXPECT_EQ(planned(scheduler, 100), (Plan{{1, 50}}));
}

TEST(SchedulerTest, StreamsComeFirstThenBegunPromptsThenNewOnes) {
  Scheduler scheduler({.pool_tokens = 1'000});
  for (std::uint32_t id = 1; id <= 3; ++id) ASSERT_TRUE(scheduler.submit(job(id, 100, 10)));
  scheduler.admit();
  scheduler.feed(1, 100);
  ASSERT_TRUE(scheduler.produce(1));
  scheduler.feed(2, 60);
  EXPECT_EQ(planned(scheduler, 61), (Plan{{1, 1}, {2, 40}, {3, 20}}));
}

TEST(SchedulerTest, AStreamWithoutCreditRestsAndItsNeighboursDoNot) {
  Scheduler scheduler({.pool_tokens = 1'000});
  for (std::uint32_t id = 1; id <= 2; ++id) {
    ASSERT_TRUE(scheduler.submit(job(id, 10, 10)));
    scheduler.admit();
    scheduler.feed(id, 10);
    ASSERT_TRUE(scheduler.produce(id));
  }
  scheduler.set_ready(1, false);
  EXPECT_EQ(planned(scheduler, 100), (Plan{{2, 1}}));
  scheduler.set_ready(1, true);
  EXPECT_EQ(planned(scheduler, 100), (Plan{{1, 1}, {2, 1}}));
}

TEST(SchedulerTest, TheBatchClassTakesTheSlackAndAtLeastATwentieth) {
  Scheduler scheduler({.pool_tokens = 10'000});
  ASSERT_TRUE(scheduler.submit(job(1, 4'000, 10)));
  ASSERT_TRUE(scheduler.submit(job(2, 4'000, 10, Class::batch)));
  scheduler.admit();
  EXPECT_EQ(planned(scheduler, 200), (Plan{{1, 200}, {2, 10}}));
  scheduler.feed(1, 3'900);
  EXPECT_EQ(planned(scheduler, 200), (Plan{{1, 100}, {2, 100}}));
}

TEST(SchedulerTest, OneBatchJobIsAdmittedHoweverManyInteractiveOnesWait) {
  Scheduler scheduler({.pool_tokens = 1'000, .parallel = 2});
  for (std::uint32_t id = 1; id <= 5; ++id) ASSERT_TRUE(scheduler.submit(job(id, 10, 10)));
  ASSERT_TRUE(scheduler.submit(job(9, 10, 10, Class::batch)));
  EXPECT_THAT(scheduler.admit(), ElementsAre(9, 1));
  scheduler.remove(1);
  EXPECT_THAT(scheduler.admit(), ElementsAre(2));
}

TEST(SchedulerTest, NobodyIsAdmittedBeyondThePool) {
  Scheduler scheduler({.pool_tokens = 100});
  ASSERT_TRUE(scheduler.submit(job(1, 40, 20)));
  ASSERT_TRUE(scheduler.submit(job(2, 30, 11)));
  EXPECT_THAT(scheduler.admit(), ElementsAre(1));
  EXPECT_EQ(scheduler.reserved_tokens(), 60);
  EXPECT_EQ(scheduler.waiting(), 1U);
  scheduler.remove(1);
  EXPECT_THAT(scheduler.admit(), ElementsAre(2));
  EXPECT_EQ(scheduler.reserved_tokens(), 41);
}

TEST(SchedulerTest, AFullQueueIsThrottledWithItsLimit) {
  Scheduler scheduler({.queue = 2});
  ASSERT_TRUE(scheduler.submit(job(1, 1, 1)));
  ASSERT_TRUE(scheduler.submit(job(2, 1, 1, Class::batch)));
  const auto third = scheduler.submit(job(3, 1, 1));
  ASSERT_FALSE(third);
  EXPECT_EQ(third.error().code, Code::throttled);
  EXPECT_THAT(third.error().message, HasSubstr("2 are waiting"));
}

TEST(SchedulerTest, WithoutALimitRoomGrowsAndTheYoungestMakesWay) {
  Scheduler scheduler({.pool_tokens = 100, .open_reserve = 20});
  auto old = job(1, 30, 70);
  old.open_ended = true;
  ASSERT_TRUE(scheduler.submit(old));
  ASSERT_TRUE(scheduler.submit(job(2, 20, 10, Class::batch)));
  ASSERT_TRUE(scheduler.submit(job(3, 10, 10)));
  scheduler.admit();
  EXPECT_EQ(scheduler.reserved_tokens(), 100);
  scheduler.feed(1, 30);
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(scheduler.produce(1));
    scheduler.feed(1, 1);
  }
  EXPECT_FALSE(scheduler.produce(1)) << "its reservation and the pool are used up";
  EXPECT_EQ(scheduler.victim(1), 2U) << "the batch class first, though it is older than 3";
  scheduler.send_back(2);
  EXPECT_TRUE(scheduler.produce(1));
  EXPECT_EQ(scheduler.find(2)->fed, 0);
  EXPECT_FALSE(scheduler.find(2)->running());
  EXPECT_EQ(scheduler.waiting(), 1U);
}

TEST(SchedulerTest, WhoWasSentBackComesFirstAndKeepsWhatItProduced) {
  Scheduler scheduler({.pool_tokens = 100, .parallel = 1});
  ASSERT_TRUE(scheduler.submit(job(1, 10, 20)));
  ASSERT_TRUE(scheduler.submit(job(2, 10, 20)));
  scheduler.admit();
  scheduler.feed(1, 10);
  ASSERT_TRUE(scheduler.produce(1));
  scheduler.send_back(1);
  EXPECT_THAT(scheduler.admit(), ElementsAre(1));
  EXPECT_EQ(planned(scheduler, 100), (Plan{{1, 11}}));
}

TEST(SchedulerTest, DeadlinesAreFoundWaitingAndRunning) {
  Scheduler scheduler({.parallel = 1});
  auto first = job(1, 10, 10);
  first.deadline = Deadline(now() + std::chrono::seconds(1));
  auto second = job(2, 10, 10);
  second.deadline = Deadline(now() + std::chrono::seconds(2));
  ASSERT_TRUE(scheduler.submit(first));
  ASSERT_TRUE(scheduler.submit(second));
  scheduler.admit();
  EXPECT_EQ(scheduler.next_deadline(), first.deadline.at());
  EXPECT_TRUE(scheduler.past_deadline(now()).empty());
  EXPECT_THAT(scheduler.past_deadline(now() + std::chrono::seconds(3)), ElementsAre(1, 2));
}

// Whatever happens in whatever order: the pool is never promised twice, sequences are never shared,
// and every job that is not removed ends.
TEST(SchedulerTest, KeepsItsPromisesUnderRandomLoad) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  const auto upto = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
  Scheduler scheduler({.pool_tokens = 300, .parallel = 4, .queue = 50, .open_reserve = 8});
  std::set<std::uint32_t> open;
  std::uint32_t next = 1;
  int ended = 0;
  for (int step = 0; step < 20'000; ++step) {
    if (step < 15'000 && upto(4) == 0) {
      auto made = job(next++, 1 + upto(150), 1 + upto(100),
                      upto(3) == 0 ? Class::batch : Class::interactive);
      made.open_ended = upto(2) == 0;
      if (scheduler.submit(made)) open.insert(made.id);
    }
    if (!open.empty() && upto(40) == 0) {
      const auto id = *std::next(open.begin(), upto(static_cast<int>(open.size())));
      scheduler.remove(id);
      open.erase(id);
    }
    scheduler.admit();
    for (const auto& chunk : scheduler.plan(64)) {
      const auto* running = scheduler.find(chunk.id);
      if (!running || !running->running()) continue;  // sent back below
      scheduler.feed(chunk.id, chunk.count);
      if (running->fed < running->known) continue;
      if (running->output_left == 0) {
        scheduler.remove(chunk.id);
        open.erase(chunk.id);
        ++ended;
        continue;
      }
      if (scheduler.produce(chunk.id)) continue;
      if (const auto victim = scheduler.victim(chunk.id)) {
        scheduler.send_back(*victim);
        ASSERT_TRUE(scheduler.produce(chunk.id));
      } else {
        scheduler.remove(chunk.id);
        open.erase(chunk.id);
      }
    }
    std::set<int> sequences;
    int reserved = 0;
    for (const auto id : open) {
      const auto* each = scheduler.find(id);
      ASSERT_NE(each, nullptr);
      if (!each->running()) continue;
      ASSERT_TRUE(sequences.insert(each->sequence).second);
      ASSERT_LE(each->known, each->reserved);
      reserved += each->reserved;
    }
    ASSERT_EQ(reserved, scheduler.reserved_tokens());
    ASSERT_LE(reserved, 300);
  }
  EXPECT_TRUE(open.empty()) << open.size() << " jobs were left lying";
  EXPECT_GT(ended, 100);
}

}  // namespace
}  // namespace outcrop::engine
