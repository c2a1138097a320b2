#include "base/text.h"

#include <gtest/gtest.h>

namespace outcrop {
namespace {

TEST(Text, Base64RoundTripsEveryLength) {
  std::string bytes;
  for (int i = 0; i < 300; ++i) {
    EXPECT_EQ(unbase64(base64(bytes)), bytes);
    bytes += static_cast<char>(i * 7);
  }
  EXPECT_EQ(base64("ab"), "YWI=");
  EXPECT_EQ(unbase64("YWI"), std::nullopt);
  EXPECT_EQ(unbase64("YW=I"), std::nullopt);
  EXPECT_EQ(unbase64("Y*I="), std::nullopt);
}

TEST(Text, PercentCodingFollowsRfc3986) {
  EXPECT_EQ(percent_encode("a:0/b~c d"), "a%3A0%2Fb~c%20d");
  EXPECT_EQ(percent_encode("a/b", true), "a/b");
  EXPECT_EQ(percent_decode("a%3a0%2F"), "a:0/");
  EXPECT_EQ(percent_decode("a%3"), std::nullopt);
  EXPECT_EQ(percent_decode("a%zz"), std::nullopt);
}

TEST(Text, WholeUtf8StopsBeforeAnUnfinishedCharacter) {
  std::string text = "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80";  // a, e acute, euro, emoji
  EXPECT_TRUE(is_utf8(text));
  std::vector<std::size_t> ends{1, 3, 6, 10};
  for (std::size_t n = 1; n <= text.size(); ++n) {
    std::size_t want = 0;
    for (auto end : ends) {
      if (end <= n) want = end;
    }
    EXPECT_EQ(whole_utf8(text.substr(0, n)), want) << n;
  }
  EXPECT_EQ(whole_utf8("a\xFF"), 2u);     // never UTF-8: not waited for
  EXPECT_FALSE(is_utf8("\xED\xA0\x80"));  // a surrogate
  EXPECT_FALSE(is_utf8("\xC0\x80"));      // overlong
  EXPECT_EQ(code_points(text), 4u);
}

TEST(Text, GlobMatches) {
  EXPECT_TRUE(glob_match("anthropic.claude-*", "anthropic.claude-3-haiku"));
  EXPECT_TRUE(glob_match("a*b*c", "a__b_b__c"));
  EXPECT_FALSE(glob_match("a*b", "a__c"));
  EXPECT_TRUE(glob_match("a?c", "abc"));
  EXPECT_TRUE(glob_match("*", ""));
  EXPECT_FALSE(glob_match("", "x"));
}

TEST(Text, HmacMatchesRfc4231) {
  EXPECT_EQ(hex(hmac_sha256(std::string(20, '\x0b'), "Hi There")),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  EXPECT_EQ(hex(hmac_sha256(std::string(131, '\xaa'),
                            "Test Using Larger Than Block-Size Key - Hash Key First")),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

}  // namespace
}  // namespace outcrop
