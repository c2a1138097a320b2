#include "engine/worker/reply_reader.h"
#include "engine/worker/text_gate.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace outcrop::engine {
namespace {

// What a reader makes of a reply that arrives in pieces of `piece` bytes: "text(..) think(..)
// tool(n) input(..) |".
std::string read(ReplyReader::Form form, const std::string& reply, std::size_t piece,
                 bool grammar_fits = true) {
  ReplyReader reader(std::move(form));
  std::vector<ChatEvent> events;
  for (std::size_t at = 0; at < reply.size(); at += piece) {
    reader.feed(std::string_view(reply).substr(at, piece), events);
    if (!reader.take_call_begin().empty()) {
      if (!grammar_fits) reader.not_a_call();
      reader.feed("", events);
    }
  }
  reader.finish(events);
  std::string out;
  std::string kind;
  for (const auto& event : events) {
    std::string next;
    std::string text;
    if (const auto* e = std::get_if<TextEvent>(&event)) {
      next = "text";
      text = e->text;
    } else if (const auto* r = std::get_if<ReasoningEvent>(&event)) {
      next = "think";
      text = r->text;
    } else if (const auto* t = std::get_if<ToolStartEvent>(&event)) {
      out += "tool(" + t->name + ")";
      continue;
    } else if (const auto* i = std::get_if<ToolInputEvent>(&event)) {
      next = "input";
      text = i->json;
    } else {
      out += kind.empty() ? "|" : ")|";
      kind.clear();
      continue;
    }
    if (next != kind) out += next + "(";
    kind = next;
    out += text;
  }
  return out;
}

void reads(const ReplyReader::Form& form, const std::string& reply, const std::string& expected,
           bool grammar_fits = true) {
  for (const std::size_t piece :
       {std::size_t{1}, std::size_t{2}, std::size_t{5}, std::size_t{1'000}})
    EXPECT_EQ(read(form, reply, piece, grammar_fits), expected) << "pieces of " << piece;
}

const ReplyReader::Form plain{};
const ReplyReader::Form tools{true, false, "", "", false};
const ReplyReader::Form forced{true, true, "", "", false};
const ReplyReader::Form thinker{true, false, "<think>", "</think>", false};

TEST(Replies, OfPlainModelsAreText) {
  reads(plain, "Hello {\"name\": \"x\"", "text(Hello {\"name\": \"x\")|");
  reads(plain, "", "|");
}

TEST(Replies, ThatBeginLikeACallAreOne) {
  reads(tools, " {\"name\": \"sum\", \"arguments\": {\"a\": [1, \"}\\\"\"]}} and more",
        "tool(sum)input({\"a\": [1, \"}\\\"\"]})|");
  reads(tools, "<tool_call>\n{\"name\":\"f\",\"arguments\":{}}\n</tool_call>", "tool(f)input({})|");
  reads(tools, "```json\n{ \"name\" : \"f\",\"arguments\":{}}```", "tool(f)input({})|");
}

TEST(Replies, ThatOnlyLookLikeACallAreText) {
  reads(tools, "{\"names\": 1}", "text({\"names\": 1})|");
  reads(tools, "{\"na", "text({\"na)|");
  reads(tools, "See {\"name\": \"f\"}", "text(See {\"name\": \"f\"})|");
  reads(tools, "{\"name\": \"unknown\"}", "text({\"name\": \"unknown\"})|", false);
}

TEST(Replies, CutInsideACallKeepWhatCame) {
  reads(forced, "{\"name\": \"sum\", \"arguments\": {\"a\": 1", "tool(sum)input({\"a\": 1)|");
}

TEST(Replies, OfThinkersAreSplit) {
  reads(thinker, "<think>\nwell, 2<3</think>\n\nTwo.", "think(\nwell, 2<3)|text(Two.)|");
  reads(thinker, "No thoughts.", "text(No thoughts.)|");
  reads(thinker, "<think>x</think>{\"name\":\"f\",\"arguments\":{}}", "think(x)|tool(f)input({})|");
  auto opened = thinker;
  opened.thinking = true;
  reads(opened, "hm</think>Yes", "think(hm)|text(Yes)|");
  reads(opened, "never ends </thin", "think(never ends </thin)|");
}

std::string through(TextGate& gate, const std::string& text, std::size_t piece) {
  std::string shown;
  for (std::size_t at = 0; at < text.size(); at += piece)
    shown += gate.feed(std::string_view(text).substr(at, piece));
  return shown + gate.flush();
}

TEST(TextGateTest, EndsAtTheEarliestStopSequenceHoweverItArrives) {
  for (std::size_t piece = 1; piece < 12; ++piece) {
    TextGate gate({"END", "\n\nHuman:"});
    EXPECT_EQ(through(gate, "one EN two\n\nHuman: END", piece), "one EN two");
    EXPECT_EQ(gate.hit(), "\n\nHuman:");
  }
}

TEST(TextGateTest, HoldsBackNothingButWhatMayBecomeAStopSequence) {
  TextGate gate({"abcd"});
  EXPECT_EQ(gate.feed("xyzab"), "xyz");
  EXPECT_EQ(gate.feed("cx"), "abcx");
  EXPECT_EQ(gate.feed("abc"), "");
  EXPECT_EQ(gate.flush(), "abc");
  EXPECT_FALSE(gate.hit());
}

TEST(TextGateTest, ShowsWholeCharactersAlone) {
  TextGate gate({});
  EXPECT_EQ(gate.feed("a\xF0\x9F"), "a");
  EXPECT_EQ(gate.feed("\x98\x80"), "\xF0\x9F\x98\x80");
  EXPECT_EQ(gate.feed("\xC3"), "");
  EXPECT_EQ(gate.flush(), "");
  EXPECT_EQ(with_valid_utf8("a\xFF\xC3\xA4"), "a\xEF\xBF\xBD\xC3\xA4");
}

}  // namespace
}  // namespace outcrop::engine
