#include "engine/host/fixture.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace outcrop::engine {
namespace {

using namespace testing;
using ::testing::HasSubstr;
namespace support = engine::testing;

TEST_F(ChatHostTest, TheDescriptionComesWithoutLoadingOrFromTheRunningEngine) {
  auto description = support::run(loop, host->start());
  ASSERT_TRUE(description) << description.error().message;
  EXPECT_EQ(description->architecture, "llama");
  EXPECT_EQ(description->quantization, "Q4_1");
  EXPECT_EQ(description->context_tokens, 8192);
  EXPECT_TRUE(description->chat_template);
  EXPECT_FALSE(description->embedding);
  EXPECT_THAT(description->digest, ::testing::StartsWith("sampled-sha256:"));
}

TEST_F(ChatHostTest, AFactIsFoundInAPassage) {
  auto answer =
      get(chat_body("Passage: The mill in Dorn was built in 1832 by Anna Kessler. It has four "
                    "floors. It burned in "
                    "1907.\nQuestion: In which year was the mill built?"));
  EXPECT_THAT(answer.text, HasSubstr("1832"));
  ASSERT_TRUE(answer.done);
  EXPECT_EQ(answer.done->stop, "end_turn");
  EXPECT_GT(answer.done->input_tokens, 40);
  EXPECT_GT(answer.frames, 3) << "the answer streams";
}

TEST_F(ChatHostTest, MaxTokensEndsTheReplyAndCountsExactly) {
  auto answer = get(chat_body("Tell me a long story about a dragon.", 7));
  ASSERT_TRUE(answer.done);
  EXPECT_EQ(answer.done->stop, "max_tokens");
  EXPECT_EQ(answer.done->output_tokens, 7);
}

TEST_F(ChatHostTest, TheSamePromptTwiceIsSharedAndCountedInFull) {
  auto first = get(chat_body("Name three rivers of Europe, please.", 12));
  auto second = get(chat_body("Name three rivers of Europe, please.", 12));
  ASSERT_TRUE(first.done && second.done);
  EXPECT_EQ(first.text, second.text);
  EXPECT_EQ(first.done->reused_tokens, 0);
  EXPECT_EQ(second.done->reused_tokens, second.done->input_tokens - 1);
  EXPECT_EQ(first.done->input_tokens, second.done->input_tokens);
}

TEST_F(ChatHostTest, AnotherDomainSharesNothing) {
  auto body = chat_body("Name three rivers of Europe, please.", 4);
  body["domain"] = "111111111111";
  (void)get(body);
  body["domain"] = "222222222222";
  EXPECT_EQ(get(body).done->reused_tokens, 0);
}

TEST_F(ChatHostTest, AStopSequenceAcrossTokensEndsTheReplyAndIsNotShown) {
  auto whole = get(chat_body("Count from 1 to 20.", 60));
  // A sequence from the middle of the reply, so long that it spans several tokens.
  ASSERT_GT(whole.text.size(), 30U);
  const std::string stop = whole.text.substr(9, 7);
  auto body = chat_body("Count from 1 to 20.", 60);
  body["stop"] = json::Array{"never written", stop};
  auto cut = get(body);
  ASSERT_TRUE(cut.done);
  EXPECT_EQ(cut.done->stop, "stop_sequence");
  EXPECT_EQ(cut.done->stop_sequence, stop);
  EXPECT_EQ(cut.text, whole.text.substr(0, whole.text.find(stop)));
  EXPECT_LT(cut.done->output_tokens, whole.done->output_tokens);
}

TEST_F(ChatHostTest, AReplyUnderASchemaIsJsonUnderIt) {
  auto body = chat_body("Text: Please send order A-17, three pieces, to Bern.", 80);
  body["schema"] = *json::read(
      R"({"type":"object","properties":{"order":{"type":"string","pattern":"^[A-C]-[0-9]{2}$"},)"
      R"("city":{"enum":["Bern","Rome"]},"urgent":{"type":"boolean"}},)"
      R"("required":["order","city","urgent"],"additionalProperties":false})");
  auto answer = get(body);
  auto value = json::read(answer.text);
  ASSERT_TRUE(value) << answer.text;
  EXPECT_THAT(std::string(json::view(json::find(*value, "order")->get_string())),
              ::testing::MatchesRegex("[A-C]-[0-9][0-9]"));
  EXPECT_TRUE(json::find(*value, "city")->is_string());
  EXPECT_TRUE(json::find(*value, "urgent")->is_bool());
  EXPECT_EQ(answer.done->stop, "end_turn");
}

TEST_F(ChatHostTest, AForcedToolIsCalledWithInputUnderItsSchema) {
  auto body = chat_body("What is the weather in Paris?", 80);
  auto tools = json::read(
      R"([{"name":"get_time","schema":{"type":"object","properties":{"zone":{"type":"string"}},"required":["zone"]}},)"
      R"({"name":"get_weather","description":"Weather of a city","schema":{"$ref":"#/$defs/place","$defs":{"place":)"
      R"({"type":"object","properties":{"city":{"type":"string","maxLength":20},"days":{"enum":[1,3,7]}},"required":["city","days"]}}}}])");
  body["tools"] = *tools;
  body["tool_choice"] = "tool";
  body["tool_name"] = "get_weather";
  auto answer = get(body);
  EXPECT_EQ(answer.tool, "get_weather")
      << answer.text << (answer.error ? answer.error->message : "");
  auto input = json::read(answer.input);
  ASSERT_TRUE(input) << answer.input;
  EXPECT_TRUE(json::find(*input, "city")->is_string());
  EXPECT_TRUE(json::find(*input, "days")->is_int64());
  EXPECT_EQ(answer.done->stop, "tool_use");
}

TEST_F(ChatHostTest, AToolMayBeLeftUncalled) {
  auto body = chat_body("Say hello to Anna.", 20);
  auto tools = json::read(R"([{"name":"get_time","schema":{"type":"object"}}])");
  body["tools"] = *tools;
  auto answer = get(body);
  EXPECT_EQ(answer.tool, "");
  EXPECT_FALSE(answer.text.empty());
}

TEST_F(ChatHostTest, ACallTheModelBeginsItselfIsHeldToItsSchema) {
  Chat chat;
  // Seen twice, a small model does it a third time; the zone it would copy is not allowed any more.
  const std::vector<std::pair<std::string, std::string>> past{{"Paris", "12:00"},
                                                              {"Oslo", "12:01"}};
  for (const auto& [city, time] : past) {
    chat.turns.push_back({false, {TextPart{"What time is it in " + city + "?"}}});
    chat.turns.push_back({true, {ToolUsePart{city, "get_time", json::Object{{"zone", city}}}}});
    chat.turns.push_back({false, {ToolResultPart{city, time}}});
    chat.turns.push_back({true, {TextPart{"It is " + time + "."}}});
  }
  chat.turns.push_back({false, {TextPart{"What time is it in Rome?"}}});
  chat.tools = {
      {"get_time", "The time in a zone",
       *json::read(
           R"({"type":"object","properties":{"zone":{"enum":["UTC","CET"]}},"required":["zone"]})")}};
  chat.sampling.max_tokens = 60;
  chat.sampling.temperature = 0;
  auto answer = get(chat.to_json());
  EXPECT_EQ(answer.tool, "get_time") << answer.text;
  auto input = json::read(answer.input);
  ASSERT_TRUE(input) << answer.input;
  EXPECT_THAT(json::write(*input), ::testing::AnyOf(R"({"zone":"UTC"})", R"({"zone":"CET"})"));
  EXPECT_EQ(answer.done->stop, "tool_use");
}

TEST_F(ChatHostTest, ASchemaThatCannotBeHeldIsRefusedByKeyword) {
  auto body = chat_body("Hi", 5);
  body["schema"] =
      *json::read(R"({"type":"object","properties":{"a":{"type":"string","not":{"const":"x"}}}})");
  auto answer = get(body);
  ASSERT_TRUE(answer.error);
  EXPECT_EQ(answer.error->code, Code::validation);
  EXPECT_THAT(answer.error->message, HasSubstr("/properties/a: 'not' is not supported"));
}

TEST_F(ChatHostTest, APromptLongerThanTheContextIsRefusedWithBothCounts) {
  std::string words;
  for (int i = 0; i < 9'000; ++i) words += "word ";
  auto answer = get(chat_body(words));
  ASSERT_TRUE(answer.error);
  EXPECT_EQ(answer.error->code, Code::validation);
  EXPECT_THAT(answer.error->message, HasSubstr("Input is too long for requested model"));
  EXPECT_THAT(answer.error->message, HasSubstr("8192"));
}

TEST_F(ChatHostTest, ControlTokensInUserTextAreText) {
  auto plain = get(chat_body("abc <|im_end|> <|im_start|> def", 1));
  ASSERT_TRUE(plain.done);
  auto body = chat_body("abc def", 1);
  auto without = get(body);
  // Two control tokens would be two tokens; as text each of them is several.
  EXPECT_GE(plain.done->input_tokens, without.done->input_tokens + 8);
}

TEST_F(ChatHostTest, CountingIsWhatARequestIsFed) {
  auto body = chat_body("How many tokens is this?", 1);
  auto counted = support::run(loop, host->ask(FrameType::count, body, {}, {}));
  ASSERT_TRUE(counted) << counted.error().message;
  EXPECT_EQ(json::find_int(json::read(counted->payload)->get_object(), "input_tokens"),
            get(body).done->input_tokens);
}

}  // namespace
}  // namespace outcrop::engine
