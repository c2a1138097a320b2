// Goal: every operation is found from its own path, and the paths that two services share go to the
// right one.

#include "base/text.h"
#include "help.h"

#include <functional>

namespace outcrop::contract {
namespace {

std::string found(std::string_view method, std::string_view target, std::string_view signing = "",
                  bool body_empty = true) {
  auto route = Contracts::bundled().route(method, target, signing, body_empty);
  if (!route) return std::string(facts(route.error().code).exception);
  return route->operation->service + "." + route->operation->name;
}

std::string label(std::string_view method, std::string_view target, std::string_view name) {
  auto route = Contracts::bundled().route(method, target, "", false);
  if (!route) return "?";
  for (const auto& [key, value] : route->labels) {
    if (key == name) return value;
  }
  return "??";
}

/// The operation's path with its labels filled.
std::string fill(const Operation& operation,
                 const std::function<std::string(const std::string&)>& value) {
  std::string target;
  for (std::size_t i = 0; i < operation.uri.size(); ++i) {
    if (operation.uri[i] != '{') {
      target += operation.uri[i];
      continue;
    }
    auto end = operation.uri.find('}', i);
    target += percent_encode(value(operation.uri.substr(i + 1, end - i - 1)));
    i = end;
  }
  return target;
}

bool same_but_for_a_rule(const std::string& asked, const std::string& got) {
  // Two services answer the same method and path; the ARN decides (see TagsGoByTheArn).
  auto at = asked.find('.');
  return asked.find("ResourceTag") == std::string::npos &&
         asked.substr(at) == got.substr(got.find('.')) &&
         (asked.ends_with("TagResource") || asked.ends_with("UntagResource") ||
          asked.ends_with("ListTagsForResource"));
}

TEST(Route, EveryOperationIsFoundFromItsOwnPath) {
  for (const auto& operation : Contracts::bundled().operations()) {
    auto name = operation->service + "." + operation->name;
    auto target = fill(*operation, [](const std::string& text) { return "x y/" + text; });
    bool body_empty = operation->name != "InvokeInlineAgent";
    auto got = found(operation->method, target, operation->signing, body_empty);
    EXPECT_TRUE(got == name || same_but_for_a_rule(name, got))
        << operation->method << " " << target << ": " << got << " for " << name;
    auto route = Contracts::bundled().route(operation->method, target, "", body_empty);
    ASSERT_TRUE(route);
    for (const auto& [member, value] : route->labels)
      EXPECT_TRUE(value.starts_with("x y/")) << target;
    EXPECT_EQ(route->labels.size(), operation->labels.size());
  }
}

TEST(Route, EveryOperationIsFoundWithAnArnWhoseSlashesWereDecoded) {
  int with_labels = 0;
  for (const auto& operation : Contracts::bundled().operations()) {
    if (operation->labels.empty()) continue;
    ++with_labels;
    std::string target;
    bool first = true;
    for (std::size_t i = 0; i < operation->uri.size(); ++i) {
      if (operation->uri[i] != '{') {
        target += operation->uri[i];
        continue;
      }
      i = operation->uri.find('}', i);
      target += first ? "arn:aws:bedrock:us-east-1:123456789012:thing/abc" : "v1";
      first = false;
    }
    auto name = operation->service + "." + operation->name;
    auto got = found(operation->method, target, "", operation->name != "InvokeInlineAgent");
    EXPECT_TRUE(got == name || same_but_for_a_rule(name, got))
        << operation->method << " " << target << ": " << got << " for " << name;
  }
  EXPECT_GT(with_labels, 150);
}

TEST(Route, ModelIdsArriveInEveryForm) {
  EXPECT_EQ(found("POST", "/model/anthropic.claude-v2%3A1/converse"), "bedrock-runtime.Converse");
  EXPECT_EQ(label("POST", "/model/anthropic.claude-v2%3A1/converse", "modelId"),
            "anthropic.claude-v2:1");
  EXPECT_EQ(label("POST", "/model/anthropic.claude-v2:1/invoke", "modelId"),
            "anthropic.claude-v2:1");
  std::string arn = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.amazon.nova-v1:0";
  EXPECT_EQ(label("POST", "/model/" + percent_encode(arn) + "/converse-stream", "modelId"), arn);
  EXPECT_EQ(label("POST", "/model/" + arn + "/converse-stream", "modelId"), arn);
  std::string custom =
      "arn:aws:bedrock:us-east-1:123456789012:custom-model/amazon.titan/abcdefghijkl";
  EXPECT_EQ(label("POST", "/model/" + custom + "/invoke-with-response-stream", "modelId"), custom);
  EXPECT_EQ(label("POST",
                  "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Acustom-model/"
                  "amazon.titan/abc/converse",
                  "modelId"),
            "arn:aws:bedrock:us-east-1:123456789012:custom-model/amazon.titan/abc");
}

TEST(Route, ASpreadArnLeavesTheRestOfThePathToTheOperation) {
  EXPECT_EQ(found("POST", "/knowledgebases/arn:aws:bedrock:r:1:knowledge-base/KB/datasources/"),
            "bedrock-agent.ListDataSources");
  EXPECT_EQ(found("GET", "/guardrails/arn:aws:bedrock:r:1:guardrail/abc"), "bedrock.GetGuardrail");
  EXPECT_EQ(label("GET", "/guardrails/arn:aws:bedrock:r:1:guardrail/abc?guardrailVersion=1",
                  "guardrailIdentifier"),
            "arn:aws:bedrock:r:1:guardrail/abc");
}

TEST(Route, ASlashAtTheEndCountsOnlyForPrepareAgent) {
  EXPECT_EQ(found("PUT", "/agents/"), "bedrock-agent.CreateAgent");
  EXPECT_EQ(found("PUT", "/agents"), "bedrock-agent.CreateAgent");
  EXPECT_EQ(found("POST", "/agents/A1/"), "bedrock-agent.PrepareAgent");
  EXPECT_EQ(found("POST", "/agents/A1/", "", false), "bedrock-agent.PrepareAgent");
  EXPECT_EQ(found("POST", "/agents/A1", "", false), "bedrock-agent-runtime.InvokeInlineAgent");
  EXPECT_EQ(found("POST", "/agents/A1", "", true), "bedrock-agent.PrepareAgent")
      << "a proxy may have taken the slash away";
  EXPECT_EQ(found("POST", "/model/m/converse/"), "bedrock-runtime.Converse");
}

TEST(Route, TagsGoByTheArn) {
  auto tags = [](std::string_view arn) { return found("GET", "/tags/" + percent_encode(arn)); };
  EXPECT_EQ(tags("arn:aws:bedrock:us-east-1:123456789012:agent/A"),
            "bedrock-agent.ListTagsForResource");
  EXPECT_EQ(tags("arn:aws:bedrock:us-east-1:123456789012:flow/F"),
            "bedrock-agent.ListTagsForResource");
  EXPECT_EQ(tags("arn:aws:bedrock:us-east-1:123456789012:session/S"),
            "bedrock-agent-runtime.ListTagsForResource");
  EXPECT_EQ(tags("arn:aws:bedrock:us-east-1:123456789012:flow/F/alias/A/execution/E"),
            "bedrock-agent-runtime.ListTagsForResource");
  EXPECT_EQ(found("DELETE", "/tags/arn:aws:bedrock:us-east-1:1:session/S?tagKeys=a"),
            "bedrock-agent-runtime.UntagResource");
  EXPECT_EQ(found("POST", "/tags/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Aprompt%2FP", "", false),
            "bedrock-agent.TagResource");
  EXPECT_EQ(found("GET", "/tags/x", "s3vectors"), "UnknownOperationException");
}

TEST(Route, LiteralsWinOverLabels) {
  EXPECT_EQ(found("POST", "/flows/validate-definition", "", false),
            "bedrock-agent.ValidateFlowDefinition");
  EXPECT_EQ(found("POST", "/flows/F1/"), "bedrock-agent.PrepareFlow");
}

TEST(Route, TheSigningNameNarrows) {
  EXPECT_EQ(found("POST", "/endpoints/e/invocations", "sagemaker"),
            "sagemaker-runtime.InvokeEndpoint");
  EXPECT_EQ(found("POST", "/endpoints/e/invocations", "bedrock"), "UnknownOperationException");
  EXPECT_EQ(found("POST", "/model/m/converse", "sagemaker"), "UnknownOperationException");
  EXPECT_EQ(found("POST", "/model/m/converse", "bedrock"), "bedrock-runtime.Converse");
  EXPECT_EQ(found("POST", "/model/m/converse", "bedrock-mantle"), "bedrock-runtime.Converse");
  EXPECT_EQ(found("POST", "/model/m/converse", "s3"), "UnknownOperationException");
}

TEST(Route, UnknownPathsAndMethodsAreUnknownOperations) {
  for (auto target : {"/", "", "*", "/nothing", "/model", "/model/", "/model//converse",
                      "/model/m/nothing", "/model/m/converse/more", "/MODEL/m/converse"}) {
    EXPECT_EQ(found("POST", target), "UnknownOperationException") << target;
  }
  EXPECT_EQ(found("GET", "/model/m/converse"), "UnknownOperationException");
  EXPECT_EQ(found("post", "/model/m/converse"), "UnknownOperationException");
}

TEST(Route, TheErrorNamesMethodAndPathAndNotTheQuery) {
  auto route = Contracts::bundled().route("GET", "/nothing/here?token=secret", "", true);
  ASSERT_FALSE(route);
  EXPECT_EQ(route.error().message, "No operation is bound to GET /nothing/here");
}

TEST(Route, BrokenEscapesAreValidationErrors) {
  for (auto target : {"/model/%/converse", "/model/%zz/converse", "/model/%ff%fe/converse"}) {
    auto route = Contracts::bundled().route("POST", target, "", false);
    ASSERT_FALSE(route) << target;
    EXPECT_EQ(route.error().code, Code::validation);
    EXPECT_NE(route.error().message.find("'modelId'"), std::string::npos);
  }
}

TEST(Route, LongAndDeepPathsAreRefused) {
  std::string deep = "/model";
  for (int i = 0; i < 30; ++i) deep += "/arn:x";
  EXPECT_EQ(found("POST", deep + "/converse"), "UnknownOperationException");
  EXPECT_EQ(found("POST", "/model/" + std::string(20000, 'a') + "/converse"),
            "UnknownOperationException");
  EXPECT_EQ(found("POST", "/model/" + std::string(2048, 'a') + "/converse"),
            "bedrock-runtime.Converse");
}

TEST(Route, QueryLiteralsOfAUriDecide) {
  std::string text = R"({"service":"t","signing":"t","operations":{
    "Plain":{"method":"POST","uri":"/chat","status":200,"input":"I","output":"I","errors":[]},
    "Sync":{"method":"POST","uri":"/chat?sync","status":200,"input":"I","output":"I","errors":[]},
    "Kind":{"method":"POST","uri":"/chat?kind=a","status":200,"input":"I","output":"I","errors":[]}},
    "shapes":{"I":{"type":"structure","members":{}}}})";
  auto contracts = Contracts::load({text});
  ASSERT_TRUE(contracts) << contracts.error().message;
  auto name = [&](std::string_view target) {
    return (*contracts)->route("POST", target, "", true).value().operation->name;
  };
  EXPECT_EQ(name("/chat"), "Plain");
  EXPECT_EQ(name("/chat?sync&x=1"), "Sync");
  EXPECT_EQ(name("/chat?x=1&kind=a"), "Kind");
  EXPECT_EQ(name("/chat?kind=b"), "Plain");
}

}  // namespace
}  // namespace outcrop::contract
