// HTTP/1.1 spoken in raw bytes: framing, bodies, streams, handlers that fail.

#include "server_http1_requests.h"

#include <gmock/gmock.h>

namespace outcrop::wire {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

TEST(ServerHttp1, AnswersWithLengthAndDateAndKeepsTheConnection) {
  LiveServer server(echo);
  RawPeer peer(server.port);
  for (int i = 0; i < 3; ++i) {
    peer.send(get);
    auto response = peer.receive_response();
    EXPECT_THAT(response, StartsWith("HTTP/1.1 200 OK\r\n"));
    EXPECT_THAT(response, HasSubstr("\r\ndate: "));
    EXPECT_THAT(response, HasSubstr(" GMT\r\n"));
    EXPECT_THAT(response, HasSubstr("content-type: text/plain\r\n"));
    EXPECT_THAT(response, Not(HasSubstr("connection:")));
    EXPECT_EQ(body_of(response), "GET /a?b=c h:1 11 ");
  }
  EXPECT_EQ(server.stats().accepted, 1u);
  EXPECT_EQ(server.stats().requests, 3u);
}

TEST(ServerHttp1, ReadsARequestThatComesByteByByte) {
  LiveServer server(echo);
  RawPeer peer(server.port);
  for (const auto& request :
       {post("hello"),
        std::string("POST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                    "3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nTrailer: t\r\n\r\n")}) {
    for (char c : request) {
      peer.send({&c, 1});
      std::this_thread::sleep_for(200us);
    }
    EXPECT_EQ(status_of(peer.receive_response()), 200);
  }
}

TEST(ServerHttp1, ChunkedBodiesArriveWhole) {
  LiveServer server(echo);
  RawPeer peer(server.port);
  peer.send(
      "POST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1;ext\r\n "
      "\r\nA\r\n0123456789\r\n0\r\n\r\n" +
      get);
  EXPECT_EQ(body_of(peer.receive_response()), "POST /c h 11 hello 0123456789");
  EXPECT_EQ(body_of(peer.receive_response()), "GET /a?b=c h:1 11 ");
}

TEST(ServerHttp1, AnEmptyChunkedBodyMayComeInAnyPieces) {
  LiveServer server(echo);
  for (std::size_t at = 0; at <= 5; ++at) {
    RawPeer peer(server.port);
    std::string chunk = "0\r\n\r\n";
    peer.send("POST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" +
              chunk.substr(0, at));
    for (char c : chunk.substr(at)) {
      std::this_thread::sleep_for(5ms);
      peer.send({&c, 1});
    }
    EXPECT_EQ(body_of(peer.receive_response()), "POST /c h 11 ") << at;
  }
}

TEST(ServerHttp1, PipelinedRequestsAreAnsweredInOrder) {
  LiveServer server(echo);
  RawPeer peer(server.port);
  std::string requests;
  constexpr int count = 5000;  // more than any buffer holds
  for (int i = 0; i < count; ++i)
    requests += "GET /" + std::to_string(i) + " HTTP/1.1\r\nHost: h\r\n\r\n";
  std::thread writer([&] { peer.send(requests); });
  for (int i = 0; i < count; ++i) {
    ASSERT_EQ(body_of(peer.receive_response()), "GET /" + std::to_string(i) + " h 11 ");
  }
  writer.join();
}

TEST(ServerHttp1, AbsoluteFormNamesTheAuthority) {
  LiveServer server(echo);
  RawPeer peer(server.port);
  peer.send("GET http://other:99/x?y HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_EQ(body_of(peer.receive_response()), "GET /x?y other:99 11 ");
}

TEST(ServerHttp1, Http10ClosesUnlessAskedToKeep) {
  LiveServer server(echo);
  RawPeer peer(server.port);
  peer.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_THAT(peer.receive_response(), HasSubstr("connection: keep-alive\r\n"));
  peer.send("GET / HTTP/1.0\r\n\r\n");
  EXPECT_THAT(peer.receive_all(),
              AllOf(HasSubstr("connection: close\r\n"), EndsWith("GET /  10 ")));
  EXPECT_TRUE(peer.at_end);
}

TEST(ServerHttp1, ConnectionCloseIsHonoured) {
  LiveServer server(echo);
  RawPeer peer(server.port);
  peer.send("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(peer.receive_all(), HasSubstr("connection: close\r\n"));
  EXPECT_TRUE(peer.at_end);
}

// --- Expect, bodies nobody reads

TEST(ServerHttp1, ContinueIsSentWhenTheHandlerReads) {
  LiveServer server(echo);
  RawPeer peer(server.port);
  peer.send("POST /e HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(peer.receive_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  peer.send("hello");
  EXPECT_EQ(body_of(peer.receive_response()), "POST /e h 11 hello");
}

Task<void> refuses_unread(Exchange& exchange) {
  ResponseHead head;
  head.status = 403;
  (void)co_await exchange.respond(std::move(head), "no");
}

TEST(ServerHttp1, ContinueIsNotSentToABodyThatNobodyReads) {
  LiveServer server(refuses_unread);
  RawPeer peer(server.port);
  peer.send("POST /e HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
  auto response = peer.receive_all();
  EXPECT_EQ(status_of(response), 403);
  EXPECT_THAT(response, HasSubstr("connection: close\r\n"));
}

TEST(ServerHttp1, ASmallUnreadBodyIsSkippedAndALargeOneClosesTheConnection) {
  LiveServer server(refuses_unread);
  RawPeer peer(server.port);
  peer.send("POST /e HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n");
  EXPECT_EQ(status_of(peer.receive_response()), 403);
  peer.send(std::string(1000, 'x') + get);
  EXPECT_EQ(status_of(peer.receive_response()), 403);
  peer.send("POST /e HTTP/1.1\r\nHost: h\r\nContent-Length: 3000000\r\n\r\n");
  peer.send(std::string(3'000'000, 'x'));
  auto response = peer.receive_all();
  EXPECT_EQ(status_of(response), 403);
  EXPECT_THAT(response, HasSubstr("connection: close\r\n"));
  EXPECT_FALSE(peer.was_reset);
}

// --- Streaming

Task<void> streams(Exchange& exchange) {
  ResponseHead head;
  head.headers.add("content-type", "text/event-stream");
  (void)co_await exchange.start(std::move(head));
  (void)co_await exchange.write("one");
  (void)co_await exchange.write("");
  (void)co_await exchange.write("second piece, 16");
  (void)co_await exchange.finish();
}

TEST(ServerHttp1, StreamedResponsesAreChunked) {
  LiveServer server(streams);
  RawPeer peer(server.port);
  peer.send(get);
  auto head = peer.receive_until("\r\n\r\n");
  EXPECT_THAT(head, HasSubstr("transfer-encoding: chunked\r\n"));
  EXPECT_EQ(peer.receive_until("0\r\n\r\n"), "3\r\none\r\n10\r\nsecond piece, 16\r\n0\r\n\r\n");
  peer.send("GET / HTTP/1.0\r\n\r\n");
  auto old = peer.receive_all();
  EXPECT_THAT(old, Not(HasSubstr("transfer-encoding")));
  EXPECT_THAT(old, EndsWith("\r\n\r\nonesecond piece, 16"));
}

TEST(ServerHttp1, HeadHasTheHeadersAndNoBody) {
  LiveServer server(echo);
  RawPeer peer(server.port);
  peer.send("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_THAT(peer.receive_until("\r\n\r\n"), HasSubstr("content-length: 12\r\n"));
  LiveServer streaming(streams);
  RawPeer other(streaming.port);
  other.send("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n" + get);
  EXPECT_THAT(other.receive_until("\r\n\r\n"), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(other.receive_until("\r\n\r\n"), StartsWith("HTTP/1.1 200"));
}

Task<void> streams_of_known_length(Exchange& exchange) {
  ResponseHead head;
  head.headers.add("content-length", "6");
  (void)co_await exchange.start(std::move(head));
  (void)co_await exchange.write("abc");
  if (exchange.request().target == "/short") co_return;
  (void)co_await exchange.write("def");
  auto beyond = co_await exchange.write("g");
  EXPECT_FALSE(beyond.has_value());
  (void)co_await exchange.finish();
}

TEST(ServerHttp1, AStreamOfKnownLengthKeepsToIt) {
  LiveServer server(streams_of_known_length);
  RawPeer peer(server.port);
  peer.send(get);
  EXPECT_EQ(body_of(peer.receive_response()), "abcdef");
  peer.send("GET /short HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_EQ(body_of(peer.receive_all()), "abc");
}

Task<void> splits_response(Exchange& exchange) {
  ResponseHead head;
  head.headers.add("x-evil", "a\r\nset-cookie: b");
  auto sent = co_await exchange.respond(std::move(head), "body");
  EXPECT_FALSE(sent.has_value());
}

TEST(ServerHttp1, AHeaderThatWouldEndItsLineBecomes500) {
  LiveServer server(splits_response);
  RawPeer peer(server.port);
  peer.send(get);
  auto response = peer.receive_response();
  EXPECT_EQ(status_of(response), 500);
  EXPECT_THAT(response, Not(HasSubstr("set-cookie")));
}

// --- Failing handlers

Task<void> throws(Exchange& exchange) {
  if (exchange.request().target == "/late") {
    (void)co_await exchange.start(ResponseHead());
    (void)co_await exchange.write("begun");
  }
  throw std::runtime_error("broken inside");
}

TEST(ServerHttp1, AnExceptionBecomes500OrCutsWhatBegan) {
  LiveServer server(throws);
  RawPeer peer(server.port);
  peer.send(get);
  auto response = peer.receive_response();
  EXPECT_EQ(status_of(response), 500);
  EXPECT_THAT(response, Not(HasSubstr("broken inside")));
  EXPECT_EQ(server.internal_error, "broken inside");
  peer.send("GET /late HTTP/1.1\r\nHost: h\r\n\r\n");
  auto late = peer.receive_all();
  EXPECT_THAT(late, HasSubstr("begun"));
  EXPECT_THAT(late, Not(HasSubstr("0\r\n\r\n")));
  EXPECT_TRUE(peer.at_end);
  RawPeer old(server.port);
  old.send("GET /late HTTP/1.0\r\n\r\n");
  old.receive_all();
  EXPECT_TRUE(old.was_reset);
}

Task<void> forgets(Exchange&) { co_return; }

TEST(ServerHttp1, AHandlerThatAnswersNothingIs500) {
  LiveServer server(forgets);
  RawPeer peer(server.port);
  peer.send(get + get);
  EXPECT_EQ(status_of(peer.receive_response()), 500);
  EXPECT_EQ(status_of(peer.receive_response()), 500);
}

}  // namespace
}  // namespace outcrop::wire
