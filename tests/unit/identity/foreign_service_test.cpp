// What a client of another service is told, in the form it reads.
#include "identity/foreign_service.h"

#include "identity/foreign_service_table.h"
#include "identity/support.h"
#include "json/json.h"

#include <gmock/gmock.h>

#include <algorithm>

namespace outcrop::identity {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr auto sentence =
    "this endpoint is Outcrop and has no DynamoDB. Unset AWS_ENDPOINT_URL and use: eval "
    "\"$(outcrop env)\"";

wire::RequestHead with(
    std::initializer_list<std::pair<std::string_view, std::string_view>> headers) {
  auto head = request("POST", "/");
  head.headers = headers;
  return head;
}

TEST(ForeignService, TheTableIsSortedAndKnowsTheNames) {
  auto all = known_services();
  EXPECT_GT(all.size(), 300u);
  EXPECT_TRUE(std::is_sorted(all.begin(), all.end(), [](const auto& a, const auto& b) {
    return a.signing_name < b.signing_name;
  }));
  auto name = [](std::string_view signing) { return foreign_service(signing, request()).name; };
  EXPECT_EQ(name("dynamodb"), "DynamoDB");
  EXPECT_EQ(name("sqs"), "SQS");
  EXPECT_EQ(name("sns"), "SNS");
  EXPECT_EQ(name("s3"), "S3");
  EXPECT_EQ(name("sts"), "STS");
  EXPECT_EQ(name("iam"), "IAM");
  EXPECT_EQ(name("lambda"), "Lambda");
  EXPECT_EQ(name("states"), "Step Functions");
  EXPECT_EQ(name("brand-new"), "brand-new");
  EXPECT_EQ(name("<script>"), "?script?");
}

TEST(ForeignService, ProtocolComesFromTheRequestBeforeTheTable) {
  auto protocol = [](std::string_view signing, const wire::RequestHead& head) {
    return foreign_service(signing, head).protocol;
  };
  auto form = with({{"content-type", "application/x-www-form-urlencoded; charset=utf-8"}});
  EXPECT_EQ(protocol("dynamodb", request()), ErrorProtocol::json_1_0);
  EXPECT_EQ(protocol("kms", request()), ErrorProtocol::json_1_1);
  EXPECT_EQ(protocol("sqs", form), ErrorProtocol::query);  // clients before 2023
  EXPECT_EQ(protocol("sts", form), ErrorProtocol::query);
  EXPECT_EQ(protocol("ec2", form), ErrorProtocol::ec2);
  EXPECT_EQ(protocol("sts", request("GET", "/?Action=GetCallerIdentity")), ErrorProtocol::query);
  EXPECT_EQ(protocol("ses", form), ErrorProtocol::query);
  EXPECT_EQ(protocol("ses", request("GET", "/v2/email/identities")), ErrorProtocol::rest_json);
  EXPECT_EQ(protocol("s3", request("GET", "/")), ErrorProtocol::s3);
  EXPECT_EQ(protocol("lambda", request()), ErrorProtocol::rest_json);
  EXPECT_EQ(protocol("route53", request()), ErrorProtocol::rest_xml);
  EXPECT_EQ(protocol("monitoring", with({{"smithy-protocol", "rpc-v2-cbor"}})),
            ErrorProtocol::cbor);
  EXPECT_EQ(protocol("brand-new", with({{"x-amz-target", "New.Call"}})), ErrorProtocol::json_1_1);
}

TEST(ForeignService, JsonRefusalCarriesTypeAndSentence) {
  auto refusal = refuse_foreign_service("dynamodb", request("POST", "/"), "id-1");
  EXPECT_EQ(refusal.head.status, 400);
  EXPECT_EQ(refusal.head.headers.find("content-type"), "application/x-amz-json-1.0");
  EXPECT_EQ(refusal.head.headers.find("x-amzn-requestid"), "id-1");
  auto body = json::read(refusal.body).value();
  EXPECT_EQ(json::find_string(body.as_object(), "__type"), "UnknownService");
  EXPECT_EQ(json::find_string(body.as_object(), "message"), sentence);
}

TEST(ForeignService, XmlRefusalsAreEscapedAndShapedByProtocol) {
  auto form = with({{"content-type", "application/x-www-form-urlencoded"}});
  auto sts = refuse_foreign_service("sts", form, "id-<1>").body;
  EXPECT_THAT(sts, StartsWith("<ErrorResponse><Error><Type>Sender</Type><Code>UnknownService</Code>"
                              "<Message>this endpoint is Outcrop and has no STS."));
  EXPECT_THAT(sts, HasSubstr("&quot;$(outcrop env)&quot;"));
  EXPECT_THAT(sts, HasSubstr("<RequestId>id-&lt;1&gt;</RequestId>"));
  EXPECT_THAT(refuse_foreign_service("ec2", form, "i").body,
              StartsWith("<Response><Errors><Error><Code>UnknownService</Code>"));
  EXPECT_THAT(refuse_foreign_service("s3", request("GET", "/"), "i").body,
              HasSubstr("<Error><Code>UnknownService</Code>"));
}

TEST(ForeignService, HeadGetsNoBody) {
  EXPECT_EQ(refuse_foreign_service("s3", request("HEAD", "/b/k"), "i").body, "");
}

TEST(ForeignService, CborRefusalIsAMapOfTwo) {
  auto body =
      refuse_foreign_service("monitoring", with({{"smithy-protocol", "rpc-v2-cbor"}}), "i").body;
  EXPECT_THAT(body, StartsWith("\xA2\x66__type\x6EUnknownService\x67message\x79"));
  auto length_at = body.find("message") + 8;
  auto length = static_cast<std::size_t>(static_cast<unsigned char>(body[length_at])) * 256 +
                static_cast<unsigned char>(body[length_at + 1]);
  EXPECT_EQ(body.size() - length_at - 2, length);
}

}  // namespace
}  // namespace outcrop::identity
