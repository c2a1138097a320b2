// The client against peers that follow the protocol, bend it and break it.
#include "wire/client.h"

#include "wire/client_answers.h"
#include "wire/server.h"

#include <atomic>
#include <filesystem>

namespace outcrop::wire {
namespace {

using ::testing::HasSubstr;

TEST_F(ClientTest, SendsExactlyOneRequestAndReadsItsAnswer) {
  std::string seen;
  RawServer server([&](RawPeer& peer, int) {
    seen = peer.read_request();
    peer.send(ok_hello);
  });
  Client client(loop_);
  OutboundRequest request;
  request.url = server.url("/a%20b?c=d#fragment");
  request.headers = {{"Authorization", "Bearer x"}, {"Connection", "upgrade"}};
  auto out = fetch(client, request);
  ASSERT_FALSE(out.error) << out.error->message;
  EXPECT_EQ(out.status, 200);
  EXPECT_EQ(out.body, "hello");
  EXPECT_EQ(out.headers.find("x-one"), "a");
  EXPECT_EQ(out.headers.all().size(), 3u);
  EXPECT_EQ(seen, "GET /a%20b?c=d HTTP/1.1\r\nhost: 127.0.0.1:" + std::to_string(server.port()) +
                      "\r\nauthorization: Bearer x\r\naccept-encoding: identity\r\n\r\n");
}

TEST_F(ClientTest, SendsBodiesOfAnySizeWhole) {
  std::string seen;
  RawServer server([&](RawPeer& peer, int) {
    while (!(seen = peer.read_request()).empty()) {
      std::string body = seen.substr(seen.find("\r\n\r\n") + 4);
      peer.send("HTTP/1.1 200 OK\r\ncontent-length: " + std::to_string(body.size()) + "\r\n\r\n" +
                body);
    }
  });
  Client client(loop_);
  for (std::size_t size : {0u, 1u, 65'535u, 5'000'000u}) {
    std::string body;
    for (std::size_t i = 0; i < size; ++i) body += static_cast<char>(i * 31 % 251);
    auto out = post(client, server.url(), body);
    ASSERT_FALSE(out.error) << out.error->message;
    EXPECT_TRUE(out.body == body) << size;
  }
  EXPECT_EQ(server.connections(), 1);
}

TEST_F(ClientTest, ABodyMayEndWithItsConnection) {
  RawServer server([](RawPeer& peer, int) {
    peer.read_request();
    peer.send("HTTP/1.1 200 OK\r\n\r\nuntil ");
    std::this_thread::sleep_for(Millis(20));
    peer.send("the end");
  });
  Client client(loop_);
  auto out = get(client, server.url());
  EXPECT_EQ(out.body, "until the end");
  EXPECT_FALSE(out.body_error);
  EXPECT_EQ(client.stats().idle_now, 0u);
}

TEST_F(ClientTest, ABodyCutShortIsCorruptAfterWhatCame) {
  for (const char* answer :
       {"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n"}) {
    RawServer server([&](RawPeer& peer, int) {
      peer.read_request();
      peer.send(answer);
    });
    Client client(loop_);
    auto out = get(client, server.url());
    EXPECT_EQ(out.body, "half");
    ASSERT_TRUE(out.body_error);
    EXPECT_EQ(out.body_error->code, Code::corrupt);
  }
}

TEST_F(ClientTest, InterimAnswersAreSkipped) {
  RawServer server(answering(
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" + ok_hello));
  Client client(loop_);
  auto out = get(client, server.url());
  EXPECT_EQ(out.status, 200);
  EXPECT_FALSE(out.headers.has("link"));
}

TEST_F(ClientTest, AnswersWithoutABodyLeaveTheConnectionUsable) {
  RawServer server([](RawPeer& peer, int) {
    for (std::string request; !(request = peer.read_request()).empty();) {
      peer.send(request.starts_with("HEAD") ? "HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n"
                                            : "HTTP/1.1 204 No Content\r\n\r\n");
    }
  });
  Client client(loop_);
  OutboundRequest head;
  head.method = "HEAD";
  head.url = server.url();
  EXPECT_EQ(fetch(client, head).headers.find("content-length"), "500");
  EXPECT_EQ(get(client, server.url()).status, 204);
  EXPECT_EQ(server.connections(), 1);
}

TEST_F(ClientTest, AnAnswerThatIsNoHttpIsCorruptAndOneWithAHugeHeadTooLarge) {
  RawServer garbage(answering("+OK ready\r\n"));
  RawServer huge(answering("HTTP/1.1 200 OK\r\nx: " + std::string(2000, 'x') + "\r\n\r\n"));
  Client client(loop_, {.header_bytes = 1000});
  EXPECT_EQ(get(client, garbage.url()).error->code, Code::corrupt);
  EXPECT_EQ(get(client, huge.url()).error->code, Code::too_large);
}

TEST_F(ClientTest, NobodyThereIsUnavailableAndSaysWhere) {
  std::uint16_t port = RawServer([](RawPeer&, int) {}).port();  // closed again
  Client client(loop_);
  auto out = get(client, "http://127.0.0.1:" + std::to_string(port) + "/");
  ASSERT_TRUE(out.error);
  EXPECT_EQ(out.error->code, Code::unavailable);
  EXPECT_THAT(out.error->message, HasSubstr(std::to_string(port)));
  EXPECT_THAT(out.error->message, HasSubstr("refused"));
  EXPECT_EQ(get(client, "unix:/nowhere/x.sock:/").error->code, Code::unavailable);
}

TEST_F(ClientTest, NamesAreLookedUp) {
  RawServer server(answering(ok_hello));
  Client client(loop_);
  EXPECT_EQ(get(client, "http://localhost:" + std::to_string(server.port()) + "/").body, "hello");
  auto out = get(client, "http://no-such-host.invalid/");
  ASSERT_TRUE(out.error);
  EXPECT_EQ(out.error->code, Code::unavailable);
  EXPECT_THAT(out.error->message, HasSubstr("no-such-host.invalid"));
}

Task<void> read_slowly(Loop& loop, Client& client, std::string url, std::atomic<std::size_t>& sent,
                       std::size_t& sent_while_waiting, std::size_t& received) {
  OutboundRequest request;
  request.url = std::move(url);
  auto response = co_await client.send(std::move(request));
  if (!response) co_return;
  co_await loop.sleep(Millis(300));
  sent_while_waiting = sent;
  for (;;) {
    auto piece = co_await (*response)->read();
    if (!piece || piece->empty()) co_return;
    received += piece->size();
  }
}

TEST_F(ClientTest, ASlowReaderSlowsThePeer) {
  constexpr std::size_t total = 64'000'000;
  std::atomic<std::size_t> sent{0};
  RawServer server([&](RawPeer& peer, int) {
    peer.read_request();
    peer.send("HTTP/1.1 200 OK\r\ncontent-length: " + std::to_string(total) + "\r\n\r\n");
    std::string piece(100'000, 'x');
    while (sent < total && peer.send(piece)) sent += piece.size();
  });
  Client client(loop_);
  std::size_t while_waiting = 0, received = 0;
  loop_.run(read_slowly(loop_, client, server.url(), sent, while_waiting, received));
  EXPECT_LT(while_waiting, 20'000'000u);  // what the kernel holds for a connection
  EXPECT_EQ(received, total);
}

TEST_F(ClientTest, AnAnswerThatComesBeforeTheRequestIsThroughIsHeard) {
  for (bool then_closes : {false, true}) {
    RawServer server([&](RawPeer& peer, int) {
      peer.read_more();
      peer.send("HTTP/1.1 413 Content Too Large\r\ncontent-length: 3\r\n\r\nbig");
      if (then_closes) {
        ::shutdown(peer.fd(), SHUT_WR);
      }
      char byte;
      while (::recv(peer.fd(), &byte, 1, MSG_PEEK) >
             0) {  // reads no more until the client gives up
        pollfd gone{peer.fd(), POLLRDHUP, 0};
        if (::poll(&gone, 1, 3'000) != 0) break;
      }
    });
    Client client(loop_);
    auto out = post(client, server.url(), std::string(30'000'000, 'x'));
    EXPECT_FALSE(out.error) << out.error->message;
    EXPECT_EQ(out.status, 413);
    EXPECT_EQ(out.body, "big");
    EXPECT_EQ(client.stats().idle_now, 0u);  // half a request stands on that connection
  }
}

TEST_F(ClientTest, ReadAllHasALimit) {
  RawServer server(answering(ok_hello));
  Client client(loop_);
  auto read_all = [](Client& through, std::string url, std::size_t limit,
                     Result<std::string>& out) -> Task<void> {
    OutboundRequest request;
    request.url = std::move(url);
    auto response = co_await through.send(std::move(request));
    if (response) out = co_await (*response)->read_all(limit);
  };
  Result<std::string> out;
  loop_.run(read_all(client, server.url(), 5, out));
  EXPECT_EQ(out, "hello");
  loop_.run(read_all(client, server.url(), 4, out));
  ASSERT_FALSE(out);
  EXPECT_EQ(out.error().code, Code::too_large);
}

TEST_F(ClientTest, AUnixSocketIsSpokenToLikeAHost) {
  std::string pattern = (std::filesystem::temp_directory_path() / "outcrop-XXXXXX").string();
  std::string folder = ::mkdtemp(pattern.data());
  std::string seen;
  {
    RawServer server(
        [&](RawPeer& peer, int) {
          for (std::string request; !(request = peer.read_request()).empty();) {
            seen = request;
            peer.send(ok_hello);
          }
        },
        folder + "/x.sock");
    Client client(loop_);
    for (int i = 0; i < 2; ++i)
      EXPECT_EQ(get(client, "unix:" + folder + "/x.sock:/v1/x?y").body, "hello");
    EXPECT_EQ(server.connections(), 1);
  }
  EXPECT_THAT(seen, HasSubstr("GET /v1/x?y HTTP/1.1\r\nhost: localhost\r\n"));
  std::filesystem::remove_all(folder);
}

TEST_F(ClientTest, RequestsThatWouldBreakTheirFrameAreRefused) {
  Client client(loop_);
  OutboundRequest request;
  request.url = "http://127.0.0.1:1/";
  request.headers = {{"x", "a\r\nevil: b"}};
  EXPECT_EQ(fetch(client, request).error->code, Code::validation);
  request.headers = {{"x y", "a"}};
  EXPECT_EQ(fetch(client, request).error->code, Code::validation);
  request.headers = {};
  request.method = "GET / HTTP/1.1\r\n";
  EXPECT_EQ(fetch(client, request).error->code, Code::validation);
  request.method = "GET";
  request.url = "http://127.0.0.1:1/\r\nevil: b";
  EXPECT_EQ(fetch(client, request).error->code, Code::validation);
}

Task<void> echo(Exchange& exchange) {
  auto body = co_await exchange.read_all(10'000'000);
  if (!body) co_return;
  ResponseHead head;
  head.headers.add("x-method", exchange.request().method);
  if (exchange.request().path() == "/stream") {
    if (!co_await exchange.start(head)) co_return;
    for (std::size_t at = 0; at < body->size(); at += 1000) {
      if (!co_await exchange.write(body->substr(at, 1000))) co_return;
    }
    co_await exchange.finish();
  } else {
    co_await exchange.respond(head, std::move(*body));
  }
}

TEST_F(ClientTest, OurServerAndOurClientUnderstandEachOther) {
  Server server(loop_, {}, echo);
  auto port = server.listen("127.0.0.1", 0);
  ASSERT_TRUE(port);
  Client client(loop_);
  std::string base = "http://127.0.0.1:" + std::to_string(*port);
  std::string body(1'234'567, 'b');
  for (const char* path : {"/", "/stream", "/"}) {
    auto out = post(client, base + path, body);
    ASSERT_FALSE(out.error) << out.error->message;
    EXPECT_TRUE(out.body == body);
    EXPECT_EQ(out.headers.find("x-method"), "POST");
  }
  EXPECT_EQ(get(client, base + "/").body, "");
  EXPECT_EQ(client.stats().connected, 1u);
}

}  // namespace
}  // namespace outcrop::wire
