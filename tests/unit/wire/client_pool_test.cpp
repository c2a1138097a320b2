// Which connections the client keeps, reuses, replaces and closes.
#include "wire/client.h"
#include "wire/client_answers.h"

#include <algorithm>
#include <atomic>

namespace outcrop::wire {
namespace {

TEST_F(ClientTest, ReusesAConnectionUnlessThePeerEndsIt) {
  RawServer server([](RawPeer& peer, int number) {
    for (int i = 0; !peer.read_request().empty(); ++i) {
      bool last = number == 0 && i == 2;
      peer.send(last ? "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 1\r\n\r\nx"
                     : "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n");
    }
  });
  Client client(loop_);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(get(client, server.url()).body, "x");
  EXPECT_EQ(server.connections(), 2);
  EXPECT_EQ(client.stats().connected, 2u);
  EXPECT_EQ(client.stats().reused, 3u);
  EXPECT_EQ(client.stats().idle_now, 1u);
}

TEST_F(ClientTest, BytesBehindAnAnswerEndItsConnection) {
  RawServer server(answering(ok_hello + "HTTP/1.1 200 OK\r\n"));
  Client client(loop_);
  for (int i = 0; i < 2; ++i) EXPECT_EQ(get(client, server.url()).body, "hello");
  EXPECT_EQ(server.connections(), 2);
}

TEST_F(ClientTest, APooledConnectionThatDiedUnseenIsReplacedOnceForAGet) {
  RawServer server([](RawPeer& peer, int number) {
    if (number == 0) {
      peer.read_request();
      peer.send(ok_hello);
      peer.read_request();  // and dies with the second request in its hands
      return;
    }
    while (!peer.read_request().empty()) peer.send(ok_hello);
  });
  Client client(loop_);
  EXPECT_EQ(get(client, server.url()).body, "hello");
  auto out = get(client, server.url());
  EXPECT_EQ(out.body, "hello");
  EXPECT_EQ(client.stats().retried, 1u);
  EXPECT_EQ(server.connections(), 2);
}

TEST_F(ClientTest, APostThatMayHaveArrivedIsNotRepeated) {
  std::atomic<int> requests{0};
  RawServer server([&](RawPeer& peer, int) {
    peer.read_request();
    ++requests;
    peer.send(ok_hello);
    if (!peer.read_request().empty()) ++requests;
  });
  Client client(loop_);
  EXPECT_EQ(post(client, server.url(), "a").body, "hello");
  auto out = post(client, server.url(), "b");
  ASSERT_TRUE(out.error);
  EXPECT_EQ(out.error->code, Code::unavailable);
  EXPECT_EQ(requests, 2);
  EXPECT_EQ(client.stats().retried, 0u);
}

TEST_F(ClientTest, APooledConnectionThatThePeerClosedIsNotUsedAgain) {
  RawServer server([](RawPeer& peer, int) {
    peer.read_request();
    peer.send(ok_hello);  // and closes, without having said so
  });
  Client client(loop_);
  for (int i = 0; i < 3; ++i) {
    auto out = post(client, server.url(), "x");
    EXPECT_FALSE(out.error) << out.error->message;
    std::this_thread::sleep_for(Millis(20));
  }
  EXPECT_EQ(server.connections(), 3);
  EXPECT_EQ(client.stats().retried, 0u);
}

TEST_F(ClientTest, AFreshConnectionThatDiesIsNotTriedAgain) {
  RawServer server([](RawPeer& peer, int) {
    peer.read_request();
    peer.reset();
  });
  Client client(loop_);
  auto out = get(client, server.url());
  ASSERT_TRUE(out.error);
  EXPECT_EQ(out.error->code, Code::unavailable);
  EXPECT_EQ(server.connections(), 1);
}

TEST_F(ClientTest, ManyExchangesRunAtOnceAndThePoolKeepsAsManyAsItMay) {
  RawServer server([](RawPeer& peer, int) {
    while (!peer.read_request().empty()) {
      std::this_thread::sleep_for(Millis(30));
      peer.send(ok_hello);
    }
  });
  Client client(loop_, {.idle_connections_per_host = 3});
  std::vector<Outcome> outcomes(20);
  auto all = [](Loop& loop, Client& through, std::string url,
                std::vector<Outcome>& out) -> Task<void> {
    for (auto& outcome : out) {
      OutboundRequest request;
      request.url = url;
      loop.spawn(exchange_into(through, std::move(request), {}, outcome));
    }
    while (
        std::any_of(out.begin(), out.end(), [](auto& o) { return !o.error && o.body.empty(); })) {
      co_await loop.sleep(Millis(5));
    }
    co_await loop.sleep(Millis(20));
  };
  loop_.run(all(loop_, client, server.url(), outcomes));
  for (auto& outcome : outcomes) EXPECT_EQ(outcome.body, "hello");
  EXPECT_EQ(server.connections(), 20);
  EXPECT_EQ(client.stats().idle_now, 3u);
}

TEST_F(ClientTest, ThePoolHasALimitOverAllHosts) {
  RawServer a(answering(ok_hello)), b(answering(ok_hello)), c(answering(ok_hello));
  Client client(loop_, {.idle_connections = 2});
  for (auto* server : {&a, &b, &c}) get(client, server->url());
  EXPECT_EQ(client.stats().idle_now, 2u);
  get(client, c.url());
  get(client, b.url());
  EXPECT_EQ(client.stats().reused, 2u);
  get(client, a.url());  // its connection had stood idle for longest
  EXPECT_EQ(a.connections(), 2);
}

TEST_F(ClientTest, AConnectionIdleForTooLongIsClosed) {
  std::atomic<bool> closed{false};
  RawServer server([&](RawPeer& peer, int) {
    peer.read_request();
    peer.send(ok_hello);
    closed = peer.sees_close();
  });
  Client client(loop_, {.idle_timeout = Millis(50)});
  get(client, server.url());
  EXPECT_EQ(client.stats().idle_now, 1u);
  run_for(Millis(150));
  EXPECT_EQ(client.stats().idle_now, 0u);
  for (int i = 0; i < 200 && !closed; ++i) std::this_thread::sleep_for(Millis(5));
  EXPECT_TRUE(closed);
}

}  // namespace
}  // namespace outcrop::wire
