#include "engine/worker/schema.h"

#include "engine/worker/constraint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace outcrop::engine {
namespace {

using ::testing::HasSubstr;

std::string held(const char* schema, SchemaRules rules = SchemaRules::held) {
  const auto checked = checked_schema(*json::read(schema), rules, "schema");
  return checked ? "held" : checked.error().message;
}

TEST(Schemas, ThatTheGrammarHoldsAreTaken) {
  EXPECT_EQ(
      held(
          R"({"type":"object","properties":{"a":{"type":"integer","minimum":1,"maximum":5},"b":{"type":"string","maxLength":5}},"required":["a"],"title":"x","additionalProperties":false})"),
      "held");
  EXPECT_EQ(
      held(R"({"anyOf":[{"type":"null"},{"type":"array","items":{"enum":[1,"x"]},"minItems":2}]})"),
      "held");
  EXPECT_EQ(
      held(
          R"({"$ref":"#/$defs/t","$defs":{"t":{"type":"object","properties":{"t":{"$ref":"#/$defs/t"}}}}})"),
      "held");
  EXPECT_EQ(held(R"({"type":"string","format":"email","x-note":{"not":"a schema"}})"), "held");
}

TEST(Schemas, ThatItCannotHoldAreRefusedByKeywordAndPlace) {
  for (const char* keyword : {"not", "if", "then", "else", "oneOf", "patternProperties",
                              "propertyNames", "dependentRequired", "minProperties", "contains",
                              "uniqueItems", "multipleOf", "unevaluatedProperties"}) {
    const std::string schema =
        fmt::format(R"({{"type":"object","properties":{{"p":{{"{}":{{}}}}}}}})", keyword);
    EXPECT_THAT(held(schema.c_str()),
                HasSubstr(fmt::format("schema at /properties/p: '{}' is not supported", keyword)));
  }
  EXPECT_THAT(held(R"({"type":"number","minimum":0})"), HasSubstr("integers alone"));
  EXPECT_THAT(held(R"({"type":"string","pattern":"a+"})"), HasSubstr("from ^ to $"));
  EXPECT_THAT(held(R"({"type":"string","format":"ipv6"})"), HasSubstr("format: ipv6"));
  EXPECT_THAT(held(R"({"type":"object","required":["x"]})"),
              HasSubstr("names \"x\", which 'properties' does not define"));
  EXPECT_THAT(held(R"({"anyOf":[{}],"properties":{}})"),
              HasSubstr("'properties' is not supported: it would be forgotten beside 'anyOf'"));
  EXPECT_THAT(held(R"({"$ref":"other.json#/x"})"), HasSubstr("points outside the schema"));
  EXPECT_THAT(held(R"({"$ref":"#/nowhere"})"), HasSubstr("nothing stands at #/nowhere"));
  EXPECT_THAT(held(R"({"items":[{}],"minItems":1})"), HasSubstr("tuple"));
}

TEST(Schemas, OfStrictToolsAreTheDocumentedSubset) {
  const auto documented = [](const char* schema) { return held(schema, SchemaRules::documented); };
  EXPECT_EQ(
      documented(
          R"({"type":"object","properties":{"a":{"type":"array","items":{},"minItems":1}},"additionalProperties":false})"),
      "held");
  EXPECT_THAT(documented(R"({"type":"integer","minimum":1})"),
              HasSubstr("'minimum' is not supported: it is not allowed in a strict schema"));
  EXPECT_THAT(documented(R"({"type":"string","maxLength":3})"), HasSubstr("'maxLength'"));
  EXPECT_THAT(documented(R"({"type":"array","minItems":2})"), HasSubstr("may only be 0 or 1"));
  EXPECT_THAT(documented(R"({"type":"object","additionalProperties":true})"),
              HasSubstr("must be false"));
  EXPECT_THAT(
      documented(R"({"$ref":"#/$defs/t","$defs":{"t":{"properties":{"t":{"$ref":"#/$defs/t"}}}}})"),
      HasSubstr("recursive"));
}

TEST(Schemas, NestAsDeepAsAllowedAndNoDeeper) {
  std::string schema = "{}";
  for (int i = 0; i < 40; ++i) schema = R"({"items":)" + schema + "}";
  EXPECT_THAT(held(schema.c_str()), HasSubstr("32 levels"));
}

Chat with_tools(ToolChoice choice, const char* schema, bool strict = false) {
  Chat chat;
  chat.tools = {{"f", "does f", *json::read(schema), strict},
                {"g", "", json::Object{{"type", "object"}}, false}};
  chat.tool_choice = choice;
  chat.tool_name = "f";
  return chat;
}

TEST(Constraints, OfAForcedToolBindFromTheStart) {
  const auto made = make_constraint(
      with_tools(ToolChoice::tool, R"({"properties":{"a":{"type":"boolean"}},"required":["a"]})"));
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_TRUE(made->from_start && made->tools);
  EXPECT_THAT(made->grammar, HasSubstr("\\\"f\\\""));
  EXPECT_THAT(made->grammar, ::testing::Not(HasSubstr("\\\"g\\\"")))
      << "the other tool is not allowed";
}

TEST(Constraints, OfFreeChoiceBindOnceACallBegins) {
  const auto made = make_constraint(with_tools(ToolChoice::automatic, R"({"type":"object"})"));
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_FALSE(made->from_start);
  EXPECT_THAT(made->grammar, HasSubstr("root ::= wrap call"));
}

TEST(Constraints, RefuseWhatCannotBeHeldWhereHoldingWasAskedFor) {
  const char* bad = R"({"type":"object","not":{}})";
  EXPECT_THAT(make_constraint(with_tools(ToolChoice::any, bad)).error().message,
              HasSubstr("toolConfig.tools[0].toolSpec.inputSchema: 'not'"));
  EXPECT_FALSE(make_constraint(with_tools(ToolChoice::automatic, bad, true)));
  EXPECT_TRUE(make_constraint(with_tools(ToolChoice::automatic, bad))) << "nobody asked to hold it";
  auto unknown = with_tools(ToolChoice::tool, R"({"type":"object"})");
  unknown.tool_name = "h";
  EXPECT_THAT(make_constraint(unknown).error().message,
              HasSubstr("'h', which toolConfig.tools does not define"));
}

TEST(Constraints, AreNoneWhenToolsAreSwitchedOff) {
  const auto made = make_constraint(with_tools(ToolChoice::none, R"({"type":"object"})"));
  ASSERT_TRUE(made);
  EXPECT_TRUE(made->grammar.empty());
  EXPECT_EQ(instructions(with_tools(ToolChoice::none, "{}")), "");
  EXPECT_THAT(instructions(with_tools(ToolChoice::automatic, "{}")), HasSubstr("does f"));
}

}  // namespace
}  // namespace outcrop::engine
