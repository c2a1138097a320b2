// Bedrock API keys: short-term ones as AWS's own generator makes them, and long-term ones.
#include "identity/support.h"

#include <gmock/gmock.h>

namespace outcrop::identity {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

// aws-bedrock-token-generator 1.1.0 with botocore 1.44.8, clock at 2024-01-01T00:00:00Z.
constexpr auto generated =
    "bedrock-api-key-"
    "YmVkcm9jay5hbWF6b25hd3MuY29tLz9BY3Rpb249Q2FsbFdpdGhCZWFyZXJUb2tlbiZYLUFtei1BbGdvcml0"
    "aG09QVdTNC1ITUFDLVNIQTI1NiZYLUFtei1DcmVkZW50aWFsPUFLSURFWEFNUExFJTJGMjAyNDAxMDElMkZ1cy1lYXN0LT"
    "ElMkZi"
    "ZWRyb2NrJTJGYXdzNF9yZXF1ZXN0JlgtQW16LURhdGU9MjAyNDAxMDFUMDAwMDAwWiZYLUFtei1FeHBpcmVzPTQzMjAwJl"
    "gtQW16"
    "LVNpZ25lZEhlYWRlcnM9aG9zdCZYLUFtei1TaWduYXR1cmU9YzZlYTE2NDY0OGZmZThiOTc1MTdmYWRkYzgwZTMzYmIxNG"
    "M2Y2U3"
    "NWMwZTA3ZWNlNWYyYzBhYjIwY2E4MmJmYSZWZXJzaW9uPTE=";
constexpr auto generated_with_session =
    "bedrock-api-key-"
    "YmVkcm9jay5hbWF6b25hd3MuY29tLz9BY3Rpb249Q2FsbFdpdGhCZWFyZXJUb2tlbiZYLUFtei1BbGdvcml0"
    "aG09QVdTNC1ITUFDLVNIQTI1NiZYLUFtei1DcmVkZW50aWFsPUFLSURFWEFNUExFJTJGMjAyNDAxMDElMkZ1cy1lYXN0LT"
    "ElMkZi"
    "ZWRyb2NrJTJGYXdzNF9yZXF1ZXN0JlgtQW16LURhdGU9MjAyNDAxMDFUMDAwMDAwWiZYLUFtei1FeHBpcmVzPTQzMjAwJl"
    "gtQW16"
    "LVNpZ25lZEhlYWRlcnM9aG9zdCZYLUFtei1TZWN1cml0eS1Ub2tlbj10aGUlMkJzZXNzaW9uJTJGdG9rZW4lM0QlM0QmWC"
    "1BbXot"
    "U2lnbmF0dXJlPWIzMTE2MjE5NGE3ODFiN2EyZTgzZTc1NWYzNDlmMmJhNTcyYjIyYmI5ZTA2ZDViMjk5Yjk5MjFlOGE0MD"
    "QwNjgm"
    "VmVyc2lvbj0x";

constexpr auto invalid =
    "AccessDeniedException: Authentication failed: Please make sure your API Key is valid.";
constexpr auto expired = "AccessDeniedException: Bearer Token has expired";

class ApiKeyTest : public testing::Test {
 protected:
  ApiKeyTest() {
    keys.add_access_key(example_id, example_secret);
    Key key;
    key.kind = Key::Kind::api_key;
    key.id = "BedrockAPIKey-abc";
    key.name = "ci";
    keys.add(key, long_term);
  }
  static wire::RequestHead bearer(std::string_view token) {
    auto head = request();
    head.headers.add("authorization", "Bearer " + std::string(token));
    return head;
  }
  std::string outcome(const wire::RequestHead& head, WallTime now = midnight) {
    auto result = Authenticator(keys, {}).authenticate(head, "{}", now);
    if (result) return "ok " + result->name;
    return std::string(facts(result.error().code).exception) + ": " + result.error().message;
  }
  const std::string long_term = "ABSK" + base64("BedrockAPIKey-abc:secret");
  FakeKeys keys;
};

TEST_F(ApiKeyTest, AKeyFromAwsGeneratorIsVerifiedWithTheSecretOfItsAccessKey) {
  EXPECT_EQ(outcome(bearer(generated)), "ok ada");
  auto principal = Authenticator(keys, {}).authenticate(bearer(generated), "{}", midnight).value();
  EXPECT_EQ(principal.how, Principal::How::short_term_key);
  EXPECT_EQ(principal.key_id, example_id);
}

TEST_F(ApiKeyTest, OurOwnHelperMintsTheVeryBytesOfTheGenerator) {
  auto minted = mint_short_term_key(example_id, example_secret, "us-east-1", midnight);
  auto parameters = [](std::string_view token) {
    auto url = unbase64(token.substr(16)).value();
    auto parts = split(url, '&');
    std::vector<std::string> sorted(parts.begin(), parts.end());
    std::sort(sorted.begin(), sorted.end());
    return sorted;
  };
  EXPECT_EQ(parameters(minted), parameters(generated));
  EXPECT_EQ(parameters(mint_short_term_key(example_id, example_secret, "us-east-1", midnight, 12h,
                                           "the+session/token==")),
            parameters(generated_with_session));
  EXPECT_EQ(outcome(bearer(minted)), "ok ada");
}

TEST_F(ApiKeyTest, AShortTermKeyMadeFromTemporaryCredentialsCarriesTheirToken) {
  EXPECT_EQ(outcome(bearer(generated_with_session)), invalid);
  keys.add_session(example_id, "the+session/token==", {example_id, example_secret, midnight + 1h});
  EXPECT_EQ(outcome(bearer(generated_with_session)), "ok ada");
  EXPECT_EQ(outcome(bearer(generated_with_session), midnight + 2h), expired);  // with its session
}

TEST_F(ApiKeyTest, AShortTermKeyEndsWhenItSays) {
  EXPECT_EQ(outcome(bearer(generated), midnight + 12h), "ok ada");
  EXPECT_EQ(outcome(bearer(generated), midnight + 12h + 1s), expired);
  EXPECT_EQ(outcome(bearer(generated), midnight - 300s), "ok ada");
  EXPECT_EQ(outcome(bearer(generated), midnight - 301s), invalid);
}

TEST_F(ApiKeyTest, ShortTermKeysBeyondTheirFormAreRefused) {
  auto token = [](std::string url) { return "bedrock-api-key-" + base64(url); };
  auto good = unbase64(std::string_view(generated).substr(16)).value();
  auto changed = [&](std::string_view from, std::string_view to) {
    auto url = good;
    url.replace(url.find(from), from.size(), to);
    return outcome(bearer(token(url)));
  };
  EXPECT_EQ(outcome(bearer(token(good))), "ok ada");
  EXPECT_EQ(changed("43200", "43201"), invalid);
  EXPECT_EQ(changed("43200", "43199"), invalid);  // within the limit, but not what was signed
  EXPECT_EQ(changed("AKIDEXAMPLE", "AKIDEXAMPLF"), invalid);
  EXPECT_EQ(changed("%2Fbedrock%2F", "%2Fs3%2F"), invalid);
  EXPECT_EQ(changed("CallWithBearerToken", "DeleteEverything"), invalid);
  EXPECT_EQ(changed("bedrock.amazonaws.com", "bedrock.example.com"), invalid);
  EXPECT_EQ(changed("Signature=c6", "Signature=c7"), invalid);
  EXPECT_EQ(outcome(bearer("bedrock-api-key-*")), invalid);
  EXPECT_EQ(outcome(bearer("bedrock-api-key-")), invalid);
}

TEST_F(ApiKeyTest, ARevokedAccessKeyTakesItsShortTermKeysWithIt) {
  keys.add_access_key(example_id, example_secret).revoked = midnight;
  EXPECT_EQ(outcome(bearer(generated)), invalid);
}

TEST_F(ApiKeyTest, LongTermKeysComeInEitherHeader) {
  EXPECT_EQ(outcome(bearer(long_term)), "ok ci");
  auto head = request();
  head.headers.add("x-api-key", long_term);
  EXPECT_EQ(outcome(head), "ok ci");
  auto principal = Authenticator(keys, {}).authenticate(head, "{}", midnight).value();
  EXPECT_EQ(principal.how, Principal::How::long_term_key);
  EXPECT_EQ(principal.key_id, "BedrockAPIKey-abc");
  auto lower = request();
  lower.headers.add("authorization", "bearer  " + long_term);
  EXPECT_EQ(outcome(lower), "ok ci");
}

TEST_F(ApiKeyTest, WrongLongTermKeysAreRefused) {
  EXPECT_EQ(outcome(bearer("ABSK" + base64("BedrockAPIKey-abc:other"))), invalid);
  EXPECT_EQ(outcome(bearer("ABSK" + base64("BedrockAPIKey-xyz:secret"))), invalid);
  EXPECT_EQ(outcome(bearer("ABSK" + base64(example_id + ":" + example_secret))), invalid);
  EXPECT_EQ(outcome(bearer("ABSK!")), invalid);
  EXPECT_EQ(outcome(bearer("sk-123")),
            "AccessDeniedException: Invalid API Key format: Must start with pre-defined prefix");
  EXPECT_EQ(outcome(bearer("")),
            "AccessDeniedException: Invalid API Key format: Must start with pre-defined prefix");
}

TEST_F(ApiKeyTest, ExpiredAndRevokedLongTermKeysAreRefused) {
  Key key = *keys.find("BedrockAPIKey-abc");
  key.expires = midnight;
  keys.add(key, long_term);
  EXPECT_EQ(outcome(bearer(long_term), midnight - 1s), "ok ci");
  EXPECT_EQ(outcome(bearer(long_term)), expired);
  key.revoked = midnight;
  keys.add(key, long_term);
  EXPECT_EQ(outcome(bearer(long_term), midnight - 1s), invalid);
}

TEST_F(ApiKeyTest, ScopeOfAShortTermKeyIsItsRegionAndNoService) {
  auto scope = Authenticator(keys, {}).scope(
      bearer(mint_short_term_key(example_id, example_secret, "ap-south-1", midnight)));
  EXPECT_EQ(scope.region, "ap-south-1");
  EXPECT_EQ(scope.service, "");
}

}  // namespace
}  // namespace outcrop::identity
