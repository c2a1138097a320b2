// Goal: what the commands are made of, without a terminal and without a server of the whole
// program.
#include "app/captured.h"
#include "app/commands/context.h"
#include "app/commands/converse.h"
#include "app/commands/line_editor.h"
#include "app/commands/memory_fit.h"
#include "app/commands/profile.h"
#include "app/temp_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/socket.h>
#include <sys/un.h>
#include <thread>
#include <unistd.h>

namespace outcrop::commands {
namespace {

using ::testing::HasSubstr;

LineEditor::Outcome type(LineEditor& editor, std::string_view bytes) {
  auto last = LineEditor::Outcome::more;
  for (char byte : bytes) last = editor.feed(byte);
  return last;
}

TEST(LineEditor, EditsWholeCharacters) {
  LineEditor editor;
  type(editor, "naïve日");
  EXPECT_EQ(editor.text(), "naïve日");
  type(editor, "\x7f");
  EXPECT_EQ(editor.text(), "naïve");
  type(editor, "\x1b[D\x1b[D\x7f");  // before "ve": the ï goes, both of its bytes
  EXPECT_EQ(editor.text(), "nave");
  type(editor, "\x01X\x05Y");
  EXPECT_TRUE(editor.text().starts_with("X") && editor.text().ends_with("Y"));
  type(editor, "\x15");
  EXPECT_EQ(editor.text(), "");
}

TEST(LineEditor, KnowsTheUsualKeys) {
  LineEditor editor;
  type(editor, "one two three\x17");
  EXPECT_EQ(editor.text(), "one two ");
  type(editor, "\x1b[H\x1b[3~\x1b[3~");
  EXPECT_EQ(editor.text(), "e two ");
  type(editor, "\x0b");
  EXPECT_EQ(editor.text(), "");
  EXPECT_EQ(type(editor, "\x04"), LineEditor::Outcome::end);
  type(editor, "ab\x02");
  EXPECT_EQ(type(editor, "\x04"), LineEditor::Outcome::more);
  EXPECT_EQ(editor.text(), "a");
  EXPECT_EQ(type(editor, "\x03"), LineEditor::Outcome::interrupted);
  EXPECT_EQ(type(editor, "\r"), LineEditor::Outcome::line);
  EXPECT_EQ(editor.take(), "a");
  type(editor,
       "\x1b[200~x\xff\x80y\x1b"
       "Q");
  EXPECT_EQ(editor.text(), "xy");
}

TEST(LineEditor, RemembersAndGivesTheDraftBack) {
  LineEditor editor;
  editor.remember("first");
  editor.remember("second");
  editor.remember("second");
  type(editor, "draft\x1b[A");
  EXPECT_EQ(editor.text(), "second");
  type(editor, "\x1b[A\x1b[A");
  EXPECT_EQ(editor.text(), "first");
  type(editor, "\x1b[B\x1b[B\x1b[B");
  EXPECT_EQ(editor.text(), "draft");
}

TEST(LineEditor, KeepsTheCursorInSightAndALineWithinItsLimit) {
  LineEditor editor;
  type(editor, std::string(200, 'x') + "end");
  std::string screen = editor.screen("> ", 40);
  EXPECT_THAT(screen, HasSubstr("end"));
  EXPECT_LT(screen.size(), 60u);
  type(editor, std::string(70'000, 'y'));
  EXPECT_EQ(editor.text().size(), 64u * 1024);
}

TEST(LineEditor, APlainPipeIsReadLineByLine) {
  TempFolder folder;
  cli::Captured captured;
  captured.console.in = std::fopen(folder.write("in", "one\ntwo").c_str(), "r");
  LineEditor editor;
  EXPECT_EQ(read_line(captured.console, editor, "> ").line, "one");
  EXPECT_EQ(read_line(captured.console, editor, "> ").line, "two");
  EXPECT_EQ(read_line(captured.console, editor, "> ").line, std::nullopt);
  EXPECT_EQ(captured.out(), "");
  std::fclose(captured.console.in);
}

TEST(MemoryFit, CountsWeightsAndAnUpperBoundOfTheState) {
  MemoryNeed need{.weights_bytes = 1000, .layers = 10, .width = 100, .context_tokens = 50};
  EXPECT_EQ(memory_fit(need, 10'000'000).state_bytes_max, 10 * 100 * 50 * 4);
  EXPECT_EQ(memory_fit(need, 10'000'000).fit, Fit::fits);
  EXPECT_EQ(memory_fit(need, 100'000).fit, Fit::tight);
  EXPECT_EQ(memory_fit(need, 999).fit, Fit::no);
  need.context_tokens = INT64_MAX;
  need.layers = INT64_MAX;
  need.width = INT64_MAX;
  EXPECT_GT(memory_fit(need, 1000).state_bytes_max, 0);
}

TEST(Shell, WordsAreQuotedWhereTheyMust) {
  EXPECT_EQ(shell_word("http://127.0.0.1:8177"), "http://127.0.0.1:8177");
  EXPECT_EQ(shell_word("a b"), "'a b'");
  EXPECT_EQ(shell_word("it's $HOME"), "'it'\\''s $HOME'");
  EXPECT_EQ(shell_word(""), "''");
}

TEST(Profile, ReplacesItsOwnSectionAlone) {
  std::string text = *with_section("[a]\nx = 1\n", "b", "y = 2\n");
  EXPECT_EQ(
      text,
      "[a]\nx = 1\n\n[b]\n# made by outcrop env --profile; it may replace this section\ny = 2\n");
  std::string more = *with_section(text + "\n[c]\nz = 3\n", "b", "y = 4\n");
  EXPECT_THAT(more, HasSubstr("y = 4"));
  EXPECT_THAT(more, ::testing::Not(HasSubstr("y = 2")));
  EXPECT_THAT(more, HasSubstr("[c]\nz = 3\n"));
  EXPECT_EQ(*with_section(more, "b", "y = 4\n"), more);
  EXPECT_EQ(with_section(text, "a", "").error().code, Code::conflict);
}

/// Answers one request with prepared bytes.
class OneAnswer {
 public:
  OneAnswer(const std::string& path, std::string bytes) {
    fd_ = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    ::unlink(path.c_str());
    ::bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address);
    ::listen(fd_, 1);
    thread_ = std::thread([this, bytes = std::move(bytes)] {
      int peer = ::accept(fd_, nullptr, nullptr);
      while (asked.find("\r\n\r\n") == std::string::npos || !asked.ends_with("}")) {
        char buffer[4096];
        auto count = ::read(peer, buffer, sizeof buffer);
        if (count <= 0) break;
        asked.append(buffer, static_cast<std::size_t>(count));
      }
      [[maybe_unused]] auto sent = ::send(peer, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      ::close(peer);
    });
  }
  void join() {
    if (thread_.joinable()) thread_.join();
  }
  ~OneAnswer() {
    join();
    ::close(fd_);
  }
  std::string asked;

 private:
  int fd_ = -1;
  std::thread thread_;
};

struct ConverseTest : ::testing::Test {
  TempFolder folder;
  Reply reply;
  std::string seen, asked;
  Result<void> say(std::string bytes) {
    OneAnswer server(folder.path("s"), std::move(bytes));
    Turn turn;
    turn.socket = folder.path("s");
    turn.model = "a.b:0";
    turn.system = "Be brief.";
    turn.max_tokens = 5;
    turn.messages.push_back(
        json::Object{{"role", "user"}, {"content", json::Array{json::Object{{"text", "hi"}}}}});
    reply = {};
    seen.clear();
    auto outcome = converse(turn, [this](std::string_view piece) { seen += piece; }, reply);
    server.join();
    asked = server.asked;
    return outcome;
  }
};

const std::string stream_head =
    "HTTP/1.1 200 OK\r\ncontent-type: application/vnd.amazon.eventstream\r\nx-outcrop-served-by: "
    "local:tiny\r\n\r\n";

TEST_F(ConverseTest, StreamsTextAndCountsTokens) {
  auto outcome = say(
      stream_head + wire::encode_event("messageStart", R"({"role":"assistant"})") +
      wire::encode_event("contentBlockDelta", R"({"delta":{"text":"Hel"},"contentBlockIndex":0})") +
      wire::encode_event("contentBlockDelta", R"({"delta":{"text":"lo"},"contentBlockIndex":0})") +
      wire::encode_event("contentBlockStop", R"({"contentBlockIndex":0})") +
      wire::encode_event("messageStop", R"({"stopReason":"end_turn"})") +
      wire::encode_event("metadata",
                         R"({"usage":{"inputTokens":7,"outputTokens":2,"totalTokens":9}})"));
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(seen, "Hello");
  EXPECT_EQ(reply.text, "Hello");
  EXPECT_EQ(reply.stop_reason, "end_turn");
  EXPECT_EQ(reply.input_tokens, 7);
  EXPECT_EQ(reply.output_tokens, 2);
  EXPECT_EQ(reply.served_by, "local:tiny");
  EXPECT_THAT(asked, ::testing::StartsWith("POST /model/a.b%3A0/converse-stream HTTP/1.1\r\n"));
  EXPECT_THAT(asked, HasSubstr(R"("system":[{"text":"Be brief."}])"));
  EXPECT_THAT(asked, HasSubstr(R"("inferenceConfig":{"maxTokens":5})"));
}

TEST_F(ConverseTest, FailuresBeforeAndInsideTheStreamAreTold) {
  auto refused =
      say("HTTP/1.1 429 Too Many\r\nx-amzn-errortype: "
          "ThrottlingException:http://x/\r\ncontent-length: 18\r\n\r\n"
          R"({"message":"slow"})");
  EXPECT_EQ(refused.error().code, Code::throttled);
  auto broken =
      say(stream_head + wire::encode_event("contentBlockDelta", R"({"delta":{"text":"Hel"}})") +
          wire::encode_exception("modelStreamErrorException", R"({"message":"the model broke"})"));
  EXPECT_EQ(broken.error().code, Code::model_stream_error);
  EXPECT_EQ(broken.error().message, "the model broke");
  EXPECT_EQ(reply.text, "Hel");
  EXPECT_EQ(say(stream_head + wire::encode_event("messageStart", "{}")).error().code,
            Code::corrupt);
  std::string cut = stream_head + wire::encode_event("messageStop", R"({"stopReason":"end_turn"})");
  cut.pop_back();
  EXPECT_EQ(say(cut).error().code, Code::corrupt);
}

TEST(Reply, CountsTheRateFromTheFirstPiece) {
  Reply reply;
  reply.output_tokens = 21;
  reply.first_seconds = 1;
  reply.total_seconds = 3;
  EXPECT_DOUBLE_EQ(reply.tokens_per_second(), 10);
  EXPECT_DOUBLE_EQ(Reply{}.tokens_per_second(), 0);
}

}  // namespace
}  // namespace outcrop::commands
