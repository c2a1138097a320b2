#include "base/async.h"

#include "base/cancel.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

namespace outcrop {
namespace {

Task<int> one() { co_return 1; }
Task<int> sum(int depth) {
  if (depth == 0) co_return 0;
  co_return co_await one() + co_await sum(depth - 1);
}
Task<void> store(Task<int> task, int& out) { out = co_await std::move(task); }

TEST(Task, RunsOnlyWhenAwaitedAndNestsDeeply) {
  int out = 0;
  detach(store(sum(1000), out));
  EXPECT_EQ(out, 1000);
}

Task<int> thrower() {
  throw std::runtime_error("no");
  co_return 1;
}
Task<void> catcher(bool& caught) {
  try {
    co_await thrower();
  } catch (const std::runtime_error&) {
    caught = true;
  }
}
TEST(Task, CarriesExceptionsToTheAwaiter) {
  bool caught = false;
  detach(catcher(caught));
  EXPECT_TRUE(caught);
}

Task<void> wait_for(OneShot<std::string> slot, std::string& out) { out = co_await slot; }
TEST(OneShot, HandsOverOnceEitherWayRound) {
  OneShot<std::string> late, early;
  std::string a, b;
  detach(wait_for(late, a));
  EXPECT_EQ(a, "");
  late.set("x");
  late.set("y");
  EXPECT_EQ(a, "x");
  early.set("z");
  detach(wait_for(early, b));
  EXPECT_EQ(b, "z");
}

Task<void> produce(Channel<int> channel, int count, int& pushed) {
  for (int i = 0; i < count; ++i) {
    if (!co_await channel.push(i)) co_return;
    ++pushed;
  }
  channel.close();
}
Task<void> consume(Channel<int> channel, int count, std::vector<int>& out) {
  while (count-- > 0) {
    auto item = co_await channel.pop();
    if (!item) co_return;
    out.push_back(*item);
  }
}
TEST(Channel, ASlowReaderSlowsItsProducer) {
  Channel<int> channel(3);
  int pushed = 0;
  detach(produce(channel, 10, pushed));
  EXPECT_EQ(pushed, 3);
  std::vector<int> out;
  detach(consume(channel, 2, out));
  EXPECT_EQ(pushed, 5);
  detach(consume(channel, 100, out));
  EXPECT_EQ(out, (std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
}

Task<void> hold(Semaphore& semaphore, OneShot<int> until, std::string& log) {
  auto permit = co_await semaphore.acquire();
  if (!permit) {
    log += "refused ";
    co_return;
  }
  log += "in ";
  co_await until;
  log += "out ";
}
TEST(Semaphore, BoundsHoldersAndWaiters) {
  Semaphore semaphore(1, 1);
  OneShot<int> a, b, c;
  std::string log;
  detach(hold(semaphore, a, log));
  detach(hold(semaphore, b, log));
  detach(hold(semaphore, c, log));
  EXPECT_EQ(log, "in refused ");
  a.set(1);
  EXPECT_EQ(log, "in refused out in ");
  b.set(1);
  EXPECT_EQ(log, "in refused out in out ");
}

TEST(Cancel, CallsEachRegistrationOnceUnlessTakenBack) {
  CancelSource source;
  int kept = 0, dropped = 0, late = 0;
  auto registration = source.token().on_cancel([&] { ++kept; });
  {
    auto gone = source.token().on_cancel([&] { ++dropped; });
  }
  source.cancel();
  source.cancel();
  auto after = source.token().on_cancel([&] { ++late; });
  EXPECT_EQ(kept, 1);
  EXPECT_EQ(dropped, 0);
  EXPECT_EQ(late, 1);
  EXPECT_FALSE(CancelToken().cancelled());
}

TEST(Cancel, ARegistrationTakenBackByAnotherCallbackDoesNotRun) {
  CancelSource source;
  int ran = 0;
  CancelRegistration second;
  auto first = source.token().on_cancel([&] { second.reset(); });
  second = source.token().on_cancel([&] { ++ran; });
  source.cancel();
  EXPECT_EQ(ran, 0);
}

}  // namespace
}  // namespace outcrop
