// Exchanges that end early: by time, by cancellation, by being let go.
#include "wire/client.h"
#include "wire/client_answers.h"

#include <atomic>
#include <memory>

namespace outcrop::wire {
namespace {

using ::testing::HasSubstr;

TEST_F(ClientTest, AnAddressThatSwallowsPacketsIsGivenUpInTime) {
  // A listener whose queue is full drops further attempts, as a firewall does.
  int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::listen(listener, 0), 0);
  ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size);
  std::vector<int> fillers;
  for (int i = 0; i < 4; ++i) {
    fillers.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    static_cast<void>(::connect(fillers.back(), reinterpret_cast<sockaddr*>(&address), size));
  }
  Client client(loop_, {.connect_timeout = Millis(300)});
  auto began = now();
  auto out = get(client, "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port)) + "/");
  ASSERT_TRUE(out.error);
  EXPECT_EQ(out.error->code, Code::unavailable);
  EXPECT_THAT(out.error->message, HasSubstr("300 ms"));
  EXPECT_LT(now() - began, Millis(2'000));
  for (int fd : fillers) ::close(fd);
  ::close(listener);
}

TEST_F(ClientTest, TheDeadlineEndsAnExchangeWhereverItStands) {
  std::atomic<bool> closed{false};
  RawServer server([&](RawPeer& peer, int number) {
    peer.read_request();
    if (number == 1) peer.send("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf");
    closed = peer.sees_close();
  });
  Client client(loop_);
  for (int round = 0; round < 2; ++round) {
    closed = false;
    OutboundRequest request;
    request.url = server.url();
    request.deadline = Deadline::in(Millis(100));
    auto began = now();
    auto out = fetch(client, request);
    auto error = round == 0 ? out.error : out.body_error;
    ASSERT_TRUE(error);
    EXPECT_EQ(error->code, Code::deadline);
    EXPECT_GE(now() - began, Millis(90));
    EXPECT_LT(now() - began, Millis(2'000));
    for (int i = 0; i < 200 && !closed; ++i) std::this_thread::sleep_for(Millis(5));
    EXPECT_TRUE(closed);
  }
  OutboundRequest late;
  late.url = server.url();
  late.deadline = Deadline::in(Millis(-1));
  EXPECT_EQ(fetch(client, late).error->code, Code::deadline);
  EXPECT_EQ(server.connections(), 2);
}

TEST_F(ClientTest, SilenceEndsAnExchangeAndEveryByteBreaksIt) {
  RawServer server([](RawPeer& peer, int number) {
    peer.read_request();
    if (number == 0) {
      peer.sees_close();
      return;
    }
    for (char c : ok_hello) {  // slowly, but never silent
      std::this_thread::sleep_for(Millis(5));
      peer.send({&c, 1});
    }
  });
  Client client(loop_);
  OutboundRequest request;
  request.url = server.url();
  request.silence = Millis(150);
  auto out = fetch(client, request);
  ASSERT_TRUE(out.error);
  EXPECT_EQ(out.error->code, Code::deadline);
  EXPECT_THAT(out.error->message, HasSubstr("silent for 150 ms"));
  EXPECT_EQ(fetch(client, request).body, "hello");
}

TEST_F(ClientTest, CancellingClosesTheConnection) {
  for (bool in_body : {false, true}) {
    std::atomic<bool> closed{false};
    RawServer server([&](RawPeer& peer, int) {
      peer.read_request();
      if (in_body) peer.send("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf");
      closed = peer.sees_close();
    });
    Client client(loop_);
    CancelSource source;
    auto cancel_later = [](Loop& loop, CancelSource& cancel) -> Task<void> {
      co_await loop.sleep(Millis(50));
      cancel.cancel();
    };
    loop_.spawn(cancel_later(loop_, source));
    OutboundRequest request;
    request.url = server.url();
    auto out = fetch(client, request, source.token());
    auto error = in_body ? out.body_error : out.error;
    ASSERT_TRUE(error);
    EXPECT_EQ(error->code, Code::cancelled);
    for (int i = 0; i < 200 && !closed; ++i) std::this_thread::sleep_for(Millis(5));
    EXPECT_TRUE(closed);
  }
}

TEST_F(ClientTest, ACancelledTokenSendsNothing) {
  RawServer server(answering(ok_hello));
  Client client(loop_);
  CancelSource source;
  source.cancel();
  OutboundRequest request;
  request.url = server.url();
  EXPECT_EQ(fetch(client, request, source.token()).error->code, Code::cancelled);
  EXPECT_EQ(server.connections(), 0);
}

TEST_F(ClientTest, ALetGoResponseClosesItsConnection) {
  std::atomic<bool> closed{false};
  RawServer server([&](RawPeer& peer, int) {
    peer.read_request();
    peer.send("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf");
    closed = peer.sees_close();
  });
  Client client(loop_);
  auto look_and_leave = [](Client& through, std::string url) -> Task<void> {
    OutboundRequest request;
    request.url = std::move(url);
    auto response = co_await through.send(std::move(request));
    EXPECT_TRUE(response);
  };
  loop_.run(look_and_leave(client, server.url()));
  for (int i = 0; i < 200 && !closed; ++i) std::this_thread::sleep_for(Millis(5));
  EXPECT_TRUE(closed);
  EXPECT_EQ(client.stats().idle_now, 0u);
}

TEST_F(ClientTest, ADestroyedClientLetsRunningExchangesEnd) {
  RawServer server([](RawPeer& peer, int) {
    peer.read_request();
    std::this_thread::sleep_for(Millis(50));
    peer.send(ok_hello);
    peer.sees_close();
  });
  auto run = [](Loop& loop, std::string url, Outcome& out) -> Task<void> {
    auto client = std::make_unique<Client>(loop);
    OutboundRequest request;
    request.url = std::move(url);
    loop.spawn(exchange_into(*client, std::move(request), {}, out));
    co_await loop.sleep(Millis(20));
    client.reset();
    co_await loop.sleep(Millis(100));
  };
  Outcome out;
  loop_.run(run(loop_, server.url(), out));
  EXPECT_EQ(out.body, "hello");
}

}  // namespace
}  // namespace outcrop::wire
