// Goal: each kind of constraint is told in the services' exact words and path style.

#include "help.h"

namespace outcrop::contract {
namespace {

std::string converse(std::string_view document) {
  return validation(Contracts::bundled(), operation("bedrock-runtime", "Converse"), document);
}

TEST(Validate, AValidRequestPasses) {
  EXPECT_EQ(
      converse(
          R"({"modelId":"a.b-v1:0","messages":[{"role":"user","content":[{"text":"hi"}]}],"inferenceConfig":{"maxTokens":1,"temperature":0}})"),
      "");
}

TEST(Validate, Range) {
  EXPECT_EQ(converse(R"({"modelId":"a","inferenceConfig":{"temperature":1.5}})"),
            "1 validation error detected: Value '1.5' at 'inferenceConfig.temperature' failed to "
            "satisfy constraint: Member must have value less than or equal to 1");
  EXPECT_EQ(converse(R"({"modelId":"a","inferenceConfig":{"maxTokens":0}})"),
            "1 validation error detected: Value '0' at 'inferenceConfig.maxTokens' failed to "
            "satisfy constraint: Member must have value greater than or equal to 1");
  EXPECT_EQ(converse(R"({"modelId":"a","inferenceConfig":{"topP":2}})"),
            "1 validation error detected: Value '2.0' at 'inferenceConfig.topP' failed to satisfy "
            "constraint: Member must have value less than or equal to 1");
}

TEST(Validate, RequiredMembers) {
  EXPECT_EQ(converse("{}"),
            "1 validation error detected: Value null at 'modelId' failed to satisfy constraint: "
            "Member must not be null");
  EXPECT_EQ(converse(R"({"modelId":"a","messages":[{"role":"user","content":[]},{"content":[]}]})"),
            "1 validation error detected: Value null at 'messages.2.member.role' failed to satisfy "
            "constraint: Member must not be null");
  EXPECT_EQ(converse(R"({"modelId":null})"), converse("{}"));
}

TEST(Validate, PatternAndLengthInsideListsCountFromOne) {
  EXPECT_EQ(
      converse(
          R"({"modelId":"a","toolConfig":{"tools":[{"toolSpec":{"name":"ok","inputSchema":{"json":{}}}},{"toolSpec":{"name":"not ok","inputSchema":{"json":{}}}}]}})"),
      "1 validation error detected: Value 'not ok' at 'toolConfig.tools.2.member.toolSpec.name' "
      "failed to satisfy constraint: Member must "
      "satisfy regular expression pattern: [a-zA-Z0-9_-]+");
  std::string name(65, 'n');
  EXPECT_EQ(converse(R"({"modelId":"a","toolConfig":{"tools":[{"toolSpec":{"name":")" + name +
                     R"(","inputSchema":{"json":{}}}}]}})"),
            "1 validation error detected: Value '" + std::string(64, 'n') +
                "...' at 'toolConfig.tools.1.member.toolSpec.name' failed to satisfy constraint: "
                "Member must have length less than or equal to 64");
}

TEST(Validate, Enum) {
  EXPECT_EQ(converse(R"({"modelId":"a","messages":[{"role":"tool","content":[]}]})"),
            "1 validation error detected: Value 'tool' at 'messages.1.member.role' failed to "
            "satisfy constraint: Member must satisfy enum value set: "
            "[user, assistant, system]");
}

TEST(Validate, ListSizeAndItsElements) {
  EXPECT_EQ(converse(R"({"modelId":"a","toolConfig":{"tools":[]}})"),
            "1 validation error detected: Value '[]' at 'toolConfig.tools' failed to satisfy "
            "constraint: Member must have length greater than or equal to 1");
  EXPECT_EQ(converse(R"({"modelId":"a","inferenceConfig":{"stopSequences":["a",""]}})"),
            "1 validation error detected: Value '[a, ]' at 'inferenceConfig.stopSequences' failed "
            "to satisfy constraint: Member must satisfy constraint: "
            "[Member must have length greater than or equal to 1]");
}

TEST(Validate, MapSizesKeysAndValues) {
  auto map = [](std::string_view document) {
    return checked(
        R"({"type":"map","key":"K","value":"V","min":1,"max":2})", document,
        R"(,"K":{"type":"string","min":1,"max":3,"pattern":"[a-z]*"},"V":{"type":"string","max":2})");
  };
  EXPECT_EQ(map(R"({"m":{"a":"b"}})"), "");
  EXPECT_EQ(map(R"({"m":{}})"),
            "1 validation error detected: Value '{}' at 'm' failed to satisfy constraint: Member "
            "must have length greater than or equal to 1");
  EXPECT_EQ(map(R"({"m":{"a":"1","b":"2","c":"3"}})"),
            "1 validation error detected: Value at 'm' failed to satisfy constraint: Member must "
            "have length less than or equal to 2");
  EXPECT_EQ(map(R"({"m":{"A":"1"}})"),
            "1 validation error detected: Value at 'm' failed to satisfy constraint: Map keys must "
            "satisfy constraint: [Member must have length less than or equal "
            "to 3, Member must have length greater than or equal to 1, Member must satisfy regular "
            "expression pattern: [a-z]*]");
  EXPECT_EQ(map(R"({"m":{"a":"123"}})"),
            "1 validation error detected: Value at 'm' failed to satisfy constraint: Map value "
            "must satisfy constraint: [Member must have length less than or equal to 2]");
}

TEST(Validate, PathsThroughMapsNameTheKey) {
  EXPECT_EQ(
      checked(
          R"({"type":"map","key":"K","value":"V"})", R"({"m":{"one":{}}})",
          R"(,"K":{"type":"string"},"V":{"type":"structure","required":["x"],"members":{"x":"K"}})"),
      "1 validation error detected: Value null at 'm.one.member.x' failed to satisfy constraint: "
      "Member must not be null");
}

TEST(Validate, UnionsHoldExactlyOneKnownMember) {
  auto block = [](std::string_view content) {
    return converse(R"({"modelId":"a","system":[)" + std::string(content) + "]}");
  };
  EXPECT_EQ(block(R"({"text":"a"})"), "");
  EXPECT_EQ(block(R"({"text":"a","guardContent":null})"), "");
  EXPECT_EQ(block("{}"),
            "1 validation error detected: Value at 'system.1.member' failed to satisfy constraint: "
            "Member must have exactly one of [text, guardContent, "
            "cachePoint] set, but has []");
  EXPECT_EQ(block(R"({"text":"a","cachePoint":{"type":"default"}})"),
            "1 validation error detected: Value at 'system.1.member' failed to satisfy constraint: "
            "Member must have exactly one of [text, guardContent, cachePoint] set, but "
            "has [text, cachePoint]");
  EXPECT_NE(block(R"({"novel":1})").find("but has [novel]"), std::string::npos);
  EXPECT_NE(block(R"({"text":"a","novel":1})").find("but has [text, novel]"), std::string::npos);
}

TEST(Validate, SensitiveValuesAreNotShown) {
  EXPECT_EQ(checked(R"({"type":"string","max":2,"sensitive":true})", R"({"m":"secret"})"),
            "1 validation error detected: Value at 'm' failed to satisfy constraint: Member must "
            "have length less than or equal to 2");
  EXPECT_EQ(checked(R"({"type":"structure","sensitive":true,"members":{"x":"T"}})",
                    R"({"m":{"x":"secret"}})", R"(,"T":{"type":"string","max":2})"),
            "1 validation error detected: Value at 'm.x' failed to satisfy constraint: Member must "
            "have length less than or equal to 2");
  EXPECT_EQ(checked(R"({"type":"list","member":"T"})", R"({"m":["secret"]})",
                    R"(,"T":{"type":"string","max":2,"sensitive":true})"),
            "1 validation error detected: Value at 'm' failed to satisfy constraint: Member must "
            "satisfy constraint: [Member must have length less than or equal to 2]");
}

TEST(Validate, AllViolationsOfARequestAreToldAtOnce) {
  EXPECT_EQ(
      checked(R"({"type":"string","min":3,"pattern":"[a-z]+","enum":["abc"]})", R"({"m":"1"})"),
      "3 validation errors detected: Value '1' at 'm' failed to satisfy constraint: Member must "
      "have length greater than or equal to 3; "
      "Value '1' at 'm' failed to satisfy constraint: Member must satisfy regular expression "
      "pattern: [a-z]+; "
      "Value '1' at 'm' failed to satisfy constraint: Member must satisfy enum value set: [abc]");
}

TEST(Validate, ReportedViolationsAreLimitedAndTheRestIsCounted) {
  std::string messages;
  for (int i = 0; i < 40; ++i)
    messages += std::string(i ? "," : "") + R"({"role":"x","content":[]})";
  auto message = converse(R"({"modelId":"a","messages":[)" + messages + "]}");
  EXPECT_TRUE(message.starts_with("40 validation errors detected: ")) << message;
  EXPECT_TRUE(message.ends_with("; and 24 more")) << message;
  EXPECT_NE(message.find("messages.16.member.role"), std::string::npos);
  EXPECT_EQ(message.find("messages.17.member.role"), std::string::npos);
}

TEST(Validate, LengthsCountCodePoints) {
  EXPECT_EQ(checked(R"({"type":"string","max":3})", "{\"m\":\"äöü\"}"), "");
  EXPECT_EQ(checked(R"({"type":"string","min":1,"max":1})", "{\"m\":\"\xf0\x9f\x98\x80\"}"), "");
  EXPECT_NE(checked(R"({"type":"string","max":2})", "{\"m\":\"äöü\"}"), "");
}

TEST(Validate, QuotedValuesAreCutBetweenCharacters) {
  std::string text = "a";
  for (int i = 0; i < 60; ++i) text += "ä";
  auto message = checked(R"({"type":"string","max":3})", "{\"m\":\"" + text + "\"}");
  EXPECT_NE(message.find("ä...' at 'm'"), std::string::npos) << message;
  EXPECT_LT(message.size(), 200u);
}

TEST(Validate, PatternsMatchTheWholeValueAnchoredOrNot) {
  for (auto pattern : {"[a-z]+", "^[a-z]+$"}) {
    auto shape = std::string(R"({"type":"string","pattern":")") + pattern + "\"}";
    EXPECT_EQ(checked(shape, R"({"m":"abc"})"), "") << pattern;
    EXPECT_NE(checked(shape, R"({"m":"abc1"})"), "") << pattern;
    EXPECT_NE(checked(shape, R"({"m":"abc\n"})"), "") << pattern;
    EXPECT_NE(checked(shape, R"({"m":""})"), "") << pattern;
  }
}

TEST(Validate, TranslatedPatternsAreUsedAndTheOriginalIsPrinted) {
  // sagemaker-runtime's InferenceId: \A\S[\p{Print}]*\z
  const auto& invoke = operation("sagemaker-runtime", "InvokeEndpoint");
  EXPECT_EQ(validation(Contracts::bundled(), invoke, R"({"EndpointName":"e","InferenceId":"a b"})"),
            "");
  EXPECT_EQ(
      validation(Contracts::bundled(), invoke, R"({"EndpointName":"e","InferenceId":" b"})"),
      R"(1 validation error detected: Value ' b' at 'InferenceId' failed to satisfy constraint: Member must satisfy regular expression pattern: \A\S[\p{Print}]*\z)");
}

TEST(Validate, TextThatBreaksItsLengthByFarIsNotMatched) {
  std::string text(1 << 17, '!');
  auto message =
      checked(R"({"type":"string","max":3,"pattern":"[a-z]+"})", "{\"m\":\"" + text + "\"}");
  EXPECT_TRUE(message.starts_with("1 validation error detected")) << message;
  EXPECT_TRUE(checked(R"({"type":"string","max":3,"pattern":"[a-z]+"})", R"({"m":"!!!!"})")
                  .starts_with("2 validation errors detected"));
}

TEST(Validate, BlobLimitsCountDecodedBytes) {
  EXPECT_EQ(checked(R"({"type":"blob","min":1,"max":3})", R"({"m":"YWJj"})"), "");
  EXPECT_EQ(checked(R"({"type":"blob","max":3})", R"({"m":"YWJjZA=="})"),
            "1 validation error detected: Value at 'm' failed to satisfy constraint: Member must "
            "have length less than or equal to 3");
  EXPECT_EQ(checked(R"({"type":"blob","min":1})", R"({"m":""})"),
            "1 validation error detected: Value at 'm' failed to satisfy constraint: Member must "
            "have length greater than or equal to 1");
}

struct Typed {
  const char* shape;
  const char* document;
  const char* message;
};

TEST(Validate, WrongTypesAreSerializationErrorsThatNameTheMember) {
  for (const auto& [shape, document, message] : {
           Typed{R"({"type":"string"})", R"({"m":1})",
                 "NUMBER_VALUE cannot be converted to String (at 'm')"},
           Typed{R"({"type":"string"})", R"({"m":true})",
                 "TRUE_VALUE cannot be converted to String (at 'm')"},
           Typed{R"({"type":"string"})", R"({"m":[]})",
                 "Start of list found where not expected (at 'm')"},
           Typed{R"({"type":"string"})", R"({"m":{}})",
                 "Start of structure or map found where not expected. (at 'm')"},
           Typed{R"({"type":"integer"})", R"({"m":"1"})",
                 "STRING_VALUE cannot be converted to Integer (at 'm')"},
           Typed{R"({"type":"integer"})", R"({"m":1.5})",
                 "NUMBER_VALUE cannot be converted to Integer (at 'm')"},
           Typed{R"({"type":"integer"})", R"({"m":2147483648})",
                 "NUMBER_VALUE cannot be converted to Integer (at 'm')"},
           Typed{R"({"type":"integer"})", R"({"m":2147483647})", ""},
           Typed{R"({"type":"integer"})", R"({"m":3.0})", ""},
           Typed{R"({"type":"long"})", R"({"m":2147483648})", ""},
           Typed{R"({"type":"long"})", R"({"m":18446744073709551615})",
                 "NUMBER_VALUE cannot be converted to Long (at 'm')"},
           Typed{R"({"type":"float"})", R"({"m":1})", ""},
           Typed{R"({"type":"double"})", R"({"m":false})",
                 "FALSE_VALUE cannot be converted to Double (at 'm')"},
           Typed{R"({"type":"boolean"})", R"({"m":"true"})",
                 "STRING_VALUE cannot be converted to Boolean (at 'm')"},
           Typed{R"({"type":"blob"})", R"({"m":"not base64"})",
                 "STRING_VALUE cannot be converted to Blob (at 'm')"},
           Typed{R"({"type":"blob"})", R"({"m":"YQ"})",
                 "STRING_VALUE cannot be converted to Blob (at 'm')"},
           Typed{R"({"type":"timestamp","format":"iso8601"})",
                 R"({"m":"2026-01-02T03:04:05.678000Z"})", ""},
           Typed{R"({"type":"timestamp","format":"iso8601"})", R"({"m":1767225600})",
                 "NUMBER_VALUE cannot be converted to Timestamp (at 'm')"},
           Typed{R"({"type":"timestamp","format":"iso8601"})", R"({"m":"yesterday"})",
                 "STRING_VALUE cannot be converted to Timestamp (at 'm')"},
           Typed{R"({"type":"timestamp","format":"epoch"})", R"({"m":1767225600.5})", ""},
           Typed{R"({"type":"timestamp","format":"epoch"})", R"({"m":"2026-01-02T03:04:05Z"})",
                 "STRING_VALUE cannot be converted to Timestamp (at 'm')"},
           Typed{R"({"type":"list","member":"S2"})", R"({"m":"x"})",
                 "Expected list or null (at 'm')"},
           Typed{R"({"type":"list","member":"S2"})", R"({"m":["x",1]})",
                 "NUMBER_VALUE cannot be converted to String (at 'm.2.member')"},
           Typed{R"({"type":"list","member":"S2"})", R"({"m":[["x"]]})",
                 "Start of list found where not expected (at 'm.1.member')"},
           Typed{R"({"type":"map","key":"S2","value":"S2"})", R"({"m":{"k":1}})",
                 "NUMBER_VALUE cannot be converted to String (at 'm.k.member')"},
           Typed{R"({"type":"map","key":"S2","value":"S2"})", R"({"m":1})",
                 "Expected map or null (at 'm')"},
           Typed{R"({"type":"structure","members":{}})", R"({"m":"x"})", "Expected null (at 'm')"},
           Typed{R"({"type":"structure","members":{}})", R"({"m":{"unknown":1}})", ""},
           Typed{R"({"type":"document"})", R"({"m":[1,{"a":null},"x",1e300]})", ""},
       }) {
    auto contracts = one(R"("m":"S")", std::string(R"("S2":{"type":"string"},"S":)") + shape);
    auto result = contracts->validate(*contracts->find("test", "Op"), parse(document).as_object());
    EXPECT_EQ(result ? "" : result.error().message, message) << shape << " " << document;
    if (!result) {
      EXPECT_EQ(result.error().code, Code::serialization);
    }
  }
}

TEST(Validate, AWrongTypeWinsOverABrokenConstraint) {
  auto message = converse(
      R"({"modelId":"a","inferenceConfig":{"temperature":9},"messages":[{"role":1,"content":[]}]})");
  EXPECT_EQ(message, "NUMBER_VALUE cannot be converted to String (at 'messages.1.member.role')");
}

TEST(Validate, TheIdsThatClientsSendAreTaken) {
  std::string account = "arn:aws:bedrock:us-east-1:123456789012:";
  for (const auto& id : std::vector<std::string>{
           "anthropic.claude-3-5-sonnet-20241022-v2:0",
           "us.anthropic.claude-sonnet-4-20250514-v1:0", "amazon.titan-embed-text-v2:0",
           "global.amazon.nova-2-lite-v1:0", "my-local-model",
           "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0",
           account + "inference-profile/us.amazon.nova-lite-v1:0",
           account + "application-inference-profile/abcdefghijkl",
           account + "provisioned-model/abcdefghijkl", account + "imported-model/abcdefghijkl",
           account + "custom-model-deployment/abcdefghijkl", account + "prompt/ABCDEFGHIJ:1",
           account + "default-prompt-router/anthropic.claude:1",
           "arn:aws:sagemaker:us-east-1:123456789012:endpoint/my-endpoint"}) {
    auto document = R"({"modelId":")" + id + "\"}";
    EXPECT_EQ(converse(document), "");
    EXPECT_EQ(
        validation(Contracts::bundled(), operation("bedrock-runtime", "InvokeModel"), document),
        "");
  }
  EXPECT_NE(converse(R"({"modelId":"a b"})"), "");
  EXPECT_NE(converse(R"({"modelId":""})"), "");
}

TEST(Validate, AMisspeltPatternOfTheModelIsCorrected) {
  const auto& list = operation("bedrock-agent", "ListTagsForResource");
  EXPECT_EQ(
      validation(
          Contracts::bundled(), list,
          R"({"resourceArn":"arn:aws:bedrock:us-east-1:123456789012:knowledge-base/ABCDEFGHIJ"})"),
      "");
  EXPECT_NE(
      validation(Contracts::bundled(), list,
                 R"({"resourceArn":"arn:aws:bedrock:us-east-1:123456789012:bucket/ABCDEFGHIJ"})"),
      "");
}

TEST(Validate, CallersKeysAreCutInPaths) {
  std::string key(500, 'k');
  auto message = checked(
      R"({"type":"map","key":"K","value":"V"})", "{\"m\":{\"" + key + "\":{}}}",
      R"(,"K":{"type":"string"},"V":{"type":"structure","required":["x"],"members":{"x":"K"}})");
  EXPECT_LT(message.size(), 250u);
}

}  // namespace
}  // namespace outcrop::contract
