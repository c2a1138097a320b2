#pragma once
/// Everything that can be configured, as values with their defaults. options.h says how each is
/// written, bounded and explained; docs/configuration.md is made from there.

#include "base/error.h"
#include "base/time.h"
#include "json/json.h"
#include "wire/server.h"

#include <cstdint>
#include <string>
#include <vector>

namespace outcrop::config {

enum class Tls : std::uint8_t { off, automatic, files };
enum class Auth : std::uint8_t { keys, open };
enum class StandIns : std::uint8_t { off, on };
enum class LogFormat : std::uint8_t { automatic, json, text };
enum class KvType : std::uint8_t { f16, bf16, q8_0 };
enum class ModelKind : std::uint8_t { automatic, chat, embedding, rerank };

std::string_view to_text(KvType type);     // "f16"
std::string_view to_text(ModelKind kind);  // "chat"; "auto" where the file decides

struct Server {
  std::string listen = "127.0.0.1:8177";  // HOST:PORT; [::1]:8177 for IPv6; port 0 picks one
  std::string socket;                     // empty: outcrop.sock in the data folder
  Tls tls = Tls::off;
  std::string tls_certificate;  // PEM files, for Tls::files
  std::string tls_private_key;
  std::vector<std::string> tls_names;  // more names and addresses for Tls::automatic
  Millis drain_timeout{30'000};
  wire::ServerLimits limits;
};

struct Log {
  LogLevel level = LogLevel::info;
  LogFormat format = LogFormat::automatic;
  bool prompts = false;
};

/// How a local model is run; one process each, all alike.
struct Engine {
  std::int64_t threads = 0;         // 0: one a core but one, at least one
  std::int64_t context_tokens = 0;  // of one sequence; 0: the model's own, at most the pool
  std::int64_t pool_tokens =
      0;                        // of all sequences together; 0: the model's context, at most 16,384
  std::int64_t sequences = 16;  // answered at the same time by one model
  std::int64_t retained = 16;   // ended sequences whose state waits for a shared prefix
  KvType kv_type = KvType::f16;
  std::int64_t queue = 256;       // requests that wait for one model
  std::int64_t texts = 4'096;     // texts that wait to be embedded by one model
  Millis step{200};               // what one step should take while somebody streams
  std::int64_t memory_bytes = 0;  // of one model; 0: what the machine has left
  Millis start_timeout{120'000};
  Millis idle_timeout{0};  // 0: a model once loaded stays
};

/// [[model]]
struct ModelEntry {
  std::string name;
  std::string path;
  ModelKind kind = ModelKind::automatic;
  std::vector<std::string> stands_in_for;  // patterns of model ids: "anthropic.claude-*"
  std::int64_t context_tokens = 0;         // 0: engine.context_tokens
};

/// [[scripted]]: a model that answers by rule, for tests of applications.
struct ScriptedEntry {
  std::string name;
  ModelKind kind = ModelKind::chat;
  std::vector<std::string> stands_in_for;
  json::Object script;  // the rest of the table: what the scripted provider reads
};

struct Config {
  std::string data_dir;
  std::string models_dir;  // empty: models in the data folder
  std::string region = "us-east-1";
  std::string account = "000000000000";
  Auth auth = Auth::keys;
  StandIns stand_ins = StandIns::on;
  Server server;
  Log log;
  Engine engine;
  std::vector<ModelEntry> models;
  std::vector<ScriptedEntry> scripted;

  // Files of an installation, all in the data folder.
  std::string models_folder() const {
    return models_dir.empty() ? data_dir + "/models" : models_dir;
  }
  std::string socket_file() const {
    return server.socket.empty() ? data_dir + "/outcrop.sock" : server.socket;
  }
  std::string records_file() const { return data_dir + "/outcrop.db"; }
  std::string sealing_key_file() const { return data_dir + "/sealing.key"; }
  std::string server_file() const { return data_dir + "/server.json"; }  // the last known address
  std::string ca_file() const { return data_dir + "/tls/ca.pem"; }
  std::string ca_key_file() const { return data_dir + "/tls/ca.key"; }
};

struct HostPort {
  std::string host;  // without brackets
  std::uint16_t port = 0;
};
/// "127.0.0.1:8177", "[::1]:0", "localhost:80". Errors: validation, as a phrase after "NAME =
/// VALUE: ".
Result<HostPort> parse_host_port(std::string_view text);
/// 127.0.0.0/8, ::1 and "localhost".
bool is_loopback(std::string_view host);

}  // namespace outcrop::config
