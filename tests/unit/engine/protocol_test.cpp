#include "engine/protocol.h"

#include "engine/chat.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace outcrop::engine {
namespace {

using ::testing::HasSubstr;

TEST(Frames, SurviveAnyCutting) {
  std::string bytes;
  const std::vector<Frame> frames{{FrameType::hello, 0, "{}"},
                                  {FrameType::credit, 7, encode_u32(9)},
                                  {FrameType::events, 0xFFFFFFFF, std::string(70'000, 'x')},
                                  {FrameType::cancel, 1, ""}};
  for (const auto& frame : frames) bytes += *encode(frame);
  for (const std::size_t piece :
       {std::size_t{1}, std::size_t{3}, std::size_t{1'000}, bytes.size()}) {
    FrameReader reader;
    std::vector<Frame> read;
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
      reader.feed(std::string_view(bytes).substr(at, piece));
      while (true) {
        auto frame = reader.next();
        ASSERT_TRUE(frame);
        if (!*frame) break;
        read.push_back(**frame);
      }
    }
    ASSERT_EQ(read.size(), frames.size());
    for (std::size_t i = 0; i < read.size(); ++i) {
      EXPECT_EQ(read[i].type, frames[i].type);
      EXPECT_EQ(read[i].stream, frames[i].stream);
      EXPECT_EQ(read[i].payload, frames[i].payload);
    }
  }
}

TEST(Frames, AreRefusedBeyondTheirLimit) {
  FrameReader reader(100);
  reader.feed(*encode(Frame{FrameType::chat, 1, std::string(96, 'x')}));
  const auto frame = reader.next();
  ASSERT_FALSE(frame);
  EXPECT_EQ(frame.error().code, Code::corrupt);
  EXPECT_THAT(frame.error().message, HasSubstr("101 bytes; between 5 and 100 are allowed"));
  EXPECT_EQ(encode(Frame{FrameType::chat, 1, std::string(frame_bytes_max, 'x')}).error().code,
            Code::too_large);
}

TEST(Frames, OfUnknownTypeEndTheConnection) {
  FrameReader reader;
  auto bytes = *encode(Frame{FrameType::chat, 1, "x"});
  bytes[4] = 33;
  reader.feed(bytes);
  EXPECT_EQ(reader.next().error().code, Code::corrupt);
}

TEST(Payloads, ADescriptionKeepsAllItsMembers) {
  Description d{"Smol", "llama", "Q4_1", true, 135,  98,   8192,
                576,    49152,   30,     true, true, true, "sampled-sha256:00"};
  auto read = Description::from_json(d.to_json());
  ASSERT_TRUE(read);
  EXPECT_EQ(json::write(read->to_json()), json::write(d.to_json()));
  EXPECT_FALSE(Description::from_json(json::Object{{"name", "x"}}));
}

TEST(Payloads, EmbeddingsAreExactBits) {
  EmbeddingsPayload payload{{{1.5F, -0.0F, 3e-40F}, {0.1F, 0.2F, 0.3F}}, {3, 512}, {false, true}};
  auto read = decode_embeddings(encode_embeddings(payload));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->vectors, payload.vectors);
  EXPECT_EQ(read->tokens, payload.tokens);
  EXPECT_EQ(read->truncated, payload.truncated);
  auto bytes = encode_embeddings(payload);
  bytes.pop_back();
  EXPECT_EQ(decode_embeddings(bytes).error().code, Code::corrupt);
}

TEST(Payloads, AnErrorKeepsCodeAndMessage) {
  const Error error =
      decode_error(encode_error(Error{.code = Code::throttled, .message = "slow \"down\""}));
  EXPECT_EQ(error.code, Code::throttled);
  EXPECT_EQ(error.message, "slow \"down\"");
  EXPECT_EQ(decode_error("{}").code, Code::internal);
  EXPECT_EQ(decode_error("nonsense").code, Code::internal);
}

TEST(Payloads, AChatKeepsAllItsMembers) {
  Chat chat;
  chat.terms = {Class::batch, 1'500, 9, "123"};
  chat.system = "Be kind.";
  chat.turns = {{false, {TextPart{"Hi"}, ToolResultPart{"t1", "12", true}}},
                {true, {ReasoningPart{"hm"}, ToolUsePart{"t1", "sum", json::Object{{"a", 1}}}}}};
  chat.tools = {{"sum", "adds", json::Object{{"type", "object"}}, true}};
  chat.tool_choice = ToolChoice::tool;
  chat.tool_name = "sum";
  chat.sampling = {5, 0.5, 0.9, 3, 77, {"END", "\n\n"}};
  auto read = Chat::from_json(chat.to_json());
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(json::write(read->to_json()), json::write(chat.to_json()));
  EXPECT_EQ(read->terms.priority, Class::batch);
  EXPECT_EQ(read->sampling.stop.size(), 2U);
}

TEST(Payloads, AChatOutsideItsLimitsIsRefusedByMember) {
  const auto message = [](const char* text) {
    const auto chat = Chat::from_json(*json::read(text));
    return chat ? std::string("accepted") : chat.error().message;
  };
  EXPECT_THAT(message(R"({"turns":[]})"), HasSubstr("needs turns or a prompt"));
  EXPECT_THAT(message(R"({"prompt":"x","max_tokens":0})"), HasSubstr("max_tokens is 0"));
  EXPECT_THAT(message(R"({"prompt":"x","top_p":1.5})"), HasSubstr("top_p is 1.5"));
  EXPECT_THAT(message(R"({"prompt":"x","stop":[""]})"), HasSubstr("at least one character"));
  EXPECT_THAT(message(R"({"prompt":"x","class":"urgent"})"),
              HasSubstr("allowed are interactive and batch"));
  EXPECT_EQ(message(R"({"prompt":"x"})"), "accepted");
}

TEST(Payloads, EventsComeBackInOrder) {
  ChatEvents batch{{TextEvent{0, "a\xC3\xA4"}, BlockEndEvent{0}, ToolStartEvent{1, "sum"},
                    ToolInputEvent{1, "{\"a\":"}, ReasoningEvent{2, "hm"}},
                   12,
                   5};
  auto read = decode_events(encode_events(batch));
  ASSERT_TRUE(read);
  EXPECT_EQ(encode_events(*read), encode_events(batch));
  EXPECT_EQ(read->input_tokens, 12);
  EXPECT_EQ(std::get<TextEvent>(read->events[0]).text, "a\xC3\xA4");
  EXPECT_FALSE(decode_events(R"({"events":[{"t":"song"}]})"));
}

}  // namespace
}  // namespace outcrop::engine
