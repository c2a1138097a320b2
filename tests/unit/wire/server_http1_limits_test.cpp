// HTTP/1.1 requests that are malformed, too large or too slow.

#include "server_http1_requests.h"

#include <gmock/gmock.h>

namespace outcrop::wire {
namespace {

using testing::HasSubstr;

// --- Malformed

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

TEST(ServerHttp1, TwoEmptyLinesMayComeBeforeARequestHoweverTheyAreCut) {
  LiveServer server(echo);
  for (bool cut : {false, true}) {
    for (int lines : {2, 3}) {
      RawPeer peer(server.port);
      std::string blank;
      for (int i = 0; i < lines; ++i) blank += "\r\n";
      if (cut) {
        for (char c : blank) {
          peer.send({&c, 1});
          std::this_thread::sleep_for(5ms);
        }
        peer.send(get);
      } else {
        peer.send(blank + get);
      }
      EXPECT_EQ(status_of(peer.receive_response()), lines == 2 ? 200 : 400)
          << lines << (cut ? " in pieces" : " at once");
    }
  }
}

TEST(ServerHttp1, ABodyInOnePieceWithItsHeadDoesNotCountAsHeaders) {
  ServerLimits limits;
  limits.header_bytes = 1000;
  LiveServer server(echo, limits);
  RawPeer peer(server.port);
  peer.send(post(std::string(5000, 'x')));
  EXPECT_EQ(status_of(peer.receive_response()), 200);
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

}  // namespace
}  // namespace outcrop::wire
