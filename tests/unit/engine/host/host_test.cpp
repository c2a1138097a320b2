#include "engine/host/host.h"

#include "engine/support.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <fstream>

namespace outcrop::engine {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
namespace support = engine::testing;

constexpr const char* program = OUTCROP_ENGINE_PROGRAM;

json::Object chat_body(const std::string& question, int max_tokens = 48) {
  Chat chat;
  chat.turns.push_back(Turn{false, {TextPart{question}}});
  chat.sampling.max_tokens = max_tokens;
  chat.sampling.temperature = 0;
  return chat.to_json();
}

struct Answer {
  std::string text;
  std::string tool;
  std::string input;
  int frames = 0;
  std::optional<Done> done;
  std::optional<Error> error;
};

Task<Result<Answer>> ask(HostPtr host, json::Object body, Deadline deadline = {},
                         CancelToken cancel = {}) {
  CO_TRY(stream, co_await host->open(FrameType::chat, std::move(body), deadline, cancel));
  Answer answer;
  while (auto frame = co_await stream->next()) {
    if (frame->type == FrameType::events) {
      ++answer.frames;
      CO_TRY(batch, decode_events(frame->payload));
      for (const auto& event : batch.events) {
        if (const auto* text = std::get_if<TextEvent>(&event)) answer.text += text->text;
        if (const auto* tool = std::get_if<ToolStartEvent>(&event)) answer.tool = tool->name;
        if (const auto* input = std::get_if<ToolInputEvent>(&event)) answer.input += input->json;
      }
    } else if (frame->type == FrameType::done) {
      CO_TRY(value, json::read(frame->payload));
      CO_TRY(done, Done::from_json(value));
      answer.done = done;
    } else if (frame->type == FrameType::error) {
      answer.error = decode_error(frame->payload);
    }
  }
  co_return answer;
}

class HostTest : public ::testing::Test {
 protected:
  HostPtr make(const std::string& model, std::vector<std::string> more = {}) {
    auto options = support::options_for(program, model, std::move(more));
    options.say = [this](LogLevel, std::string_view what, std::string_view detail) {
      said += std::string(what) + ": " + std::string(detail) + "\n";
    };
    return Host::make(loop, options);
  }
  std::string temporary(const std::string& name) {
    folder = std::filesystem::temp_directory_path() /
             ("outcrop-host-test-" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder);
    return folder / name;
  }
  void TearDown() override {
    if (!folder.empty()) std::filesystem::remove_all(folder);
  }
  Loop loop{1};
  std::string said;
  std::filesystem::path folder;
};

TEST_F(HostTest, AMissingFileIsOneSentence) {
  auto host = make("/nowhere/model.gguf");
  auto started = support::run(loop, host->start());
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, Code::model_not_ready);
  EXPECT_EQ(started.error().message,
            "The model test-model is not ready: the model file /nowhere/model.gguf cannot be "
            "opened: No such file or directory");
}

TEST_F(HostTest, AProgramThatIsNotThereIsOneSentence) {
  auto options = support::options_for("/nowhere/outcrop", "x.gguf");
  auto host = Host::make(loop, options);
  auto started = support::run(loop, host->start());
  ASSERT_FALSE(started);
  EXPECT_THAT(started.error().message, HasSubstr("/nowhere/outcrop cannot be started"));
}

TEST_F(HostTest, AFileThatIsNoModelIsOneSentence) {
  const auto path = temporary("text.gguf");
  std::ofstream(path) << "this is no model";
  auto started = support::run(loop, make(path)->start());
  ASSERT_FALSE(started);
  EXPECT_THAT(started.error().message,
              HasSubstr("is no GGUF model: it does not begin with 'GGUF'"));
  EXPECT_THAT(started.error().message, Not(HasSubstr("\n")));
}

TEST_F(HostTest, ATruncatedModelIsOneSentenceWithBothSizes) {
  const auto model = support::chat_model();
  NEEDS_MODEL(model);
  const auto path = temporary("cut.gguf");
  std::filesystem::copy_file(model, path);
  const auto size = std::filesystem::file_size(path);
  std::filesystem::resize_file(path, size / 2);
  auto started = support::run(loop, make(path)->start());
  ASSERT_FALSE(started);
  EXPECT_THAT(started.error().message,
              HasSubstr("is truncated: it has " + std::to_string(size / 2)));
  EXPECT_THAT(started.error().message, HasSubstr(std::to_string(size)));
  // Cut inside its header it is refused too.
  std::filesystem::resize_file(path, 4096);
  started = support::run(loop, make(path)->start());
  ASSERT_FALSE(started);
  EXPECT_THAT(started.error().message, HasSubstr("broken or truncated GGUF model"));
}

TEST_F(HostTest, AModelTooLargeForTheMemoryIsRefusedBeforeItIsLoaded) {
  const auto model = support::chat_model();
  NEEDS_MODEL(model);
  auto started = support::run(loop, make(model, {"--memory-bytes", "100000000"})->start());
  ASSERT_FALSE(started);
  EXPECT_THAT(started.error().message,
              HasSubstr("and 96 MiB are available; choose a smaller model"));
}

TEST_F(HostTest, AnEngineThatKeepsFailingIsSaidOnceAndRequestsLearnWhy) {
  auto options = support::options_for(program, "/nowhere/model.gguf");
  options.restart_first = Millis(5);
  options.restart_most = Millis(60'000);
  options.patience = Millis(20);
  options.say = [this](LogLevel, std::string_view what, std::string_view detail) {
    said += std::string(what) + ": " + std::string(detail) + "\n";
  };
  auto host = Host::make(loop, options);
  for (int i = 0; i < 6; ++i) {
    auto started = support::run(loop, host->start());
    ASSERT_FALSE(started);
    EXPECT_EQ(started.error().code, Code::model_not_ready);
    EXPECT_THAT(started.error().message, HasSubstr("No such file"));
  }
  EXPECT_GE(host->status().failures, 3);
  const auto first = said.find("engine keeps failing");
  EXPECT_NE(first, std::string::npos) << said;
  EXPECT_EQ(said.find("engine keeps failing", first + 1), std::string::npos) << said;
}

class ChatHostTest : public HostTest {
 protected:
  void SetUp() override {
    NEEDS_MODEL(support::chat_model());
    host = make(support::chat_model(), {"--parallel", "8"});
  }
  void TearDown() override {
    if (host) loop.run(host->stop());
    HostTest::TearDown();
  }
  Answer get(json::Object body, Deadline deadline = {}, CancelToken cancel = {}) {
    auto answer = support::run(loop, ask(host, std::move(body), deadline, cancel));
    EXPECT_TRUE(answer) << answer.error().message;
    return answer ? *answer : Answer{};
  }
  HostPtr host;
};

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

TEST_F(ChatHostTest, ACancelledRequestEndsAtOnceAndFreesItsPlace) {
  CancelSource source;
  struct Canceller {
    static Task<void> later(Loop* loop, CancelSource* source) {
      co_await loop->sleep(Millis(150));
      source->cancel();
    }
  };
  ASSERT_TRUE(support::run(loop, host->start()));
  loop.spawn(Canceller::later(&loop, &source));
  const auto begun = now();
  auto answer = get(chat_body("Tell me a very long story.", 2'000), {}, source.token());
  ASSERT_TRUE(answer.error);
  EXPECT_EQ(answer.error->code, Code::cancelled);
  EXPECT_LT(now() - begun, std::chrono::seconds(5));
  EXPECT_EQ(host->status().streams, 0U);
  EXPECT_TRUE(get(chat_body("Hello!", 4)).done);
}

TEST_F(ChatHostTest, ADeadlineEndsARequestWithATimeout) {
  ASSERT_TRUE(support::run(loop, host->start()));
  auto answer = get(chat_body("Tell me a very long story.", 4'000), Deadline::in(Millis(300)));
  ASSERT_TRUE(answer.error);
  EXPECT_EQ(answer.error->code, Code::model_timeout);
}

TEST_F(ChatHostTest, EightStreamsRunTogetherAndEachAnswersItsOwnQuestion) {
  std::vector<std::string> questions;
  for (int i = 0; i < 8; ++i)
    questions.push_back(fmt::format(
        "Passage: The mill in Dorn was built in {} by Anna Kessler. It has four floors. "
        "It burned in 1907.\nQuestion: In which year was the mill built?",
        1811 + 7 * i));
  struct Runner {
    static Task<void> go(HostPtr host, std::string question, std::vector<Answer>* out,
                         std::size_t at, Channel<int> finished) {
      auto answer = co_await ask(host, chat_body(question, 24));
      if (answer) (*out)[at] = std::move(*answer);
      co_await finished.push(1);
    }
    static Task<void> wait(Channel<int> finished, int count) {
      for (int i = 0; i < count; ++i) (void)co_await finished.pop();
    }
  };
  ASSERT_TRUE(support::run(loop, host->start()));
  std::vector<Answer> answers(questions.size());
  Channel<int> finished(questions.size());
  for (std::size_t i = 0; i < questions.size(); ++i)
    loop.spawn(Runner::go(host, questions[i], &answers, i, finished));
  loop.run(Runner::wait(finished, static_cast<int>(questions.size())));
  for (std::size_t i = 0; i < answers.size(); ++i) {
    ASSERT_TRUE(answers[i].done) << i;
    EXPECT_THAT(answers[i].text, HasSubstr(std::to_string(1811 + 7 * i)))
        << "a stream that reads another one's state would name another year";
  }
}

TEST_F(ChatHostTest, AReaderThatDoesNotReadSlowsItsOwnStreamAlone) {
  struct Slow {
    static Task<Result<int>> run(HostPtr host, Loop* loop) {
      auto body = chat_body("Tell me a very long story about the sea.", 400);
      body["credits"] = 4;
      CO_TRY(stream, co_await host->open(FrameType::chat, std::move(body), {}, {}));
      // Not read: the engine stops after four frames. Another request goes through meanwhile.
      CO_TRY(other, co_await ask(host, chat_body("Hello!", 8)));
      if (!other.done) co_return fail(Code::internal, "the other request did not end");
      co_await loop->sleep(Millis(200));
      int frames = 0;
      while (auto frame = co_await stream->next()) {
        if (frame->type == FrameType::done) co_return frames;
        ++frames;
      }
      co_return fail(Code::internal, "no end");
    }
  };
  ASSERT_TRUE(support::run(loop, host->start()));
  auto frames = support::run(loop, Slow::run(host, &loop));
  ASSERT_TRUE(frames) << frames.error().message;
  EXPECT_GT(*frames, 50) << "once read, the stream goes on to its end";
}

TEST_F(ChatHostTest, KilledDuringTwentyStreamsEachEndsWithAnErrorAndTheNextRequestIsServed) {
  struct Runner {
    static Task<void> go(HostPtr host, int i, std::vector<Answer>* out, Channel<int> finished) {
      auto answer =
          co_await ask(host, chat_body(fmt::format("Tell me a long story number {}.", i), 600));
      if (answer) {
        (*out)[static_cast<std::size_t>(i)] = std::move(*answer);
      } else {
        (*out)[static_cast<std::size_t>(i)].error = answer.error();
      }
      co_await finished.push(1);
    }
    static Task<void> kill(HostPtr host, Loop* loop, Channel<int> finished) {
      co_await loop->sleep(std::chrono::seconds(2));
      ::kill(host->status().pid, SIGKILL);
      for (int i = 0; i < 20; ++i) (void)co_await finished.pop();
    }
  };
  ASSERT_TRUE(support::run(loop, host->start()));
  std::vector<Answer> answers(20);
  Channel<int> finished(20);
  for (int i = 0; i < 20; ++i) loop.spawn(Runner::go(host, i, &answers, finished));
  loop.run(Runner::kill(host, &loop, finished));
  int after_first = 0;
  for (const auto& answer : answers) {
    ASSERT_TRUE(answer.error) << answer.text;
    EXPECT_EQ(answer.error->code,
              answer.frames > 0 ? Code::model_stream_error : Code::model_not_ready);
    after_first += answer.frames > 0 ? 1 : 0;
  }
  EXPECT_GE(after_first, 1);
  EXPECT_THAT(said, HasSubstr("was killed by signal 9"));
  const auto begun = now();
  EXPECT_TRUE(get(chat_body("Hello!", 4)).done);
  EXPECT_LT(now() - begun, std::chrono::seconds(20));
  EXPECT_EQ(host->status().starts, 2);
}

TEST_F(ChatHostTest, CountingIsWhatARequestIsFed) {
  auto body = chat_body("How many tokens is this?", 1);
  auto counted = support::run(loop, host->ask(FrameType::count, body, {}, {}));
  ASSERT_TRUE(counted) << counted.error().message;
  EXPECT_EQ(json::find_int(json::read(counted->payload)->get_object(), "input_tokens"),
            get(body).done->input_tokens);
}

TEST_F(ChatHostTest, AModelNobodyAsksIsUnloadedAndLoadedAgain) {
  loop.run(host->stop());
  auto options = support::options_for(program, support::chat_model());
  options.idle_timeout = Millis(200);
  host = Host::make(loop, options);
  EXPECT_TRUE(get(chat_body("Hello!", 2)).done);
  struct Waiter {
    static Task<void> until_stopped(HostPtr host, Loop* loop) {
      for (int i = 0; i < 100 && host->status().state != HostStatus::State::stopped; ++i)
        co_await loop->sleep(Millis(50));
    }
  };
  loop.run(Waiter::until_stopped(host, &loop));
  EXPECT_EQ(host->status().state, HostStatus::State::stopped);
  EXPECT_TRUE(get(chat_body("Hello!", 2)).done);
  EXPECT_EQ(host->status().starts, 2);
}

TEST_F(ChatHostTest, AFullQueueIsThrottledWithItsLimit) {
  loop.run(host->stop());
  host = make(support::chat_model(), {"--parallel", "1", "--queue", "2"});
  struct Many {
    static Task<void> go(HostPtr host, std::vector<Code>* errors, Channel<int> finished) {
      auto answer = co_await ask(host, chat_body("Tell me a story.", 30));
      if (answer && answer->error) errors->push_back(answer->error->code);
      co_await finished.push(1);
    }
    static Task<void> wait(Channel<int> finished, int count) {
      for (int i = 0; i < count; ++i) (void)co_await finished.pop();
    }
  };
  ASSERT_TRUE(support::run(loop, host->start()));
  std::vector<Code> errors;
  Channel<int> finished(12);
  for (int i = 0; i < 12; ++i) loop.spawn(Many::go(host, &errors, finished));
  loop.run(Many::wait(finished, 12));
  EXPECT_THAT(errors, ::testing::Each(Code::throttled));
  EXPECT_GE(errors.size(), 6U);
}

}  // namespace
}  // namespace outcrop::engine
