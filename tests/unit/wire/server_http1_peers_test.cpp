// HTTP/1.1 peers that leave or lag, draining, and the sockets listened on.

#include "server_http1_requests.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <sys/stat.h>

namespace outcrop::wire {
namespace {

using testing::HasSubstr;

// --- Peers that leave or lag

struct Waiting {
  LiveServer* server = nullptr;
  std::atomic<int> began = 0, cancelled = 0, finished = 0;
  Task<void> handle(Exchange& exchange) {
    ++began;
    bool slept = co_await server->loop.sleep(20s, exchange.closed());
    if (!slept) ++cancelled;
    auto sent = co_await exchange.respond(ResponseHead(), "late");
    EXPECT_FALSE(sent.has_value());
    if (!sent) EXPECT_EQ(sent.error().code, Code::cancelled);
    ++finished;
  }
};

TEST(ServerHttp1, APeerThatLeavesCancelsTheWaitingHandler) {
  Waiting waiting;
  LiveServer server([&](Exchange& exchange) { return waiting.handle(exchange); });
  waiting.server = &server;
  for (int round = 0; round < 3; ++round) {
    RawPeer peer(server.port);
    peer.send(get);
    ASSERT_TRUE(server.becomes([&](auto) { return waiting.began == round + 1; }));
    if (round == 0) peer.close();
    if (round == 1) peer.reset();
    if (round == 2) peer.end_of_input();
    EXPECT_TRUE(server.becomes(
        [&](auto stats) { return waiting.finished == round + 1 && stats.exchanges_now == 0; }));
    EXPECT_EQ(waiting.cancelled, round + 1);
  }
  EXPECT_TRUE(server.becomes([](auto stats) { return stats.connections_now == 0; }));
}

TEST(ServerHttp1, APeerThatLeavesInsideItsBodyEndsTheRead) {
  std::atomic<int> seen = -1;
  auto handler = [](Exchange& exchange, std::atomic<int>& code) -> Task<void> {
    auto body = co_await exchange.read_all(1000);
    code = body ? -2 : static_cast<int>(body.error().code);
  };
  LiveServer server([&](Exchange& exchange) { return handler(exchange, seen); });
  RawPeer peer(server.port);
  peer.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhalf");
  ASSERT_TRUE(server.becomes([](auto stats) { return stats.exchanges_now == 1; }));
  peer.end_of_input();
  EXPECT_TRUE(server.becomes([](auto stats) { return stats.exchanges_now == 0; }));
  EXPECT_EQ(seen, static_cast<int>(Code::cancelled));
}

struct Pouring {
  std::atomic<std::size_t> written = 0;
  std::atomic<int> error = -1;
  Task<void> handle(Exchange& exchange) {
    (void)co_await exchange.start(ResponseHead());
    for (int i = 0; i < 2000; ++i) {
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

TEST(ServerHttp1, ASlowReaderMakesWriteWaitAndGetsAllOfIt) {
  Pouring pouring;
  LiveServer server([&](Exchange& exchange) { return pouring.handle(exchange); });
  RawPeer peer(server.port, 16 * 1024);
  peer.send(get);
  ASSERT_TRUE(server.becomes([&](auto) { return pouring.written > 0; }));
  std::size_t before = 0;
  while (before != pouring.written) {  // until it no longer grows
    before = pouring.written;
    std::this_thread::sleep_for(100ms);
  }
  EXPECT_LT(before, 8u * 1024 * 1024);  // the window and the kernel's buffers, not all 32 MB
  auto body = peer.receive_until("\r\n0\r\n\r\n", 20s);
  EXPECT_GT(body.size(), 2000u * 16 * 1024);
  EXPECT_EQ(pouring.written, 2000u * 16 * 1024);
}

TEST(ServerHttp1, AReaderThatTakesNothingIsCutOff) {
  ServerLimits limits;
  limits.write_timeout = 200ms;
  Pouring pouring;
  LiveServer server([&](Exchange& exchange) { return pouring.handle(exchange); }, limits);
  RawPeer peer(server.port, 16 * 1024);
  peer.send(get);
  EXPECT_TRUE(server.becomes([&](auto) { return pouring.error >= 0; }));
  EXPECT_EQ(pouring.error, static_cast<int>(Code::deadline));
  EXPECT_TRUE(server.becomes([](auto stats) { return stats.connections_now == 0; }));
}

struct Hesitating {
  std::atomic<bool> go = false;
  LiveServer* server = nullptr;
  Task<void> handle(Exchange& exchange) {
    while (!go) co_await server->loop.sleep(2ms);
    co_await echo(exchange);
  }
};

TEST(ServerHttp1, AHandlerThatDoesNotReadSlowsTheSenderDown) {
  Hesitating hesitating;
  LiveServer server([&](Exchange& exchange) { return hesitating.handle(exchange); });
  hesitating.server = &server;
  RawPeer peer(server.port);
  std::string body(30'000'000, 'x');
  std::atomic<bool> sent = false;
  std::thread writer([&] {
    peer.send(post(body));
    sent = true;
  });
  std::this_thread::sleep_for(300ms);
  EXPECT_FALSE(sent);
  hesitating.go = true;
  auto response = peer.receive_response();
  writer.join();
  EXPECT_EQ(body_of(response).size(), std::string("POST /p h 11 ").size() + body.size());
}

// --- Drain, Unix sockets

Task<void> takes_100_ms(LiveServer*& server, Exchange& exchange) {
  co_await server->loop.sleep(100ms);
  (void)co_await exchange.respond(ResponseHead(), "done");
}

TEST(ServerHttp1, DrainLetsRequestsEndAndClosesIdleConnections) {
  LiveServer* self = nullptr;
  LiveServer server([&](Exchange& exchange) { return takes_100_ms(self, exchange); });
  self = &server;
  RawPeer idle(server.port), busy(server.port);
  idle.send(get);
  EXPECT_EQ(status_of(idle.receive_response()), 200);
  busy.send(get);
  ASSERT_TRUE(server.becomes([](auto stats) { return stats.exchanges_now == 1; }));
  std::string response;
  std::thread reader([&] {
    response = busy.receive_all();
    busy.close();
    idle.receive_all();
    idle.close();
  });
  auto took = server.drain(10s);
  reader.join();
  EXPECT_LT(took, 2s);
  EXPECT_TRUE(idle.at_end);
  EXPECT_EQ(body_of(response), "done");
  EXPECT_THAT(response, HasSubstr("connection: close\r\n"));
}

TEST(ServerHttp1, DrainCutsWhatIsLeftAtItsDeadline) {
  Waiting waiting;
  LiveServer server([&](Exchange& exchange) { return waiting.handle(exchange); });
  waiting.server = &server;
  RawPeer peer(server.port);
  peer.send(get);
  ASSERT_TRUE(server.becomes([&](auto) { return waiting.began == 1; }));
  auto took = server.drain(100ms);
  EXPECT_GE(took, 95ms);
  EXPECT_LT(took, 900ms);
  EXPECT_EQ(waiting.finished, 1);
  EXPECT_TRUE(peer.closed_within(1s));
}

struct TemporaryFolder {
  TemporaryFolder() {
    std::string pattern = std::filesystem::temp_directory_path() / "outcrop-wire-XXXXXX";
    path = ::mkdtemp(pattern.data());
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path); }
  std::filesystem::path path;
};

TEST(ServerHttp1, AUnixSocketIsForItsOwnerAndReplacesADeadOne) {
  TemporaryFolder folder;
  auto path = (folder.path / "s").string();
  {  // A socket file without a process.
    int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    ASSERT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    ::close(fd);
  }
  auto says_kind = [](Exchange& exchange) -> Task<void> {
    auto kind = exchange.request().peer.kind == Peer::Kind::unix_socket ? "unix" : "tcp";
    (void)co_await exchange.respond(ResponseHead(), kind);
  };
  LiveServer server(says_kind);
  std::promise<bool> listening;
  server.loop.post([&] { listening.set_value(server.server().listen_unix(path).has_value()); });
  ASSERT_TRUE(listening.get_future().get());
  struct stat status{};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  RawPeer peer(path);
  peer.send(get);
  EXPECT_EQ(body_of(peer.receive_response()), "unix");

  std::promise<Result<void>> again;
  server.loop.post([&] { again.set_value(server.server().listen_unix(path)); });
  auto result = again.get_future().get();
  ASSERT_FALSE(result.has_value());
  EXPECT_THAT(result.error().message, HasSubstr("in use"));
  server.stop();
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(ServerHttp1, ListeningTwiceOnAPortSaysWhichAndWhy) {
  LiveServer server(echo);
  Loop loop;
  Server other(loop, {}, echo);
  auto bound = other.listen("127.0.0.1", server.port);
  ASSERT_FALSE(bound.has_value());
  EXPECT_EQ(bound.error().code, Code::io);
  EXPECT_THAT(bound.error().message, HasSubstr(std::to_string(server.port)));
  EXPECT_FALSE(other.listen("no.such.host.invalid", 0).has_value());
}

}  // namespace
}  // namespace outcrop::wire
