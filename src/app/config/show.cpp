#include "app/config/load.h"
#include "app/config/options.h"

namespace outcrop::config {
namespace {

std::string section_of(const std::string& key) {
  auto dot = key.find('.');
  return dot == std::string::npos ? std::string() : key.substr(0, dot);
}
std::string name_of(const std::string& key) {
  auto dot = key.find('.');
  return dot == std::string::npos ? key : key.substr(dot + 1);
}

std::string wanted(const Facts& facts) {
  auto bounds = [&](auto&& text) {
    bool top = facts.maximum != std::numeric_limits<std::int64_t>::max();
    return top ? fmt::format(", {} to {}", text(facts.minimum), text(facts.maximum))
               : fmt::format(", at least {}", text(facts.minimum));
  };
  switch (facts.kind) {
    case Kind::text:
      return facts.pattern.empty() ? "text" : facts.pattern;
    case Kind::path:
      return "path";
    case Kind::address:
      return "HOST:PORT";
    case Kind::whole:
      return fmt::format("whole number{}{}", facts.unit.empty() ? "" : " of " + facts.unit,
                         bounds([](std::int64_t n) { return fmt::format("{}", n); }));
    case Kind::toggle:
      return "true or false";
    case Kind::choice: {
      std::string out;
      for (const auto& name : facts.allowed) out += (out.empty() ? "`\"" : ", `\"") + name + "\"`";
      return out;
    }
    case Kind::list:
      return "list of texts";
    case Kind::size:
      return "size" + bounds(size_text);
    case Kind::duration:
      return "duration" + bounds(duration_text);
  }
  return {};
}

template <class T>
void rows(const std::vector<Option<T>>& table, const std::string& section, std::string& out) {
  out += "| Option | Default | What may stand there | What it does |\n|---|---|---|---|\n";
  for (const auto& option : table) {
    if (section_of(option.facts.key) != section) continue;
    std::string standard = option.facts.required ? "required"
                           : !option.facts.default_words.empty()
                               ? option.facts.default_words
                               : "`" + written(option.facts, option.get(T{})) + "`";
    out +=
        fmt::format("| `{}` | {} | {} | {}{} |\n", name_of(option.facts.key), standard,
                    wanted(option.facts), option.facts.summary,
                    option.facts.example.empty() ? "" : " Example: `" + option.facts.example + "`");
  }
  out += "\n";
}

std::string origin_text(const Loaded& loaded, const std::string& key) {
  auto found = loaded.origin.find(key);
  return found == loaded.origin.end() ? "default" : found->second.where;
}

json::Value value_of(const Option<Config>& option, const Config& config) {
  // The folders whose defaults hang on others are shown as they are in effect.
  if (option.facts.key == "models_dir") return json::Value(json::String(config.models_folder()));
  if (option.facts.key == "server.socket") return json::Value(json::String(config.socket_file()));
  return option.get(config);
}

}  // namespace

json::Value effective(const Loaded& loaded) {
  json::Array out;
  auto add = [&](std::string key, std::string value) {
    json::Object row;
    row["key"] = key;
    row["value"] = std::move(value);
    row["from"] = origin_text(loaded, key);
    out.emplace_back(std::move(row));
  };
  for (const auto& option : options())
    add(option.facts.key, written(option.facts, value_of(option, loaded.config)));
  for (std::size_t i = 0; i < loaded.config.models.size(); ++i) {
    for (const auto& option : model_options()) {
      add(fmt::format("model[{}].{}", i, option.facts.key),
          written(option.facts, option.get(loaded.config.models[i])));
    }
  }
  for (std::size_t i = 0; i < loaded.config.scripted.size(); ++i) {
    add(fmt::format("scripted[{}]", i), json::write(json::Value(loaded.config.scripted[i].script)));
  }
  return out;
}

std::string effective_toml(const Loaded& loaded) {
  std::string out;
  std::string section;
  auto line = [&](const std::string& name, const std::string& value, const std::string& key) {
    std::string text = name + " = " + value;
    out += fmt::format("{:<44} # {}\n", text, origin_text(loaded, key));
  };
  for (const auto& option : options()) {
    const std::string& key = option.facts.key;
    if (section_of(key) != section) {
      section = section_of(key);
      out += "\n[" + section + "]\n";
    }
    line(name_of(key), written(option.facts, value_of(option, loaded.config)), key);
  }
  for (std::size_t i = 0; i < loaded.config.models.size(); ++i) {
    out += "\n[[model]]\n";
    for (const auto& option : model_options()) {
      line(option.facts.key, written(option.facts, option.get(loaded.config.models[i])),
           fmt::format("model[{}].{}", i, option.facts.key));
    }
  }
  for (std::size_t i = 0; i < loaded.config.scripted.size(); ++i) {
    out += fmt::format("\n# [[scripted]] {} ({})\n",
                       json::write(json::Value(json::String(loaded.config.scripted[i].name))),
                       origin_text(loaded, fmt::format("scripted[{}]", i)));
  }
  return out;
}

std::string markdown() {
  std::string out =
      "# Configuration\n\n"
      "<!-- Made by `outcrop config --markdown` from src/app/config/options.cpp: change that, not "
      "this. -->\n\n"
      "Outcrop runs without a configuration file. What is set wins in this order: a flag of the "
      "command line, a\n"
      "variable of the environment, the file, the default.\n\n"
      "- The file is the one of `--config FILE`, or of `OUTCROP_CONFIG`, or else "
      "`$XDG_CONFIG_HOME/outcrop/outcrop.toml`\n"
      "  (`~/.config/outcrop/outcrop.toml`) when it is there. An `outcrop.toml` in the current "
      "folder is read only when it is\n"
      "  named.\n"
      "- It is [TOML](https://toml.io/en/v1.0.0), at most 1 MiB, and checked as a whole at start. "
      "A mistake is named with its\n"
      "  line and what is wanted, and the server does not start:\n"
      "  `outcrop.toml:14: engine.threads = \"lots\": a whole number is wanted, such as 8`. Up to "
      "20 mistakes are shown.\n"
      "- A relative path in the file starts from the file's folder; `~/` is the home folder.\n"
      "- A size is a number of bytes, or a text: `\"64 KiB\"`, `\"25 MB\"`. A duration is a text "
      "with its unit: `\"500 ms\"`,\n"
      "  `\"15 s\"`, `\"2 min\"`, `\"1 h\"`, `\"7 d\"`.\n"
      "- `outcrop config` prints every value in effect and where it comes from.\n\n";
  out +=
      "| Variable | Flag | Option |\n|---|---|---|\n| `OUTCROP_CONFIG` | `--config` | the file "
      "itself |\n";
  for (const auto& entry : overrides()) {
    out += fmt::format("| `{}` | `{}` | `{}` |\n", entry.variable, entry.flag, entry.key);
  }
  out += "| | `--set KEY=VALUE` | any option below; may be repeated. A list is written `a,b` |\n\n";
  out += "## Top of the file\n\n";
  rows(options(), "", out);
  std::string section;
  for (const auto& option : options()) {
    std::string own = section_of(option.facts.key);
    if (own == section) continue;
    section = own;
    out += "## [" + section + "]\n\n";
    rows(options(), section, out);
  }
  out +=
      "## [[model]]\n\n"
      "One table a model, beside those of the models folder and of `outcrop models add`. Names "
      "must differ.\n\n";
  rows(model_options(), "", out);
  out +=
      "## [[scripted]]\n\n"
      "A model that answers by rule instead of computing, for tests of applications that must\n"
      "not depend on what a model says. `name` is required; the options below are ours; "
      "everything\n"
      "else in the table is the script, whose members are in\n"
      "src/models/providers/scripted/README.md.\n\n";
  rows(scripted_options(), "", out);
  out +=
      "```toml\n"
      "[[scripted]]\n"
      "name = \"slow\"\n"
      "stands_in_for = [\"anthropic.claude-*\"]\n"
      "[[scripted.rules]]\n"
      "match = { text = \"weather\" }\n"
      "delay_ms = 200\n"
      "reply = \"It rains.\"\n"
      "```\n";
  return out;
}

}  // namespace outcrop::config
