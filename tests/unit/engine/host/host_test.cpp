#include "engine/host/fixture.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <fstream>

namespace outcrop::engine {
namespace {

using namespace testing;
using ::testing::HasSubstr;
namespace support = engine::testing;

using ::testing::Not;

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
  auto host = made.emplace_back(Host::make(loop, options));
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
  auto host = made.emplace_back(Host::make(loop, options));
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
    static Task<void> go(HostPtr host, int i, std::vector<Answer>* out, int* frames_seen,
                         Channel<int> finished) {
      auto answer =
          co_await ask(host, chat_body(fmt::format("Tell me a long story number {}.", i), 600), {},
                       {}, frames_seen);
      auto& mine = (*out)[static_cast<std::size_t>(i)];
      if (answer) {
        mine = std::move(*answer);
      } else {
        mine.error = answer.error();
      }
      co_await finished.push(1);
    }
    static Task<void> kill(HostPtr host, Loop* loop, const int* frames_seen,
                           Channel<int> finished) {
      while (*frames_seen < 10) co_await loop->sleep(Millis(5));
      ::kill(host->status().pid, SIGKILL);
      for (int i = 0; i < 20; ++i) (void)co_await finished.pop();
    }
  };
  ASSERT_TRUE(support::run(loop, host->start()));
  std::vector<Answer> answers(20);
  int frames_seen = 0;
  Channel<int> finished(20);
  for (int i = 0; i < 20; ++i) loop.spawn(Runner::go(host, i, &answers, &frames_seen, finished));
  loop.run(Runner::kill(host, &loop, &frames_seen, finished));
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

TEST_F(ChatHostTest, AModelNobodyAsksIsUnloadedAndLoadedAgain) {
  loop.run(host->stop());
  auto options = support::options_for(program, support::chat_model());
  options.idle_timeout = Millis(200);
  host = made.emplace_back(Host::make(loop, options));
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
