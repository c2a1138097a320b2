#include "app/cli/arguments.h"

#include "app/cli/exit.h"
#include "app/cli/suggest.h"

#include <algorithm>

namespace outcrop::cli {

std::optional<std::string> Arguments::value(std::string_view flag) const {
  const auto& all = values(flag);
  return all.empty() ? std::nullopt : std::optional(all.back());
}

const std::vector<std::string>& Arguments::values(std::string_view flag) const {
  static const std::vector<std::string> none;
  auto found = flags_.find(std::string(flag));
  return found == flags_.end() ? none : found->second;
}

Commands::Commands(std::string program, std::string summary, std::vector<Flag> common,
                   std::vector<Command> commands)
    : program_(std::move(program)),
      summary_(std::move(summary)),
      common_(std::move(common)),
      commands_(std::move(commands)) {}

const Command* Commands::find(std::string_view name) const {
  auto found = std::find_if(commands_.begin(), commands_.end(),
                            [&](const Command& c) { return c.name == name; });
  return found == commands_.end() ? nullptr : &*found;
}

const Flag* Commands::find_flag(const Command& command, std::string_view name) const {
  for (const auto* flags : {&command.flags, &common_}) {
    for (const auto& flag : *flags) {
      if (flag.name == name) return &flag;
    }
  }
  return nullptr;
}

Result<Arguments> Commands::parse(const Command& command,
                                  const std::vector<std::string>& words) const {
  Arguments out;
  bool flags = true;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    if (flags && word == "--") {
      flags = false;
      continue;
    }
    if (!flags || word.size() < 2 || word[0] != '-') {
      out.words_.push_back(word);
      continue;
    }
    auto equals = word.find('=');
    std::string name = word.substr(0, equals);
    if (name == "-h") name = "--help";
    const Flag* flag = find_flag(command, name);
    if (!flag) {
      std::vector<std::string> known;
      for (const auto* list : {&command.flags, &common_}) {
        for (const auto& each : *list) known.push_back(each.name);
      }
      std::string near = nearest(name, known);
      return fail(Code::validation, "{}: there is no such flag{}", name,
                  near.empty() ? "" : "; did you mean " + near + "?");
    }
    std::string value;
    if (flag->value.empty()) {
      if (equals != std::string::npos) return fail(Code::validation, "{} takes no value", name);
    } else if (equals != std::string::npos) {
      value = word.substr(equals + 1);
    } else if (i + 1 < words.size()) {
      value = words[++i];
    } else {
      return fail(Code::validation, "{}: a value is wanted: {} {}", name, name, flag->value);
    }
    auto& values = out.flags_[flag->name];
    if (!values.empty() && !flag->repeated && !flag->value.empty()) {
      return fail(Code::validation, "{} is given twice", name);
    }
    if (!flag->allowed.empty() &&
        std::find(flag->allowed.begin(), flag->allowed.end(), value) == flag->allowed.end()) {
      std::string list;
      for (const auto& each : flag->allowed)
        list += (list.empty() ? "" : &each == &flag->allowed.back() ? " or " : ", ") + each;
      return fail(Code::validation, "{} {}: {} is wanted", name, value, list);
    }
    values.push_back(std::move(value));
  }
  if (out.has("--help")) return out;
  std::size_t required = 0;
  bool endless = !command.words.empty() && command.words.back().repeated;
  for (const auto& word : command.words) required += word.required ? 1 : 0;
  if (out.words_.size() < required) {
    return fail(Code::validation, "{} is missing: {}", command.words[out.words_.size()].name,
                command.words[out.words_.size()].summary);
  }
  if (out.words_.size() > command.words.size() && !endless) {
    return fail(Code::validation, "\"{}\" is one word too many",
                printable(out.words_[command.words.size()]));
  }
  return out;
}

int Commands::run(Console console, const std::vector<std::string>& words) const {
  std::vector<std::string> rest = words;
  bool help_wanted = false;
  if (!rest.empty() && rest[0] == "help") {
    help_wanted = true;
    rest.erase(rest.begin());
  }
  if (rest.empty() || rest[0] == "--help" || rest[0] == "-h") {
    console.print(overview(console));
    return done;
  }
  if (rest[0] == "--version" || rest[0] == "-V") rest[0] = "version";

  // A noun alone lists; whoever says so in full ("keys list") means the same.
  if (rest.size() > 1 && rest[1] == "list" && find(rest[0]) && !find(rest[0] + " list"))
    rest.erase(rest.begin() + 1);
  // The longest name wins: "models add" before "models".
  const Command* command = nullptr;
  std::size_t used = 0;
  for (std::size_t count = std::min<std::size_t>(rest.size(), 2); count > 0 && !command; --count) {
    std::string name = rest[0];
    for (std::size_t i = 1; i < count; ++i) name += " " + rest[i];
    command = find(name);
    used = count;
  }
  if (!command) {
    std::string group = rest[0] + " ";
    std::vector<std::string> known;
    std::string members;
    bool is_group = false;
    for (const auto& each : commands_) {
      known.push_back(each.name.substr(0, each.name.find(' ')));
      if (!each.name.starts_with(group)) continue;
      is_group = true;
      members += fmt::format("  {:<28} {}\n", program_ + " " + each.name, each.summary);
    }
    if (is_group && (help_wanted || rest.size() == 1 || rest[1] == "--help" || rest[1] == "-h")) {
      console.print(members);
      return rest.size() == 1 && !help_wanted ? usage : done;
    }
    std::string asked = printable(is_group ? rest[0] + " " + rest[1] : rest[0]);
    if (is_group) {
      known.clear();
      for (const auto& each : commands_) known.push_back(each.name);
    }
    std::string near = nearest(asked, known);
    return report(console,
                  {.exit = usage,
                   .what = fmt::format("there is no command \"{}\"", asked),
                   .why = near.empty() ? "" : fmt::format("did you mean {} {}?", program_, near),
                   .next = is_group ? program_ + " help " + rest[0] : program_ + " help"});
  }
  rest.erase(rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(used));
  if (help_wanted) {
    console.print(help(console, *command));
    return done;
  }
  console.json = std::find(rest.begin(), rest.end(), "--json") != rest.end();
  auto arguments = parse(*command, rest);
  if (!arguments) {
    return report(console, {.exit = usage,
                            .what = fmt::format("{}: {}", command->name, arguments.error().message),
                            .why = {},
                            .next = fmt::format("{} help {}", program_, command->name)});
  }
  if (arguments->has("--help")) {
    console.print(help(console, *command));
    return done;
  }
  console.json = arguments->has("--json");
  return command->run(console, *arguments);
}

}  // namespace outcrop::cli
