#pragma once
/// An engine under test, and one way to ask it.

#include "engine/support.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <unistd.h>

namespace outcrop::engine::testing {

inline constexpr const char* program = OUTCROP_ENGINE_PROGRAM;

inline json::Object chat_body(const std::string& question, int max_tokens = 48) {
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

inline Task<Result<Answer>> ask(HostPtr host, json::Object body, Deadline deadline = {},
                                CancelToken cancel = {}, int* frames_seen = nullptr) {
  CO_TRY(stream, co_await host->open(FrameType::chat, std::move(body), deadline, cancel));
  Answer answer;
  while (auto frame = co_await stream->next()) {
    if (frame->type == FrameType::events) {
      ++answer.frames;
      if (frames_seen) ++*frames_seen;
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
    auto options = options_for(program, model, std::move(more));
    options.say = [this](LogLevel, std::string_view what, std::string_view detail) {
      said += std::string(what) + ": " + std::string(detail) + "\n";
    };
    made.push_back(Host::make(loop, options));
    return made.back();
  }
  std::string temporary(const std::string& name) {
    folder = std::filesystem::temp_directory_path() /
             ("outcrop-host-test-" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder);
    return folder / name;
  }
  void TearDown() override {
    for (const auto& host : made) loop.run(host->stop());
    if (!folder.empty()) std::filesystem::remove_all(folder);
  }
  Loop loop{1};
  std::string said;
  std::filesystem::path folder;
  std::vector<HostPtr> made;
};

class ChatHostTest : public HostTest {
 protected:
  void SetUp() override {
    NEEDS_MODEL(chat_model());
    host = make(chat_model(), {"--parallel", "8"});
  }
  Answer get(json::Object body, Deadline deadline = {}, CancelToken cancel = {}) {
    auto answer = run(loop, ask(host, std::move(body), deadline, cancel));
    EXPECT_TRUE(answer) << answer.error().message;
    return answer ? *answer : Answer{};
  }
  HostPtr host;
};

}  // namespace outcrop::engine::testing
