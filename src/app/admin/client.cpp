#include "app/admin/client.h"

#include "app/admin/unix_http.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <sys/stat.h>
#include <unistd.h>

namespace outcrop::admin {
namespace {

/// An answer of any kind becomes a value or the error that it carries.
Result<json::Value> unwrap(int status, json::Value body) {
  if (status < 400) return body;
  Error error{.code = Code::internal, .message = fmt::format("the server answered {}", status)};
  if (body.is_object()) {
    if (const auto* inner = json::find(body.get_object(), "error"); inner && inner->is_object()) {
      auto name = json::find_string(inner->get_object(), "code").value_or("");
      for (int i = 0; i < code_count; ++i) {
        if (facts(static_cast<Code>(i)).name == name) error.code = static_cast<Code>(i);
      }
      error.message = json::find_string(inner->get_object(), "message").value_or(error.message);
    }
  }
  return fail(std::move(error));
}

class SocketAdmin : public Admin {
 public:
  explicit SocketAdmin(std::string socket) : socket_(std::move(socket)) {}
  bool running() const override { return true; }
  Result<json::Value> call(const std::string& method, const std::string& target,
                           const json::Value& body) override {
    UnixRequest asked;
    asked.socket = socket_;
    asked.method = method;
    asked.target = target;
    if (!body.is_null()) {
      asked.headers.add("content-type", "application/json");
      asked.body = json::write(body);
    }
    TRY(answer, request(asked));
    json::Value value;
    if (!answer.body.empty()) {
      auto read = json::read(answer.body);
      if (!read) return fail(Code::corrupt, "the server's answer ({}) is no JSON", answer.status);
      value = std::move(*read);
    }
    return unwrap(answer.status, std::move(value));
  }

 private:
  std::string socket_;
};

class StoreAdmin : public Admin {
 public:
  explicit StoreAdmin(config::Config config) : config_(std::move(config)), loop_(1) {}
  bool running() const override { return false; }

  Result<void> open() {
    TRY(records, store::Records::open(loop_, config_.records_file()));
    records_ = std::move(records);
    Result<void> out;
    loop_.run(open_all(&out));
    return out;
  }

  Result<json::Value> call(const std::string& method, const std::string& target,
                           const json::Value& body) override {
    Response answer;
    loop_.run(handle(method, target, body, &answer));
    return unwrap(answer.status, std::move(answer.body));
  }

 private:
  Task<void> open_all(Result<void>* out) {
    auto keys = co_await identity::Keys::open(*records_, config_.sealing_key_file());
    if (!keys) {
      *out = fail(keys.error());
      co_return;
    }
    keys_ = std::move(*keys);
    auto models = co_await registry::ModelRegistry::open(loop_, *records_, config_);
    if (!models) {
      *out = fail(models.error());
      co_return;
    }
    models_ = std::move(*models);
    api_ = std::make_unique<AdminApi>(*keys_, *models_);
  }
  Task<void> handle(std::string method, std::string target, json::Value body, Response* out) {
    *out = co_await api_->handle(std::move(method), std::move(target), std::move(body));
  }
  config::Config config_;
  Loop loop_;
  std::unique_ptr<store::Records> records_;
  std::unique_ptr<identity::Keys> keys_;
  std::unique_ptr<registry::ModelRegistry> models_;
  std::unique_ptr<AdminApi> api_;
};

}  // namespace

Result<std::unique_ptr<Admin>> connect(const config::Config& config) {
  std::string socket = config.socket_file();
  UnixRequest probe;
  probe.socket = socket;
  probe.target = std::string(prefix) + "status";
  TRY(status, request(probe));
  if (status.status != 200)
    return fail(Code::unavailable, "{} answered {} where a status was expected", socket,
                status.status);
  return std::make_unique<SocketAdmin>(std::move(socket));
}

Result<std::unique_ptr<Admin>> open_store(const config::Config& config) {
  CHECK(make_data_folder(config.data_dir));
  auto out = std::make_unique<StoreAdmin>(config);
  CHECK(out->open());
  return out;
}

Result<std::unique_ptr<Admin>> connect_or_open(const config::Config& config) {
  auto server = connect(config);
  if (server) return server;
  if (server.error().code != Code::unavailable) return server;
  auto store = open_store(config);
  if (!store && store.error().code == Code::conflict) {
    // Somebody holds the store and did not answer a moment ago: it may just be starting.
    auto again = connect(config);
    if (again) return again;
    store.error().message += "; its socket does not answer: " + server.error().message;
  }
  return store;
}

Result<void> make_data_folder(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::is_directory(path, error)) {
    std::filesystem::path whole(path);
    std::filesystem::create_directories(whole.parent_path(), error);
    if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
      return fail(Code::io, "the data folder {} cannot be made: {}", path, std::strerror(errno));
    }
  }
  if (::access(path.c_str(), W_OK | X_OK) != 0) {
    return fail(Code::access_denied, "the data folder {} cannot be written: {}", path,
                std::strerror(errno));
  }
  return {};
}

Result<void> write_server_file(const std::string& path, const ServerFile& file) {
  json::Object out;
  out["url"] = file.url;
  if (!file.ca_file.empty()) out["ca_file"] = file.ca_file;
  out["region"] = file.region;
  out["process"] = file.process;
  out["started"] = file.started;
  std::string text = json::write_pretty(json::Value(std::move(out))) + "\n";
  std::string temporary = fmt::format("{}.{}", path, ::getpid());
  int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return fail(Code::io, "{} cannot be written: {}", temporary, std::strerror(errno));
  bool written = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  written = ::close(fd) == 0 && written;
  if (!written || ::rename(temporary.c_str(), path.c_str()) != 0) {
    int error = errno;
    ::unlink(temporary.c_str());
    return fail(Code::io, "{} cannot be written: {}", path, std::strerror(error));
  }
  return {};
}

Result<ServerFile> read_server_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in)
    return fail(Code::not_found, "there is no {}: no server has run with this data folder", path);
  std::string text(64 * 1024, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  auto value = json::read(text);
  if (!value || !value->is_object()) return fail(Code::corrupt, "{} is no JSON object", path);
  const auto& object = value->get_object();
  ServerFile out;
  out.url = json::find_string(object, "url").value_or("");
  out.ca_file = json::find_string(object, "ca_file").value_or("");
  out.region = json::find_string(object, "region").value_or("");
  out.process = json::find_int(object, "process").value_or(0);
  out.started = json::find_string(object, "started").value_or("");
  if (out.url.empty()) return fail(Code::corrupt, "{} names no url", path);
  return out;
}

}  // namespace outcrop::admin
