#include "wire/sse.h"

#include <gtest/gtest.h>

namespace outcrop::wire {
namespace {

std::vector<SseEvent> decode(std::string_view stream) { return SseDecoder().feed(stream).value(); }

TEST(Sse, EncodesOneDataLineALine) {
  EXPECT_EQ(encode_sse({.event = "", .data = "{}"}), "data: {}\n\n");
  EXPECT_EQ(encode_sse({.event = "delta", .data = "a\nb\r\nc\rd", .id = "7"}),
            "event: delta\nid: 7\ndata: a\ndata: b\ndata: c\ndata: d\n\n");
  EXPECT_EQ(encode_sse({.event = "", .data = ""}), "data: \n\n");
}

TEST(Sse, NothingInAnEventNameStartsAnotherField) {
  EXPECT_EQ(encode_sse({.event = "a\ndata: forged", .data = "x", .id = "1\r\n2"}),
            "event: a data: forged\nid: 1  2\ndata: x\n\n");
}

TEST(Sse, DecodesWhatItEncodesAtEverySplit) {
  std::string stream =
      encode_sse({.event = "delta", .data = "gr\xC3\xBC\xC3\x9F\nzwei", .id = "1"}) +
      encode_sse({.event = "", .data = "[DONE]"});
  for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
    SseDecoder decoder;
    auto events = decoder.feed(std::string_view(stream).substr(0, cut)).value();
    auto rest = decoder.feed(std::string_view(stream).substr(cut)).value();
    events.insert(events.end(), rest.begin(), rest.end());
    ASSERT_EQ(events.size(), 2u) << cut;
    EXPECT_EQ(events[0].event, "delta");
    EXPECT_EQ(events[0].data, "gr\xC3\xBC\xC3\x9F\nzwei");
    EXPECT_EQ(events[0].id, "1");
    EXPECT_EQ(events[1].event, "");
    EXPECT_EQ(events[1].data, "[DONE]");
    EXPECT_EQ(events[1].id, "1");  // the last id stays until the stream names another
  }
}

TEST(Sse, EveryLineEndCountsOnceAlsoWhenSplit) {
  for (std::string_view end : {"\n", "\r", "\r\n"}) {
    std::string stream;
    for (std::string_view line : {"data: a", "data: b", "", "data: c", ""}) {
      stream.append(line).append(end);
    }
    SseDecoder decoder;
    std::vector<SseEvent> events;
    for (char c : stream) {
      auto more = decoder.feed({&c, 1}).value();
      events.insert(events.end(), more.begin(), more.end());
    }
    ASSERT_EQ(events.size(), 2u);
    EXPECT_EQ(events[0].data, "a\nb");
    EXPECT_EQ(events[1].data, "c");
  }
}

TEST(Sse, FollowsTheStandardsExamples) {
  EXPECT_EQ(decode(": a comment\n\n").size(), 0u);
  EXPECT_EQ(decode("\xEF\xBB\xBF"
                   "data:x\n\n")
                .at(0)
                .data,
            "x");
  EXPECT_EQ(decode("data:  two\n\n").at(0).data, " two");  // only one space is taken
  EXPECT_EQ(decode("data\n\n").at(0).data, "");
  EXPECT_EQ(decode("data\ndata\n\n").at(0).data, "\n");
  EXPECT_EQ(decode("event: x\n\ndata: y\n\n").at(0).event,
            "");  // an event without data leaves nothing
  EXPECT_EQ(decode("retry: 5\nfoo: bar\ndata: z\n\n").at(0).data, "z");
  EXPECT_EQ(decode(std::string_view("id: a\0b\ndata: z\n\n", 17)).at(0).id, "");
  EXPECT_EQ(decode("data: unfinished\n").size(), 0u);
}

TEST(Sse, AnEventBeyondTheLimitIsRefusedForGood) {
  SseDecoder decoder(16);
  EXPECT_EQ(decoder.feed("data: 0123456789\n\n").value().size(), 1u);  // 16 bytes of line
  EXPECT_EQ(decoder.feed("data: 01234567890").error().code, Code::too_large);
  EXPECT_EQ(decoder.feed("data: a\n\n").error().code, Code::too_large);

  SseDecoder lines(16);  // many lines of one event count together
  EXPECT_TRUE(lines.feed("data: 01234\n").has_value());
  EXPECT_EQ(lines.feed("data: 0123456\n").error().code, Code::too_large);
}

}  // namespace
}  // namespace outcrop::wire
