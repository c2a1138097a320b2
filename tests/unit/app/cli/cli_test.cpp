#include "app/captured.h"
#include "app/cli/arguments.h"
#include "app/cli/exit.h"
#include "app/cli/progress.h"
#include "app/cli/suggest.h"
#include "app/cli/table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

namespace outcrop::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(Suggest, FindsTheNearWordAndNoFarOne) {
  std::vector<std::string> words{"serve", "models", "keys", "doctor", "version", "env"};
  EXPECT_EQ(nearest("srve", words), "serve");
  EXPECT_EQ(nearest("modles", words), "models");
  EXPECT_EQ(nearest("KEYS", words), "keys");
  EXPECT_EQ(nearest("docter", words), "doctor");
  EXPECT_EQ(nearest("banana", words), "");
  EXPECT_EQ(nearest("x", words), "");
  EXPECT_EQ(edit_distance("ab", "ba"), 1u);
  EXPECT_EQ(edit_distance("", "abc"), 3u);
}

TEST(Console, CountsColumnsOfWideAndColouredText) {
  EXPECT_EQ(columns("abc"), 3u);
  EXPECT_EQ(columns("\x1b[31mabc\x1b[0m"), 3u);
  EXPECT_EQ(columns("日本"), 4u);
  EXPECT_EQ(columns("e\u0301"), 1u);
  EXPECT_EQ(fitted("abcdef", 4), "abc…");
  EXPECT_EQ(fitted("日本語", 4), "日…");
  EXPECT_EQ(fitted("abc", 3), "abc");
  EXPECT_EQ(columns(fitted("\x1b[31mabcdef\x1b[0m", 4)), 4u);
}

TEST(Console, ControlCharactersCannotSteerTheTerminal) {
  EXPECT_EQ(printable("a\x1b[2Jb\rc\n\t"), "a\\x1b[2Jb\\x0dc\n\t");
  EXPECT_EQ(printable("naïve 日本"), "naïve 日本");
}

TEST(Console, WritesAmountsForPeople) {
  EXPECT_EQ(bytes_text(999), "999 bytes");
  EXPECT_EQ(bytes_text(168'000'000), "168 MB");
  EXPECT_EQ(bytes_text(2'600'000'000), "2.6 GB");
  EXPECT_EQ(bytes_text(999'700), "1.0 MB");
  EXPECT_EQ(time_text(0.31), "310 ms");
  EXPECT_EQ(time_text(3.4), "3.4 s");
  EXPECT_EQ(time_text(130), "2 min 10 s");
  EXPECT_EQ(time_text(4800), "1 h 20 min");
  EXPECT_EQ(grouped(-1234567), "-1,234,567");
  EXPECT_EQ(grouped(123), "123");
}

TEST(Table, AlignsAndLeavesNoSpacesAtTheEnd) {
  Table table({{"name"}, {"size", true}, {"note"}});
  table.row({"a", "1 MB", ""});
  table.row({"longer", "12 MB", "x"});
  EXPECT_EQ(table.text(0),
            "name     size  note\n"
            "a        1 MB\n"
            "longer  12 MB  x\n");
}

TEST(Table, GivesWayInTheMarkedColumnFirstAndFitsTheWidth) {
  Table table({{"name"}, {"path", false, true}});
  table.row({"model", "/very/long/path/of/a/file/that/goes/on.gguf"});
  EXPECT_EQ(table.text(20),
            "name   path\n"
            "model  /very/long/p…\n");
  Table wide({{"a"}, {"b"}});
  wide.row({std::string(80, 'a'), std::string(80, 'b')});
  for (auto text = wide.text(100); !text.empty(); text.erase(0, text.find('\n') + 1)) {
    EXPECT_LE(columns(text.substr(0, text.find('\n'))), 100u);
  }
}

TEST(Progress, ShowsShareRateAndTimeLeft) {
  ProgressState state{
      .label = "model.gguf", .done = 50'000'000, .total = 100'000'000, .seconds = 5};
  EXPECT_EQ(progress_line(state, 100, true),
            "  model.gguf  ███████░░░░░░░░  50 MB of 100 MB  10 MB/s  5.0 s left");
  state.from = 40'000'000;  // resumed: only what this run brought counts
  EXPECT_EQ(progress_line(state, 100, false), "  model.gguf  50 MB of 100 MB  2.0 MB/s  25 s left");
  state.done = state.total;
  EXPECT_EQ(progress_line(state, 100, false), "  model.gguf  100 MB of 100 MB  5.0 s  12 MB/s");
  state.total = 0;
  EXPECT_EQ(progress_line(state, 100, true), "  model.gguf  100 MB  12 MB/s");
  EXPECT_LE(columns(progress_line(
                {.label = std::string(90, 'x'), .done = 1, .total = 9, .seconds = 1}, 60, true)),
            60u);
}

TEST(Progress, InAPipeShortWaitsLeaveOneLineAndJsonLeavesNone) {
  Captured captured;
  {
    Progress progress(captured.console, "reading", 10, Unit::items);
    for (int i = 0; i <= 10; ++i) progress.at(i);
    progress.finish("done");
  }
  EXPECT_THAT(captured.err(), HasSubstr("reading  10 of 10"));
  EXPECT_THAT(captured.err(), Not(HasSubstr("\r")));
  std::string err = captured.err();
  EXPECT_EQ(std::count(err.begin(), err.end(), '\n'), 1);
  Captured quiet;
  quiet.console.json = true;
  {
    Progress progress(quiet.console, "reading", 10, Unit::items);
  }
  EXPECT_EQ(quiet.err(), "");
}

TEST(Report, IsThreeLinesOrOneObject) {
  Captured captured;
  Trouble trouble{.exit = no_server,
                  .what = "no server answers",
                  .why = "the socket is not there",
                  .next = "outcrop serve"};
  EXPECT_EQ(report(captured.console, trouble), 3);
  EXPECT_EQ(captured.err(),
            "outcrop: no server answers\n"
            "  why   the socket is not there\n"
            "  next  outcrop serve\n");
  Captured json;
  json.console.json = true;
  report(json.console, trouble);
  EXPECT_EQ(json.err(),
            "{\"error\":{\"what\":\"no server answers\",\"why\":\"the socket is not "
            "there\",\"next\":\"outcrop serve\","
            "\"exit\":3}}\n");
}

struct Example_ : ::testing::Test {
  Arguments seen;
  int ran = 0;
  Commands commands{
      "outcrop",
      "One program.",
      {{"--json", "", "JSON"}, {"--help", "", "this text"}},
      {{.name = "models",
        .summary = "List models",
        .run = [this](const Console&, const Arguments& a) { return seen = a, ++ran, 0; }},
       {.name = "models add",
        .summary = "Add a model",
        .flags = {{"--name", "NAME", "how to call it"},
                  {"--stands-in-for", "PATTERN", "ids", true},
                  {"--mode", "MODE", "how", false, {"copy", "link"}},
                  {"--force", "", "do it"}},
        .words = {{"SOURCE", "a file, folder or URL"}},
        .examples = {{"outcrop models add a.gguf", "adds it"}},
        .run = [this](const Console&, const Arguments& a) { return seen = a, ++ran, 0; }},
       {.name = "keys create",
        .summary = "Make a key",
        .run = [](const Console&, const Arguments&) { return 0; }}}};
};
using Arguments_ = Example_;

TEST_F(Arguments_, ReadsFlagsInBothFormsAndTheLongestCommandName) {
  Captured captured;
  EXPECT_EQ(commands.run(captured.console, {"models", "add", "--name=x", "--stands-in-for", "a",
                                            "f.gguf", "--stands-in-for", "b", "--force"}),
            0);
  EXPECT_EQ(ran, 1);
  EXPECT_EQ(seen.value("--name"), "x");
  EXPECT_EQ(seen.values("--stands-in-for"), (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(seen.has("--force"));
  EXPECT_EQ(seen.word(0), "f.gguf");
  EXPECT_EQ(commands.run(captured.console, {"models", "add", "--", "--name"}), 0);
  EXPECT_EQ(seen.word(0), "--name");
}

TEST_F(Arguments_, MistakesSayWhatIsWrongAndWhatIsNear) {
  struct Case {
    std::vector<std::string> words;
    std::string message;
  };
  const Case cases[] = {
      {{"modles"},
       "there is no command \"modles\"\n  why   did you mean outcrop models?\n  next  outcrop "
       "help\n"},
      {{"keys", "craete"},
       "there is no command \"keys craete\"\n  why   did you mean outcrop keys create?\n  next  "
       "outcrop help keys\n"},
      {{"models", "add"},
       "models add: SOURCE is missing: a file, folder or URL\n  next  outcrop help models add\n"},
      {{"models", "add", "a", "b"},
       "models add: \"b\" is one word too many\n  next  outcrop help models add\n"},
      {{"models", "add", "a", "--nme", "x"},
       "models add: --nme: there is no such flag; did you mean --name?\n  next  outcrop help "
       "models add\n"},
      {{"models", "add", "a", "--name"},
       "models add: --name: a value is wanted: --name NAME\n  next  outcrop help models add\n"},
      {{"models", "add", "a", "--force=1"},
       "models add: --force takes no value\n  next  outcrop help models add\n"},
      {{"models", "add", "a", "--name", "x", "--name", "y"},
       "models add: --name is given twice\n  next  outcrop help models add\n"},
      {{"models", "add", "a", "--mode", "move"},
       "models add: --mode move: copy or link is wanted\n  next  outcrop help models add\n"},
  };
  for (const auto& each : cases) {
    Captured captured;
    EXPECT_EQ(commands.run(captured.console, each.words), usage);
    EXPECT_EQ(captured.err(), "outcrop: " + each.message);
    EXPECT_EQ(captured.out(), "");
  }
  EXPECT_EQ(ran, 0);
}

TEST_F(Arguments_, HelpIsThereInEveryForm) {
  for (const auto& words : {std::vector<std::string>{"models", "add", "--help"},
                            {"models", "add", "-h"},
                            {"help", "models", "add"}}) {
    Captured captured;
    EXPECT_EQ(commands.run(captured.console, words), done);
    EXPECT_THAT(captured.out(), HasSubstr("Add a model\n\n  outcrop models add SOURCE"));
    EXPECT_THAT(captured.out(), HasSubstr("--stands-in-for PATTERN  ids (may be repeated)"));
    EXPECT_THAT(captured.out(), HasSubstr("outcrop models add a.gguf"));
  }
  for (const auto& words : {std::vector<std::string>{}, {"help"}, {"--help"}}) {
    Captured captured;
    EXPECT_EQ(commands.run(captured.console, words), done);
    EXPECT_THAT(captured.out(), HasSubstr("outcrop models add"));
  }
  Captured group;
  EXPECT_EQ(commands.run(group.console, {"keys"}), usage);
  EXPECT_THAT(group.out(), HasSubstr("outcrop keys create"));
}

}  // namespace
}  // namespace outcrop::cli
