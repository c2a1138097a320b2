#pragma once
/// Commands as data: one table gives the parser, `--help` and docs/command-line.md. Small on
/// purpose:
/// `--flag VALUE`, `--flag=VALUE`, switches, positional words, `--` ends the flags.

#include "app/cli/console.h"
#include "base/result.h"

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace outcrop::cli {

struct Flag {
  std::string name;   // "--listen"
  std::string value;  // "HOST:PORT"; empty for a switch
  std::string summary;
  bool repeated = false;  // may be given more than once
  std::vector<std::string> allowed{};
};

struct Word {  // a positional argument
  std::string name;
  std::string summary;
  bool required = true;
  bool repeated = false;  // the last one only
};

struct Example {
  std::string command;
  std::string what;
};

/// What was on the command line.
class Arguments {
 public:
  bool has(std::string_view flag) const { return flags_.contains(std::string(flag)); }
  std::optional<std::string> value(std::string_view flag) const;
  const std::vector<std::string>& values(std::string_view flag) const;
  const std::vector<std::string>& words() const { return words_; }
  std::string word(std::size_t at) const { return at < words_.size() ? words_[at] : std::string(); }

 private:
  friend class Commands;
  std::map<std::string, std::vector<std::string>> flags_;
  std::vector<std::string> words_;
};

struct Command {
  std::string name;       // "models add"
  std::string summary;    // one line, no full stop
  std::string details{};  // paragraphs, under the usage line
  std::vector<Flag> flags{};
  std::vector<Word> words{};
  std::vector<Example> examples{};
  std::function<int(const Console&, const Arguments&)> run;
};

class Commands {
 public:
  /// `common` are flags that every command takes.
  Commands(std::string program, std::string summary, std::vector<Flag> common,
           std::vector<Command> commands);

  /// Finds the command, parses, runs; help and mistakes are answered here. Gives the exit code.
  int run(Console console, const std::vector<std::string>& words) const;

  std::string overview(const Console& console) const;
  std::string help(const Console& console, const Command& command) const;
  std::string markdown() const;  // one section a command
  const std::vector<Command>& all() const { return commands_; }
  const Command* find(std::string_view name) const;

  /// Errors: validation; the message says what is wrong and what was near.
  Result<Arguments> parse(const Command& command, const std::vector<std::string>& words) const;

 private:
  const Flag* find_flag(const Command& command, std::string_view name) const;
  std::string usage_line(const Command& command) const;
  std::string program_;
  std::string summary_;
  std::vector<Flag> common_;
  std::vector<Command> commands_;
};

}  // namespace outcrop::cli
