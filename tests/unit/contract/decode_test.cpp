// Goal: what a request says is found wherever it was bound, in its own type.

#include "help.h"

namespace outcrop::contract {
namespace {

TEST(Decode, PathAndBodyTogether) {
  auto input = decode(
      {.target = "/model/a%3A0/converse",
       .body = R"({"messages":[{"role":"user","content":[{"text":"hi"}]}],"futureMember":1})"});
  ASSERT_TRUE(input) << input.error().message;
  EXPECT_EQ(input->operation->name, "Converse");
  EXPECT_EQ(json::find_string(input->document, "modelId"), "a:0");
  EXPECT_EQ(
      json::write(input->document),
      R"({"messages":[{"role":"user","content":[{"text":"hi"}]}],"futureMember":1,"modelId":"a:0"})");
}

TEST(Decode, TheBodyCannotSayWhatThePathSays) {
  auto input = decode({.target = "/model/real/converse", .body = R"({"modelId":"forged"})"});
  ASSERT_TRUE(input);
  EXPECT_EQ(json::find_string(input->document, "modelId"), "real");
  auto list = decode(
      {.method = "GET", .target = "/guardrails", .body = R"({"maxResults":0,"nextToken":1})"});
  ASSERT_TRUE(list) << "a body that nobody asked for is not read";
  EXPECT_TRUE(list->document.empty());
}

TEST(Decode, NullIsAbsentExceptInDocuments) {
  auto input = decode(
      {.target = "/model/m/converse",
       .body =
           R"({"messages":[null,{"role":"user","content":[{"text":"a","image":null}]}],"inferenceConfig":null,"additionalModelRequestFields":{"keep":null},"requestMetadata":{"a":"b","c":null}})"});
  ASSERT_TRUE(input) << input.error().message;
  EXPECT_EQ(
      json::write(input->document),
      R"({"messages":[{"role":"user","content":[{"text":"a"}]}],"additionalModelRequestFields":{"keep":null},"requestMetadata":{"a":"b"},"modelId":"m"})");
}

TEST(Decode, QueryParametersHaveTheirTypes) {
  auto input = decode({.method = "GET",
                       .target = "/model-customization-jobs?maxResults=7&nameContains=a%2Bb&"
                                 "creationTimeAfter=2026-01-02T03%3A04%3A05.678000Z&x-id=Y"});
  ASSERT_TRUE(input) << input.error().message;
  EXPECT_EQ(input->document["maxResults"], 7);
  EXPECT_EQ(json::find_string(input->document, "nameContains"), "a+b");
  EXPECT_EQ(json::find_string(input->document, "creationTimeAfter"), "2026-01-02T03:04:05.678000Z");
  EXPECT_EQ(input->document.size(), 3u);
}

TEST(Decode, QueryListsGatherTheirValues) {
  auto input = decode({.method = "DELETE",
                       .target = "/tags/"
                                 "arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Aagent%"
                                 "2FABCDEFGHIJ?tagKeys=a&tagKeys=b%2Bc"});
  ASSERT_TRUE(input) << input.error().message;
  EXPECT_EQ(json::write(input->document["tagKeys"]), R"(["a","b+c"])");
}

TEST(Decode, AnEmptyListInTheQueryIsNothing) {
  auto input = decode(
      {.method = "DELETE",
       .target = "/tags/arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Aagent%2FABCDEFGHIJ"});
  ASSERT_TRUE(input) << input.error().message;
  EXPECT_EQ(json::write(input->document["tagKeys"]), "[]");
}

TEST(Decode, QueryBooleansAndBrokenValues) {
  auto input =
      decode({.method = "DELETE", .target = "/flows/ABCDEFGHIJ/?skipResourceInUseCheck=true"});
  ASSERT_TRUE(input) << input.error().message;
  EXPECT_EQ(input->document["skipResourceInUseCheck"], true);
  auto error = [](std::string method, std::string target) {
    auto failed = decode({.method = std::move(method), .target = std::move(target)});
    return failed ? std::string()
                  : std::string(facts(failed.error().code).name) + ": " + failed.error().message;
  };
  EXPECT_EQ(
      error("DELETE", "/flows/ABCDEFGHIJ/?skipResourceInUseCheck=yes"),
      "serialization: STRING_VALUE cannot be converted to Boolean (at 'skipResourceInUseCheck')");
  EXPECT_EQ(error("GET", "/guardrails?maxResults=many"),
            "serialization: STRING_VALUE cannot be converted to Integer (at 'maxResults')");
  EXPECT_EQ(error("GET", "/guardrails?maxResults=99999999999999999999"),
            "serialization: STRING_VALUE cannot be converted to Integer (at 'maxResults')");
  EXPECT_EQ(error("GET", "/guardrails?maxResults=0"),
            "validation: 1 validation error detected: Value '0' at 'maxResults' failed to satisfy "
            "constraint: Member must have value greater than or equal to 1");
  EXPECT_EQ(
      error("GET", "/model-customization-jobs?creationTimeAfter=soon"),
      "serialization: STRING_VALUE cannot be converted to Timestamp (at 'creationTimeAfter')");
  EXPECT_EQ(error("GET", "/guardrails?maxResults=%zz"),
            "validation: The query holds a '%' that is not followed by two hex digits");
  EXPECT_EQ(error("GET", "/guardrails?nextToken=%ff"),
            "validation: The query parameter 'nextToken' must be UTF-8 text");
}

TEST(Decode, ABlobThatIsTheWholeBodyIsHandedOverAsItIs) {
  std::string bytes("{ not json \x00\xff", 13);
  auto input = decode({.target = "/model/m/invoke",
                       .body = bytes,
                       .headers = {{"content-type", "application/json"},
                                   {"x-amzn-bedrock-trace", "ENABLED"},
                                   {"x-amzn-bedrock-guardrailidentifier", "abc"}}});
  ASSERT_TRUE(input) << input.error().message;
  EXPECT_EQ(input->blob, bytes);
  EXPECT_EQ(
      json::write(input->document),
      R"({"modelId":"m","contentType":"application/json","trace":"ENABLED","guardrailIdentifier":"abc"})");
}

TEST(Decode, HeadersAreValidated) {
  auto input = decode(
      {.target = "/model/m/invoke", .body = "{}", .headers = {{"X-Amzn-Bedrock-Trace", "LOUD"}}});
  ASSERT_FALSE(input);
  EXPECT_EQ(input.error().message,
            "1 validation error detected: Value 'LOUD' at 'trace' failed to satisfy constraint: "
            "Member must satisfy enum value set: [ENABLED, DISABLED, ENABLED_FULL]");
  auto raw = decode(
      {.target = "/model/m/invoke", .body = "{}", .headers = {{"x-amzn-bedrock-trace", "\xff"}}});
  ASSERT_FALSE(raw);
  EXPECT_EQ(raw.error().code, Code::validation);
}

TEST(Decode, IntegersInHeaders) {
  auto send = [](std::string_view seconds) {
    return decode({.target = "/endpoints/e/async-invocations",
                   .body = "x",
                   .headers = {{"x-amzn-sagemaker-requestttlseconds", seconds},
                               {"x-amzn-sagemaker-inputlocation", "s3://bucket/key"}},
                   .signing = "sagemaker"});
  };
  auto good = send("60");
  ASSERT_TRUE(good) << good.error().message;
  EXPECT_EQ(good->document["RequestTTLSeconds"], 60);
  auto small = send("59");
  ASSERT_FALSE(small);
  EXPECT_EQ(small.error().message,
            "1 validation error detected: Value '59' at 'RequestTTLSeconds' failed to satisfy "
            "constraint: Member must have value greater than or equal to 60");
}

TEST(Decode, AWholeBodyBlobHasItsLimit) {
  auto input = decode({.target = "/model/m/invoke", .body = std::string(25'000'001, ' ')});
  ASSERT_FALSE(input);
  EXPECT_EQ(input.error().message,
            "1 validation error detected: Value at 'body' failed to satisfy constraint: Member "
            "must have length less than or equal to 25000000");
  EXPECT_TRUE(decode({.target = "/model/m/invoke", .body = std::string(25'000'000, ' ')}));
}

TEST(Decode, AStructureThatIsTheWholeBody) {
  std::string target =
      "/automated-reasoning-policies/"
      "arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Aautomated-reasoning-policy%2Fabcdefghijkl/"
      "build-workflows/INGEST_CONTENT/start";
  auto input =
      decode({.target = target, .body = R"({"policyDefinition":null,"workflowContent":{}})"});
  ASSERT_FALSE(input);
  EXPECT_NE(input.error().message.find("'sourceContent.workflowContent'"), std::string::npos)
      << input.error().message;
  auto good = decode({.target = target, .body = "{}"});
  ASSERT_TRUE(good) << good.error().message;
  EXPECT_EQ(json::write(good->document["sourceContent"]), "{}");
  auto none = decode({.target = target, .body = ""});
  ASSERT_FALSE(none);
  EXPECT_NE(none.error().message.find("Value null at 'sourceContent'"), std::string::npos)
      << none.error().message;
}

TEST(Decode, BodiesThatAreNoObjects) {
  auto error = [](std::string body) {
    auto failed = decode({.target = "/model/m/converse", .body = std::move(body)});
    return failed ? std::string()
                  : std::string(facts(failed.error().code).name) + ": " + failed.error().message;
  };
  EXPECT_EQ(error(""), "");
  EXPECT_EQ(error(" \r\n"), "");
  EXPECT_EQ(error("[]"), "serialization: Start of list found where not expected");
  EXPECT_EQ(error("\"x\""), "serialization: Expected null");
  EXPECT_TRUE(error("{").starts_with("serialization: JSON: ")) << error("{");
  EXPECT_TRUE(error("{\"a\":\"\xff\"}").starts_with("serialization: JSON: "));
}

TEST(Decode, AnEventStreamBodyIsNotReadAsJson) {
  auto input = decode({.target = "/model/m/invoke-with-bidirectional-stream", .body = "frames"});
  ASSERT_TRUE(input) << input.error().message;
  EXPECT_EQ(input->blob, "frames");
}

TEST(Decode, AllPlacesAreToldInOneMessage) {
  auto input = decode({.target = "/model/" + std::string(2049, 'a') + "/converse",
                       .body = R"({"inferenceConfig":{"maxTokens":0}})"});
  ASSERT_FALSE(input);
  EXPECT_TRUE(input.error().message.starts_with("2 validation errors detected: "))
      << input.error().message;
}

}  // namespace
}  // namespace outcrop::contract
