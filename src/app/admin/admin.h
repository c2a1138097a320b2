#pragma once
/// The administration of an installation: keys, models, status. One piece of code for both ways in:
/// the server routes what its Unix socket's peers ask under /_outcrop/v1/ here, and a command that
/// finds no server opens the store under its lock and calls the same object.
///
///   GET    /_outcrop/v1/status
///   GET    /_outcrop/v1/keys                         {"keys":[Key]}
///   POST   /_outcrop/v1/keys {"kind":"access_key"|"api_key","name","admin","expires"} -> Key with
///   "secret" POST   /_outcrop/v1/keys/default                 {} -> the access key "default" with
///   its secret, made when there is none DELETE /_outcrop/v1/keys/<id> GET    /_outcrop/v1/models
///   {"models":[Model]}; ?rescan=true looks at the folder again POST   /_outcrop/v1/models
///   {"path","name","kind","stands_in_for",...} -> Model DELETE /_outcrop/v1/models/<name> POST
///   /_outcrop/v1/shutdown                     {} -> {"stopping":true}
///
/// Errors:  {"error":{"code","message"}} with the code's HTTP status.
/// Limits:  a body of 1 MiB; 10,000 keys.
/// Threads: the loop's.

#include "app/config/config.h"
#include "app/registry/registry.h"
#include "base/result.h"
#include "base/task.h"
#include "identity/identity.h"
#include "json/json.h"
#include "wire/server.h"

#include <cstdint>
#include <functional>
#include <string>

namespace outcrop::admin {

inline constexpr std::string_view prefix = "/_outcrop/v1/";
inline constexpr std::size_t body_bytes_limit = 1024 * 1024;
inline constexpr std::size_t keys_limit = 10'000;

struct Response {
  int status = 200;
  json::Value body;
};

struct Hooks {
  /// What a running server adds to the status: "url", "started", "requests", ... Absent: none runs.
  std::function<json::Object()> status;
  /// Asks the server to stop; absent in a command.
  std::function<void()> shutdown;
};

class AdminApi {
 public:
  AdminApi(identity::Keys& keys, registry::ModelRegistry& models, Hooks hooks = {})
      : keys_(keys), models_(models), hooks_(std::move(hooks)) {}
  /// `target` is path and query as on the wire; `body` null where there is none.
  Task<Response> handle(std::string method, std::string target, json::Value body);

 private:
  Task<Result<Response>> keys(std::string method, std::string id, json::Value body);
  Task<Result<Response>> default_key();
  Task<Result<Response>> models(std::string method, std::string name, std::string query,
                                json::Value body);
  identity::Keys& keys_;
  registry::ModelRegistry& models_;
  Hooks hooks_;
};

/// True for what belongs to handle().
inline bool is_admin(const wire::RequestHead& head) { return head.path().starts_with(prefix); }
/// The whole exchange of one HTTP request. The caller has made sure that the peer came by the Unix
/// socket; anybody else gets 404 here too. Browsers are kept out: a request with an Origin header
/// is refused.
Task<void> serve(AdminApi& api, wire::Exchange& exchange);

}  // namespace outcrop::admin
