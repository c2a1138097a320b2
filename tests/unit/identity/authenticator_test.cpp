// Every row of the table of authentication failures, the edges of the clock, and requests that real
// SDKs signed (values from @smithy/signature-v4 and AWS's test suite).
#include "identity/identity.h"
#include "identity/support.h"

#include <gmock/gmock.h>

namespace outcrop::identity {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr auto differs =
    "The request signature we calculated does not match the signature you provided. Check your AWS "
    "Secret Access Key and signing method. Consult the service documentation for details.";

class AuthenticatorTest : public testing::Test {
 protected:
  AuthenticatorTest() { keys.add_access_key(example_id, example_secret); }

  Result<Principal> check(const wire::RequestHead& head, std::string_view body = "{}",
                          WallTime now = midnight) {
    return Authenticator(keys, options).authenticate(head, body, now);
  }
  /// Code and text, so that a failing test shows both.
  std::string refused(const wire::RequestHead& head, std::string_view body = "{}",
                      WallTime now = midnight) {
    auto outcome = check(head, body, now);
    if (outcome) return "accepted";
    EXPECT_THAT(outcome.error().detail + outcome.error().message, Not(HasSubstr(example_secret)));
    return std::string(facts(outcome.error().code).exception) + ": " + outcome.error().message;
  }
  wire::RequestHead with_authorization(std::string_view value) {
    auto head = request();
    head.headers.add("x-amz-date", "20240101T000000Z");
    head.headers.add("authorization", value);
    return head;
  }

  FakeKeys keys;
  Options options;
};

TEST_F(AuthenticatorTest, AGoodSignatureNamesItsPrincipal) {
  options.account = "123456789012";
  auto principal = check(signed_request("{}")).value();
  EXPECT_EQ(principal.how, Principal::How::sigv4);
  EXPECT_EQ(principal.account, "123456789012");
  EXPECT_EQ(principal.arn, "arn:aws:iam::123456789012:user/ada");
  EXPECT_EQ(principal.key_id, example_id);
  EXPECT_EQ(principal.name, "ada");
  EXPECT_FALSE(principal.admin);
  EXPECT_TRUE(principal.body_signed);
  EXPECT_EQ(keys.used_, std::vector<std::string>{example_id});
}

TEST_F(AuthenticatorTest, NoAuthorizationIsMissingAuthenticationToken) {
  EXPECT_EQ(refused(request()),
            "MissingAuthenticationTokenException: Missing Authentication Token");
}

TEST_F(AuthenticatorTest, AnUnknownAccessKeyIsUnrecognized) {
  auto head = signed_request("{}", midnight, "bedrock", {"AKIASTRANGER", "whatever", {}});
  EXPECT_EQ(refused(head),
            "UnrecognizedClientException: The security token included in the request is invalid.");
}

TEST_F(AuthenticatorTest, ARevokedAccessKeyIsUnrecognizedAtOnce) {
  auto head = signed_request("{}");
  Authenticator authenticator(keys, options);
  ASSERT_TRUE(authenticator.authenticate(head, "{}", midnight));
  keys.add_access_key(example_id, example_secret).revoked = midnight;
  EXPECT_EQ(authenticator.authenticate(head, "{}", midnight).error().code,
            Code::unrecognized_client);
}

TEST_F(AuthenticatorTest, AnyChangeToWhatWasSignedDiffers) {
  std::string want = std::string("InvalidSignatureException: ") + differs;
  EXPECT_EQ(refused(signed_request("{}"), R"({"a":1})"), want);
  auto target = signed_request("{}");
  target.target += "?x=1";
  EXPECT_EQ(refused(target), want);
  auto path = signed_request("{}");
  path.target = "/model/b%3A0/converse";
  EXPECT_EQ(refused(path), want);
  auto method = signed_request("{}");
  method.method = "GET";
  EXPECT_EQ(refused(method), want);
  auto header = signed_request("{}");
  header.headers.set("content-type", "text/plain");
  EXPECT_EQ(refused(header), want);
  auto host = signed_request("{}");
  host.authority = "elsewhere";
  EXPECT_EQ(refused(host), want);
  auto secret = signed_request("{}", midnight, "bedrock", {example_id, "another", {}});
  EXPECT_EQ(refused(secret), want);
  EXPECT_TRUE(keys.used_.empty());
}

TEST_F(AuthenticatorTest, TheDetailOfADifferenceHelpsWithoutTellingSecrets) {
  auto head = signed_request("{}");
  head.headers.remove("content-type");
  auto error = check(head).error();
  EXPECT_THAT(error.detail, HasSubstr("canonical request sha256 "));
  EXPECT_THAT(error.detail, HasSubstr("signed but not received: content-type"));
  EXPECT_THAT(error.detail, HasSubstr("host '127.0.0.1:8080'"));
}

TEST_F(AuthenticatorTest, TheClockWindowIncludesItsEdges) {
  auto head = signed_request("{}");
  EXPECT_TRUE(check(head, "{}", midnight + 300s));
  EXPECT_TRUE(check(head, "{}", midnight + 300s + 999ms));  // dates have whole seconds
  EXPECT_TRUE(check(head, "{}", midnight - 300s));
  EXPECT_EQ(refused(head, "{}", midnight + 301s),
            "InvalidSignatureException: Signature expired: 20240101T000000Z is now earlier than "
            "20240101T000001Z (20240101T000501Z - 5 min.)");
  EXPECT_EQ(refused(head, "{}", midnight - 301s),
            "InvalidSignatureException: Signature not yet current: 20240101T000000Z is still later "
            "than 20231231T235959Z (20231231T235459Z + 5 min.)");
}

TEST_F(AuthenticatorTest, S3HasAWindowOfFifteenMinutes) {
  auto head = signed_request("{}", midnight, "s3");
  EXPECT_TRUE(check(head, "{}", midnight + 900s));
  EXPECT_THAT(refused(head, "{}", midnight + 901s), HasSubstr("(20240101T001501Z - 15 min.)"));
}

TEST_F(AuthenticatorTest, SessionTokensLeanOnTheirParent) {
  keys.add_session("ASIATEMP", "token", {example_id, "session-secret", midnight + 1h});
  auto head = signed_request("{}", midnight, "bedrock", {"ASIATEMP", "session-secret", "token"});
  auto principal = check(head).value();
  EXPECT_EQ(principal.name, "ada");
  EXPECT_EQ(principal.key_id, "ASIATEMP");
  EXPECT_EQ(keys.used_.back(), example_id);

  EXPECT_EQ(refused(signed_request("{}", midnight, "bedrock", {"ASIATEMP", "session-secret", "x"})),
            "UnrecognizedClientException: The security token included in the request is invalid.");
  EXPECT_THAT(
      refused(signed_request("{}", midnight, "bedrock", {"ASIATEMP", "session-secret", {}})),
      StartsWith("UnrecognizedClientException"));
  EXPECT_THAT(refused(signed_request("{}", midnight, "bedrock", {example_id, example_secret, "x"})),
              StartsWith("UnrecognizedClientException"));  // a long-lived key has no token
  EXPECT_THAT(refused(signed_request("{}", midnight, "bedrock", {"ASIATEMP", "wrong", "token"})),
              StartsWith("InvalidSignatureException"));
  auto late =
      signed_request("{}", midnight + 1h, "bedrock", {"ASIATEMP", "session-secret", "token"});
  EXPECT_EQ(refused(late, "{}", midnight + 1h),
            "ExpiredTokenException: The security token included in the request is expired");
  keys.add_access_key(example_id, example_secret).revoked = midnight;
  EXPECT_THAT(refused(head), StartsWith("UnrecognizedClientException"));
}

TEST_F(AuthenticatorTest, AnAccessKeyThatRanOutIsAnExpiredToken) {
  keys.add_access_key(example_id, example_secret).expires = midnight;
  EXPECT_THAT(refused(signed_request("{}")), StartsWith("ExpiredTokenException"));
}

TEST_F(AuthenticatorTest, MalformedHeadersSayWhatIsMissing) {
  auto is = [this](std::string_view value, std::string_view text) {
    EXPECT_EQ(refused(with_authorization(value)),
              "IncompleteSignatureException: " + std::string(text));
  };
  is("AWS4-HMAC-SHA256",
     "Authorization header requires 'Credential' parameter. Authorization header requires "
     "'Signature' "
     "parameter. Authorization header requires 'SignedHeaders' parameter.");
  is("AWS4-HMAC-SHA256 Credential=a/b/c/d/aws4_request, Signature=00",
     "Authorization header requires 'SignedHeaders' parameter.");
  is("AWS4-HMAC-SHA256 Credential",
     "'Credential' not a valid key=value pair (missing equal-sign) in Authorization header.");
  is("AWS4-HMAC-SHA256 Credential=AKID/20240101/us-east-1, SignedHeaders=host, Signature=00",
     "Credential must have exactly 5 slash-delimited elements, e.g. "
     "keyid/date/region/service/term, got "
     "'AKID/20240101/us-east-1'.");
  is("AWS4-ECDSA-P256-SHA256 Credential=a/b/c/d/e, SignedHeaders=host, Signature=00",
     "Unsupported AWS 'algorithm': 'AWS4-ECDSA-P256-SHA256' (only AWS4-HMAC-SHA256 is supported).");
  is("Basic dXNlcg==",
     "Authorization begins with 'Basic'; it must be an AWS4-HMAC-SHA256 signature or 'Bearer' and "
     "an API "
     "key.");
}

TEST_F(AuthenticatorTest, ASignatureNeedsADate) {
  auto head = signed_request("{}");
  head.headers.remove("x-amz-date");
  EXPECT_EQ(refused(head),
            "IncompleteSignatureException: Authorization header requires existence of either a "
            "'X-Amz-Date' or a 'Date' header.");
  head.headers.set("x-amz-date", "yesterday");
  EXPECT_EQ(
      refused(head),
      "IncompleteSignatureException: Date must be in ISO-8601 'basic format'. Got 'yesterday'.");
}

TEST_F(AuthenticatorTest, TheDateHeaderServesWhenThereIsNoXAmzDate) {
  for (std::string_view date : {"20240101T000000Z", "Mon, 01 Jan 2024 00:00:00 GMT"}) {
    auto head = request();
    head.headers.add("date", date);
    wire::sigv4::Scope scope{"20240101", "us-east-1", "bedrock"};
    auto hash = hex(sha256("{}"));
    wire::sigv4::CanonicalInput input{.method = "POST",
                                      .path = head.path(),
                                      .headers = {{"date", date}, {"host", head.authority}},
                                      .payload_hash = hash};
    auto to_sign = wire::sigv4::string_to_sign("20240101T000000Z", scope,
                                               wire::sigv4::canonical_request(input));
    head.headers.add(
        "authorization",
        "AWS4-HMAC-SHA256 Credential=" + example_id + "/" + scope.text() +
            ",SignedHeaders=date;host,Signature=" +
            wire::sigv4::signature(wire::sigv4::signing_key(example_secret, scope), to_sign));
    EXPECT_TRUE(check(head)) << date;
  }
}

TEST_F(AuthenticatorTest, AScopeThatContradictsItselfIsRefused) {
  EXPECT_EQ(
      refused(with_authorization("AWS4-HMAC-SHA256 Credential=" + example_id +
                                 "/20231231/us-east-1/bedrock/aws5_request, SignedHeaders=host, "
                                 "Signature=00")),
      "InvalidSignatureException: Credential should be scoped with a valid terminator: "
      "'aws4_request', not 'aws5_request'. Date in Credential scope does not match YYYYMMDD from "
      "ISO-8601 version of date from HTTP: '20231231' != '20240101', from '20240101T000000Z'.");
  EXPECT_EQ(refused(with_authorization("AWS4-HMAC-SHA256 Credential=" + example_id +
                                       "/20240101/us-east-1/bedrock/aws4_request, "
                                       "SignedHeaders=x-amz-date, Signature=00")),
            "InvalidSignatureException: 'Host' or ':authority' must be a 'SignedHeader' in the AWS "
            "Authorization.");
}

TEST_F(AuthenticatorTest, LimitsAreCrossedByOne) {
  auto value = [](std::size_t names) {
    std::string out =
        "AWS4-HMAC-SHA256 Credential=AKID/20240101/us-east-1/bedrock/aws4_request, "
        "SignedHeaders=host";
    for (std::size_t i = 1; i < names; ++i) out += ";h" + std::to_string(i);
    return out + ", Signature=00";
  };
  EXPECT_THAT(refused(with_authorization(value(128))), StartsWith("UnrecognizedClientException"));
  EXPECT_EQ(
      refused(with_authorization(value(129))),
      "IncompleteSignatureException: SignedHeaders names 129 headers; at most 128 are allowed.");
  auto token = with_authorization(value(1));
  token.headers.set("x-amz-security-token", std::string(8'193, 't'));
  EXPECT_THAT(refused(token), HasSubstr("X-Amz-Security-Token has 8193 bytes; at most 8192"));
  auto key = request();
  key.headers.add("x-api-key", "ABSK" + std::string(8'189, 'A'));
  EXPECT_THAT(refused(key), HasSubstr("the API key has 8193 bytes; at most 8192"));
  auto long_scope =
      with_authorization("AWS4-HMAC-SHA256 Credential=AKID/20240101/" + std::string(300, 'r') +
                         "/bedrock/aws4_request, SignedHeaders=host, Signature=00");
  EXPECT_THAT(refused(long_scope), StartsWith("IncompleteSignatureException"));
}

TEST_F(AuthenticatorTest, TheDeclaredHashIsHeldAgainstTheBody) {
  auto with_hash = [](std::string_view declared, std::string_view body, std::string_view service) {
    auto head = request();
    head.headers.add("x-amz-content-sha256", declared);
    wire::sigv4::sign(head, body, {example_id, example_secret, {}}, "us-east-1", service, midnight);
    return head;
  };
  auto hash = hex(sha256("{}"));
  EXPECT_TRUE(check(with_hash(hash, "{}", "bedrock")));
  EXPECT_EQ(refused(with_hash(hash, "{}", "bedrock"), "[]"),
            std::string("InvalidSignatureException: ") + differs);
  EXPECT_THAT(refused(with_hash("sha256", "{}", "bedrock")),
              StartsWith("IncompleteSignatureException: x-amz-content-sha256 is 'sha256'"));
  for (auto literal : {"UNSIGNED-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
                       "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-EVENTS"}) {
    auto principal = check(with_hash(literal, "{}", "s3"), "anything");
    ASSERT_TRUE(principal) << literal;
    EXPECT_FALSE(principal->body_signed);
  }
  EXPECT_THAT(refused(with_hash("STREAMING-SOMETHING-NEW", "{}", "s3")),
              StartsWith("IncompleteSignatureException"));
}

TEST_F(AuthenticatorTest, TheJavaScriptClientOverHttp2SignsAuthority) {
  auto head = request("POST", "/model/us.anthropic.claude-3-5-haiku-20241022-v1%3A0/converse");
  head.version = 20;
  head.headers = {
      {"content-type", "application/json"},
      {"content-length", "2"},
      {"x-amz-user-agent", "aws-sdk-js/3.1162  ua/2.1"},
      {"amz-sdk-request", "attempt=1; max=3"},
      {"x-amz-date", "20240101T000000Z"},
      {"x-amz-content-sha256", "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"},
      {"authorization",
       "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20240101/us-east-1/bedrock/aws4_request, "
       "SignedHeaders=:authority;amz-sdk-request;content-length;content-type;x-amz-content-sha256;"
       "x-amz-date;x-amz-user-agent, "
       "Signature=03b2e598d72d0368c039367abc7fba795a40b59378fbe44e51039b31175f594c"}};
  EXPECT_TRUE(check(head));
  head.authority = "127.0.0.1:8081";
  EXPECT_THAT(refused(head), StartsWith("InvalidSignatureException"));
}

TEST_F(AuthenticatorTest, APresignedWebSocketUrlOfTheJavaScriptClientHolds) {
  auto head = request(
      "GET",
      "/model/m/invoke-with-bidirectional-stream-websocket?a=b%20c&X-Amz-Algorithm=AWS4-HMAC-SHA256"
      "&X-Amz-Credential=AKIDEXAMPLE%2F20240101%2Fus-east-1%2Fbedrock%2Faws4_request"
      "&X-Amz-Date=20240101T000000Z&X-Amz-Expires=300&X-Amz-SignedHeaders=host"
      "&X-Amz-Signature=5f4d25e57cb3f4b77c8b93e7bd610dd5c20bb7ad0705de4885436d860bdda00c");
  EXPECT_TRUE(check(head, ""));
  EXPECT_TRUE(check(head, "", midnight + 300s));
  EXPECT_THAT(refused(head, "", midnight + 301s), HasSubstr("Signature expired"));
  EXPECT_THAT(refused(head, "", midnight - 301s), HasSubstr("Signature not yet current"));
  EXPECT_EQ(Authenticator(keys, options).scope(head).service, "bedrock");
  head.target += "0";
  EXPECT_THAT(refused(head, ""), StartsWith("InvalidSignatureException"));
}

TEST_F(AuthenticatorTest, PresignedS3UrlsLeaveTheBodyUnsigned) {
  auto head = request("PUT", "/bucket/a%20key");
  auto query = wire::sigv4::presign({.method = "PUT",
                                     .authority = head.authority,
                                     .path = "/bucket/a%20key",
                                     .region = "us-east-1",
                                     .service = "s3",
                                     .expires = 60s,
                                     .payload_hash = wire::sigv4::unsigned_payload},
                                    {example_id, example_secret, {}}, midnight);
  head.target += "?" + query;
  EXPECT_FALSE(check(head, "anything").value().body_signed);
  EXPECT_EQ(refused(head, "x", midnight + 61s), "AccessDeniedException: Request has expired");
}

TEST_F(AuthenticatorTest, APresignedRequestSaysWhatItLacks) {
  EXPECT_THAT(refused(request("GET", "/?X-Amz-Signature=00&X-Amz-Algorithm=AWS4-HMAC-SHA256")),
              StartsWith("IncompleteSignatureException: AWS query-string parameters must include "
                         "'X-Amz-Credential'."));
  EXPECT_THAT(
      refused(request("GET",
                      "/?X-Amz-Signature=00&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a/"
                      "20240101/r/s/aws4_request&X-Amz-Date=20240101T000000Z&X-Amz-SignedHeaders="
                      "host&X-Amz-Expires=604801")),
      HasSubstr("X-Amz-Expires is '604801'; 1 to 604800 seconds"));
}

TEST_F(AuthenticatorTest, AnOddPathMayBeSignedResolvedOrAsItStands) {
  for (auto style :
       {wire::sigv4::PathStyle::normalize_encode_again, wire::sigv4::PathStyle::encode_again}) {
    auto head = request("GET", "//agents/./x/");
    head.headers.add("x-amz-date", "20240101T000000Z");
    wire::sigv4::Scope scope{"20240101", "us-east-1", "bedrock"};
    wire::sigv4::CanonicalInput input{.method = "GET",
                                      .path = head.path(),
                                      .headers = {{"host", head.authority}},
                                      .payload_hash = wire::sigv4::empty_payload_hash,
                                      .path_style = style};
    auto to_sign = wire::sigv4::string_to_sign("20240101T000000Z", scope,
                                               wire::sigv4::canonical_request(input));
    head.headers.add(
        "authorization",
        "AWS4-HMAC-SHA256 Credential=" + example_id + "/" + scope.text() +
            ", SignedHeaders=host, Signature=" +
            wire::sigv4::signature(wire::sigv4::signing_key(example_secret, scope), to_sign));
    EXPECT_TRUE(check(head, ""));
  }
}

TEST_F(AuthenticatorTest, ScopeIsToldWithoutJudging) {
  Authenticator authenticator(keys, options);
  auto head = signed_request("{}", midnight, "dynamodb", {"AKIASTRANGER", "x", {}});
  EXPECT_EQ(authenticator.scope(head).service, "dynamodb");
  EXPECT_EQ(authenticator.scope(head).region, "us-east-1");
  EXPECT_EQ(authenticator.scope(request()).service, "");
  options.region = "eu-central-1";
  EXPECT_EQ(Authenticator(keys, options).scope(request()).region, "eu-central-1");
  EXPECT_EQ(authenticator.scope(with_authorization("AWS4-HMAC-SHA256 Credential=garbage")).service,
            "");
}

class OpenModeTest : public AuthenticatorTest {
 protected:
  OpenModeTest() { options.open = true; }
};

TEST_F(OpenModeTest, UnsignedRequestsAreNobodyInParticular) {
  auto principal = check(request()).value();
  EXPECT_EQ(principal.how, Principal::How::open);
  EXPECT_FALSE(principal.admin);
  EXPECT_EQ(principal.arn, "arn:aws:iam::000000000000:user/open");
}

TEST_F(OpenModeTest, DummyCredentialsAreAccepted) {
  auto head = signed_request("{}", midnight - 24h, "bedrock", {"test", "test", {}});
  EXPECT_EQ(check(head).value().how, Principal::How::open);
  EXPECT_EQ(check(head).value().key_id, "test");
  EXPECT_TRUE(check(signed_request("{}", midnight, "bedrock", {"test", "test", "token"})));
  auto bearer = request();
  bearer.headers.add("authorization", "Bearer sk-anything");
  EXPECT_EQ(check(bearer).value().how, Principal::How::open);
  auto api_key = request();
  api_key.headers.add("x-api-key", "ABSKanything");
  EXPECT_TRUE(check(api_key));
}

TEST_F(OpenModeTest, AKnownKeyMustStillBeRight) {
  EXPECT_EQ(check(signed_request("{}")).value().how, Principal::How::sigv4);
  EXPECT_THAT(refused(signed_request("{}", midnight, "bedrock", {example_id, "wrong", {}})),
              StartsWith("InvalidSignatureException"));
  keys.add_access_key(example_id, example_secret).revoked = midnight;
  EXPECT_THAT(refused(signed_request("{}")), StartsWith("UnrecognizedClientException"));
}

}  // namespace
}  // namespace outcrop::identity
