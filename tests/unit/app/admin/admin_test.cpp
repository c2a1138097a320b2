// Goal: the same administration over a real Unix socket and in process, and an HTTP client that
// takes nothing on trust. Store, keys, registry and server are the real ones.
#include "app/admin/admin.h"

#include "app/admin/client.h"
#include "app/admin/unix_http.h"
#include "app/temp_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <thread>
#include <unistd.h>

namespace outcrop::admin {
namespace {

using ::testing::HasSubstr;

config::Config config_in(const TempFolder& folder) {
  config::Config config;
  config.data_dir = folder.path("data");
  return config;
}

/// What `serve` is, as far as the administration goes: on a thread of its own until it is
/// destroyed.
class SmallServer {
 public:
  explicit SmallServer(const config::Config& config) {
    std::promise<void> ready;
    thread_ = std::thread([this, config, &ready] {
      Loop loop(1);
      loop_ = &loop;
      auto records = store::Records::open(loop, config.records_file());
      std::unique_ptr<identity::Keys> keys;
      std::unique_ptr<registry::ModelRegistry> models;
      std::unique_ptr<AdminApi> api;
      wire::Server server(loop, {},
                          [&api](wire::Exchange& exchange) { return serve(*api, exchange); });
      loop.run(open(config, **records, loop, &keys, &models));
      Hooks hooks;
      hooks.status = [] {
        json::Object out;
        out["url"] = "http://127.0.0.1:4711";
        return out;
      };
      hooks.shutdown = [&loop] { loop.stop(); };
      api = std::make_unique<AdminApi>(*keys, *models, hooks);
      auto listening = server.listen_unix(config.socket_file());
      auto port = server.listen("127.0.0.1", 0);
      port_ = port ? *port : 0;
      loop.post([&ready] { ready.set_value(); });
      loop.run();
    });
    ready.get_future().wait();
  }
  ~SmallServer() {
    loop_->stop();
    thread_.join();
  }
  std::uint16_t port() const { return port_; }

 private:
  static Task<void> open(config::Config config, store::Records& records, Loop& loop,
                         std::unique_ptr<identity::Keys>* keys,
                         std::unique_ptr<registry::ModelRegistry>* models) {
    auto opened = co_await identity::Keys::open(records, config.sealing_key_file());
    *keys = std::move(*opened);
    auto listed = co_await registry::ModelRegistry::open(loop, records, config);
    *models = std::move(*listed);
  }
  Loop* loop_ = nullptr;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

/// Both ways in; the server lives as long as the test.
struct Ways : ::testing::TestWithParam<bool> {
  TempFolder folder;
  config::Config config = config_in(folder);
  std::unique_ptr<SmallServer> server;
  std::unique_ptr<Admin> admin;
  void SetUp() override {
    folder.write("data/models/tiny.gguf", gguf_bytes());
    if (GetParam()) server = std::make_unique<SmallServer>(config);
    auto reached = connect_or_open(config);
    ASSERT_TRUE(reached) << reached.error().message;
    admin = std::move(*reached);
  }
  Result<json::Value> call(std::string method, std::string noun, json::Value body = nullptr) {
    return admin->call(method, std::string(prefix) + noun, body);
  }
};
INSTANTIATE_TEST_SUITE_P(Admin, Ways, ::testing::Values(true, false), [](const auto& info) {
  return info.param ? "OverTheSocket" : "InProcess";
});

TEST_P(Ways, KeysAreMadeListedAndRevoked) {
  EXPECT_EQ(admin->running(), GetParam());
  auto made = call(
      "POST", "keys",
      json::Object{{"kind", "access_key"}, {"name", "ci"}, {"expires", "2099-01-01T00:00:00Z"}});
  ASSERT_TRUE(made) << made.error().message;
  std::string id(json::view(made->at("id").as_string()));
  EXPECT_TRUE(id.starts_with("AKIA")) << id;
  EXPECT_GE(made->at("secret").as_string().size(), 30u);
  auto list = call("GET", "keys");
  ASSERT_TRUE(list);
  ASSERT_EQ(list->at("keys").as_array().size(), 1u);
  EXPECT_FALSE(list->at("keys").at(0).as_object().contains("secret"));
  ASSERT_TRUE(call("DELETE", "keys/" + id));
  EXPECT_TRUE(call("GET", "keys")->at("keys").at(0).as_object().contains("revoked"));
  EXPECT_EQ(call("DELETE", "keys/AKIANOBODY").error().code, Code::not_found);
}

TEST_P(Ways, TheDefaultKeyIsMadeOnceAndAgainAfterItsRevocation) {
  auto first = call("POST", "keys/default", json::Object());
  auto second = call("POST", "keys/default", json::Object());
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->at("id"), second->at("id"));
  EXPECT_EQ(first->at("secret"), second->at("secret"));
  EXPECT_EQ(first->at("admin"), json::Value(true));
  ASSERT_TRUE(call("DELETE", "keys/" + std::string(json::view(first->at("id").as_string()))));
  EXPECT_NE(call("POST", "keys/default", json::Object())->at("id"), first->at("id"));
}

TEST_P(Ways, ModelsAreListedAddedAndRemoved) {
  EXPECT_EQ(call("GET", "models")->at("models").at(0).at("name"), json::Value("tiny"));
  std::string path = folder.write("m.gguf", gguf_bytes());
  auto added = call(
      "POST", "models",
      json::Object{{"path", path}, {"name", "a.b"}, {"stands_in_for", {"x.*"}}, {"kind", "chat"}});
  ASSERT_TRUE(added) << added.error().message;
  EXPECT_EQ(added->at("source"), json::Value("added"));
  EXPECT_EQ(added->at("kind"), json::Value("chat"));
  EXPECT_EQ(call("GET", "models/a.b")->at("path"), json::Value(path));
  ASSERT_TRUE(call("DELETE", "models/a.b"));
  EXPECT_EQ(call("GET", "models/a.b").error().code, Code::not_found);
}

TEST_P(Ways, MistakesNameTheMemberAndWhatIsWanted) {
  struct Case {
    std::string noun;
    json::Value body;
    std::string message;
  };
  const Case cases[] = {
      {"keys", json::Object{{"kind", "password"}, {"name", "a"}},
       "kind = \"password\": \"access_key\" or \"api_key\" is wanted"},
      {"keys", json::Object{{"kind", "api_key"}, {"name", 7}}, "name: a text is wanted"},
      {"keys", json::Object{{"kind", "api_key"}, {"name", ""}},
       "name: 1 to 64 bytes without '/', ':' and line ends are wanted"},
      {"keys", json::Object{{"kind", "api_key"}, {"name", "a"}, {"admin", "yes"}},
       "admin: true or false is wanted"},
      {"keys", json::Object{{"kind", "api_key"}, {"name", "a"}, {"expires", "soon"}},
       "expires = \"soon\": a time is wanted, such as 2027-01-31T00:00:00Z"},
      {"keys",
       json::Object{{"kind", "api_key"}, {"name", "a"}, {"expires", "2001-01-01T00:00:00Z"}},
       "expires = 2001-01-01T00:00:00Z: a time to come is wanted"},
      {"keys", json::Object{{"kind", "api_key"}, {"name", "a"}, {"colour", 1}},
       "colour: there is no such member"},
      {"keys", json::Array{1}, "the body is no JSON object"},
      {"models", json::Object{{"path", "x"}}, "path = \"x\": an absolute path is wanted"},
      {"models", json::Object{{"path", "/x"}, {"kind", "video"}},
       "kind = \"video\": \"auto\", \"chat\", \"embedding\" or \"rerank\" is wanted"},
      {"models", json::Object{{"path", "/x"}, {"stands_in_for", "a"}},
       "stands_in_for: a list of texts is wanted"},
  };
  for (const auto& each : cases) {
    auto answer = call("POST", each.noun, each.body);
    ASSERT_FALSE(answer) << each.message;
    EXPECT_EQ(answer.error().message, each.message);
    EXPECT_EQ(answer.error().code, Code::validation);
  }
  for (auto [method, noun] :
       {std::pair("GET", "nothing"), std::pair("PUT", "keys"), std::pair("DELETE", "keys"),
        std::pair("POST", "models/x"), std::pair("GET", "keys/"), std::pair("GET", "keys/%zz")}) {
    EXPECT_EQ(call(method, noun, json::Object()).error().code, Code::unknown_operation)
        << method << " " << noun;
  }
}

TEST_P(Ways, StatusSaysWhetherAServerRuns) {
  auto status = call("GET", "status");
  ASSERT_TRUE(status);
  EXPECT_EQ(status->at("running"), json::Value(GetParam()));
  EXPECT_EQ(status->at("models"), json::Value(1));
  EXPECT_EQ(status->as_object().contains("url"), GetParam());
  if (!GetParam()) EXPECT_EQ(call("POST", "shutdown", json::Object()).error().code, Code::conflict);
}

TEST(Socket, OnlyItsOwnPeersAreServed) {
  TempFolder folder;
  auto config = config_in(folder);
  folder.write("data/x", "");
  SmallServer server(config);
  struct stat facts{};
  ASSERT_EQ(::stat(config.socket_file().c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777, 0600u);

  // The same request over TCP.
  int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(server.port());
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  std::string ask = "GET /_outcrop/v1/keys HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
  ASSERT_EQ(::write(fd, ask.data(), ask.size()), static_cast<ssize_t>(ask.size()));
  std::string got;
  char buffer[4096];
  for (ssize_t count; (count = ::read(fd, buffer, sizeof buffer)) > 0;)
    got.append(buffer, static_cast<std::size_t>(count));
  ::close(fd);
  EXPECT_THAT(
      got, HasSubstr(fmt::format("HTTP/1.1 {}", outcrop::facts(Code::unknown_operation).status)));
  EXPECT_THAT(got, ::testing::Not(HasSubstr("\"keys\":")));

  // A page in a browser that reaches the socket through some proxy.
  UnixRequest page;
  page.socket = config.socket_file();
  page.target = "/_outcrop/v1/keys";
  page.headers.add("origin", "https://evil.example");
  auto answer = request(page);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, outcrop::facts(Code::unknown_operation).status);
}

TEST(Socket, BodiesAreBoundedAndMustBeJson) {
  TempFolder folder;
  auto config = config_in(folder);
  folder.write("data/x", "");
  SmallServer server(config);
  UnixRequest big;
  big.socket = config.socket_file();
  big.method = "POST";
  big.target = "/_outcrop/v1/keys";
  big.body = "\"" + std::string(body_bytes_limit, 'x') + "\"";
  auto answer = request(big);
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->status, 413);
  big.body = "{";
  EXPECT_EQ(request(big)->status, 400);
}

TEST(Store, ASecondProcessIsToldWhoHoldsIt) {
  TempFolder folder;
  auto config = config_in(folder);
  auto first = open_store(config);
  ASSERT_TRUE(first) << first.error().message;
  struct stat facts{};
  ASSERT_EQ(::stat(config.data_dir.c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777, 0700u);
  auto second = connect_or_open(config);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::conflict);
  EXPECT_THAT(second.error().message, HasSubstr("its socket does not answer: there is no socket"));
}

TEST(ServerFile, IsWrittenWholeAndReadBack) {
  TempFolder folder;
  std::string path = folder.path("server.json");
  EXPECT_EQ(read_server_file(path).error().code, Code::not_found);
  ASSERT_TRUE(write_server_file(
      path, {"http://127.0.0.1:1", "/ca.pem", "us-east-1", 7, "2026-01-01T00:00:00.000Z"}));
  auto read = read_server_file(path);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->url, "http://127.0.0.1:1");
  EXPECT_EQ(read->ca_file, "/ca.pem");
  EXPECT_EQ(read->process, 7);
  folder.write("server.json", "{\"url\":");
  EXPECT_EQ(read_server_file(path).error().code, Code::corrupt);
  EXPECT_EQ(write_server_file(folder.path("none/server.json"), {}).error().code, Code::io);
}

/// A server that sends prepared bytes to its one caller.
class Scripted {
 public:
  Scripted(const std::string& path, std::string bytes, bool hold = false) {
    fd_ = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    ::bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address);
    ::listen(fd_, 1);
    thread_ = std::thread([this, bytes = std::move(bytes), hold] {
      int peer = ::accept(fd_, nullptr, nullptr);
      char buffer[4096];
      [[maybe_unused]] auto got = ::read(peer, buffer, sizeof buffer);
      for (char byte : bytes) [[maybe_unused]]
        auto sent = ::send(peer, &byte, 1, MSG_NOSIGNAL);
      while (hold && ::read(peer, buffer, sizeof buffer) > 0) {
      }
      ::close(peer);
    });
  }
  ~Scripted() {
    thread_.join();
    ::close(fd_);
  }

 private:
  int fd_ = -1;
  std::thread thread_;
};

TEST(UnixHttp, ReadsLengthsChunksAndUntilTheEndByteByByte) {
  TempFolder folder;
  auto get = [&](std::string bytes, std::size_t limit = 1000) {
    ::unlink(folder.path("s").c_str());
    Scripted server(folder.path("s"), std::move(bytes));
    UnixRequest asked;
    asked.socket = folder.path("s");
    return request(asked, limit);
  };
  EXPECT_EQ(get("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabX")->body, "ab");
  auto chunked =
      get("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Made\r\nTransfer-Encoding: chunked\r\nX: "
          "y\r\n\r\n2;e=1\r\nab\r\n"
          "a\r\n0123456789\r\n0\r\nTrailer: t\r\n\r\n");
  ASSERT_TRUE(chunked) << chunked.error().message;
  EXPECT_EQ(chunked->body, "ab0123456789");
  EXPECT_EQ(chunked->status, 201);
  EXPECT_EQ(chunked->headers.find("x"), "y");
  EXPECT_EQ(get("HTTP/1.1 200 OK\r\n\r\nuntil the end")->body, "until the end");
  EXPECT_EQ(get("HTTP/1.1 204 No Content\r\n\r\n")->status, 204);
  EXPECT_EQ(get("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab").error().code, Code::corrupt);
  EXPECT_EQ(get("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab").error().code,
            Code::corrupt);
  EXPECT_EQ(get("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n").error().code,
            Code::corrupt);
  EXPECT_EQ(get("SSH-2.0-x\r\n\r\n").error().code, Code::corrupt);
  EXPECT_EQ(get("").error().code, Code::corrupt);
  EXPECT_EQ(get("HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n01234567890", 10).error().code,
            Code::too_large);
  EXPECT_EQ(get("HTTP/1.1 200 OK\r\nX: " + std::string(66'000, 'x')).error().code, Code::too_large);
}

TEST(UnixHttp, SilenceAndInterruptionEndTheWait) {
  TempFolder folder;
  UnixRequest asked;
  asked.socket = folder.path("s");
  {
    Scripted server(asked.socket, "HTTP/1.1 200 OK\r\n", true);
    asked.silence = Millis(150);
    EXPECT_EQ(request(asked).error().code, Code::deadline);
  }
  ::unlink(asked.socket.c_str());
  {
    Scripted server(asked.socket, "HTTP/1.1 200 OK\r\n", true);
    std::atomic<bool> interrupted{true};
    asked.silence = Millis(30'000);
    asked.interrupted = &interrupted;
    EXPECT_EQ(request(asked).error().code, Code::cancelled);
  }
}

TEST(UnixHttp, SaysWhyNobodyAnswers) {
  TempFolder folder;
  UnixRequest asked;
  asked.socket = folder.path("none");
  EXPECT_EQ(request(asked).error().code, Code::unavailable);
  EXPECT_FALSE(answers(asked.socket));
  asked.socket = folder.path() + "/" + std::string(120, 's');
  EXPECT_THAT(request(asked).error().message, HasSubstr("too long for a Unix socket"));
}

}  // namespace
}  // namespace outcrop::admin
