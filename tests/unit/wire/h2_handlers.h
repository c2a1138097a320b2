#pragma once
// Handlers that more than one of the HTTP/2 tests serve.

#include "server_fixture.h"

#include <atomic>

namespace outcrop::wire {

/// Waits until its stream is closed, and counts how that went.
struct Waiting {
  LiveServer* server = nullptr;
  std::atomic<int> began = 0, cancelled = 0, finished = 0;
  Task<void> handle(Exchange& exchange) {
    ++began;
    bool slept = co_await server->loop.sleep(20s, exchange.closed());
    if (!slept) ++cancelled;
    auto sent = co_await exchange.respond(ResponseHead(), "late");
    if (!sent) EXPECT_EQ(sent.error().code, Code::cancelled);
    ++finished;
  }
};

}  // namespace outcrop::wire
