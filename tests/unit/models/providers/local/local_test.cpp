#include "models/providers/local/local.h"

#include "engine/support.h"
#include "models/providers/local/translate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace outcrop::models {
namespace {

using ::testing::HasSubstr;
namespace support = engine::testing;

Conversation asking(std::vector<Block> content) {
  Conversation conversation;
  conversation.messages.push_back({Role::user, std::move(content)});
  conversation.inference.max_tokens = 24;
  conversation.inference.temperature = 0;
  return conversation;
}

std::string refusal(Conversation conversation) {
  const auto made = to_engine(conversation);
  if (made) return "accepted";
  EXPECT_EQ(made.error().code, Code::validation);
  return made.error().message;
}

Bytes bytes(std::string text) { return std::make_shared<const std::string>(std::move(text)); }

TEST(LocalTranslation, DocumentsBecomeNamedText) {
  const auto made = to_engine(asking(
      {DocumentBlock{"md", "prices", bytes("# A: 5"), "", false}, TextBlock{"What costs A?"}}));
  ASSERT_TRUE(made) << made.error().message;
  const auto& parts = made->chat.turns.at(0).parts;
  EXPECT_EQ(std::get<engine::TextPart>(parts.at(0)).text,
            "<document name=\"prices\">\n# A: 5\n</document>");
  EXPECT_EQ(std::get<engine::TextPart>(parts.at(1)).text, "What costs A?");
}

TEST(LocalTranslation, WhatATextModelCannotReadIsRefusedByPlaceAndWithAWayOut) {
  EXPECT_THAT(
      refusal(asking({TextBlock{"x"}, ImageBlock{"png", bytes("x")}})),
      HasSubstr(
          "messages[0].content[1].image: this model reads text alone and cannot take images"));
  EXPECT_THAT(refusal(asking({DocumentBlock{"pdf", "a", bytes("%PDF"), "", false}})),
              HasSubstr("'pdf' documents cannot be read"));
  EXPECT_THAT(refusal(asking({DocumentBlock{"txt", "a", bytes("\xFF\xFE"), "", false}})),
              HasSubstr("'a' is no UTF-8 text"));
  EXPECT_THAT(refusal(asking({DocumentBlock{"txt", "a", S3Location{"s3://b/k", ""}, "", false}})),
              HasSubstr("send their bytes"));
  EXPECT_THAT(refusal(asking({OtherBlock{"video", json::Object{}}})),
              HasSubstr("cannot take 'video'"));
  EXPECT_THAT(refusal(asking({ToolResultBlock{"t", {ImageBlock{"png", bytes("x")}}, false}})),
              HasSubstr("messages[0].content[0].toolResult.content[0]"));
  Conversation vendor = asking({TextBlock{"x"}});
  vendor.tools.emplace_back(OtherBlock{"systemTool", json::Object{}});
  EXPECT_THAT(refusal(vendor), HasSubstr("toolConfig.tools[0]: 'systemTool'"));
}

TEST(LocalTranslation, ToolsTheirUsesAndResultsAreKept) {
  Conversation conversation = asking({TextBlock{"x"}, CachePointBlock{}});
  conversation.system = {TextBlock{"a"}, CachePointBlock{}, GuardContentBlock{TextBlock{"b"}, {}}};
  conversation.messages.push_back(
      {Role::assistant,
       {ReasoningBlock{"hm", "sig", nullptr}, ToolUseBlock{"t1", "f", json::Object{{"a", 1}}}}});
  conversation.messages.push_back(
      {Role::user,
       {ToolResultBlock{"t1", {json::Value(json::Object{{"r", 2}}), TextBlock{"done"}}, true}}});
  conversation.tools = {ToolSpec{"f", "d", json::Object{{"type", "object"}}, true}};
  conversation.tool_choice = {ToolChoice::Kind::tool, "f"};
  const auto made = to_engine(conversation);
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(made->cache_points, 2);
  EXPECT_EQ(made->chat.system, "a\n\nb");
  EXPECT_EQ(std::get<engine::ToolUsePart>(made->chat.turns[1].parts[1]).name, "f");
  const auto& result = std::get<engine::ToolResultPart>(made->chat.turns[2].parts[0]);
  EXPECT_EQ(result.text, "{\"r\":2}\ndone");
  EXPECT_TRUE(result.error);
  EXPECT_TRUE(made->chat.tools.at(0).strict);
  EXPECT_EQ(made->chat.tool_name, "f");
}

TEST(LocalTranslation, BatchAndIngestionGoToTheBatchClass) {
  Context context;
  context.account = "123";
  for (const auto why : {Why::chat, Why::agent_step, Why::judge}) {
    context.why = why;
    EXPECT_EQ(terms_of(context).priority, engine::Class::interactive);
  }
  for (const auto why : {Why::batch, Why::ingest}) {
    context.why = why;
    EXPECT_EQ(terms_of(context).priority, engine::Class::batch);
  }
  EXPECT_EQ(terms_of(context).domain, "123");
}

class FoldingSink : public Sink {
 public:
  Task<Result<void>> put(Event event) override {
    ++events;
    if (std::holds_alternative<Metadata>(event)) metadata = std::get<Metadata>(event);
    if (gone_after > 0 && events > gone_after) co_return fail(Code::cancelled, "gone");
    co_return reply.add(event);
  }
  int events = 0;
  int gone_after = 0;
  std::optional<Metadata> metadata;
  ReplyBuilder reply;
};

class LocalProvider : public ::testing::Test {
 protected:
  void SetUp() override {
    NEEDS_MODEL(support::chat_model());
    host = engine::Host::make(loop,
                              support::options_for(OUTCROP_ENGINE_PROGRAM, support::chat_model()));
    model = make_local_model("smol", host);
  }
  void TearDown() override {
    if (host) loop.run(host->stop());
  }
  CallPtr call(Conversation conversation) {
    auto made = std::make_shared<Call>();
    made->conversation = std::move(conversation);
    return made;
  }
  Loop loop{1};
  engine::HostPtr host;
  ModelPtr model;
  std::shared_ptr<FoldingSink> sink = std::make_shared<FoldingSink>();
};

TEST_F(LocalProvider, AnswersAConversation) {
  auto conversation =
      asking({TextBlock{"Passage: The mill in Dorn was built in 1832.\nQuestion: In which year was "
                        "the mill built?"}});
  conversation.messages.front().content.emplace_back(CachePointBlock{});
  const auto outcome = support::run(loop, model->converse(call(conversation), sink));
  ASSERT_TRUE(outcome) << outcome.error().message;
  auto reply = std::move(sink->reply).take();
  ASSERT_EQ(reply.message.content.size(), 1U);
  EXPECT_THAT(std::get<TextBlock>(reply.message.content[0]).text, HasSubstr("1832"));
  EXPECT_EQ(outcome->stop, StopReason::end_turn);
  EXPECT_EQ(outcome->served_by, "local:smol");
  EXPECT_EQ(reply.usage.input_tokens, outcome->usage.input_tokens);
  EXPECT_GT(outcome->usage.output_tokens, 3);
  EXPECT_EQ(reply.usage.cache_read_tokens + reply.usage.cache_write_5m_tokens, 0);
  EXPECT_THAT(json::write(reply.trace), HasSubstr("\"cachePoints\":1"));
  const auto counted = support::run(loop, model->count(call(conversation)));
  ASSERT_TRUE(counted);
  EXPECT_EQ(counted->input_tokens, outcome->usage.input_tokens);
}

TEST_F(LocalProvider, CallsAForcedTool) {
  auto conversation = asking({TextBlock{"What is the weather in Paris?"}});
  conversation.inference.max_tokens = 80;
  conversation.tools = {ToolSpec{
      "get_weather", "Weather of a city",
      *json::read(
          R"({"type":"object","properties":{"city":{"enum":["Paris","Rome"]}},"required":["city"],"additionalProperties":false})"),
      true}};
  conversation.tool_choice = {ToolChoice::Kind::any, ""};
  const auto outcome = support::run(loop, model->converse(call(conversation), sink));
  ASSERT_TRUE(outcome) << outcome.error().message;
  auto reply = std::move(sink->reply).take();
  ASSERT_EQ(reply.message.content.size(), 1U);
  const auto& use = std::get<ToolUseBlock>(reply.message.content[0]);
  EXPECT_EQ(use.name, "get_weather");
  EXPECT_THAT(use.id, ::testing::StartsWith("tooluse_"));
  EXPECT_TRUE(json::find(use.input, "city"));
  EXPECT_EQ(outcome->stop, StopReason::tool_use);
}

TEST_F(LocalProvider, StopsWhenItsReaderLeavesAndAccountsForWhatItProduced) {
  auto conversation = asking({TextBlock{"Tell me a very long story."}});
  conversation.inference.max_tokens = 2'000;
  sink->gone_after = 6;
  const auto outcome = support::run(loop, model->converse(call(conversation), sink));
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, Code::cancelled);
  ASSERT_TRUE(sink->metadata);
  EXPECT_GT(sink->metadata->usage.input_tokens, 10);
  EXPECT_GE(sink->metadata->usage.output_tokens, 4);
  EXPECT_EQ(host->status().streams, 0U);
}

TEST_F(LocalProvider, ContinuesARawPrompt) {
  Conversation raw;
  raw.raw_prompt = "The capital of France is";
  raw.inference.max_tokens = 3;
  raw.inference.temperature = 0;
  const auto outcome = support::run(loop, model->converse(call(raw), sink));
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(outcome->stop, StopReason::max_tokens);
  EXPECT_EQ(outcome->usage.output_tokens, 3);
  EXPECT_THAT(std::get<TextBlock>(std::move(sink->reply).take().message.content[0]).text,
              HasSubstr("Paris"));
}

TEST_F(LocalProvider, RefusesNativeBodiesAndReranking) {
  const auto native = support::run(loop, model->invoke(call({}), sink));
  EXPECT_EQ(native.error().code, Code::validation);
  EXPECT_EQ(support::run(loop, model->rerank(std::make_shared<RerankCall>())).error().code,
            Code::validation);
}

TEST(LocalEmbeddings, ComeWithCountsAndCuts) {
  NEEDS_MODEL(support::embed_model());
  Loop loop(1);
  auto host = engine::Host::make(
      loop, support::options_for(OUTCROP_ENGINE_PROGRAM, support::embed_model()));
  auto model = make_local_model("minilm", host);
  auto call = std::make_shared<EmbedCall>();
  std::string words;
  for (int i = 0; i < 600; ++i) words += "word ";
  call->texts = {"The mill in Dorn was built in 1832.", words};
  call->truncate = Truncate::end;
  const auto made = support::run(loop, model->embed(call));
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(made->vectors[0].size(), 384U);
  EXPECT_EQ(made->tokens[1], 512);
  EXPECT_EQ(made->truncated, (std::vector<bool>{false, true}));
  loop.run(host->stop());
}

}  // namespace
}  // namespace outcrop::models
