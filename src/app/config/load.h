#pragma once
/// Brings the configuration together: flag over variable over file over default.
/// Errors: validation; one line a mistake, each `FILE:LINE: KEY = VALUE: what is wanted`, at
/// most 20. Threads: any; reads the file system.

#include "app/config/config.h"
#include "base/result.h"

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace outcrop::config {

struct Origin {
  enum class Kind : std::uint8_t { by_default, file, variable, flag } kind = Kind::by_default;
  std::string where;  // "outcrop.toml:14", "OUTCROP_DATA", "--listen"
};

struct Sources {
  std::optional<std::string> file;                            // --config
  std::vector<std::pair<std::string, std::string>> flags;     // {"--listen", "127.0.0.1:0"}
  std::vector<std::pair<std::string, std::string>> settings;  // --set KEY=VALUE, taken apart
  /// nullptr when unset. Empty: the process's environment.
  std::function<const char*(const char*)> environment;
};

struct Loaded {
  Config config;
  std::string file;                      // empty when none was read
  std::map<std::string, Origin> origin;  // by key, of what is not the default; "model[0].path"
};

Result<Loaded> load(const Sources& sources);
/// The text of a file named `name` (for messages; paths in it are relative to its folder).
Result<Loaded> load_text(std::string_view toml, const std::string& name, const Sources& sources);

/// What only a server needs: the files that are named are there, the socket's path is short enough,
/// an open server stays on the loopback. Errors as load().
Result<void> check_for_serving(const Loaded& loaded);

/// ./outcrop.toml is not read unasked: a folder that one happens to stand in must not reconfigure a
/// server.
std::string default_config_file(const std::function<const char*(const char*)>& environment);

/// One row an option: {"key", "value", "from"}; values as in TOML.
json::Value effective(const Loaded& loaded);
/// The same as a TOML document that can be read again.
std::string effective_toml(const Loaded& loaded);
/// docs/configuration.md.
std::string markdown();

}  // namespace outcrop::config
