// HTTP/2 with prior knowledge: streams, windows, GOAWAY, cancellation.

#include "h2_client.h"
#include "h2_handlers.h"

#include <gmock/gmock.h>

namespace outcrop::wire {
namespace {

using testing::HasSubstr;

TEST(ServerHttp2, AnswersWithAuthorityAndDate) {
  LiveServer server(echo);
  H2Client client(server.port);
  auto id = client.request("GET", "/a?b=c");
  ASSERT_TRUE(client.run([&] { return client.answers[id].closed; }));
  auto& answer = client.answers[id];
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "GET /a?b=c h:1 20 ");
  EXPECT_EQ(answer.headers["content-length"], "18");
  EXPECT_THAT(answer.headers["date"], HasSubstr("GMT"));
  EXPECT_EQ(answer.error, 0u);
  EXPECT_EQ(client.post("/p", "hello"), "POST /p h:1 20 hello");
  EXPECT_EQ(server.stats().accepted, 1u);
}

TEST(ServerHttp2, ReadsARequestThatComesByteByByte) {
  LiveServer server(echo);
  H2Client client(server.port);
  auto id = client.request("GET", "/slow");
  for (;;) {
    const std::uint8_t* bytes = nullptr;
    auto size = nghttp2_session_mem_send(client.session, &bytes);
    if (size <= 0) break;
    for (ssize_t i = 0; i < size; ++i) {
      client.peer.send({reinterpret_cast<const char*>(bytes) + i, 1});
      std::this_thread::sleep_for(100us);
    }
  }
  ASSERT_TRUE(client.run([&] { return client.answers[id].closed; }));
  EXPECT_EQ(client.answers[id].body, "GET /slow h:1 20 ");
}

TEST(ServerHttp2, ManyStreamsAreAnsweredOnOneConnection) {
  LiveServer server(echo);
  H2Client client(server.port);
  for (int i = 0; i < 200; ++i) client.request("GET", "/" + std::to_string(i));
  ASSERT_TRUE(client.run([&] {
    return client.answers.size() == 200 && std::all_of(client.answers.begin(), client.answers.end(),
                                                       [](auto& a) { return a.second.closed; });
  }));
  for (int i = 0; i < 200; ++i)
    EXPECT_EQ(client.answers[2 * i + 1].body, "GET /" + std::to_string(i) + " h:1 20 ");
}

Task<void> streams(Exchange& exchange) {
  ResponseHead head;
  head.headers.add("connection", "keep-alive");  // must not reach an HTTP/2 peer
  (void)co_await exchange.start(std::move(head));
  (void)co_await exchange.write("one");
  (void)co_await exchange.write("two");
  (void)co_await exchange.finish();
}

TEST(ServerHttp2, StreamsAndHeads) {
  LiveServer server(streams);
  H2Client client(server.port);
  auto get = client.request("GET", "/"), head = client.request("HEAD", "/");
  ASSERT_TRUE(
      client.run([&] { return client.answers[get].closed && client.answers[head].closed; }));
  EXPECT_EQ(client.answers[get].body, "onetwo");
  EXPECT_EQ(client.answers[head].body, "");
  EXPECT_TRUE(client.answers[head].ended);
  EXPECT_EQ(client.answers[get].headers.count("connection"), 0u);
}

// --- Windows
// --------------------------------------------------------------------------------------

struct Pouring {
  std::atomic<std::size_t> written = 0;
  std::atomic<int> error = -1;
  Task<void> handle(Exchange& exchange) {
    (void)co_await exchange.start(ResponseHead());
    for (int i = 0; i < 500; ++i) {
      auto sent = co_await exchange.write(std::string(16 * 1024, 'x'));
      if (!sent) {
        error = static_cast<int>(sent.error().code);
        co_return;
      }
      written += 16 * 1024;
    }
    (void)co_await exchange.finish();
  }
};

TEST(ServerHttp2, WriteWaitsForTheStreamsWindow) {
  Pouring pouring;
  LiveServer server([&](Exchange& exchange) { return pouring.handle(exchange); });
  H2Client client(server.port, 65535, false);
  auto id = client.request("GET", "/");
  EXPECT_FALSE(client.run([&] { return client.answers[id].closed; }, 300ms));
  EXPECT_EQ(client.answers[id].body.size(), 65535u);
  EXPECT_LT(pouring.written, 65535u + 256 * 1024 + 32 * 1024);
  for (int i = 0; i < 500 && !client.answers[id].closed; ++i) {  // now the reader takes what it has
    auto size = client.answers[id].body.size();
    nghttp2_submit_window_update(client.session, 0, id, 1'000'000);
    nghttp2_submit_window_update(client.session, 0, 0, 1'000'000);
    client.run(
        [&] {
          return client.answers[id].closed || client.answers[id].body.size() >= size + 1'000'000;
        },
        1s);
  }
  EXPECT_EQ(client.answers[id].body.size(), 500u * 16 * 1024);
}

TEST(ServerHttp2, AReaderThatOpensNoWindowLosesItsStream) {
  ServerLimits limits;
  limits.write_timeout = 200ms;
  Pouring pouring;
  LiveServer server([&](Exchange& exchange) { return pouring.handle(exchange); }, limits);
  H2Client client(server.port, 1000, false);
  auto id = client.request("GET", "/");
  EXPECT_TRUE(client.run([&] { return client.answers[id].closed; }));
  EXPECT_EQ(client.answers[id].error, static_cast<std::uint32_t>(NGHTTP2_CANCEL));
  EXPECT_FALSE(client.answers[id].ended);
  EXPECT_EQ(pouring.error, static_cast<int>(Code::deadline));
}

struct Hesitating {
  std::atomic<bool> go = false;
  LiveServer* server = nullptr;
  Task<void> handle(Exchange& exchange) {
    while (!go) co_await server->loop.sleep(2ms);
    co_await echo(exchange);
  }
};

TEST(ServerHttp2, AHandlerThatDoesNotReadOpensNoWindow) {
  Hesitating hesitating;
  LiveServer server([&](Exchange& exchange) { return hesitating.handle(exchange); });
  hesitating.server = &server;
  H2Client client(server.port, 10'000'000);
  auto id = client.request("POST", "/", {}, true);
  client.body(id, std::string(3'000'000, 'x'), true);
  client.run([] { return false; }, 300ms);
  EXPECT_LE(client.bodies[id].sent, 256u * 1024);
  EXPECT_GT(client.bodies[id].sent, 60'000u);
  hesitating.go = true;
  EXPECT_TRUE(client.run([&] { return client.answers[id].closed; }, 10s));
  EXPECT_EQ(client.answers[id].body.size(), std::string("POST / h:1 20 ").size() + 3'000'000);
}

TEST(ServerHttp2, BodiesNobodyReadsDoNotUseUpTheConnectionsWindow) {
  auto refuses = [](Exchange& exchange) -> Task<void> {
    (void)co_await exchange.respond(ResponseHead(), "no");
  };
  LiveServer server(refuses);
  H2Client client(server.port);
  for (int i = 0; i < 50; ++i) {  // 10 MB in all, through a connection window of 2 MB
    auto id = client.request("POST", "/", {}, true);
    client.body(id, std::string(200'000, 'x'), true);
    ASSERT_TRUE(client.run([&] { return client.answers[id].closed; })) << i;
    ASSERT_EQ(client.answers[id].body, "no");
  }
}

// --- GOAWAY
// ---------------------------------------------------------------------------------------

struct Slow {
  LiveServer* server = nullptr;
  Millis time{150};
  Task<void> handle(Exchange& exchange) {
    (void)co_await exchange.start(ResponseHead());
    (void)co_await exchange.write("first");
    co_await server->loop.sleep(time);
    (void)co_await exchange.write(" last");
    (void)co_await exchange.finish();
  }
};

TEST(ServerHttp2, GoawayFromThePeerFinishesItsStreamsAndThenClosesPromptly) {
  Slow slow;
  LiveServer server([&](Exchange& exchange) { return slow.handle(exchange); });
  slow.server = &server;
  H2Client client(server.port);
  auto first = client.request("GET", "/1"), second = client.request("GET", "/2");
  client.flush();
  nghttp2_submit_goaway(client.session, 0, 0, NGHTTP2_NO_ERROR, nullptr, 0);
  auto began = now();
  EXPECT_TRUE(
      client.run([&] { return client.answers[first].closed && client.answers[second].closed; }));
  EXPECT_GE(now() - began, 140ms);
  for (auto id : {first, second}) {
    EXPECT_TRUE(client.answers[id].ended);
    EXPECT_EQ(client.answers[id].error, 0u);
    EXPECT_EQ(client.answers[id].body, "first last");
  }
  auto ended = now();
  EXPECT_TRUE(client.wait_closed(3s));
  EXPECT_LT(now() - ended, 300ms);
  EXPECT_FALSE(client.peer.was_reset);
}

TEST(ServerHttp2, GoawayWithoutStreamsClosesAtOnce) {
  LiveServer server(echo);
  H2Client client(server.port);
  ASSERT_TRUE(client.run([&] { return client.settings; }));
  nghttp2_submit_goaway(client.session, 0, 0, NGHTTP2_NO_ERROR, nullptr, 0);
  auto began = now();
  EXPECT_TRUE(client.wait_closed(3s));
  EXPECT_LT(now() - began, 300ms);
}

TEST(ServerHttp2, DrainSaysGoawayAndFinishesStreams) {
  Slow slow;
  LiveServer server([&](Exchange& exchange) { return slow.handle(exchange); });
  slow.server = &server;
  H2Client client(server.port);
  auto id = client.request("GET", "/1");
  ASSERT_TRUE(client.run([&] { return client.answers[id].status == 200; }));
  std::thread drainer([&] { EXPECT_LT(server.drain(10s), 2s); });
  EXPECT_TRUE(client.run([&] { return client.goaway; }));
  EXPECT_EQ(client.goaway_error, 0u);
  EXPECT_TRUE(client.run([&] { return client.answers[id].closed; }));
  EXPECT_EQ(client.answers[id].body, "first last");
  EXPECT_TRUE(client.wait_closed(3s));
  client.peer.close();
  drainer.join();
}

// --- Cancellation
// ---------------------------------------------------------------------------------

TEST(ServerHttp2, ResetOfAStreamCancelsItsHandlerAlone) {
  Waiting waiting;
  LiveServer server([&](Exchange& exchange) { return waiting.handle(exchange); });
  waiting.server = &server;
  H2Client client(server.port);
  auto first = client.request("GET", "/1");
  client.request("GET", "/2");
  client.flush();
  ASSERT_TRUE(server.becomes([&](auto) { return waiting.began == 2; }));
  nghttp2_submit_rst_stream(client.session, 0, first, NGHTTP2_CANCEL);
  client.flush();
  EXPECT_TRUE(server.becomes([&](auto stats) {
    return waiting.finished == 1 && stats.resets == 1 && stats.exchanges_now == 1;
  }));
  client.peer.close();
  EXPECT_TRUE(server.becomes(
      [&](auto stats) { return waiting.finished == 2 && stats.connections_now == 0; }));
  EXPECT_EQ(waiting.cancelled, 2);
}

TEST(ServerHttp2, ABodyThatStopsEndsTheReadAndOneThatIsResetToo) {
  ServerLimits limits;
  limits.body_timeout = 100ms;
  auto reports = [](Exchange& exchange) -> Task<void> {
    auto body = co_await exchange.read_all(1000);
    (void)co_await exchange.respond(ResponseHead(),
                                    body ? "whole" : std::string(facts(body.error().code).name));
  };
  LiveServer server(reports, limits);
  H2Client client(server.port);
  auto id = client.request("POST", "/", {}, true);
  client.body(id, "half", false);
  ASSERT_TRUE(client.run([&] { return client.answers[id].ended; }));
  EXPECT_EQ(client.answers[id].body, "deadline");
  EXPECT_TRUE(client.run([&] { return client.answers[id].closed; }));
  EXPECT_EQ(client.answers[id].error, 0u);  // NO_ERROR: the rest is not wanted
}

TEST(ServerHttp2, ExceptionsBecome500OrAReset) {
  auto throws = [](Exchange& exchange) -> Task<void> {
    if (exchange.request().target == "/late") {
      (void)co_await exchange.start(ResponseHead());
      (void)co_await exchange.write("begun");
    }
    throw std::runtime_error("broken inside");
  };
  LiveServer server(throws);
  H2Client client(server.port);
  auto early = client.request("GET", "/early"), late = client.request("GET", "/late");
  ASSERT_TRUE(
      client.run([&] { return client.answers[early].closed && client.answers[late].closed; }));
  EXPECT_EQ(client.answers[early].status, 500);
  EXPECT_EQ(client.answers[late].body, "begun");
  EXPECT_FALSE(client.answers[late].ended);
  EXPECT_EQ(client.answers[late].error, static_cast<std::uint32_t>(NGHTTP2_INTERNAL_ERROR));
  EXPECT_EQ(server.internal_errors, 2);
}

TEST(ServerHttp2, ContinueIsSentWhenTheHandlerReads) {
  LiveServer server(echo);
  H2Client client(server.port);
  auto id = client.request("POST", "/e", {{"expect", "100-continue"}}, true);
  ASSERT_TRUE(
      client.run([&] { return client.answers[id].informational == std::vector<int>{100}; }));
  client.body(id, "hello", true);
  EXPECT_TRUE(client.run([&] { return client.answers[id].closed; }));
  EXPECT_EQ(client.answers[id].body, "POST /e h:1 20 hello");
}

}  // namespace
}  // namespace outcrop::wire
