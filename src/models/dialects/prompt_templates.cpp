#include "models/dialects/prompt_templates.h"

#include <array>
#include <optional>

namespace outcrop::models {
namespace {

std::string_view strip(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

bool take(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

struct Turn {
  Role role;
  std::string text;
};

/// Turns into a conversation: system texts to the front, turns of one role in a row joined.
bool adopt(std::vector<Turn> turns, Conversation& into) {
  Conversation out;
  for (auto& turn : turns) {
    if (turn.role == Role::system) {
      if (!turn.text.empty()) out.system.emplace_back(TextBlock{std::move(turn.text)});
    } else if (turn.text.empty()) {
      continue;
    } else if (!out.messages.empty() && out.messages.back().role == turn.role) {
      std::get<TextBlock>(out.messages.back().content.front()).text += "\n\n" + turn.text;
    } else {
      out.messages.push_back({turn.role, {TextBlock{std::move(turn.text)}}});
    }
  }
  if (out.messages.empty() || out.messages.front().role != Role::user) return false;
  into.system = std::move(out.system);
  into.messages = std::move(out.messages);
  return true;
}

void single_turn(std::string_view prompt, Conversation& into) {
  into.messages.push_back({Role::user, {TextBlock{std::string(prompt)}}});
}

struct Headers {
  std::string_view begin, open, close, end;
};

std::optional<std::vector<Turn>> header_turns(std::string_view text, const Headers& marks) {
  std::vector<Turn> turns;
  text = strip(text);
  take(text, marks.begin);
  text = strip(text);
  while (!text.empty()) {
    if (!take(text, marks.open)) return std::nullopt;
    const auto close = text.find(marks.close);
    if (close == std::string_view::npos) return std::nullopt;
    const auto name = strip(text.substr(0, close));
    text.remove_prefix(close + marks.close.size());
    Turn turn{Role::user, {}};
    if (name == "system") {
      turn.role = Role::system;
    } else if (name == "assistant") {
      turn.role = Role::assistant;
    } else if (name != "user" && name != "ipython" && name != "tool") {
      return std::nullopt;
    }
    auto end = text.find(marks.end);
    // Without an end a turn goes to the next header, or is the reply's beginning.
    const auto next = text.find(marks.open);
    std::size_t skip = marks.end.size();
    if (next != std::string_view::npos && (end == std::string_view::npos || next < end)) {
      end = next;
      skip = 0;
    }
    turn.text = strip(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + skip);
    turns.push_back(std::move(turn));
    text = strip(text);
  }
  return turns;
}

/// [INST] a [/INST] b</s>[INST] c [/INST], with Llama 2's <<SYS>> in the first.
std::optional<std::vector<Turn>> inst_turns(std::string_view text) {
  std::vector<Turn> turns;
  text = strip(text);
  while (!text.empty()) {
    take(text, "<s>");
    text = strip(text);
    if (text.empty()) break;
    if (!take(text, "[INST]")) return std::nullopt;
    const auto end = text.find("[/INST]");
    if (end == std::string_view::npos) return std::nullopt;
    auto user = strip(text.substr(0, end));
    text.remove_prefix(end + 7);
    if (take(user, "<<SYS>>")) {
      const auto close = user.find("<</SYS>>");
      if (close == std::string_view::npos) return std::nullopt;
      turns.push_back({Role::system, std::string(strip(user.substr(0, close)))});
      user = strip(user.substr(close + 8));
    }
    turns.push_back({Role::user, std::string(user)});
    auto next = text.find("[INST]");
    auto answer = text.substr(0, next);
    text.remove_prefix(next == std::string_view::npos ? text.size() : next);
    for (std::string_view mark : {"</s>", "<s>"}) {
      if (auto at = answer.find(mark); at != std::string_view::npos) answer = answer.substr(0, at);
    }
    turns.push_back({Role::assistant, std::string(strip(answer))});
  }
  return turns;
}

/// Turns that begin with words at the start of a line ("User:", "\n\nHuman:").
std::optional<std::vector<Turn>> labelled_turns(std::string_view text, std::string_view user,
                                                std::string_view assistant) {
  std::vector<Turn> turns;
  const auto first = text.find(user);
  if (first == std::string_view::npos) return std::nullopt;
  if (const auto before = strip(text.substr(0, first)); !before.empty())
    turns.push_back({Role::system, std::string(before)});
  text.remove_prefix(first);
  while (!text.empty()) {
    const bool is_user = take(text, user);
    if (!is_user && !take(text, assistant)) return std::nullopt;
    const auto end = std::min(text.find(user), text.find(assistant));
    turns.push_back(
        {is_user ? Role::user : Role::assistant, std::string(strip(text.substr(0, end)))});
    text.remove_prefix(end == std::string_view::npos ? text.size() : end);
  }
  return turns;
}

bool any_of(std::string_view text, std::initializer_list<std::string_view> marks) {
  for (auto mark : marks) {
    if (text.find(mark) != std::string_view::npos) return true;
  }
  return false;
}

void settle(std::optional<std::vector<Turn>> turns, bool marked, std::string_view prompt,
            Conversation& into) {
  if (turns && adopt(std::move(*turns), into)) return;
  if (marked) {
    into.raw_prompt = std::string(prompt);
  } else {
    single_turn(prompt, into);
  }
}

}  // namespace

void decode_llama_prompt(std::string_view prompt, Conversation& into) {
  static constexpr Headers llama3{"<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>",
                                  "<|eot_id|>"};
  static constexpr Headers llama4{"<|begin_of_text|>", "<|header_start|>", "<|header_end|>",
                                  "<|eot|>"};
  if (any_of(prompt, {llama3.open}))
    return settle(header_turns(prompt, llama3), true, prompt, into);
  if (any_of(prompt, {llama4.open}))
    return settle(header_turns(prompt, llama4), true, prompt, into);
  if (any_of(prompt, {"[INST]"})) return settle(inst_turns(prompt), true, prompt, into);
  settle(std::nullopt, any_of(prompt, {"<|begin_of_text|>", "<|eot_id|>", "<|eot|>"}), prompt,
         into);
}

void decode_mistral_prompt(std::string_view prompt, Conversation& into) {
  const bool marked = any_of(prompt, {"[INST]", "[/INST]"});
  settle(marked ? inst_turns(prompt) : std::nullopt, marked, prompt, into);
}

void decode_titan_prompt(std::string_view prompt, Conversation& into) {
  // "User:" in the middle of a sentence is no label: only at the start, or after a line's end.
  const std::string lined = "\n" + std::string(prompt);
  const bool marked = any_of(lined, {"\nUser:"}) && any_of(lined, {"\nBot:"});
  settle(marked ? labelled_turns(lined, "\nUser:", "\nBot:") : std::nullopt, false, prompt, into);
}

void decode_anthropic_prompt(std::string_view prompt, Conversation& into) {
  const std::string lined = "\n\n" + std::string(strip(prompt));
  settle(labelled_turns(lined, "\n\nHuman:", "\n\nAssistant:"), true, prompt, into);
}

void decode_deepseek_prompt(std::string_view prompt, Conversation& into) {
  constexpr std::string_view begin = "<｜begin▁of▁sentence｜>", user = "<｜User｜>",
                             assistant = "<｜Assistant｜>", end = "<｜end▁of▁sentence｜>";
  if (!any_of(prompt, {user, assistant})) return settle(std::nullopt, false, prompt, into);
  std::string_view text = strip(prompt);
  take(text, begin);
  auto turns = labelled_turns(text, user, assistant);
  if (turns) {
    for (auto& turn : *turns) {
      if (auto at = turn.text.find(end); at != std::string::npos) turn.text.resize(at);
    }
    // "<think>\n" after the last label asks for reasoning; it is not the reply's text.
    if (!turns->empty() && turns->back().role == Role::assistant && turns->back().text == "<think>")
      turns->pop_back();
  }
  settle(std::move(turns), true, prompt, into);
}

}  // namespace outcrop::models
