#include "app/config/load.h"

#include "app/cli/suggest.h"
#include "app/config/document.h"
#include "app/config/options.h"
#include "base/text.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>
#include <sys/stat.h>
#include <unistd.h>

namespace outcrop::config {
namespace {

constexpr std::size_t mistakes_limit = 20;
constexpr std::size_t shown_value_bytes = 60;

using Environment = std::function<const char*(const char*)>;

std::string from(const Environment& environment, const char* name) {
  const char* value = environment ? environment(name) : std::getenv(name);
  return value ? value : "";
}

/// Collects every mistake, so that one look mends them all.
struct Mistakes {
  std::vector<std::string> lines;
  void add(std::string line) { lines.push_back(std::move(line)); }
  Result<void> result() const {
    if (lines.empty()) return {};
    std::string all;
    for (std::size_t i = 0; i < std::min(lines.size(), mistakes_limit); ++i) {
      if (i > 0) all += '\n';
      all += lines[i];
    }
    if (lines.size() > mistakes_limit)
      all += fmt::format("\nand {} more", lines.size() - mistakes_limit);
    return fail(Code::validation, std::move(all));
  }
};

std::string shown(const json::Value& value) {
  std::string text = json::write(value);
  if (text.size() > shown_value_bytes)
    text = text.substr(0, whole_utf8(text.substr(0, shown_value_bytes))) + "…";
  return text;
}

struct Reader {
  Loaded& loaded;
  Mistakes& mistakes;
  std::string name;  // of the file
  std::string home;
  std::filesystem::path folder;  // of the file

  std::string at(int line) const { return fmt::format("{}:{}", name, line); }

  std::string resolved(std::string text) const {
    if (text == "~" || text.starts_with("~/")) text = home + text.substr(1);
    if (text.empty() || text.front() == '/') return text;
    return (folder / text).lexically_normal().string();
  }

  template <class T>
  void set(const Option<T>& option, T& target, const std::string& key, const Node& node) {
    if (node.kind != Node::Kind::value) {
      mistakes.add(fmt::format("{}: {} is an option, not a table", at(node.line), key));
      return;
    }
    auto value = check(option.facts, node.value);
    if (!value) {
      mistakes.add(fmt::format("{}: {} = {}: {}", at(node.line), key, shown(node.value),
                               value.error().message));
      return;
    }
    if (option.facts.kind == Kind::path)
      *value = json::Value(json::String(resolved(std::string(json::view(value->get_string())))));
    option.set(target, *value);
    loaded.origin[key] = {Origin::Kind::file, at(node.line)};
  }

  void unknown(int line, const std::string& key, const std::vector<std::string>& known) {
    std::string near = cli::nearest(key, known);
    mistakes.add(fmt::format(
        "{}: {}: there is no such option{}", at(line), key,
        near.empty() ? "; `outcrop config` lists them" : "; did you mean " + near + "?"));
  }

  void table(const Node& node, const std::string& prefix) {
    for (const auto& [key, member] : node.members) {
      std::string full = prefix.empty() ? key : prefix + "." + key;
      if (full == "model") {
        models(member);
        continue;
      }
      if (full == "scripted") {
        scripted(member);
        continue;
      }
      const auto& all = options();
      auto found = std::find_if(all.begin(), all.end(),
                                [&](const auto& option) { return option.facts.key == full; });
      if (found != all.end()) {
        set(*found, loaded.config, full, member);
        continue;
      }
      bool section = std::any_of(all.begin(), all.end(), [&](const auto& o) {
        return o.facts.key.starts_with(full + ".");
      });
      if (section && member.kind == Node::Kind::table) {
        table(member, full);
      } else if (section) {
        mistakes.add(fmt::format("{}: {} is a table: write [{}]", at(member.line), full, full));
      } else {
        std::vector<std::string> known{"model", "scripted"};
        for (const auto& option : all) {
          known.push_back(option.facts.key);
          auto dot = option.facts.key.find('.');
          if (dot != std::string::npos) known.push_back(option.facts.key.substr(0, dot));
        }
        unknown(member.line, full, known);
      }
    }
  }

  void models(const Node& node) {
    if (node.kind != Node::Kind::tables) {
      mistakes.add(fmt::format("{}: model is a list of tables: write [[model]]", at(node.line)));
      return;
    }
    for (const auto& item : node.items) {
      ModelEntry entry;
      std::set<std::string> seen;
      for (const auto& [key, member] : item.members) {
        const auto& all = model_options();
        auto found = std::find_if(all.begin(), all.end(),
                                  [&k = key](const auto& o) { return o.facts.key == k; });
        if (found == all.end()) {
          std::vector<std::string> known;
          for (const auto& option : all) known.push_back("model." + option.facts.key);
          unknown(member.line, "model." + key, known);
          continue;
        }
        seen.insert(key);
        auto before = loaded.origin;
        set(*found, entry, "model." + key, member);
        loaded.origin.erase("model." + key);
        loaded.origin[fmt::format("model[{}].{}", loaded.config.models.size(), key)] = {
            Origin::Kind::file, at(member.line)};
      }
      for (const auto& option : model_options()) {
        if (option.facts.required && !seen.contains(option.facts.key)) {
          mistakes.add(fmt::format(
              "{}: model.{} is missing: {} is wanted, such as {}", at(item.line), option.facts.key,
              option.facts.kind == Kind::path ? "a file" : "a name", option.facts.example));
        }
      }
      taken(entry.name, item.line, "model");
      loaded.config.models.push_back(std::move(entry));
    }
  }

  void scripted(const Node& node) {
    if (node.kind != Node::Kind::tables) {
      mistakes.add(
          fmt::format("{}: scripted is a list of tables: write [[scripted]]", at(node.line)));
      return;
    }
    for (const auto& item : node.items) {
      ScriptedEntry entry;
      entry.script = to_json(item).get_object();
      auto found = json::find_string(entry.script, "name");
      if (!found || found->empty()) {
        mistakes.add(fmt::format("{}: scripted.name is missing: a name is wanted, such as \"echo\"",
                                 at(item.line)));
        continue;
      }
      entry.name = *found;
      entry.script.erase("name");
      // What is ours is taken out and checked; the rest is for the provider to judge.
      for (const auto& option : scripted_options()) {
        const auto* value = json::find(entry.script, option.facts.key);
        if (!value) continue;
        auto checked = check(option.facts, *value);
        if (checked) {
          option.set(entry, *checked);
        } else {
          mistakes.add(fmt::format("{}: scripted.{} = {}: {}", at(item.line), option.facts.key,
                                   shown(*value), checked.error().message));
        }
        entry.script.erase(option.facts.key);
      }
      loaded.origin[fmt::format("scripted[{}]", loaded.config.scripted.size())] = {
          Origin::Kind::file, at(item.line)};
      taken(entry.name, item.line, "scripted");
      loaded.config.scripted.push_back(std::move(entry));
    }
  }

  /// Models and scripted ones share their names.
  std::map<std::string, int> lines;
  void taken(const std::string& model, int line, std::string_view table) {
    if (model.empty()) return;
    auto [entry, fresh] = lines.emplace(model, line);
    if (!fresh) {
      mistakes.add(fmt::format(
          "{}: {}.name = \"{}\": the model of line {} has this name; every model needs its own",
          at(line), table, model, entry->second));
    }
  }
};

void override_with(Loaded& loaded, Mistakes& mistakes, std::string_view key,
                   const std::string& text, Origin origin) {
  const auto& all = options();
  auto found = std::find_if(all.begin(), all.end(),
                            [&](const auto& option) { return option.facts.key == key; });
  if (found == all.end()) {
    std::vector<std::string> known;
    for (const auto& option : all) known.push_back(option.facts.key);
    std::string near = cli::nearest(key, known);
    mistakes.add(fmt::format(
        "{} {}: there is no such option{}", origin.where, key,
        near.empty() ? "; `outcrop config` lists them" : "; did you mean " + near + "?"));
    return;
  }
  auto value = check_text(found->facts, text);
  if (!value) {
    bool set = origin.where == "--set";
    mistakes.add(fmt::format("{}{} = {}: {}", set ? "--set " : "",
                             set ? std::string(key) : origin.where,
                             shown(json::Value(json::String(text))), value.error().message));
    return;
  }
  if (found->facts.kind == Kind::path && !text.empty() && text.front() != '/') {
    *value = json::Value(json::String(std::filesystem::absolute(text).lexically_normal().string()));
  }
  found->set(loaded.config, *value);
  loaded.origin[std::string(key)] = std::move(origin);
}

Result<Loaded> finish(Loaded loaded, Mistakes mistakes, const Sources& sources) {
  for (const auto& entry : overrides()) {
    std::string value = from(sources.environment, std::string(entry.variable).c_str());
    if (!value.empty()) {
      override_with(loaded, mistakes, entry.key, value,
                    {Origin::Kind::variable, std::string(entry.variable)});
    }
  }
  for (const auto& [key, value] : sources.settings)
    override_with(loaded, mistakes, key, value, {Origin::Kind::flag, "--set"});
  for (const auto& [flag, value] : sources.flags) {
    for (const auto& entry : overrides()) {
      if (entry.flag == flag)
        override_with(loaded, mistakes, entry.key, value, {Origin::Kind::flag, flag});
    }
  }
  if (loaded.config.data_dir.empty()) {
    std::string share = from(sources.environment, "XDG_DATA_HOME");
    std::string home = from(sources.environment, "HOME");
    if (share.empty() && home.empty()) {
      mistakes.add(
          "data_dir: neither HOME nor XDG_DATA_HOME is set, so there is no default: use --data "
          "DIR");
    }
    loaded.config.data_dir = share.empty() ? home + "/.local/share/outcrop" : share + "/outcrop";
  }
  CHECK(mistakes.result());
  return loaded;
}

}  // namespace

Result<Loaded> load_text(std::string_view toml, const std::string& name, const Sources& sources) {
  TRY(document, read_toml(toml, name));
  Loaded loaded;
  Mistakes mistakes;
  loaded.file = name;
  Reader reader{loaded,
                mistakes,
                name,
                from(sources.environment, "HOME"),
                std::filesystem::absolute(name).parent_path(),
                {}};
  reader.table(document, "");
  return finish(std::move(loaded), std::move(mistakes), sources);
}

std::string default_config_file(const Environment& environment) {
  std::string folder = from(environment, "XDG_CONFIG_HOME");
  std::string home = from(environment, "HOME");
  if (folder.empty() && home.empty()) return {};
  return (folder.empty() ? home + "/.config" : folder) + "/outcrop/outcrop.toml";
}

Result<Loaded> load(const Sources& sources) {
  std::string file = sources.file.value_or(from(sources.environment, "OUTCROP_CONFIG"));
  std::string asked_by = sources.file ? "--config" : "OUTCROP_CONFIG";
  if (file.empty()) {
    file = default_config_file(sources.environment);
    if (file.empty() || ::access(file.c_str(), F_OK) != 0) return finish({}, {}, sources);
    asked_by.clear();
  }
  std::ifstream in(file, std::ios::binary);
  std::error_code unreadable;
  if (!in || std::filesystem::is_directory(file, unreadable)) {
    int error = in ? EISDIR : errno;
    return fail(Code::validation, "{}{}: the file cannot be read: {}",
                asked_by.empty() ? "" : asked_by + " ", file, std::strerror(error));
  }
  std::string text(std::istreambuf_iterator<char>(in), {});
  return load_text(text, file, sources);
}

Result<void> check_for_serving(const Loaded& loaded) {
  const Config& config = loaded.config;
  Mistakes mistakes;
  auto at = [&](const std::string& key, const std::string& text) {
    auto found = loaded.origin.find(key);
    bool file = found != loaded.origin.end() && found->second.kind == Origin::Kind::file;
    mistakes.add((file ? found->second.where + ": " : std::string()) + text);
  };
  auto readable = [&](const std::string& key, const std::string& path) {
    if (::access(path.c_str(), R_OK) != 0) {
      at(key,
         fmt::format("{} = \"{}\": the file cannot be read: {}", key, path, std::strerror(errno)));
    }
  };
  if (config.auth == Auth::open) {
    auto address = parse_host_port(config.server.listen);
    if (address && !is_loopback(address->host)) {
      at("auth", fmt::format("auth = \"open\": anybody who reaches {} could use every model and "
                             "key; keep \"keys\", or "
                             "listen on 127.0.0.1",
                             config.server.listen));
    }
  }
  if (config.server.tls == Tls::files) {
    for (auto [key, path] : {std::pair("server.tls_certificate", &config.server.tls_certificate),
                             std::pair("server.tls_private_key", &config.server.tls_private_key)}) {
      if (path->empty()) {
        at("server.tls",
           fmt::format("server.tls = \"files\": {} is missing: a PEM file is wanted", key));
      } else {
        readable(key, *path);
      }
    }
  } else if (!config.server.tls_certificate.empty() || !config.server.tls_private_key.empty()) {
    std::string key =
        config.server.tls_certificate.empty() ? "server.tls_private_key" : "server.tls_certificate";
    at(key, key + " is set, but server.tls is not \"files\": set it, or remove the file's name");
  }
  constexpr std::size_t socket_path_bytes = 107;  // sockaddr_un
  if (std::string path = config.socket_file(); path.size() > socket_path_bytes) {
    at(config.server.socket.empty() ? "data_dir" : "server.socket",
       fmt::format("server.socket = \"{}\": the path has {} bytes, a Unix socket's may have {}: "
                   "set server.socket to a "
                   "shorter one",
                   path, path.size(), socket_path_bytes));
  }
  for (std::size_t i = 0; i < config.models.size(); ++i) {
    std::string key = fmt::format("model[{}].path", i);
    if (::access(config.models[i].path.c_str(), R_OK) != 0) {
      at(key, fmt::format("model.path = \"{}\": the file cannot be read: {}", config.models[i].path,
                          std::strerror(errno)));
    }
  }
  return mistakes.result();
}

}  // namespace outcrop::config
