// Goal: the contracts in the program are whole, and a broken contract says where.

#include "contract/load.h"

#include "contract/shape.h"
#include "help.h"

#include <atomic>
#include <map>
#include <set>
#include <thread>

namespace outcrop::contract {
namespace {

TEST(Load, BundledHoldsEveryOperationOfTheFiveServices) {
  std::map<std::string, int> count;
  for (const auto& operation : Contracts::bundled().operations()) ++count[operation->service];
  EXPECT_EQ(count, (std::map<std::string, int>{{"bedrock", 108},
                                               {"bedrock-runtime", 11},
                                               {"bedrock-agent", 86},
                                               {"bedrock-agent-runtime", 35},
                                               {"sagemaker-runtime", 3}}));
}

TEST(Load, StreamsAreKnown) {
  EXPECT_EQ(operation("bedrock-runtime", "ConverseStream").output_stream, "stream");
  EXPECT_EQ(operation("bedrock-agent-runtime", "InvokeAgent").output_stream, "completion");
  EXPECT_EQ(operation("bedrock-runtime", "Converse").output_stream, "");
  EXPECT_TRUE(operation("bedrock-runtime", "InvokeModelWithBidirectionalStream").input_stream);
  EXPECT_FALSE(operation("bedrock-runtime", "InvokeModelWithResponseStream").input_stream);
}

void collect(const Shape* shape, std::set<const Shape*>& seen) {
  if (!shape || !seen.insert(shape).second) return;
  for (const auto& member : shape->members) collect(member.shape, seen);
  collect(shape->element, seen);
  collect(shape->key, seen);
}

TEST(Load, EveryPatternIsTakenByRe2) {
  std::set<const Shape*> shapes;
  for (const auto& operation : Contracts::bundled().operations()) {
    collect(operation->input, shapes);
    collect(operation->output, shapes);
  }
  int patterns = 0;
  for (const auto* shape : shapes) {
    if (!shape->pattern) continue;
    ++patterns;
    EXPECT_TRUE(shape->pattern->usable()) << shape->name << ": " << shape->pattern->text();
  }
  EXPECT_GT(patterns, 250);
}

TEST(Load, PatternsCompileOnceUnderManyThreads) {
  Pattern pattern("[a-z]{1,3}", "[a-z]{1,3}");
  std::vector<std::thread> threads;
  std::atomic<int> matched = 0;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 200; ++round)
        matched += pattern.matches("abc") && !pattern.matches("abcd");
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(matched, 8 * 200);
}

TEST(Load, NamesWhatIsWrongInAContract) {
  auto message = [](std::string_view text) {
    auto made = Contracts::load({text});
    return made ? std::string() : made.error().message;
  };
  EXPECT_NE(message("{").find("at byte 1"), std::string::npos);
  EXPECT_NE(message("{} x").find("text after the end"), std::string::npos);
  EXPECT_NE(message(R"({"service":"t","shapes":{"A":{"type":"list","member":"B"}}})")
                .find("shape B is used and not defined"),
            std::string::npos);
  EXPECT_NE(
      message(R"({"service":"t","shapes":{"A":{"type":"thing"}}})").find("unknown type thing"),
      std::string::npos);
  EXPECT_NE(
      message(R"({"service":"t","shapes":{"A":{"type":"list"}}})").find("shape A is not whole"),
      std::string::npos);
  EXPECT_NE(
      message(
          R"({"service":"t","shapes":{"A":{"type":"structure","required":["x"],"members":{}}}})")
          .find("requires an unknown member x"),
      std::string::npos);
  EXPECT_NE(message(R"({"service":"t","shapes":{"A":{"type":"string","novel":1}}})")
                .find("unknown fact novel"),
            std::string::npos);
  EXPECT_EQ(message(R"({"service":"t"})"), "");
}

TEST(Load, RefusesAStructureOfMoreThan64Members) {
  std::string members;
  for (int i = 0; i < 65; ++i) members += fmt::format("{}\"m{}\":\"S\"", i ? "," : "", i);
  auto made = Contracts::load({fmt::format(
      R"({{"service":"t","shapes":{{"S":{{"type":"string"}},"A":{{"type":"structure","members":{{{}}}}}}}}})",
      members)});
  ASSERT_FALSE(made);
  EXPECT_NE(made.error().message.find("more than 64 members"), std::string::npos);
}

TEST(Load, RefusesTwoOperationsThatNoRuleTellsApart) {
  std::string text = R"({"service":"t","signing":"t","operations":{
    "A":{"method":"GET","uri":"/x/{a}","status":200,"input":"I","output":"O","errors":[]},
    "B":{"method":"GET","uri":"/x/{b}/","status":200,"input":"I","output":"O","errors":[]}},
    "shapes":{"I":{"type":"structure","members":{"a":{"shape":"S","in":"path","as":"a"},"b":{"shape":"S","in":"path","as":"b"}}},
    "O":{"type":"structure","members":{}},"S":{"type":"string"}}})";
  auto made = Contracts::load({text});
  ASSERT_FALSE(made);
  EXPECT_NE(made.error().message.find("no rule tells them apart"), std::string::npos);
}

TEST(Load, EscapesInAContractAreRead) {
  auto contracts = one(R"("a\u0041\n":"S")", R"("S":{"type":"string","pattern":"[\"\\\\a-z]+"})");
  const auto& input = *contracts->find("test", "Op")->input;
  EXPECT_EQ(input.members[0].name, "aA\n");
  EXPECT_EQ(input.members[0].shape->pattern->text(), "[\"\\\\a-z]+");
}

}  // namespace
}  // namespace outcrop::contract
