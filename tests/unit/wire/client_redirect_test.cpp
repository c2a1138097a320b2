// Redirects: how far they are followed, and what does not travel along.
#include "wire/client.h"
#include "wire/client_answers.h"

#include <memory>

namespace outcrop::wire {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string redirect_to(const std::string& location, int status = 302) {
  return "HTTP/1.1 " + std::to_string(status) + " Found\r\nlocation: " + location +
         "\r\ncontent-length: 0\r\n\r\n";
}

TEST_F(ClientTest, ARedirectIsFollowedByAGetAndLeavesSecretsBehind) {
  std::string at_other, at_same;
  RawServer other([&](RawPeer& peer, int) {
    at_other = peer.read_request();
    peer.send(ok_hello);
  });
  RawServer server([&](RawPeer& peer, int) {
    peer.read_request();
    peer.send(redirect_to("next?x", 301));
    at_same = peer.read_request();
    peer.send(redirect_to(other.url("/final"), 307));
  });
  Client client(loop_, {.redirects = 2});
  OutboundRequest request;
  request.url = server.url("/a/first");
  request.headers = {{"authorization", "Bearer s3cret"},
                     {"cookie", "s3cret"},
                     {"x-api-key", "s3cret"},
                     {"range", "bytes=1-"}};
  auto out = fetch(client, request);
  EXPECT_EQ(out.body, "hello");
  EXPECT_THAT(at_same, HasSubstr("GET /a/next?x HTTP/1.1"));
  EXPECT_THAT(at_same, HasSubstr("Bearer s3cret"));
  EXPECT_THAT(at_other, HasSubstr("GET /final HTTP/1.1"));
  EXPECT_THAT(at_other, HasSubstr("range: bytes=1-"));
  EXPECT_THAT(at_other, Not(HasSubstr("s3cret")));
  EXPECT_THAT(at_other, HasSubstr("host: 127.0.0.1:" + std::to_string(other.port())));
}

TEST_F(ClientTest, RedirectsAreFollowedAsOftenAsAllowed) {
  RawServer server(answering(redirect_to("/again")));
  EXPECT_EQ(get(*std::make_unique<Client>(loop_), server.url()).status,
            302);  // 0: the caller sees it
  Client client(loop_, {.redirects = 3});
  auto out = get(client, server.url());
  ASSERT_TRUE(out.error);
  EXPECT_EQ(out.error->code, Code::bad_gateway);
  EXPECT_EQ(client.stats().connected + client.stats().reused, 4u);
  EXPECT_EQ(post(client, server.url(), "x").status, 302);  // never repeated elsewhere
}

TEST_F(ClientTest, ARedirectCannotLeadIntoAFileOrASocket) {
  for (const char* location :
       {"file:///etc/passwd", "unix:/run/docker.sock:/", "http://", "ftp://x/"}) {
    RawServer server(answering(redirect_to(location)));
    Client client(loop_, {.redirects = 3});
    auto out = get(client, server.url());
    ASSERT_TRUE(out.error) << location;
    EXPECT_EQ(out.error->code, Code::bad_gateway) << location;
  }
}

}  // namespace
}  // namespace outcrop::wire
