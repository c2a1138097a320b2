// Goal: each command as a user meets it, run in process against a real store: output, errors, exit
// codes.
#include "app/commands/commands.h"

#include "app/admin/client.h"
#include "app/captured.h"
#include "app/temp_folder.h"
#include "base/text.h"
#include "json/json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <sys/stat.h>

namespace outcrop::commands {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

struct Outcome {
  int exit;
  std::string out, err;
};

struct CommandsTest : ::testing::Test {
  TempFolder folder;
  std::vector<config::Config> served;
  std::string engine = folder.write(
      "engine.sh",
      "#!/bin/sh\n"
      "case $3 in *broken*) echo 'the file is truncated' >&2; exit 1;; esac\n"
      "echo "
      "'{\"name\":\"t\",\"architecture\":\"llama\",\"quantization\":\"Q4_0\",\"embedding\":false,"
      "\"parameters\":1000000,\"file_bytes\":24,\"context_tokens\":2048,\"embedding_width\":64,"
      "\"layers\":2,\"chat_template\":true}'\n");
  cli::Commands commands =
      all({[this](const config::Config& config) { return served.push_back(config), 0; }, engine});

  CommandsTest() {
    ::chmod(engine.c_str(), 0755);
    for (auto name :
         {"OUTCROP_DATA", "OUTCROP_CONFIG", "OUTCROP_MODELS", "OUTCROP_LISTEN", "XDG_DATA_HOME",
          "XDG_CONFIG_HOME", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"}) {
      ::unsetenv(name);
    }
    ::setenv("HOME", folder.path("home").c_str(), 1);
    std::filesystem::create_directories(folder.path("home"));
  }
  Outcome run(std::vector<std::string> words) {
    cli::Captured captured;
    int exit = commands.run(captured.console, words);
    return {exit, captured.out(), captured.err()};
  }
  json::Value document(const std::string& text) {
    auto value = json::read(text);
    EXPECT_TRUE(value) << text;
    return value ? *value : json::Value();
  }
};

TEST_F(CommandsTest, EveryCommandExplainsItselfWithAnExample) {
  for (const auto& command : commands.all()) {
    std::vector<std::string> words;
    for (auto word : split(command.name, ' ')) words.emplace_back(word);
    words.push_back("--help");
    auto outcome = run(words);
    EXPECT_EQ(outcome.exit, 0) << command.name;
    EXPECT_THAT(outcome.out, HasSubstr(command.summary));
    EXPECT_THAT(outcome.out, HasSubstr("Examples"));
    for (auto line : split(outcome.out, '\n'))
      EXPECT_LE(cli::columns(line), 100u) << command.name << ": " << line;
    EXPECT_FALSE(command.summary.ends_with('.')) << command.name;
    EXPECT_THAT(run({}).out, HasSubstr("outcrop " + command.name));
  }
}

TEST_F(CommandsTest, ThePageOfTheDocumentationIsCurrent) {
  const char* path = OUTCROP_SOURCE_DIR "/docs/command-line.md";
  if (std::getenv("OUTCROP_WRITE_DOCS")) std::ofstream(path) << page(commands);
  EXPECT_EQ(TempFolder::read(path), page(commands))
      << "run the test with OUTCROP_WRITE_DOCS=1, and look at the difference";
}

TEST_F(CommandsTest, VersionIsOneLineOrOneObject) {
  EXPECT_THAT(run({"version"}).out, ::testing::MatchesRegex("outcrop [0-9.]+\n"));
  EXPECT_EQ(run({"--version"}).out, run({"version"}).out);
  EXPECT_TRUE(document(run({"version", "--json"}).out).as_object().contains("version"));
}

TEST_F(CommandsTest, ServeHandsOnACheckedConfiguration) {
  auto outcome = run({"serve", "--listen", "127.0.0.1:0", "--data", folder.path("d"), "--set",
                      "engine.threads=3"});
  EXPECT_EQ(outcome.exit, 0) << outcome.err;
  ASSERT_EQ(served.size(), 1u);
  EXPECT_EQ(served[0].server.listen, "127.0.0.1:0");
  EXPECT_EQ(served[0].engine.threads, 3);
  EXPECT_TRUE(std::filesystem::is_directory(folder.path("d")));

  std::string file =
      folder.write("outcrop.toml", "auth = \"open\"\n\n[server]\nlisten = \"0.0.0.0:80\"\n");
  outcome = run({"serve", "--config", file});
  EXPECT_EQ(outcome.exit, 2);
  EXPECT_THAT(outcome.err, ::testing::StartsWith(file + ":1: auth = \"open\": "));
  EXPECT_EQ(run({"serve", "--set", "nonsense"}).exit, 2);
  EXPECT_EQ(served.size(), 1u);
}

TEST_F(CommandsTest, ConfigShowsWhereValuesComeFrom) {
  auto outcome = run({"config", "--set", "region=eu-west-1"});
  EXPECT_EQ(outcome.exit, 0);
  EXPECT_THAT(outcome.out, HasSubstr("region = \"eu-west-1\""));
  EXPECT_THAT(outcome.out, HasSubstr("# --set"));
  auto rows = document(run({"config", "--json"}).out).at("options").as_array();
  EXPECT_GT(rows.size(), 30u);
  EXPECT_THAT(run({"config", "--markdown"}).out, HasSubstr("# Configuration"));
  EXPECT_EQ(run({"config", "--check", "--set", "server.tls=files"}).exit, 2);
  EXPECT_EQ(run({"config", "--set", "server.tls=files"}).exit, 0);
}

TEST_F(CommandsTest, KeysLiveFromCreationToRevocation) {
  EXPECT_THAT(run({"keys"}).out, HasSubstr("No key is in use"));
  auto made = run({"keys", "create", "ci", "--expires", "30d"});
  ASSERT_EQ(made.exit, 0) << made.err;
  EXPECT_THAT(made.out,
              ::testing::MatchesRegex(
                  "export AWS_ACCESS_KEY_ID=AKIA[A-Z0-9]+\nexport AWS_SECRET_ACCESS_KEY=.+\n"));
  EXPECT_THAT(made.err, HasSubstr("shown this once"));
  auto token = run({"keys", "create", "ana", "--api-key"});
  EXPECT_THAT(token.out, ::testing::StartsWith("export AWS_BEARER_TOKEN_BEDROCK=ABSK"));
  auto list = run({"keys"});
  EXPECT_THAT(list.out, HasSubstr("ci"));
  EXPECT_THAT(list.out, HasSubstr("API key"));
  EXPECT_THAT(list.out, HasSubstr("until "));
  EXPECT_EQ(run({"keys", "revoke", "ci"}).exit, 0);
  EXPECT_EQ(run({"keys", "revoke", "ci"}).exit, 5);
  list = run({"keys"});
  EXPECT_THAT(list.out, Not(HasSubstr("ci ")));
  EXPECT_THAT(list.err, HasSubstr("1 revoked or expired"));
  EXPECT_THAT(run({"keys", "--all"}).out, HasSubstr("revoked"));
  EXPECT_EQ(run({"keys", "create", "x", "--expires", "soon"}).exit, 2);
}

TEST_F(CommandsTest, EnvPrintsWhatAShellTakesAndSaysThatNoServerRuns) {
  auto outcome = run({"env"});
  ASSERT_EQ(outcome.exit, 0) << outcome.err;
  EXPECT_THAT(outcome.out,
              HasSubstr("export AWS_ENDPOINT_URL_BEDROCK_RUNTIME=http://127.0.0.1:8177\n"));
  EXPECT_THAT(outcome.out,
              HasSubstr("export AWS_REGION=us-east-1\nexport AWS_DEFAULT_REGION=us-east-1\n"));
  EXPECT_THAT(outcome.out, HasSubstr("export AWS_SECRET_ACCESS_KEY="));
  EXPECT_THAT(outcome.out, Not(HasSubstr("AWS_ENDPOINT_URL=")));
  EXPECT_THAT(outcome.err, HasSubstr("no server is running"));
  EXPECT_THAT(outcome.err, HasSubstr("next  outcrop serve"));
  EXPECT_EQ(run({"env"}).out, outcome.out) << "the default key is the same each time";
  EXPECT_THAT(run({"env", "--all"}).out,
              HasSubstr("export AWS_ENDPOINT_URL=http://127.0.0.1:8177\n"));

  std::string data = folder.path("home/.local/share/outcrop");
  ASSERT_TRUE(admin::write_server_file(data + "/server.json",
                                       {"http://127.0.0.1:4711", "", "eu-west-1", 1, "yesterday"}));
  auto last = document(run({"env", "--json"}).out);
  EXPECT_EQ(last.at("AWS_ENDPOINT_URL_BEDROCK_RUNTIME"), json::Value("http://127.0.0.1:4711"));
  EXPECT_EQ(last.at("AWS_REGION"), json::Value("eu-west-1"));
}

TEST_F(CommandsTest, EnvWithoutAnAddressSaysSo) {
  auto outcome = run({"env", "--set", "server.listen=127.0.0.1:0"});
  EXPECT_EQ(outcome.exit, 3);
  EXPECT_THAT(outcome.err, HasSubstr("leaves its port open"));
  EXPECT_EQ(outcome.out, "");
}

TEST_F(CommandsTest, EnvTrustsTheAuthorityOfTlsWithoutTakingTheSystemsAway) {
  std::string data = folder.path("home/.local/share/outcrop");
  std::string ca = folder.write("home/.local/share/outcrop/tls/ca.pem",
                                "-----BEGIN CERTIFICATE-----\nours\n-----END CERTIFICATE-----\n");
  ASSERT_TRUE(admin::write_server_file(data + "/server.json",
                                       {"https://127.0.0.1:4711", ca, "us-east-1", 1, "x"}));
  auto outcome = run({"env"});
  EXPECT_THAT(outcome.out, HasSubstr("export AWS_CA_BUNDLE=" + data + "/tls/bundle.pem\n"));
  EXPECT_THAT(outcome.out, HasSubstr("export NODE_EXTRA_CA_CERTS=" + ca + "\n"));
  std::string bundle = TempFolder::read(data + "/tls/bundle.pem");
  EXPECT_THAT(bundle, HasSubstr("ours"));
  if (std::filesystem::exists("/etc/ssl/certs/ca-certificates.crt"))
    EXPECT_GT(bundle.size(), 50'000u);
}

TEST_F(CommandsTest, EnvWritesAProfileAndLeavesOthersAlone) {
  folder.write("home/.aws/config", "[default]\nregion = mars\n");
  auto outcome = run({"env", "--profile", "local"});
  ASSERT_EQ(outcome.exit, 0) << outcome.err;
  std::string config = TempFolder::read(folder.path("home/.aws/config"));
  EXPECT_THAT(config, ::testing::StartsWith("[default]\nregion = mars\n"));
  EXPECT_THAT(config, HasSubstr("[profile local]\n"));
  EXPECT_THAT(config, HasSubstr("services = outcrop-local\n"));
  EXPECT_THAT(config, HasSubstr("[services outcrop-local]\n"));
  EXPECT_THAT(config, HasSubstr("bedrock_runtime =\n  endpoint_url = http://127.0.0.1:8177\n"));
  struct stat facts{};
  ASSERT_EQ(::stat(folder.path("home/.aws/credentials").c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777, 0600u);
  EXPECT_EQ(run({"env", "--profile", "local"}).exit, 0);
  EXPECT_EQ(TempFolder::read(folder.path("home/.aws/config")), config);
  EXPECT_EQ(run({"env", "--profile", "default"}).exit, 4);
  EXPECT_EQ(run({"env", "--profile", "a]b"}).exit, 2);
}

TEST_F(CommandsTest, ModelsAreAddedListedAndRemoved) {
  EXPECT_THAT(run({"models"}).out, HasSubstr("No model is here yet"));
  std::string file = folder.write("Tiny.gguf", gguf_bytes());
  auto added =
      run({"models", "add", file, "--stands-in-for", "anthropic.claude-*", "--name", "mine"});
  ASSERT_EQ(added.exit, 0) << added.err;
  EXPECT_THAT(added.out, HasSubstr("mine is added"));
  EXPECT_THAT(added.out,
              HasSubstr("checked: llama, Q4_0, 1.0 million parameters, context 2,048, chat yes"));
  EXPECT_THAT(added.out, HasSubstr("memory:  24 bytes of weights"));
  EXPECT_THAT(added.err, HasSubstr("next  outcrop serve"));
  auto list = run({"models"});
  EXPECT_THAT(list.out, HasSubstr("anthropic.claude-*"));
  auto model = document(run({"models", "--json"}).out).at("models").at(0);
  EXPECT_EQ(model.at("description").at("architecture"), json::Value("llama"));
  auto removed = run({"models", "remove", "mine"});
  EXPECT_THAT(removed.out, HasSubstr("its file stays"));
  EXPECT_TRUE(std::filesystem::exists(file));
  EXPECT_EQ(run({"models", "remove", "mine"}).exit, 5);
}

TEST_F(CommandsTest, ModelsAddCopiesLinksAndTakesFolders) {
  std::string data = folder.path("home/.local/share/outcrop");
  std::string file = folder.write("src/a.gguf", gguf_bytes());
  folder.write("src/b.gguf", gguf_bytes());
  ASSERT_EQ(run({"models", "add", file, "--copy"}).exit, 0);
  EXPECT_TRUE(std::filesystem::exists(data + "/models/a.gguf"));
  EXPECT_EQ(run({"models", "add", file, "--copy"}).exit, 4) << "never over a file that is there";
  EXPECT_EQ(run({"models", "remove", "a"}).exit, 0);
  EXPECT_FALSE(std::filesystem::exists(data + "/models/a.gguf"));
  ASSERT_EQ(run({"models", "add", file, "--link"}).exit, 0);
  EXPECT_EQ(std::filesystem::hard_link_count(file), 2u);
  EXPECT_EQ(run({"models", "remove", "a"}).exit, 0);
  auto both = run({"models", "add", folder.path("src"), "--json"});
  ASSERT_EQ(both.exit, 0) << both.err;
  EXPECT_EQ(document(both.out).at("added").as_array().size(), 2u);
  EXPECT_EQ(run({"models", "add", folder.path("src"), "--name", "x"}).exit, 2);
}

TEST_F(CommandsTest, ModelsAddRefusesInOneSentence) {
  struct Case {
    std::vector<std::string> words;
    int exit;
    std::string why;
  };
  std::string html = folder.write("page.gguf", "<!doctype html><p>");
  std::string broken = folder.write("broken.gguf", gguf_bytes());
  std::string good = folder.write("good.gguf", gguf_bytes());
  const Case cases[] = {
      {{folder.path("none")}, 5, "there is no such file or folder"},
      {{html}, 2, "is no GGUF file: it is a web page"},
      {{broken}, 2, "the file is truncated"},
      {{good, "--sha256", std::string(64, '0')}, 2, "has the checksum"},
      {{good, "--name", "Not Good"}, 2, "name = \"Not Good\""},
      {{good, "--copy", "--link"}, 2, "exclude each other"},
      {{folder.path("home")}, 5, "no *.gguf file is in this folder"},
      {{good, "--kind", "video"}, 2, "chat, embedding or rerank is wanted"},
  };
  for (const auto& each : cases) {
    std::vector<std::string> words{"models", "add"};
    words.insert(words.end(), each.words.begin(), each.words.end());
    auto outcome = run(words);
    EXPECT_EQ(outcome.exit, each.exit) << each.why;
    EXPECT_THAT(outcome.err, HasSubstr(each.why));
  }
  EXPECT_THAT(run({"models"}).out, HasSubstr("No model is here yet"));
}

TEST_F(CommandsTest, ModelsFindSaysWhenThereIsNone) {
  EXPECT_THAT(run({"models", "find"}).out, HasSubstr("No GGUF file was found"));
  EXPECT_EQ(document(run({"models", "find", folder.path("home"), "--json"}).out)
                .at("found")
                .as_array()
                .size(),
            0u);
}

TEST_F(CommandsTest, DoctorTellsWhatIsMissingAndWhatToDo) {
  auto fresh = run({"doctor", "--set", "server.listen=127.0.0.1:0"});
  EXPECT_EQ(fresh.exit, 0) << fresh.out;
  EXPECT_THAT(fresh.out, HasSubstr("ok    program"));
  EXPECT_THAT(fresh.out, HasSubstr("is not there yet; the first start makes it"));
  folder.write("home/.local/share/outcrop/models/broken.gguf", gguf_bytes());
  ::chmod(folder.path("home/.local/share/outcrop").c_str(), 0755);
  auto worse = run({"doctor", "--json"});
  EXPECT_EQ(worse.exit, 1);
  auto report = document(worse.out);
  EXPECT_EQ(report.at("ok"), json::Value(false));
  std::string all = worse.out;
  EXPECT_THAT(all, HasSubstr("can be entered by others (mode 755)"));
  EXPECT_THAT(all, HasSubstr("0 of 1 can be used; broken: the file is truncated"));
  auto quick = run({"doctor", "--quick", "--set", "server.listen=127.0.0.1:0"});
  EXPECT_THAT(quick.out, HasSubstr("1 of 1 can be used"));
  auto config = run({"doctor", "--set", "engine.threads=x"});
  EXPECT_EQ(config.exit, 1);
  EXPECT_THAT(config.out, HasSubstr("fail  configuration"));
}

TEST_F(CommandsTest, CommandsThatNeedAServerSayHowToStartIt) {
  for (std::vector<std::string> words :
       {std::vector<std::string>{"status"}, {"stop"}, {"chat", "--once", "hi"}}) {
    auto outcome = run(words);
    EXPECT_EQ(outcome.exit, 3) << words[0];
    EXPECT_THAT(outcome.err, HasSubstr("no server answers"));
    words.push_back("--json");
    EXPECT_EQ(document(run(words).err).at("error").at("exit"), json::Value(3));
  }
  EXPECT_EQ(run({"chat", "--temperature", "2"}).exit, 2);
  EXPECT_EQ(run({"chat", "--max-tokens", "x"}).exit, 2);
}

}  // namespace
}  // namespace outcrop::commands
