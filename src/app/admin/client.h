#pragma once
/// The command line's way to the administration: over the socket of a running server, or else in
/// process, with the store opened under its lock. Threads: one caller at a time; calls block.

#include "app/admin/admin.h"
#include "app/config/config.h"
#include "base/result.h"
#include "json/json.h"

#include <memory>
#include <string>

namespace outcrop::admin {

class Admin {
 public:
  virtual ~Admin() = default;
  /// The body of a good answer. Errors: what the administration says, by its code; unavailable.
  virtual Result<json::Value> call(const std::string& method, const std::string& target,
                                   const json::Value& body = {}) = 0;
  /// Whether a server answered.
  virtual bool running() const = 0;
};

/// Errors: unavailable (no server listens).
Result<std::unique_ptr<Admin>> connect(const config::Config& config);
/// Makes the data folder (0700) when it is not there. Errors: conflict (another process holds the
/// store), io, corrupt.
Result<std::unique_ptr<Admin>> open_store(const config::Config& config);
/// connect(), or else open_store().
Result<std::unique_ptr<Admin>> connect_or_open(const config::Config& config);

/// The data folder with mode 0700. Errors: io; access_denied, when it is not ours to write.
Result<void> make_data_folder(const std::string& path);

/// What the last server left in <data>/server.json, so that `outcrop env` works before the next one
/// starts.
struct ServerFile {
  std::string url;      // "http://127.0.0.1:8177"
  std::string ca_file;  // PEM that clients have to trust; empty without TLS, or where a public
                        // authority signed
  std::string region;
  std::int64_t process = 0;
  std::string started;  // ISO 8601
};
/// Replaces the file in one step.
Result<void> write_server_file(const std::string& path, const ServerFile& file);
/// Errors: not_found, corrupt.
Result<ServerFile> read_server_file(const std::string& path);

}  // namespace outcrop::admin
