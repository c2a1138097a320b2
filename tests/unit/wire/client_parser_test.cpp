// The response parser and the URLs, without a network.
#include "wire/client_parser.h"

#include "wire/client_url.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace outcrop::wire {
namespace {

using ::testing::HasSubstr;

struct Parsed {
  Code code = Code::internal;
  bool failed = false, done = false, keeps = false;
  int status = 0;
  std::string body, left;
};

/// Feeds `text` in pieces of `step` bytes, then the end of the connection when asked to.
Parsed parse(std::string_view text, std::size_t step, bool ends = false,
             std::string_view method = "GET", std::size_t header_bytes = 4096) {
  ResponseParser parser(method, header_bytes);
  Parsed out;
  std::string held;
  for (std::size_t at = 0; at < text.size() && !out.failed; at += step) {
    held += text.substr(at, step);
    while (!held.empty() && !parser.done()) {
      auto used = parser.feed(held, out.body);
      if (!used) {
        out.failed = true;
        out.code = used.error().code;
        break;
      }
      held.erase(0, *used);
    }
  }
  if (!out.failed && ends) {
    if (auto ended = parser.end_of_input(); !ended) {
      out.failed = true;
      out.code = ended.error().code;
    }
  }
  out.done = parser.done();
  out.keeps = out.done && parser.keeps_connection();
  if (parser.head_done()) out.status = parser.head().status;
  out.left = held;
  return out;
}

TEST(ResponseParser, ReadsTheSameHoweverTheBytesAreCut) {
  std::string text =
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n"
      "HTTP/1.1 200 OK\r\nContent-Type:text/plain \r\ntransfer-encoding: chunked\r\n\r\n"
      "5\r\nhello\r\n00A;name=\"v\"\r\n, chunked!\r\n0\r\ntrailer: x\r\n\r\nNEXT";
  for (std::size_t step = 1; step <= text.size(); ++step) {
    auto parsed = parse(text, step);
    ASSERT_FALSE(parsed.failed) << step;
    EXPECT_TRUE(parsed.done);
    EXPECT_TRUE(parsed.keeps);
    EXPECT_EQ(parsed.status, 200);
    EXPECT_EQ(parsed.body, "hello, chunked!");
    EXPECT_TRUE(std::string("NEXT").starts_with(parsed.left) || parsed.left == "NEXT")
        << parsed.left;
  }
}

TEST(ResponseParser, KnowsWhereABodyEnds) {
  struct Case {
    const char* text;
    const char* method;
    const char* body;
    bool done, keeps;
  };
  for (const auto& c : std::vector<Case>{
           {"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc", "GET", "abc", true, true},
           {"HTTP/1.1 200 OK\r\ncontent-length: 3, 3\r\n\r\nabc", "GET", "abc", true, true},
           {"HTTP/1.1 200\r\ncontent-length: 0\r\n\r\n", "GET", "", true, true},
           {"HTTP/1.1 200 OK\ncontent-length: 1\n\na", "GET", "a", true, true},
           {"HTTP/1.1 200 OK\r\ncontent-length: 3\r\nconnection: x, Close\r\n\r\nabc", "GET", "abc",
            true, false},
           {"HTTP/1.0 200 OK\r\ncontent-length: 3\r\n\r\nabc", "GET", "abc", true, false},
           {"HTTP/1.0 200 OK\r\ncontent-length: 3\r\nconnection: keep-alive\r\n\r\nabc", "GET",
            "abc", true, true},
           {"HTTP/1.1 200 OK\r\n\r\nabc", "GET", "abc", false, false},  // until the connection ends
           {"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n", "HEAD", "", true, true},
           {"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", "HEAD", "", true, true},
           {"HTTP/1.1 204 No Content\r\n\r\n", "GET", "", true, true},
           {"HTTP/1.1 304 Not Modified\r\ncontent-length: 7\r\n\r\n", "GET", "", true, true},
           // Both: the chunks count, and the connection is not trusted with another message.
           {"HTTP/1.1 200 OK\r\ncontent-length: 9\r\ntransfer-encoding: "
            "chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
            "GET", "a", true, false},
       }) {
    auto parsed = parse(c.text, 1000, false, c.method);
    EXPECT_FALSE(parsed.failed) << c.text;
    EXPECT_EQ(parsed.body, c.body) << c.text;
    EXPECT_EQ(parsed.done, c.done) << c.text;
    EXPECT_EQ(parsed.keeps, c.keeps) << c.text;
  }
}

TEST(ResponseParser, RefusesWhatIsNotHttp) {
  for (const char* text : {
           "SSH-2.0-OpenSSH_9\r\n",
           "HTTP/2 200 OK\r\n",
           "HTTP/1.2 200 OK\r\n",
           "HTTP/1.1 099 Low\r\n",
           "HTTP/1.1 600 High\r\n",
           "HTTP/1.1 2000 OK\r\n",
           "HTTP/1.1  200 OK\r\n",
           "\r\nHTTP/1.1 200 OK\r\n",
           "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n",
           "HTTP/1.1 200 OK\r\nno colon\r\n",
           "HTTP/1.1 200 OK\r\nname : x\r\n",
           "HTTP/1.1 200 OK\r\n: x\r\n",
           "HTTP/1.1 200 OK\r\na: x\r\n folded\r\n",
           "HTTP/1.1 200 OK\r\na: x\ry\r\n",
           "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
           "HTTP/1.1 200 OK\r\ncontent-length: 1x\r\n\r\n",
           "HTTP/1.1 200 OK\r\ncontent-length: \r\n\r\n",
           "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
           "HTTP/1.1 200 OK\r\ncontent-length: 18446744073709551616\r\n\r\n",
           "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\n",
           "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n",
           "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked, chunked\r\n\r\n",
           "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nx\r\n",
           "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n-1\r\n",
           "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0x5\r\n",
           "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n10000000000000000\r\n",
           "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nab\r\n",
       }) {
    for (std::size_t step : {1u, 1000u}) {
      auto parsed = parse(text, step);
      EXPECT_TRUE(parsed.failed) << text;
      EXPECT_EQ(parsed.code, Code::corrupt) << text;
    }
  }
}

TEST(ResponseParser, AnEndInTheMiddleIsNotAnEnd) {
  EXPECT_EQ(parse("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nab", 100, true).code, Code::corrupt);
  EXPECT_EQ(
      parse("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n", 100, true).code,
      Code::corrupt);
  EXPECT_EQ(parse("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n", 100, true).code,
            Code::corrupt);
  EXPECT_EQ(parse("HTTP/1.1 200 OK\r\ncontent-le", 100, true).code, Code::corrupt);
  auto open_ended = parse("HTTP/1.1 200 OK\r\n\r\nab", 100, true);
  EXPECT_TRUE(open_ended.done);
  EXPECT_FALSE(open_ended.keeps);
}

TEST(ResponseParser, HeadsTrailersAndChunkLinesHaveLimits) {
  std::string head = "HTTP/1.1 200 OK\r\nx: " + std::string(200, 'x') + "\r\n";
  EXPECT_EQ(parse(head, 7, false, "GET", 100).code, Code::too_large);
  EXPECT_FALSE(parse(head, 7, false, "GET", 300).failed);
  std::string interim;
  for (int i = 0; i < 50; ++i) interim += "HTTP/1.1 100 Continue\r\n\r\n";
  EXPECT_EQ(parse(interim, 7, false, "GET", 1000).code, Code::too_large);
  std::string chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
  EXPECT_EQ(
      parse(chunked + "0\r\nt: " + std::string(300, 't') + "\r\n\r\n", 7, false, "GET", 200).code,
      Code::too_large);
  EXPECT_EQ(parse(chunked + "1;" + std::string(2000, 'e'), 7).code, Code::corrupt);
}

TEST(Url, IsTakenApart) {
  struct Case {
    const char* text;
    const char* origin;
    const char* authority;
    const char* target;
  };
  for (const auto& c : std::vector<Case>{
           {"http://Example.COM", "http://example.com:80", "example.com", "/"},
           {"HTTPS://example.com?q=1#f", "https://example.com:443", "example.com", "/?q=1"},
           {"http://a-b.c:8080/x%20y?z", "http://a-b.c:8080", "a-b.c:8080", "/x%20y?z"},
           {"https://[::1]:444/", "https://[::1]:444", "[::1]:444", "/"},
           {"http://127.0.0.1:/x", "http://127.0.0.1:80", "127.0.0.1", "/x"},
           {"unix:/run/x.sock:/v1/models?a=b", "unix:/run/x.sock", "localhost", "/v1/models?a=b"},
           {"unix:/run/x.sock", "unix:/run/x.sock", "localhost", "/"}}) {
    auto url = parse_url(c.text);
    ASSERT_TRUE(url) << c.text << ": " << url.error().message;
    EXPECT_EQ(url->origin.text(), c.origin);
    EXPECT_EQ(url->origin.authority(), c.authority);
    EXPECT_EQ(url->target, c.target);
  }
}

TEST(Url, WhatIsWrongIsRefusedWithTheReason) {
  std::string long_path = "unix:/" + std::string(120, 'p') + ":/";
  for (const char* text :
       {"", "example.com", "ftp://x/", "http:/x", "http://", "http://user:pw@host/", "http://a b/",
        "http://h:0/", "http://h:65536/", "http://h:8o/", "http://[::1/", "http://[::1]x/",
        "http://h/a b", "http://h/a\r\nx: y", "http://h/\xC3\xA9", "unix:relative:/",
        "unix:", long_path.c_str()}) {
    auto url = parse_url(text);
    ASSERT_FALSE(url) << text;
    EXPECT_EQ(url.error().code, Code::validation) << text;
    EXPECT_THAT(url.error().message, ::testing::Not(HasSubstr("pw@"))) << "a secret in a message";
  }
}

TEST(Url, ReferencesAreSeenFromWhereTheyStand) {
  auto base = *parse_url("https://h:1/a/b?q=1");
  auto resolved = [&](const char* reference) {
    auto url = resolve_url(base, reference);
    return url ? url->origin.text() + url->target : "refused";
  };
  EXPECT_EQ(resolved("/x?y"), "https://h:1/x?y");
  EXPECT_EQ(resolved("c"), "https://h:1/a/c");
  EXPECT_EQ(resolved("?z=2"), "https://h:1/a/b?z=2");
  EXPECT_EQ(resolved("//other/x"), "https://other:443/x");
  EXPECT_EQ(resolved("http://other:8/x#f"), "http://other:8/x");
  EXPECT_EQ(resolved("c:d/e"), "refused");
  EXPECT_EQ(resolved("file:///etc/passwd"), "refused");
}

}  // namespace
}  // namespace outcrop::wire
