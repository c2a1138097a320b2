#include "observe/log.h"

#include "base/text.h"
#include "base/time.h"
#include "json/json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fcntl.h>
#include <limits>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

namespace outcrop::observe {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

/// The log, written to a pipe and read back.
class LogTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(::pipe(ends_), 0);
    options_.fd = ends_[1];
    configure_log(options_);
  }
  void TearDown() override {
    configure_log({});
    ::close(ends_[0]);
    if (ends_[1] >= 0) ::close(ends_[1]);
  }
  void set(void (*change)(LogOptions&)) {
    change(options_);
    configure_log(options_);
  }
  std::string written() {
    ::fcntl(ends_[0], F_SETFL, O_NONBLOCK);
    std::string out;
    char buffer[65536];
    for (ssize_t n; (n = ::read(ends_[0], buffer, sizeof buffer)) > 0;)
      out.append(buffer, static_cast<std::size_t>(n));
    return out;
  }
  json::Object object() {
    std::string line = written();
    EXPECT_TRUE(line.ends_with("}\n")) << line;
    auto value = json::read(line);
    EXPECT_TRUE(value) << line;
    return value ? value->as_object() : json::Object();
  }
  int ends_[2] = {-1, -1};
  LogOptions options_;
};

TEST_F(LogTest, ALineIsOneObjectWithTimeLevelWhatAndTypedFields) {
  log(LogLevel::warn, "model loaded",
      {{"model", "llama"},
       {"latency_ms", 12},
       {"ratio", 0.5},
       {"cached", true},
       {"bytes", std::numeric_limits<std::uint64_t>::max()},
       {"lowest", std::numeric_limits<std::int64_t>::min()}});
  auto line = object();
  EXPECT_EQ(json::find_string(line, "level"), "warn");
  EXPECT_EQ(json::find_string(line, "what"), "model loaded");
  EXPECT_EQ(json::find_string(line, "model"), "llama");
  EXPECT_EQ(json::find_int(line, "latency_ms"), 12);
  EXPECT_EQ(json::find_double(line, "ratio"), 0.5);
  EXPECT_EQ(json::find_bool(line, "cached"), true);
  EXPECT_EQ(line["bytes"].to_number<std::uint64_t>(), std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(json::find_int(line, "lowest"), std::numeric_limits<std::int64_t>::min());
  auto time = parse_iso8601(json::find_string(line, "time").value_or(""));
  ASSERT_TRUE(time);
  EXPECT_LT(std::chrono::abs(wall_now() - *time), std::chrono::minutes(1));
}

TEST_F(LogTest, LevelsBelowTheConfiguredOneAreNotWritten) {
  log(LogLevel::debug, "quiet");
  EXPECT_EQ(written(), "");
  EXPECT_FALSE(logs(LogLevel::debug));
  set_log_level(LogLevel::debug);
  EXPECT_TRUE(logs(LogLevel::debug));
  log(LogLevel::debug, "loud");
  EXPECT_THAT(written(), HasSubstr("loud"));
  set_log_level(LogLevel::error);
  log(LogLevel::warn, "quiet");
  EXPECT_EQ(written(), "");
}

TEST_F(LogTest, LevelsAreNamed) {
  EXPECT_EQ(log_level("debug"), LogLevel::debug);
  EXPECT_EQ(log_level("error"), LogLevel::error);
  EXPECT_EQ(log_level("loud"), std::nullopt);
  EXPECT_EQ(log_level_name(LogLevel::warn), "warn");
}

TEST_F(LogTest, NothingInAFieldCanForgeALine) {
  std::string evil = "a\n{\"level\":\"info\"}\r\t\"\\\x1b[31m\x7f\xC2\x85\xE2\x80\xA8\xE2\x80\xAE";
  log(LogLevel::info, evil, {{evil, std::string_view(evil)}});
  std::string line = written();
  EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1);
  EXPECT_THAT(line, Not(HasSubstr("\x1b")));
  EXPECT_THAT(line, Not(HasSubstr("\xE2\x80\xA8")));
  EXPECT_THAT(line, Not(HasSubstr("\xE2\x80\xAE")));
  auto value = json::read(line);
  ASSERT_TRUE(value) << line;
  EXPECT_EQ(json::find_string(value->as_object(), "what"), evil);
  EXPECT_EQ(json::find_string(value->as_object(), evil), evil);
}

TEST_F(LogTest, EveryByteSequenceGivesValidJson) {
  for (int first = 0; first < 256; ++first) {
    for (int second : {0x00, 0x22, 0x41, 0x5c, 0x80, 0xa0, 0xbf, 0xc2, 0xed, 0xff}) {
      std::string bytes{static_cast<char>(first), static_cast<char>(second), 'x'};
      log(LogLevel::info, "bytes", {{"text", std::string_view(bytes)}});
      std::string line = written();
      auto value = json::read(line);
      ASSERT_TRUE(value) << hex(bytes) << ": " << line;
      auto text = json::find_string(value->as_object(), "text").value_or("");
      EXPECT_TRUE(is_utf8(text)) << hex(bytes);
      if (is_utf8(bytes)) {
        EXPECT_EQ(text, bytes);
      } else {
        EXPECT_THAT(std::string(text), HasSubstr("\xEF\xBF\xBD")) << hex(bytes);
      }
    }
  }
}

TEST_F(LogTest, AFieldCannotReplaceTheLinesOwnMembers) {
  log(LogLevel::info, "phrase", {{"what", "x"}, {"level", 1}, {"time", "never"}});
  auto line = object();
  EXPECT_EQ(json::find_string(line, "what"), "phrase");
  EXPECT_EQ(json::find_string(line, "level"), "info");
  EXPECT_EQ(json::find_string(line, "what_"), "x");
  EXPECT_EQ(json::find_string(line, "time_"), "never");
}

TEST_F(LogTest, ANumberThatIsNoneBecomesNull) {
  log(LogLevel::info, "odd", {{"a", std::nan("")}, {"b", HUGE_VAL}});
  auto line = object();
  EXPECT_TRUE(line["a"].is_null());
  EXPECT_TRUE(line["b"].is_null());
}

TEST_F(LogTest, ALongTextIsCutAtAWholeCharacterAndSaysSo) {
  set([](LogOptions& o) { o.field_bytes = 17; });
  std::string text(20, 'a');
  text.replace(16, 2, "\xC3\xA9");  // stands across the limit
  log(LogLevel::info, "long", {{"text", std::string_view(text)}});
  EXPECT_EQ(json::find_string(object(), "text"), "aaaaaaaaaaaaaaaa [cut: 20 bytes in all]");
  log(LogLevel::info, "short", {{"text", "aaaaaaaaaaaaaaaaa"}});
  EXPECT_EQ(json::find_string(object(), "text"), "aaaaaaaaaaaaaaaaa");
}

TEST_F(LogTest, APromptIsItsLengthUnlessAskedFor) {
  EXPECT_EQ(prompt("héllo"), "[5 characters]");
  set([](LogOptions& o) { o.prompts = true; });
  EXPECT_EQ(prompt("héllo"), "héllo");
}

TEST_F(LogTest, SecretsAreNeverWritten) {
  set([](LogOptions& o) { o.prompts = true; });
  log(LogLevel::info, "auth",
      {{"authorization", "Bearer s3cr3t"}, {"password", 1234567}, {"input_tokens", 7}});
  std::string line = written();
  EXPECT_THAT(line, Not(HasSubstr("s3cr3t")));
  EXPECT_THAT(line, Not(HasSubstr("1234567")));
  EXPECT_THAT(line, HasSubstr("\"input_tokens\":7"));
}

TEST_F(LogTest, ThePlainFormIsOneReadableLine) {
  set([](LogOptions& o) { o.json = false; });
  log(LogLevel::info, "listening",
      {{"port", 8080}, {"host", "::1"}, {"note", "two words\n\"x\""}, {"none", ""}});
  std::string line = written();
  EXPECT_THAT(
      line,
      ::testing::MatchesRegex(
          R"([0-9:.]{12} info  listening  port=8080  host=::1  note="two words\\n\\"x\\""  none="".)"));
  log(LogLevel::error, "a\x1b]0;title\x07");
  EXPECT_THAT(written(), HasSubstr("error a\\u{1b}]0;title\\u{7}\n"));
}

TEST_F(LogTest, LinesOfManyThreadsNeverMix) {
  constexpr int threads = 8, lines = 200;
  std::string all;
  std::thread reader([&] {
    char buffer[4096];
    for (ssize_t n; (n = ::read(ends_[0], buffer, sizeof buffer)) > 0;)
      all.append(buffer, static_cast<std::size_t>(n));
  });
  std::vector<std::thread> writers;
  for (int t = 0; t < threads; ++t) {
    writers.emplace_back([t] {
      // Longer than a pipe takes at once in one piece (PIPE_BUF).
      std::string text(6000, static_cast<char>('a' + t));
      for (int i = 0; i < lines; ++i)
        log(LogLevel::info, "mixed", {{"text", std::string_view(text)}, {"thread", t}});
    });
  }
  for (auto& writer : writers) writer.join();
  ::close(std::exchange(ends_[1], -1));
  reader.join();
  int seen = 0;
  for (auto line : split(all, '\n')) {
    if (line.empty()) continue;
    auto value = json::read(line);
    ASSERT_TRUE(value) << line.substr(0, 200);
    auto text = json::find_string(value->as_object(), "text").value_or("");
    auto thread = json::find_int(value->as_object(), "thread").value_or(-1);
    ASSERT_EQ(text, std::string(6000, static_cast<char>('a' + thread)));
    ++seen;
  }
  EXPECT_EQ(seen, threads * lines);
}

TEST_F(LogTest, LinesThatNobodyReadsAreCountedAndReported) {
  ::fcntl(ends_[1], F_SETFL, O_NONBLOCK);
  set([](LogOptions& o) { o.blocked_ms = 1; });
  auto lost_before = log_lines_lost();
  std::string text(4000, 'x');
  for (int i = 0; i < 40; ++i) log(LogLevel::info, "flood", {{"text", std::string_view(text)}});
  auto lost = log_lines_lost() - lost_before;
  EXPECT_GT(lost, 0u);
  EXPECT_LT(lost, 40u);
  written();
  log(LogLevel::info, "after");
  std::string line = written();
  EXPECT_THAT(line, HasSubstr("log lines were lost\",\"lines\":" + std::to_string(lost)));
  EXPECT_THAT(line, HasSubstr("after"));
}

}  // namespace
}  // namespace outcrop::observe
