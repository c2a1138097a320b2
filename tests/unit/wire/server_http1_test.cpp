// HTTP/1.1 spoken in raw bytes: framing, limits, what becomes of peers that stall or leave.

#include "server_fixture.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <sys/stat.h>

namespace outcrop::wire {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

const std::string get = "GET /a?b=c HTTP/1.1\r\nHost: h:1\r\n\r\n";

std::string post(std::string_view body, std::string_view more = "") {
  return "POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
         std::string(more) + "\r\n" + std::string(body);
}

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

// --- Malformed
// ------------------------------------------------------------------------------------

struct Malformed {
  const char* name;
  std::string bytes;
  int status;
};
class ServerHttp1Refuses : public testing::TestWithParam<Malformed> {};

TEST_P(ServerHttp1Refuses, WithTheStatusAndClosesWithoutAskingTheHandler) {
  LiveServer server(echo);
  RawPeer peer(server.port);
  peer.send(GetParam().bytes);
  auto response = peer.receive_all();
  EXPECT_EQ(status_of(response), GetParam().status) << response;
  EXPECT_THAT(response, HasSubstr("connection: close\r\n"));
  EXPECT_THAT(response, HasSubstr("{\"message\":\""));
  EXPECT_TRUE(peer.at_end);
  EXPECT_FALSE(peer.was_reset);
  EXPECT_EQ(server.stats().requests, 0u);
}

INSTANTIATE_TEST_SUITE_P(
    Requests, ServerHttp1Refuses,
    testing::Values(
        Malformed{"garbage", "\x01\x02\x03\r\n\r\n", 400},
        Malformed{"both_lengths",
                  "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: "
                  "chunked\r\n\r\n0\r\n\r\n",
                  400},
        Malformed{"both_lengths_reversed",
                  "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: "
                  "5\r\n\r\n0\r\n\r\n",
                  400},
        Malformed{
            "two_different_lengths",
            "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
            400},
        Malformed{"negative_length", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -5\r\n\r\n",
                  400},
        Malformed{"length_with_plus",
                  "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: +5\r\n\r\nhello", 400},
        Malformed{"huge_length",
                  "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999999999999\r\n\r\n",
                  400},
        Malformed{"unknown_coding", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n",
                  501},
        Malformed{"chunked_not_last",
                  "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked, gzip\r\n\r\n", 501},
        Malformed{"chunked_behind_gzip",
                  "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
                  501},
        Malformed{"chunked_twice",
                  "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: "
                  "chunked\r\n\r\n0\r\n\r\n",
                  400},
        Malformed{"coding_in_1_0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                  400},
        Malformed{"space_before_colon", "GET / HTTP/1.1\r\nHost: h\r\nA : b\r\n\r\n", 400},
        Malformed{"name_with_space", "GET / HTTP/1.1\r\nHost: h\r\nA b: c\r\n\r\n", 400},
        Malformed{"no_name", "GET / HTTP/1.1\r\nHost: h\r\n: c\r\n\r\n", 400},
        Malformed{"control_in_value",
                  std::string("GET / HTTP/1.1\r\nHost: h\r\nA: b\0c\r\n\r\n", 35), 400},
        Malformed{"bare_newlines", "GET / HTTP/1.1\nHost: h\n\n\r\n\r\n", 400},
        Malformed{"no_host", "GET / HTTP/1.1\r\n\r\n", 400},
        Malformed{"two_hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
        Malformed{"space_in_target", "GET /a b HTTP/1.1\r\nHost: h\r\n\r\n", 400},
        Malformed{"relative_target", "GET a/b HTTP/1.1\r\nHost: h\r\n\r\n", 400},
        Malformed{"connect", "CONNECT h:443 HTTP/1.1\r\nHost: h\r\n\r\n", 501},
        Malformed{"version_2_in_text", "GET / HTTP/2.0\r\nHost: h\r\n\r\n", 505},
        Malformed{"bad_expectation",
                  "POST / HTTP/1.1\r\nHost: h\r\nExpect: 200-ok\r\nContent-Length: 1\r\n\r\n", 417},
        Malformed{"bad_chunk_size",
                  "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", 400}),
    [](const auto& info) { return std::string(info.param.name); });

// --- Limits
// ---------------------------------------------------------------------------------------

TEST(ServerHttp1, HeadersBeyondTheirBytesAreRefused) {
  ServerLimits limits;
  limits.header_bytes = 1000;
  LiveServer server(echo, limits);
  auto of_size = [](std::size_t size) {
    std::string head = "GET / HTTP/1.1\r\nHost: h\r\nA: ";
    return head + std::string(size - head.size() - 4, 'x') + "\r\n\r\n";
  };
  RawPeer fits(server.port);
  fits.send(of_size(1000));
  EXPECT_EQ(status_of(fits.receive_response()), 200);
  RawPeer beyond(server.port);
  beyond.send(of_size(1001));
  EXPECT_EQ(status_of(beyond.receive_all()), 431);
  RawPeer endless(server.port);
  endless.send("GET / HTTP/1.1\r\nA: " + std::string(100'000, 'x'));
  EXPECT_EQ(status_of(endless.receive_all()), 431);
  RawPeer dripping(server.port);  // each piece is small
  for (int i = 0; i < 200; ++i)
    dripping.send("GET / HTTP/1.1\r\nHeader-" + std::to_string(i) + ": value\r\n");
  EXPECT_NE(status_of(dripping.receive_all()), 200);
}

TEST(ServerHttp1, MoreHeadersThanAllowedAreRefused) {
  ServerLimits limits;
  limits.header_count = 10;
  LiveServer server(echo, limits);
  auto with = [](int count) {
    std::string head = "GET / HTTP/1.1\r\nHost: h\r\n";
    for (int i = 1; i < count; ++i) head += "A: b\r\n";
    return head + "\r\n";
  };
  RawPeer fits(server.port);
  fits.send(with(10));
  EXPECT_EQ(status_of(fits.receive_response()), 200);
  RawPeer beyond(server.port);
  beyond.send(with(11));
  EXPECT_EQ(status_of(beyond.receive_all()), 431);
}

TEST(ServerHttp1, BodiesBeyondTheLimitAreRefusedByLengthAndByChunks) {
  ServerLimits limits;
  limits.body_bytes = 100'000;
  LiveServer server(echo, limits);
  RawPeer fits(server.port);
  fits.send(post(std::string(100'000, 'x')));
  EXPECT_EQ(status_of(fits.receive_response()), 200);
  RawPeer by_length(server.port);
  by_length.send(post(std::string(100'001, 'x')));
  EXPECT_EQ(status_of(by_length.receive_all()), 413);
  EXPECT_FALSE(by_length.was_reset);
  RawPeer by_chunks(server.port);
  by_chunks.send("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (int i = 0; i < 11; ++i) by_chunks.send("2710\r\n" + std::string(10'000, 'x') + "\r\n");
  auto response = by_chunks.receive_all();
  EXPECT_EQ(status_of(response), 413);
  EXPECT_THAT(response, HasSubstr("100000 bytes"));
}

TEST(ServerHttp1, AChunkLineWithoutEndIsRefused) {
  LiveServer server(echo);
  RawPeer peer(server.port);
  peer.send("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5;");
  peer.send(std::string(40'000, 'x'));
  EXPECT_EQ(status_of(peer.receive_all()), 400);
}

TEST(ServerHttp1, ConnectionsBeyondTheLimitAreClosedAtOnce) {
  ServerLimits limits;
  limits.connections = 2;
  LiveServer server(echo, limits);
  RawPeer first(server.port), second(server.port);
  ASSERT_TRUE(server.becomes([](auto stats) { return stats.connections_now == 2; }));
  RawPeer third(server.port);
  EXPECT_TRUE(third.closed_within(2s));
  EXPECT_EQ(server.stats().refused, 1u);
  first.close();
  ASSERT_TRUE(server.becomes([](auto stats) { return stats.connections_now == 1; }));
  RawPeer fourth(server.port);
  fourth.send(get);
  EXPECT_EQ(status_of(fourth.receive_response()), 200);
}

// --- Timeouts
// -------------------------------------------------------------------------------------

TEST(ServerHttp1, AHeadThatDoesNotEndIsAnsweredWith408) {
  ServerLimits limits;
  limits.header_timeout = 100ms;
  LiveServer server(echo, limits);
  RawPeer peer(server.port);
  peer.send("GET / HT");
  EXPECT_EQ(status_of(peer.receive_all()), 408);
  RawPeer silent(server.port);
  EXPECT_EQ(silent.receive_all(), "");
  EXPECT_TRUE(silent.at_end);
}

TEST(ServerHttp1, DrippingDoesNotProlongTheHeadsTime) {
  ServerLimits limits;
  limits.header_timeout = 150ms;
  LiveServer server(echo, limits);
  RawPeer peer(server.port);
  auto began = now();
  for (int i = 0; i < 100 && !peer.at_end; ++i) {
    if (!peer.send("G")) break;
    peer.buffer += peer.receive(10ms);
  }
  EXPECT_LT(now() - began, 1s);
  EXPECT_EQ(status_of(peer.buffer), 408);
}

TEST(ServerHttp1, AnIdleConnectionIsClosed) {
  ServerLimits limits;
  limits.idle_timeout = 100ms;
  LiveServer server(echo, limits);
  RawPeer peer(server.port);
  peer.send(get);
  EXPECT_EQ(status_of(peer.receive_response()), 200);
  EXPECT_TRUE(peer.closed_within(2s));
  EXPECT_EQ(peer.buffer, "");
}

Task<void> reports_read_error(Exchange& exchange) {
  auto body = co_await exchange.read_all(1'000'000);
  ResponseHead head;
  head.status = body ? 200 : 408;
  (void)co_await exchange.respond(std::move(head),
                                  body ? "whole" : std::string(facts(body.error().code).name));
}

TEST(ServerHttp1, ABodyThatStopsEndsTheRead) {
  ServerLimits limits;
  limits.body_timeout = 100ms;
  LiveServer server(reports_read_error, limits);
  RawPeer peer(server.port);
  peer.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhalf");
  auto response = peer.receive_all();
  EXPECT_EQ(status_of(response), 408);
  EXPECT_EQ(body_of(response), "deadline");
}

// --- Expect, bodies nobody reads
// ------------------------------------------------------------------

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
// ------------------------------------------------------------------------------------

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
// -----------------------------------------------------------------------------

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

// --- Peers that leave or lag
// ----------------------------------------------------------------------

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
// --------------------------------------------------------------------------

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
