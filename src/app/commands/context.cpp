#include "app/commands/context.h"

#include "app/config/options.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>

namespace outcrop::commands {
namespace {

std::int64_t first_number(const std::string& path) {
  std::ifstream in(path);
  std::int64_t number = -1;
  return in >> number ? number : -1;
}

/// Version 2 of control groups: what the group may use less what it uses; -1 without a limit.
std::int64_t control_group_left() {
  std::ifstream in("/proc/self/cgroup");
  std::string line;
  while (std::getline(in, line)) {
    if (!line.starts_with("0::")) continue;
    for (std::string group = "/sys/fs/cgroup" + line.substr(3);; group.resize(group.rfind('/'))) {
      std::int64_t limit = first_number(group + "/memory.max");
      std::int64_t used = first_number(group + "/memory.current");
      if (limit >= 0 && used >= 0) return std::max<std::int64_t>(limit - used, 0);
      if (group.size() <= std::string("/sys/fs/cgroup").size()) break;
    }
  }
  return -1;
}

}  // namespace

Result<config::Loaded> load(const cli::Arguments& arguments) {
  config::Sources sources;
  if (auto file = arguments.value("--config")) sources.file = *file;
  for (const auto& entry : config::overrides()) {
    if (auto value = arguments.value(entry.flag)) sources.flags.emplace_back(entry.flag, *value);
  }
  for (const auto& setting : arguments.values("--set")) {
    auto equals = setting.find('=');
    if (equals == std::string::npos)
      return fail(Code::validation, "--set {}: KEY=VALUE is wanted", setting);
    sources.settings.emplace_back(setting.substr(0, equals), setting.substr(equals + 1));
  }
  return config::load(sources);
}

int report_config(const cli::Console& console, const Error& error) {
  if (console.json) return cli::report(console, {.exit = cli::usage, .what = error.message});
  console.error(error.message +
                "\n");  // FILE:LINE: ... stands alone, so that editors can follow it
  return cli::usage;
}

Reached reach(const cli::Console& console, const cli::Arguments& arguments) {
  Reached out;
  auto loaded = load(arguments);
  if (!loaded) {
    out.exit = report_config(console, loaded.error());
    return out;
  }
  out.loaded = std::move(*loaded);
  auto admin = admin::connect_or_open(out.loaded.config);
  if (!admin) {
    bool held = admin.error().code == Code::conflict;
    out.exit =
        report(console, admin.error(),
               "the store of " + short_path(out.loaded.config.data_dir) + " cannot be opened",
               held ? "stop the process that holds it, or use --data for another installation"
                    : "outcrop doctor");
    return out;
  }
  out.admin = std::move(*admin);
  return out;
}

int report(const cli::Console& console, const Error& error, std::string what, std::string next) {
  return cli::report(console, cli::trouble(error, std::move(what), std::move(next)));
}

std::string short_path(const std::string& path) {
  const char* home = std::getenv("HOME");
  std::string folder = home ? home : "";
  if (folder.size() > 1 && path.starts_with(folder + "/")) return "~" + path.substr(folder.size());
  return path;
}

std::string shell_word(std::string_view text) {
  bool plain = !text.empty() && text.find_first_not_of(
                                    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                    "-_./:,+@%=") == std::string_view::npos;
  if (plain) return std::string(text);
  std::string out = "'";
  for (char c : text) {
    if (c == '\'') {
      out += "'\\''";
    } else {
      out += c;
    }
  }
  return out + "'";
}

std::int64_t available_memory_bytes() {
  std::ifstream in("/proc/meminfo");
  std::string line;
  std::int64_t available = 0;
  while (std::getline(in, line)) {
    if (!line.starts_with("MemAvailable:")) continue;
    std::istringstream words(line.substr(13));
    words >> available;
    available *= 1024;
  }
  std::int64_t group = control_group_left();
  return group >= 0 ? std::min(available, group) : available;
}

}  // namespace outcrop::commands
