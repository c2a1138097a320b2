// HTTP/2 peers that go beyond the limits, flood, stall or send what is no HTTP/2.

#include "h2_client.h"
#include "h2_handlers.h"

#include <gmock/gmock.h>

#include <fstream>

namespace outcrop::wire {
namespace {

using testing::HasSubstr;

TEST(ServerHttp2, HeadersBeyondTheLimitsAreAnsweredWith431) {
  ServerLimits limits;
  limits.header_bytes = 4000;
  limits.header_count = 10;
  LiveServer server(echo, limits);
  H2Client client(server.port);
  auto large = client.request("GET", "/", {{"a", std::string(4000, 'x')}});
  auto many = client.request("GET", "/", H2Client::Fields(11, {"a", "b"}));
  auto fits = client.request("GET", "/", H2Client::Fields(10, {"a", "b"}));
  ASSERT_TRUE(client.run([&] {
    return client.answers[large].closed && client.answers[many].closed &&
           client.answers[fits].closed;
  }));
  EXPECT_EQ(client.answers[large].status, 431);
  EXPECT_EQ(client.answers[many].status, 431);
  EXPECT_EQ(client.answers[fits].status, 200);
}

TEST(ServerHttp2, AHeaderBombEndsTheConnection) {
  ServerLimits limits;
  limits.header_bytes = 4000;
  LiveServer server(echo, limits);
  H2Client client(server.port);
  H2Client::Fields bomb;
  for (int i = 0; i < 200; ++i)
    bomb.emplace_back("a", std::string(4000, 'x'));  // small once compressed
  client.request("GET", "/", bomb);
  EXPECT_TRUE(client.run([&] { return client.goaway; }));
  EXPECT_EQ(client.goaway_error, static_cast<std::uint32_t>(NGHTTP2_ENHANCE_YOUR_CALM));
  EXPECT_TRUE(client.wait_closed(3s));
}

TEST(ServerHttp2, BodiesBeyondTheLimitAreRefusedByLengthAndByCounting) {
  ServerLimits limits;
  limits.body_bytes = 100'000;
  LiveServer server(echo, limits);
  H2Client client(server.port);
  std::string fits(100'000, 'x'), beyond(100'001, 'x');
  EXPECT_EQ(client.post("/", fits).size(), fits.size() + std::string("POST / h:1 20 ").size());
  EXPECT_THAT(client.post("/", beyond), HasSubstr("100000 bytes"));
  auto id = client.request("POST", "/", {}, true);
  client.body(id, beyond, true);
  EXPECT_TRUE(client.run([&] { return client.answers[id].closed; }));
  EXPECT_EQ(client.answers[id].status, 413);
  EXPECT_EQ(client.post("/again", "x"), "POST /again h:1 20 x");  // the connection lives
}

TEST(ServerHttp2, StreamsBeyondTheLimitAreRefused) {
  ServerLimits limits;
  limits.streams_per_connection = 5;
  limits.header_timeout = 150ms;
  Waiting waiting;
  LiveServer server([&](Exchange& exchange) { return waiting.handle(exchange); }, limits);
  waiting.server = &server;
  H2Client client(server.port);
  // Before the server's SETTINGS are read: a client that does not know the limit yet.
  for (int i = 0; i < 7; ++i) client.request("GET", "/");
  client.flush();
  EXPECT_TRUE(client.run([&] { return client.answers[11].closed && client.answers[13].closed; }));
  EXPECT_EQ(client.answers[11].error, static_cast<std::uint32_t>(NGHTTP2_REFUSED_STREAM));
  EXPECT_EQ(waiting.began, 5);
  client.run([&] { return client.goaway; }, 400ms);  // the refused heads are not waited for
  EXPECT_FALSE(client.goaway);
  EXPECT_EQ(server.stats().exchanges_now, 5u);
}

TEST(ServerHttp2, RapidResetEndsTheConnection) {
  ServerLimits limits;
  limits.resets_per_connection = 100;
  LiveServer server(echo, limits);
  H2Client client(server.port);
  ASSERT_TRUE(client.run([&] { return client.settings; }));
  for (int i = 0; i < 150 && !client.peer.at_end; ++i) {
    auto id = client.request("GET", "/");
    client.flush();
    nghttp2_submit_rst_stream(client.session, 0, id, NGHTTP2_CANCEL);
    client.flush();
  }
  EXPECT_TRUE(client.run([&] { return client.goaway; }));
  EXPECT_EQ(client.goaway_error, static_cast<std::uint32_t>(NGHTTP2_ENHANCE_YOUR_CALM));
  EXPECT_TRUE(client.wait_closed(3s));
}

TEST(ServerHttp2, HandlersOfResetStreamsCountTowardsABound) {
  ServerLimits limits;
  limits.streams_per_connection = 4;
  std::atomic<int> running = 0, most = 0;
  LiveServer* self = nullptr;
  auto stubborn = [](LiveServer*& live, std::atomic<int>& now_running,
                     std::atomic<int>& at_most) -> Task<void> {
    at_most = std::max<int>(at_most, ++now_running);
    co_await live->loop.sleep(500ms);  // deaf to closed()
    --now_running;
  };
  LiveServer server([&](Exchange&) { return stubborn(self, running, most); }, limits);
  self = &server;
  H2Client client(server.port);
  ASSERT_TRUE(client.run([&] { return client.settings; }));
  for (int i = 0; i < 50; ++i) {
    auto id = client.request("GET", "/");
    client.flush();
    std::this_thread::sleep_for(2ms);
    nghttp2_submit_rst_stream(client.session, 0, id, NGHTTP2_CANCEL);
    client.flush();
  }
  EXPECT_TRUE(server.becomes([&](auto stats) { return stats.exchanges_now == 0; }));
  EXPECT_LE(most, 8);
  EXPECT_GE(most, 5);
}

TEST(ServerHttp2, FloodsOfPingsAndSettingsEndTheConnection) {
  LiveServer server(echo);
  for (std::string frame : {std::string("\0\0\x08\x06\0\0\0\0\0abcdefgh", 17),
                            std::string("\0\0\0\x04\0\0\0\0\0", 9)}) {
    RawPeer peer(server.port);
    std::string flood = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + std::string("\0\0\0\x04\0\0\0\0\0", 9);
    for (int i = 0; i < 1500; ++i) flood += frame;
    peer.send(flood);
    auto answer = peer.receive_all();
    EXPECT_TRUE(peer.at_end);
    ASSERT_GT(answer.size(), 17u);
    EXPECT_EQ(answer[answer.size() - 17 + 3], NGHTTP2_GOAWAY);
    EXPECT_EQ(answer.back(), NGHTTP2_ENHANCE_YOUR_CALM);
  }
}

TEST(ServerHttp2, AnIdleConnectionGetsGoawayAndIsClosed) {
  ServerLimits limits;
  limits.idle_timeout = 100ms;
  LiveServer server(echo, limits);
  H2Client client(server.port);
  EXPECT_EQ(client.post("/", "x"), "POST / h:1 20 x");
  EXPECT_TRUE(client.run([&] { return client.goaway; }));
  EXPECT_EQ(client.goaway_error, 0u);
  EXPECT_TRUE(client.wait_closed(3s));
}

TEST(ServerHttp2, AHeadThatDoesNotEndClosesTheConnection) {
  ServerLimits limits;
  limits.header_timeout = 100ms;
  LiveServer server(echo, limits);
  RawPeer silent(server.port);
  silent.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");  // and no SETTINGS
  EXPECT_TRUE(silent.closed_within(2s));
  H2Client client(server.port);
  ASSERT_TRUE(client.run([&] { return client.settings; }));
  client.peer.send(
      std::string("\0\0\x10\x01\x04\0\0\0\x01", 9));  // HEADERS of 16 bytes, which do not come
  EXPECT_TRUE(client.run([&] { return client.goaway; }));
  EXPECT_TRUE(client.wait_closed(2s));
}

TEST(ServerHttp2, GarbageBehindThePrefaceIsAProtocolError) {
  LiveServer server(echo);
  RawPeer peer(server.port);
  peer.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nthis is not a frame at all, is it?");
  EXPECT_TRUE(peer.closed_within(2s));
  EXPECT_GT(peer.buffer.size(), 9u);  // SETTINGS and GOAWAY
}

std::size_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::size_t total = 0, resident = 0;
  file >> total >> resident;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

TEST(ServerHttp2, AThousandOpenStreamsTakeLittleMemory) {
  Waiting waiting;
  LiveServer server([&](Exchange& exchange) { return waiting.handle(exchange); });
  waiting.server = &server;
  std::vector<std::unique_ptr<H2Client>> clients;
  for (int i = 0; i < 5; ++i) {
    clients.push_back(std::make_unique<H2Client>(server.port));
    ASSERT_TRUE(clients.back()->run([&] { return clients.back()->settings; }));
  }
  auto before = resident_bytes();
  for (auto& client : clients) {
    for (int i = 0; i < 200; ++i) client->request("POST", "/model/some.model-v1/converse-stream");
    client->flush();
  }
  ASSERT_TRUE(server.becomes([&](auto stats) { return stats.exchanges_now == 1000; }));
  auto each = (resident_bytes() - before) / 1000;  // the clients' side included
  RecordProperty("bytes_per_stream", std::to_string(each));
#if !defined(__SANITIZE_ADDRESS__) && !__has_feature(address_sanitizer) && \
    !__has_feature(thread_sanitizer)
  EXPECT_LT(each, 12'000u);
#endif
}

}  // namespace
}  // namespace outcrop::wire
