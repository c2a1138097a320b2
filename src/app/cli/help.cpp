#include "app/cli/arguments.h"

#include <algorithm>

namespace outcrop::cli {
namespace {

std::string placed(const Word& word) {
  std::string text = word.name + (word.repeated ? "..." : "");
  return word.required ? text : "[" + text + "]";
}

std::string spelled(const Flag& flag) {
  return flag.value.empty() ? flag.name : flag.name + " " + flag.value;
}

/// Breaks at spaces; every line after the first begins with `indent` spaces.
std::string wrapped(const std::string& text, std::size_t indent, std::size_t width) {
  std::string out;
  std::size_t used = indent;
  std::size_t at = 0;
  bool first = true;
  while (at < text.size()) {
    std::size_t end = std::min(text.find_first_of(" \n", at), text.size());
    std::string word = text.substr(at, end - at);
    if (!first && used + 1 + columns(word) > width) {
      out += "\n" + std::string(indent, ' ');
      used = indent;
      first = true;
    }
    if (!first) out += ' ', ++used;
    out += word;
    used += columns(word);
    first = false;
    if (end < text.size() && text[end] == '\n') {
      out += "\n" + std::string(indent, ' ');
      used = indent;
      first = true;
    }
    at = end + 1;
  }
  return out;
}

std::string flag_rows(const std::vector<Flag>& flags, std::size_t width) {
  std::size_t widest = 0;
  for (const auto& flag : flags) widest = std::max(widest, spelled(flag).size());
  std::string out;
  for (const auto& flag : flags) {
    std::string more = flag.summary + (flag.repeated ? " (may be repeated)" : "");
    out += fmt::format("  {:<{}}  {}\n", spelled(flag), widest, wrapped(more, widest + 4, width));
  }
  return out;
}

}  // namespace

std::string Commands::usage_line(const Command& command) const {
  std::string out = program_ + " " + command.name;
  for (const auto& word : command.words) out += " " + placed(word);
  for (const auto& flag : command.flags)
    out += " [" + spelled(flag) + "]" + (flag.repeated ? "..." : "");
  return out;
}

std::string Commands::overview(const Console& console) const {
  std::string out = summary_ + "\n\n";
  for (const auto& command : commands_)
    out += fmt::format("  {:<24} {}\n", program_ + " " + command.name, command.summary);
  out += fmt::format(
      "\n{}\n", console.paint(Style::dim, program_ + " help COMMAND shows flags and examples."));
  return out;
}

std::string Commands::help(const Console& console, const Command& command) const {
  auto width = static_cast<std::size_t>(console.width);
  std::string out = command.summary + "\n\n  " + wrapped(usage_line(command), 6, width) + "\n";
  if (!command.details.empty()) out += "\n" + wrapped(command.details, 0, width) + "\n";
  if (!command.words.empty()) {
    std::size_t widest = 0;
    for (const auto& word : command.words) widest = std::max(widest, word.name.size());
    out += "\n";
    for (const auto& word : command.words) {
      out += fmt::format("  {:<{}}  {}\n", word.name, widest,
                         wrapped(word.summary, widest + 4, width));
    }
  }
  if (!command.flags.empty())
    out += "\n" + console.paint(Style::bold, "Flags") + "\n" + flag_rows(command.flags, width);
  out += "\n" + console.paint(Style::bold, "Every command") + "\n" + flag_rows(common_, width);
  if (!command.examples.empty()) {
    out += "\n" + console.paint(Style::bold, "Examples") + "\n";
    for (const auto& example : command.examples) {
      out += "  " + example.command + "\n";
      if (!example.what.empty()) out += console.paint(Style::dim, "      " + example.what) + "\n";
    }
  }
  return out;
}

std::string Commands::markdown() const {
  std::string out = "| Command | |\n|---|---|\n";
  auto anchor = [&](const std::string& name) {
    std::string text = program_ + "-" + name;
    std::replace(text.begin(), text.end(), ' ', '-');
    return text;
  };
  for (const auto& command : commands_) {
    out += fmt::format("| [`{} {}`](#{}) | {} |\n", program_, command.name, anchor(command.name),
                       command.summary);
  }
  auto table = [&](const std::vector<Flag>& flags) {
    out += "\n| Flag | |\n|---|---|\n";
    for (const auto& flag : flags) {
      out += fmt::format("| `{}` | {}{} |\n", spelled(flag), flag.summary,
                         flag.repeated ? " (may be repeated)" : "");
    }
  };
  out += "\nEvery command takes:\n";
  table(common_);
  for (const auto& command : commands_) {
    out += fmt::format("\n## {} {}\n\n{}.\n", program_, command.name, command.summary);
    std::string usage = program_ + " " + command.name;
    for (const auto& word : command.words) usage += " " + placed(word);
    out += fmt::format("\n    {}{}\n", usage, command.flags.empty() ? "" : " [flags]");
    if (!command.details.empty()) {
      std::string text = command.details;
      for (std::size_t at = 0; (at = text.find('\n', at)) != std::string::npos; at += 2)
        text.insert(at, 1, '\n');
      out += "\n" + text + "\n";
    }
    for (const auto& word : command.words)
      out += fmt::format("\n- `{}`: {}", word.name, word.summary);
    if (!command.words.empty()) out += "\n";
    if (!command.flags.empty()) table(command.flags);
    if (!command.examples.empty()) {
      out += "\n```\n";
      for (const auto& example : command.examples) {
        if (!example.what.empty()) out += "# " + example.what + "\n";
        out += example.command + "\n";
      }
      out += "```\n";
    }
  }
  return out;
}

}  // namespace outcrop::cli
