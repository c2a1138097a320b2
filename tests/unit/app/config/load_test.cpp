// Goal: every mistake is named with its file, its line and what is wanted; the four sources win in
// order.
#include "app/config/load.h"

#include "app/config/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <unistd.h>

namespace outcrop::config {
namespace {

using ::testing::HasSubstr;

struct Env {
  std::map<std::string, std::string> values{{"HOME", "/home/ada"}};
  std::function<const char*(const char*)> function() const {
    return [values = values](const char* name) -> const char* {
      auto found = values.find(name);
      return found == values.end() ? nullptr : found->second.c_str();
    };
  }
};

Sources sources(const Env& env = {}) {
  Sources out;
  out.environment = env.function();
  return out;
}

std::string mistake(std::string_view toml, const Sources& from = sources()) {
  auto loaded = load_text(toml, "outcrop.toml", from);
  return loaded ? "accepted" : loaded.error().message;
}

Config accepted(std::string_view toml, const Sources& from = sources()) {
  auto loaded = load_text(toml, "outcrop.toml", from);
  EXPECT_TRUE(loaded) << (loaded ? "" : loaded.error().message);
  return loaded ? loaded->config : Config{};
}

struct Folder {
  std::string path;
  Folder() {
    char name[] = "/tmp/outcrop-config-XXXXXX";
    path = ::mkdtemp(name);
  }
  ~Folder() { std::filesystem::remove_all(path); }
};

TEST(Config, AnEmptyFileIsTheDefaults) {
  Config config = accepted("");
  EXPECT_EQ(config.server.listen, "127.0.0.1:8177");
  EXPECT_EQ(config.region, "us-east-1");
  EXPECT_EQ(config.account, "000000000000");
  EXPECT_EQ(config.auth, Auth::keys);
  EXPECT_EQ(config.stand_ins, StandIns::on);
  EXPECT_EQ(config.data_dir, "/home/ada/.local/share/outcrop");
  EXPECT_EQ(config.models_folder(), "/home/ada/.local/share/outcrop/models");
  EXPECT_EQ(config.socket_file(), "/home/ada/.local/share/outcrop/outcrop.sock");
  EXPECT_EQ(config.server.limits.body_bytes, 40'000'000u);
}

TEST(Config, ReadsEveryKindOfValue) {
  Config config = accepted(R"(
data_dir = "/var/lib/outcrop"
region = "eu-central-1"
auth = "open"
stand_ins = "off"
[server]
listen = "[::1]:0"
tls = "auto"
tls_names = ["a.internal", "10.0.0.7"]
header_bytes = "128 KiB"
body_bytes = 1000000
idle_timeout = "1.5 min"
[log]
level = "debug"
prompts = true
[engine]
threads = 3
kv_type = "q8_0"
retained = 0
)");
  EXPECT_EQ(config.data_dir, "/var/lib/outcrop");
  EXPECT_EQ(config.region, "eu-central-1");
  EXPECT_EQ(config.auth, Auth::open);
  EXPECT_EQ(config.stand_ins, StandIns::off);
  EXPECT_EQ(config.server.listen, "[::1]:0");
  EXPECT_EQ(config.server.tls, Tls::automatic);
  EXPECT_EQ(config.server.tls_names, (std::vector<std::string>{"a.internal", "10.0.0.7"}));
  EXPECT_EQ(config.server.limits.header_bytes, 128u * 1024);
  EXPECT_EQ(config.server.limits.body_bytes, 1'000'000u);
  EXPECT_EQ(config.server.limits.idle_timeout, Millis(90'000));
  EXPECT_EQ(config.log.level, LogLevel::debug);
  EXPECT_TRUE(config.log.prompts);
  EXPECT_EQ(config.engine.threads, 3);
  EXPECT_EQ(config.engine.kv_type, KvType::q8_0);
  EXPECT_EQ(config.engine.retained, 0);
}

TEST(Config, NamesFileLineValueAndWhatIsWanted) {
  struct Case {
    std::string_view toml, message;
  };
  const Case cases[] = {
      {"\n\n[engine]\nthreads = \"lots\"\n",
       "outcrop.toml:4: engine.threads = \"lots\": a whole number is wanted, such as 8"},
      {"engine.threads = 2.5",
       "outcrop.toml:1: engine.threads = 2.5: a whole number is wanted, such as 8"},
      {"[engine]\nthreads = -1",
       "outcrop.toml:2: engine.threads = -1: at least 0 threads is wanted"},
      {"[engine]\nthreads = 4000",
       "outcrop.toml:2: engine.threads = 4000: at most 512 threads is allowed"},
      {"auth = \"none\"", "outcrop.toml:1: auth = \"none\": \"keys\" or \"open\" is wanted"},
      {"log.level = 3",
       "outcrop.toml:1: log.level = 3: \"debug\", \"info\", \"warn\" or \"error\" is wanted"},
      {"log.prompts = \"yes\"", "outcrop.toml:1: log.prompts = \"yes\": true or false is wanted"},
      {"region = 7",
       "outcrop.toml:1: region = 7: a text in quotes is wanted, such as \"eu-central-1\""},
      {"region = \"Mars\"",
       "outcrop.toml:1: region = \"Mars\": the name of a region is wanted, such as "
       "\"eu-central-1\""},
      {"account = \"12\"",
       "outcrop.toml:1: account = \"12\": a text of 12 digits is wanted, such as \"123456789012\""},
      {"[server]\nlisten = \"8177\"",
       "outcrop.toml:2: server.listen = \"8177\": HOST:PORT is wanted, such as \"127.0.0.1:8177\" "
       "or \"[::1]:0\""},
      {"[server]\nlisten = \"a:70000\"",
       "outcrop.toml:2: server.listen = \"a:70000\": the port can be 0 to 65535"},
      {"[server]\nidle_timeout = 15",
       "outcrop.toml:2: server.idle_timeout = 15: a duration with its unit is wanted, such as \"15 "
       "s\""},
      {"[server]\nheader_bytes = \"64 parsecs\"",
       "outcrop.toml:2: server.header_bytes = \"64 parsecs\": a number of bytes or a text with a "
       "unit is wanted, such as "
       "\"64 KiB\""},
      {"[server]\nheader_bytes = 1",
       "outcrop.toml:2: server.header_bytes = 1: at least 4 KiB is wanted"},
      {"[server]\ntls_names = \"a\"",
       "outcrop.toml:2: server.tls_names = \"a\": a list of texts is wanted, such as "
       "[\"outcrop.internal\"]"},
      {"[engine]\nthraeds = 3",
       "outcrop.toml:2: engine.thraeds: there is no such option; did you mean engine.threads?"},
      {"[sever]\nlisten = \"a:1\"",
       "outcrop.toml:1: sever: there is no such option; did you mean server?"},
      {"[quota]\nx = 1",
       "outcrop.toml:1: quota: there is no such option; `outcrop config` lists them"},
      {"server = 3", "outcrop.toml:1: server is a table: write [server]"},
      {"model = 3", "outcrop.toml:1: model is a list of tables: write [[model]]"},
      {"[region]\nx = 1", "outcrop.toml:1: region is an option, not a table"},
      {"[[model]]\nname = \"a\"\npath = \"/a\"\nkin = \"chat\"",
       "outcrop.toml:4: model.kin: there is no such option; did you mean model.kind?"},
      {"\n[[model]]\nname = \"a\"",
       "outcrop.toml:2: model.path is missing: a file is wanted, such as "
       "\"/srv/models/qwen3-4b-q4_k_m.gguf\""},
      {"[[model]]\nname = \"A b\"\npath = \"/a\"",
       "outcrop.toml:2: model.name = \"A b\": a name of at most 63 of a-z, 0-9, '-' and '.' "
       "is wanted, such as "
       "\"qwen3-4b\""},
      {"[[scripted]]\nname = \"a\"\nkind = \"video\"",
       "outcrop.toml:1: scripted.kind = \"video\": \"chat\", \"embedding\" or \"rerank\" is "
       "wanted"},
      {"[[scripted]]\nrules = []",
       "outcrop.toml:1: scripted.name is missing: a name is wanted, such as \"echo\""},
      {"[[model]]\nname = \"a\"\npath = \"/a\"\n[[scripted]]\nname = \"a\"",
       "outcrop.toml:4: scripted.name = \"a\": the model of line 1 has this name; every model "
       "needs its own"},
  };
  for (const auto& each : cases) EXPECT_EQ(mistake(each.toml), each.message) << each.toml;
}

TEST(Config, ShowsEveryMistakeAtOnceUpToTwenty) {
  EXPECT_EQ(mistake("auth = 1\nstand_ins = 1\n"),
            "outcrop.toml:1: auth = 1: \"keys\" or \"open\" is wanted\n"
            "outcrop.toml:2: stand_ins = 1: \"off\" or \"on\" is wanted");
  std::string many;
  for (int i = 0; i < 25; ++i) many += fmt::format("zz_unknown_{} = 1\n", i);
  EXPECT_THAT(mistake(many), HasSubstr("\nand 5 more"));
}

TEST(Config, BrokenTomlIsNamedWithItsLine) {
  EXPECT_THAT(mistake("a = 1\nb = = 2\n"), HasSubstr("outcrop.toml:2: "));
  EXPECT_THAT(mistake("auth = \"keys\"\nauth = \"open\"\n"), HasSubstr("outcrop.toml:2: "));
}

TEST(Config, RefusesAFileOverOneMebibyte) {
  EXPECT_EQ(mistake("#" + std::string(1024 * 1024, 'x')),
            "outcrop.toml: the file has 1048577 bytes, at most 1048576 are read");
  EXPECT_EQ(mistake("#" + std::string(1024 * 1024 - 1, 'x')), "accepted");
}

TEST(Config, ReadsModelsAndHandsScriptedOnesOnAsJson) {
  Config config = accepted(R"(
[[model]]
name = "qwen3-4b"
path = "/srv/qwen.gguf"
kind = "chat"
stands_in_for = ["anthropic.claude-*"]
context_tokens = 4096

[[scripted]]
name = "echo"
stands_in_for = ["x.*"]
kind = "embedding"
[[scripted.rules]]
match = "hello"
reply = "hi"
)");
  ASSERT_EQ(config.models.size(), 1u);
  EXPECT_EQ(config.models[0].kind, ModelKind::chat);
  EXPECT_EQ(config.models[0].stands_in_for, std::vector<std::string>{"anthropic.claude-*"});
  EXPECT_EQ(config.models[0].context_tokens, 4096);
  ASSERT_EQ(config.scripted.size(), 1u);
  EXPECT_EQ(config.scripted[0].name, "echo");
  EXPECT_EQ(config.scripted[0].stands_in_for, std::vector<std::string>{"x.*"});
  EXPECT_EQ(config.scripted[0].kind, ModelKind::embedding);
  EXPECT_EQ(config.scripted[0].script.size(), 1u);
  EXPECT_EQ(config.scripted[0].script.at("rules").at(0).at("reply"), json::Value("hi"));
}

TEST(Config, FlagOverVariableOverFileOverDefault) {
  Env env;
  std::string file =
      "data_dir = \"/file\"\n[server]\nlisten = \"10.0.0.1:1\"\n[engine]\nthreads = 2\n";
  EXPECT_EQ(accepted(file, sources(env)).server.listen, "10.0.0.1:1");
  env.values["OUTCROP_LISTEN"] = "10.0.0.2:2";
  env.values["OUTCROP_DATA"] = "/variable";
  env.values["OUTCROP_MODELS"] = "/variable/models";
  EXPECT_EQ(accepted(file, sources(env)).server.listen, "10.0.0.2:2");
  EXPECT_EQ(accepted(file, sources(env)).models_folder(), "/variable/models");
  Sources all = sources(env);
  all.settings = {
      {"server.listen", "10.0.0.3:3"}, {"engine.threads", "7"}, {"server.tls_names", "a, b"}};
  EXPECT_EQ(accepted(file, all).server.listen, "10.0.0.3:3");
  EXPECT_EQ(accepted(file, all).engine.threads, 7);
  EXPECT_EQ(accepted(file, all).server.tls_names, (std::vector<std::string>{"a", "b"}));
  all.flags = {{"--listen", "10.0.0.4:4"}, {"--data", "/flag"}};
  auto loaded = load_text(file, "outcrop.toml", all);
  ASSERT_TRUE(loaded);
  EXPECT_EQ(loaded->config.server.listen, "10.0.0.4:4");
  EXPECT_EQ(loaded->config.data_dir, "/flag");
  EXPECT_EQ(loaded->origin.at("server.listen").where, "--listen");
  EXPECT_EQ(loaded->origin.at("models_dir").where, "OUTCROP_MODELS");
  EXPECT_FALSE(loaded->origin.contains("region"));
}

TEST(Config, MistakesOfFlagsAndVariablesAreNamedByThem) {
  Env env;
  env.values["OUTCROP_LISTEN"] = "here";
  EXPECT_EQ(
      mistake("", sources(env)),
      "OUTCROP_LISTEN = \"here\": HOST:PORT is wanted, such as \"127.0.0.1:8177\" or \"[::1]:0\"");
  Sources set = sources();
  set.settings = {{"engine.threads", "x"}, {"engine.tread", "1"}};
  EXPECT_EQ(mistake("", set),
            "--set engine.threads = \"x\": a whole number is wanted, such as 8\n"
            "--set engine.tread: there is no such option; did you mean engine.threads?");
}

TEST(Config, PathsStartFromTheFileAndTildeIsHome) {
  Config config = accepted("data_dir = \"~/outcrop\"\nmodels_dir = \"weights\"\n");
  EXPECT_EQ(config.data_dir, "/home/ada/outcrop");
  EXPECT_EQ(config.models_dir, std::filesystem::current_path().string() + "/weights");
}

TEST(Config, TheFileIsFoundByFlagThenVariableThenPlace) {
  Folder folder;
  auto write = [&](const std::string& name, const std::string& region) {
    std::filesystem::create_directories(
        std::filesystem::path(folder.path + "/" + name).parent_path());
    std::ofstream(folder.path + "/" + name) << "region = \"" << region << "\"\n";
    return folder.path + "/" + name;
  };
  Env env;
  env.values["XDG_CONFIG_HOME"] = folder.path;
  EXPECT_EQ(load(sources(env))->config.region, "us-east-1");
  write("outcrop/outcrop.toml", "eu-west-1");
  EXPECT_EQ(load(sources(env))->config.region, "eu-west-1");
  env.values["OUTCROP_CONFIG"] = write("b.toml", "eu-west-2");
  EXPECT_EQ(load(sources(env))->config.region, "eu-west-2");
  Sources named = sources(env);
  named.file = write("c.toml", "eu-west-3");
  EXPECT_EQ(load(named)->config.region, "eu-west-3");
  named.file = folder.path + "/none.toml";
  EXPECT_EQ(
      load(named).error().message,
      "--config " + folder.path + "/none.toml: the file cannot be read: No such file or directory");
  named.file = folder.path;
  EXPECT_THAT(load(named).error().message, HasSubstr("Is a directory"));
}

TEST(Config, WithoutAHomeThereIsNoDefaultDataFolder) {
  Env env;
  env.values.clear();
  EXPECT_THAT(mistake("", sources(env)), HasSubstr("use --data DIR"));
}

TEST(Serving, RefusesAnOpenServerOffTheLoopback) {
  auto refused = [](std::string_view toml) {
    auto loaded = load_text(toml, "outcrop.toml", sources());
    auto checked = check_for_serving(*loaded);
    return checked ? std::string("accepted") : checked.error().message;
  };
  EXPECT_EQ(refused("auth = \"open\""), "accepted");
  EXPECT_EQ(refused("auth = \"open\"\nserver.listen = \"[::1]:1\""), "accepted");
  EXPECT_EQ(refused("auth = \"open\"\nserver.listen = \"127.9.9.9:1\""), "accepted");
  EXPECT_EQ(refused("server.listen = \"0.0.0.0:80\"\nauth = \"open\"\n"),
            "outcrop.toml:2: auth = \"open\": anybody who reaches 0.0.0.0:80 could use every model "
            "and key; keep \"keys\", or "
            "listen on 127.0.0.1");
  EXPECT_THAT(refused("auth = \"open\"\nserver.listen = \"127.0.0.1.evil.example:80\""),
              HasSubstr("could use every model"));
}

TEST(Serving, NamesFilesThatAreNotThere) {
  auto loaded = load_text(
      "[server]\ntls = \"files\"\ntls_certificate = \"/none/a.pem\"\n[[model]]\nname = \"a\"\npath "
      "= \"/none/a.gguf\"\n",
      "outcrop.toml", sources());
  ASSERT_TRUE(loaded);
  EXPECT_EQ(check_for_serving(*loaded).error().message,
            "outcrop.toml:3: server.tls_certificate = \"/none/a.pem\": the file cannot be read: No "
            "such file or directory\n"
            "outcrop.toml:2: server.tls = \"files\": server.tls_private_key is missing: a PEM file "
            "is wanted\n"
            "outcrop.toml:6: model.path = \"/none/a.gguf\": the file cannot be read: No such file "
            "or directory");
}

TEST(Serving, SaysWhenTheSocketsPathIsTooLong) {
  Sources from = sources();
  from.flags = {{"--data", "/" + std::string(120, 'd')}};
  auto loaded = load_text("", "outcrop.toml", from);
  ASSERT_TRUE(loaded);
  EXPECT_THAT(check_for_serving(*loaded).error().message,
              HasSubstr("the path has 134 bytes, a Unix socket's may have 107"));
}

TEST(Values, QuantitiesRoundTrip) {
  for (std::int64_t n :
       {0LL, 1LL, 999LL, 1000LL, 1024LL, 65'536LL, 40'000'000LL, 1LL << 30, 123'456'789LL}) {
    auto read = parse_size(size_text(n));
    ASSERT_TRUE(read) << size_text(n);
    EXPECT_EQ(*read, n);
  }
  for (std::int64_t n : {0LL, 1LL, 1500LL, 15'000LL, 120'000LL, 3'600'000LL, 86'400'000LL}) {
    auto read = parse_duration(duration_text(n));
    ASSERT_TRUE(read) << duration_text(n);
    EXPECT_EQ(*read, n);
  }
  EXPECT_EQ(size_text(65'536), "64 KiB");
  EXPECT_EQ(duration_text(120'000), "2 min");
  EXPECT_FALSE(parse_size("-1 KiB"));
  EXPECT_FALSE(parse_size("nan KiB"));
  EXPECT_FALSE(parse_size("1e300 KiB"));
  EXPECT_FALSE(parse_duration("15"));
}

TEST(Table, EveryOptionIsExplainedAndItsDefaultIsAllowed) {
  Config standard;
  std::set<std::string> keys;
  for (const auto& option : options()) {
    const auto& facts = option.facts;
    EXPECT_TRUE(keys.insert(facts.key).second) << facts.key << " stands there twice";
    EXPECT_GT(facts.summary.size(), 3u) << facts.key;
    EXPECT_TRUE(facts.summary.ends_with('.')) << facts.key;
    auto value = option.get(standard);
    bool computed = value.is_string() && value.get_string().empty();
    if (facts.kind == Kind::size)
      value = json::Value(json::String(size_text(value.to_number<std::int64_t>())));
    if (facts.kind == Kind::duration)
      value = json::Value(json::String(duration_text(value.to_number<std::int64_t>())));
    if (!computed) EXPECT_TRUE(check(facts, value)) << facts.key;
    EXPECT_EQ(computed, !facts.default_words.empty()) << facts.key;
  }
}

TEST(Show, TheEffectiveConfigurationCanBeReadAgain) {
  Sources from = sources();
  from.settings = {{"engine.threads", "5"}, {"log.level", "warn"}, {"server.idle_timeout", "90 s"}};
  auto loaded = load_text("[[model]]\nname = \"a\"\npath = \"/a\"\nstands_in_for = [\"x.*\"]\n",
                          "outcrop.toml", from);
  ASSERT_TRUE(loaded);
  std::string toml = effective_toml(*loaded);
  EXPECT_THAT(toml, HasSubstr("threads = 5                                  # --set\n"));
  auto again = load_text(toml, "again.toml", sources());
  ASSERT_TRUE(again) << again.error().message << "\n" << toml;
  EXPECT_EQ(again->config.engine.threads, 5);
  EXPECT_EQ(again->config.server.limits.idle_timeout, Millis(90'000));
  EXPECT_EQ(again->config.models[0].stands_in_for, std::vector<std::string>{"x.*"});
}

TEST(Show, ThePageOfTheDocumentationIsCurrent) {
  const char* path = OUTCROP_SOURCE_DIR "/docs/configuration.md";
  if (std::getenv("OUTCROP_WRITE_DOCS")) std::ofstream(path) << markdown();
  std::ifstream in(path);
  std::string page(std::istreambuf_iterator<char>(in), {});
  EXPECT_EQ(page, markdown())
      << "run the test with OUTCROP_WRITE_DOCS=1, and look at the difference";
}

}  // namespace
}  // namespace outcrop::config
