#include "models/conversation.h"

#include <gtest/gtest.h>

namespace outcrop::models {
namespace {

Result<Reply> fold(const std::vector<Event>& events) {
  ReplyBuilder builder;
  for (const auto& event : events) CHECK(builder.add(event));
  return std::move(builder).take();
}

TEST(Reply, IsAFoldOverItsEvents) {
  Metadata metadata;
  metadata.usage.output_tokens = 5;
  auto reply =
      fold({MessageStart{}, ReasoningDelta{0, "hm"}, ReasoningSignature{0, "s"}, BlockStop{0},
            TextDelta{1, "a"}, TextDelta{1, "b"}, BlockStop{1}, ToolUseStart{2, "id", "get"},
            ToolInputDelta{2, "{\"x\""}, ToolInputDelta{2, ":1}"}, BlockStop{2},
            MessageStop{StopReason::tool_use, "", {}}, metadata});
  ASSERT_TRUE(reply);
  ASSERT_EQ(reply->message.content.size(), 3u);
  EXPECT_EQ(std::get<ReasoningBlock>(reply->message.content[0]).text, "hm");
  EXPECT_EQ(std::get<TextBlock>(reply->message.content[1]).text, "ab");
  EXPECT_EQ(json::write(std::get<ToolUseBlock>(reply->message.content[2]).input), "{\"x\":1}");
  EXPECT_EQ(reply->stop, StopReason::tool_use);
  EXPECT_EQ(reply->usage.output_tokens, 5);
}

TEST(Reply, RefusesToolInputThatIsNoObjectUnlessItWasCut) {
  std::vector<Event> events{MessageStart{}, ToolUseStart{0, "id", "get"},
                            ToolInputDelta{0, "{\"x\":"}, BlockStop{0}};
  auto wrong = events, cut = events;
  wrong.push_back(MessageStop{StopReason::tool_use, "", {}});
  cut.push_back(MessageStop{StopReason::max_tokens, "", {}});
  EXPECT_EQ(fold(wrong).error().code, Code::model_error);
  auto reply = fold(cut);
  ASSERT_TRUE(reply);
  EXPECT_EQ(json::write(std::get<ToolUseBlock>(reply->message.content[0]).input), "{}");
}

TEST(Reply, RefusesEventsOutOfOrder) {
  EXPECT_FALSE(fold({MessageStart{}, TextDelta{1, "a"}}));
  EXPECT_FALSE(fold({MessageStart{}, TextDelta{0, "a"}, ToolInputDelta{0, "{}"}}));
  EXPECT_FALSE(fold({MessageStart{}, TextDelta{0, "a"}, TextDelta{1, "b"}}));
}

TEST(Reply, StopReasonsRoundTrip) {
  for (int i = 0; i <= static_cast<int>(StopReason::model_context_window_exceeded); ++i) {
    auto reason = static_cast<StopReason>(i);
    EXPECT_EQ(stop_reason(to_text(reason)), reason);
  }
  EXPECT_EQ(stop_reason("done"), std::nullopt);
}

}  // namespace
}  // namespace outcrop::models
