// Time is not real here: sleeps are recorded and end at once, or when the test cancels.
#include "models/providers/scripted/scripted.h"

#include "base/async.h"

#include <gtest/gtest.h>

#include <cmath>

namespace outcrop::models::scripted {
namespace {

struct Recorder : Sink {
  std::vector<Event> events;
  ReplyBuilder builder;
  Result<void> folded;
  std::size_t refuse_after = SIZE_MAX;
  Task<Result<void>> put(Event event) override {
    if (events.size() >= refuse_after) co_return fail(Code::cancelled, "gone");
    if (folded) folded = builder.add(event);
    events.push_back(std::move(event));
    co_return Result<void>();
  }
};

struct Clock {
  std::vector<std::int64_t> slept_ms;
  CancelSource* cancel_at_sleep = nullptr;
  Sleep sleep() {
    return [this](std::chrono::nanoseconds duration, CancelToken token) {
      return run(duration, std::move(token));
    };
  }
  Task<bool> run(std::chrono::nanoseconds duration, CancelToken token) {
    slept_ms.push_back(std::chrono::duration_cast<std::chrono::milliseconds>(duration).count());
    if (cancel_at_sleep) cancel_at_sleep->cancel();
    co_return !token.cancelled();
  }
};

template <class T>
Task<void> keep(Task<T> task, std::optional<T>* into) {
  into->emplace(co_await std::move(task));
}
template <class T>
T run(Task<T> task) {
  std::optional<T> out;
  detach(keep(std::move(task), &out));
  EXPECT_TRUE(out) << "the task did not end";
  return std::move(*out);
}

Script script(std::string_view text) {
  auto read = Script::read(*json::read(text));
  EXPECT_TRUE(read) << (read ? "" : read.error().message);
  return read ? *read : Script{};
}

std::shared_ptr<Call> call_of(std::string text, std::string target = "m") {
  auto call = std::make_shared<Call>();
  call->asked = "anthropic.claude-x";
  call->target = std::move(target);
  call->conversation.messages.push_back({Role::user, {TextBlock{std::move(text)}}});
  return call;
}

struct Ran {
  Result<Outcome> outcome;
  std::shared_ptr<Recorder> sink;
  Reply reply;
};
Ran converse(Model& model, CallPtr call) {
  auto sink = std::make_shared<Recorder>();
  auto outcome = run(model.converse(std::move(call), sink));
  EXPECT_TRUE(sink->folded);
  Reply reply = std::move(sink->builder).take();
  return {std::move(outcome), sink, std::move(reply)};
}
std::string text_of(const Reply& reply) {
  std::string out;
  for (const auto& block : reply.message.content) {
    if (const auto* text = std::get_if<TextBlock>(&block)) out += text->text;
  }
  return out;
}

TEST(Scripted, EchoesWithoutAnyRule) {
  Clock clock;
  auto model = make({}, clock.sleep());
  auto ran = converse(*model, call_of("say this again"));
  ASSERT_TRUE(ran.outcome);
  EXPECT_EQ(text_of(ran.reply), "say this again");
  EXPECT_EQ(ran.outcome->served_by, "scripted:m");
  EXPECT_EQ(ran.reply.usage.input_tokens, 4);
  EXPECT_EQ(ran.reply.usage.output_tokens, 4);
  EXPECT_EQ(ran.sink->events.size(), 7u);  // start, three words, block stop, stop, metadata
}

TEST(Scripted, RulesMatchInOrderByModelTextRegexAndCall) {
  Clock clock;
  auto model = make(script(R"({"rules":[
    {"match":{"text":"twice","calls_to":2},"reply":"first two"},
    {"match":{"text":"twice","call":1},"reply":"third"},
    {"match":{"model":"special-*"},"reply":"special"},
    {"match":{"model":"anthropic.*","regex":"(?i)HELLO \\w+"},"reply":"hi"}]})"),
                    clock.sleep());
  EXPECT_EQ(text_of(converse(*model, call_of("twice")).reply), "first two");
  EXPECT_EQ(text_of(converse(*model, call_of("twice")).reply), "first two");
  EXPECT_EQ(text_of(converse(*model, call_of("twice")).reply), "third");
  EXPECT_EQ(text_of(converse(*model, call_of("twice")).reply), "twice");
  EXPECT_EQ(text_of(converse(*model, call_of("x", "special-1")).reply), "special");
  EXPECT_EQ(text_of(converse(*model, call_of("hello world")).reply), "hi");
}

TEST(Scripted, SaysReasoningTextAndToolsWithDelays) {
  Clock clock;
  auto model = make(
      script(
          R"({"rules":[{"delay_ms":100,"chunk_delay_ms":20,"reasoning":"let me","chunks":["a","b","c"],
    "tool_use":[{"name":"w","input":{"city":"Bonn"},"id":"tooluse_1"}],"usage":{"input_tokens":7,"output_tokens":8,"cache_read_tokens":9}}]})"),
      clock.sleep());
  auto ran = converse(*model, call_of("x"));
  ASSERT_TRUE(ran.outcome);
  ASSERT_EQ(ran.reply.message.content.size(), 3u);
  EXPECT_EQ(std::get<ReasoningBlock>(ran.reply.message.content[0]).text, "let me");
  EXPECT_EQ(text_of(ran.reply), "abc");
  const auto& tool = std::get<ToolUseBlock>(ran.reply.message.content[2]);
  EXPECT_EQ(tool.id, "tooluse_1");
  EXPECT_EQ(json::write(tool.input), R"({"city":"Bonn"})");
  EXPECT_EQ(ran.reply.stop, StopReason::tool_use);
  EXPECT_EQ(ran.reply.usage.cache_read_tokens, 9);
  EXPECT_EQ(clock.slept_ms, (std::vector<std::int64_t>{100, 20, 20, 20, 20, 20}));
}

TEST(Scripted, MaxTokensAndStopSequencesCutTheReply) {
  Clock clock;
  auto model = make(script(R"({"rules":[{"reply":"one two STOP three"}]})"), clock.sleep());
  auto call = call_of("x");
  call->conversation.inference.stop_sequences = {"STOP"};
  auto ran = converse(*model, call);
  EXPECT_EQ(text_of(ran.reply), "one two ");
  EXPECT_EQ(ran.reply.stop, StopReason::stop_sequence);
  EXPECT_EQ(ran.reply.stop_sequence, "STOP");
  call->conversation.inference.max_tokens = 1;
  ran = converse(*model, call);
  EXPECT_EQ(text_of(ran.reply), "one ");
  EXPECT_EQ(ran.reply.stop, StopReason::max_tokens);
}

TEST(Scripted, FailsBeforeTheStreamWithEveryNamedError) {
  for (const auto* name :
       {"throttled", "model_timeout", "model_error", "model_not_ready", "unavailable", "internal",
        "access_denied", "validation", "not_found", "quota_exceeded", "ThrottlingException"}) {
    Clock clock;
    auto model = make(
        script(fmt::format(
            R"({{"rules":[{{"fail":{{"error":"{}","message":"m","original_status":503,"resource_name":"r"}}}}]}})",
            name)),
        clock.sleep());
    auto ran = converse(*model, call_of("x"));
    ASSERT_FALSE(ran.outcome);
    EXPECT_TRUE(facts(ran.outcome.error().code).name == name ||
                facts(ran.outcome.error().code).exception == name);
    EXPECT_EQ(ran.outcome.error().message, "m");
    EXPECT_EQ(ran.outcome.error().original_status, 503);
    EXPECT_EQ(ran.outcome.error().resource_name, "r");
    EXPECT_TRUE(ran.sink->events.empty());
  }
}

TEST(Scripted, FailsAndIsCutInsideTheStream) {
  Clock clock;
  auto model = make(
      script(
          R"({"rules":[{"match":{"text":"fail"},"chunks":["a","b","c"],"fail":{"error":"model_stream_error","after_chunks":2}},
                                        {"match":{"text":"end"},"chunks":["a"],"fail":{"error":"internal","after_chunks":9}},
                                        {"chunks":["a","b"],"cut":{"after_chunks":1}}]})"),
      clock.sleep());
  auto ran = converse(*model, call_of("fail"));
  EXPECT_EQ(ran.outcome.error().code, Code::model_stream_error);
  EXPECT_EQ(ran.sink->events.size(), 3u);
  EXPECT_EQ(converse(*model, call_of("end")).outcome.error().code, Code::internal);
  ran = converse(*model, call_of("x"));
  EXPECT_EQ(ran.outcome.error().code, Code::io);
  EXPECT_EQ(ran.sink->events.size(), 2u);
}

TEST(Scripted, HangsUntilTheCallerGoesOrTheDeadlinePasses) {
  Clock clock;
  CancelSource source;
  clock.cancel_at_sleep = &source;
  auto model =
      make(script(R"({"rules":[{"chunks":["a"],"hang":{"after_chunks":1}}]})"), clock.sleep());
  auto call = call_of("x");
  call->context.cancel = source.token();
  EXPECT_EQ(converse(*model, call).outcome.error().code, Code::cancelled);
  clock.cancel_at_sleep = nullptr;
  call->context.cancel = {};
  call->context.deadline = Deadline::in(std::chrono::milliseconds(50));
  EXPECT_EQ(converse(*model, call).outcome.error().code, Code::model_timeout);
}

TEST(Scripted, StopsWhenTheSinkSaysSo) {
  Clock clock;
  auto model = make({}, clock.sleep());
  auto sink = std::make_shared<Recorder>();
  sink->refuse_after = 2;
  auto outcome = run(model->converse(call_of("a b c d"), sink));
  EXPECT_EQ(outcome.error().code, Code::cancelled);
  EXPECT_EQ(sink->events.size(), 2u);
}

TEST(Scripted, NativePiecesPassAsTheyAre) {
  Clock clock;
  auto model =
      make(script(R"({"rules":[{"match":{"operation":"invoke"},"native":[{"a":1},{"b":2}]}]})"),
           clock.sleep());
  auto sink = std::make_shared<Recorder>();
  ASSERT_TRUE(run(model->invoke(call_of("x"), sink)));
  ASSERT_EQ(sink->events.size(), 2u);
  EXPECT_EQ(std::get<NativeChunk>(sink->events[1]).bytes, R"({"b":2})");
  auto none = make({}, clock.sleep());
  EXPECT_EQ(run(none->invoke(call_of("x"), sink)).error().code, Code::not_implemented);
}

double cosine(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  return sum;
}

TEST(Scripted, EmbeddingsAreTheSameEachTimeAndNearWhenWordsAreShared) {
  Clock clock;
  auto model =
      make(script(R"({"rules":[{"match":{"text":"fixed"},"vector":[3,4]}]})"), clock.sleep());
  auto call = std::make_shared<EmbedCall>();
  call->texts = {"the cat sat on the mat", "The cat sat on a mat!", "quarterly revenue grew", ""};
  auto a = run(model->embed(call));
  ASSERT_TRUE(a);
  auto b = run(model->embed(call));
  EXPECT_EQ(a->vectors, b->vectors);
  for (const auto& vector : a->vectors) EXPECT_NEAR(cosine(vector, vector), 1.0, 1e-5);
  EXPECT_GT(cosine(a->vectors[0], a->vectors[1]), 0.7);
  EXPECT_LT(std::abs(cosine(a->vectors[0], a->vectors[2])), 0.35);
  call->texts = {"fixed"};
  auto fixed = run(model->embed(call));
  EXPECT_NEAR(fixed->vectors[0][0], 0.6, 1e-6);
}

TEST(Scripted, RanksByWords) {
  Clock clock;
  auto model = make({}, clock.sleep());
  auto call = std::make_shared<RerankCall>();
  call->query = "red fox";
  call->documents = {"a blue whale", "the red fox jumps", "fox"};
  call->top_n = 2;
  auto ranking = run(model->rerank(call));
  ASSERT_TRUE(ranking);
  ASSERT_EQ(ranking->entries.size(), 2u);
  EXPECT_NE(ranking->entries[0].index, 0);
  EXPECT_GE(ranking->entries[0].score, ranking->entries[1].score);
}

TEST(Scripted, CountEqualsWhatAReplyReports) {
  Clock clock;
  auto model = make({}, clock.sleep());
  auto call = call_of("twelve bytes");
  EXPECT_EQ(run(model->count(call))->input_tokens, converse(*model, call).reply.usage.input_tokens);
}

TEST(Script, RefusesWhatItDoesNotKnow) {
  struct Case {
    const char* text;
    const char* message;
  };
  for (const auto& c :
       {Case{R"([])", "A script must be an object with rules."},
        Case{R"({"rulez":[]})", "script.rulez is not known. Known here: rules."},
        Case{R"({"rules":[{"delay_ms":-1}]})",
             "rules[0].delay_ms must be an integer from 0 to 600000."},
        Case{R"({"rules":[{"match":{"regex":"("}}]})",
             "rules[0].match.regex must be a regular expression (missing ): ()."},
        Case{R"({"rules":[{"fail":{},"cut":{}}]})", nullptr},
        Case{R"({"rules":[{"fail":{"error":"nope"}}]})", nullptr},
        Case{R"({"rules":[{"cut":{},"hang":{}}]})",
             "rules[0] has more than one of fail, cut and hang. Give one."},
        Case{R"({"rules":[{"vector":[0,0]}]})", "rules[0].vector must be a vector with a length."},
        Case{R"({"rules":[{"tool_use":[{"input":{}}]}]})",
             "rules[0].tool_use.name must be the name of a tool."},
        Case{R"({"rules":[{"stop_reason":"because"}]})", nullptr}}) {
    auto read = Script::read(*json::read(c.text));
    ASSERT_FALSE(read) << c.text;
    EXPECT_EQ(read.error().code, Code::validation);
    if (c.message) EXPECT_EQ(read.error().message, c.message);
  }
  ScriptLimits limits;
  limits.rules = 1;
  EXPECT_TRUE(Script::read(*json::read(R"({"rules":[{}]})"), limits));
  EXPECT_FALSE(Script::read(*json::read(R"({"rules":[{},{}]})"), limits));
}

}  // namespace
}  // namespace outcrop::models::scripted
