#include "engine/worker/reply_reader.h"

#include <algorithm>
#include <array>
#include <utility>

namespace outcrop::engine {
namespace {

constexpr std::string_view space = " \t\r\n";

// The longest end of `text` that `mark` may begin with.
std::size_t tail_of(std::string_view text, std::string_view mark) {
  for (std::size_t n = std::min(text.size(), mark.size() - 1); n > 0; --n) {
    if (text.ends_with(mark.substr(0, n))) return n;
  }
  return 0;
}

}  // namespace

ReplyReader::ReplyReader(Form form) : form_(std::move(form)) {
  if (form_.thinking) {
    state_ = State::thoughts;
  } else if (form_.think_start.empty() || form_.only_tools) {
    state_ = form_.tools || form_.only_tools ? State::deciding : State::text;
  }
}

// How `text` stands to: space, one of the wrappings, {"name": "
ReplyReader::Fit ReplyReader::call_begin(std::string_view text, std::size_t& length) {
  static constexpr std::array<std::string_view, 3> wraps{"<tool_call>", "```json", "```"};
  std::size_t at = 0;
  const auto skip_space = [&] {
    while (at < text.size() && space.find(text[at]) != std::string_view::npos) ++at;
  };
  skip_space();
  if (at == text.size()) return Fit::maybe;
  if (text[at] != '{') {
    bool wrapped = false;
    for (const auto wrap : wraps) {
      const auto rest = text.substr(at);
      if (rest.starts_with(wrap)) {
        at += wrap.size();
        wrapped = true;
        break;
      }
      if (wrap.starts_with(rest)) return Fit::maybe;
    }
    if (!wrapped) return Fit::no;
    skip_space();
  }
  for (const std::string_view part : {"{", "\"name\"", ":", "\""}) {
    skip_space();
    const auto rest = text.substr(std::min(at, text.size()));
    if (rest.empty() || (rest.size() < part.size() && part.starts_with(rest))) return Fit::maybe;
    if (!rest.starts_with(part)) return Fit::no;
    at += part.size();
  }
  length = at;
  return Fit::yes;
}

void ReplyReader::end_block(std::vector<ChatEvent>& out) {
  if (!open_) return;
  out.emplace_back(BlockEndEvent{index_++});
  open_ = false;
}

bool ReplyReader::step(std::vector<ChatEvent>& out) {
  switch (state_) {
    case State::start: {
      const auto begin = std::min(held_.find_first_not_of(space), held_.size());
      const auto rest = std::string_view(held_).substr(begin);
      if (rest.starts_with(form_.think_start)) {
        held_.erase(0, begin + form_.think_start.size());
        state_ = State::thoughts;
        return true;
      }
      if (form_.think_start.starts_with(rest)) return false;
      state_ = form_.tools ? State::deciding : State::text;
      return true;
    }
    case State::thoughts: {
      const auto end = held_.find(form_.think_end);
      const auto take =
          end != std::string::npos ? end : held_.size() - tail_of(held_, form_.think_end);
      if (take > 0) {
        out.emplace_back(ReasoningEvent{index_, held_.substr(0, take)});
        open_ = true;
      }
      if (end == std::string::npos) {
        held_.erase(0, take);
        return false;
      }
      held_.erase(0, end + form_.think_end.size());
      end_block(out);
      state_ = State::deciding;
      return true;
    }
    case State::deciding: {
      std::size_t length = 0;
      const bool possible = (form_.tools || form_.only_tools) && !refused_;
      const auto fit = possible ? call_begin(held_, length) : Fit::no;
      if (fit == Fit::maybe) return false;
      if (fit == Fit::no) {
        // Space between thoughts and text belongs to neither.
        if (index_ > 0) {
          held_.erase(0, std::min(held_.find_first_not_of(space), held_.size()));
          if (held_.empty()) return false;
        }
        state_ = State::text;
        return true;
      }
      call_begin_ = held_;
      call_new_ = true;
      held_.erase(0, length);
      state_ = State::name;
      return true;
    }
    case State::text:
      if (!held_.empty()) {
        out.emplace_back(TextEvent{index_, std::exchange(held_, {})});
        open_ = true;
      }
      return false;
    case State::name: {
      const auto end = held_.find('"');
      if (end == std::string::npos) return false;
      out.emplace_back(ToolStartEvent{index_, held_.substr(0, end)});
      open_ = true;
      held_.erase(0, end + 1);
      state_ = State::between;
      return true;
    }
    case State::between: {  // , "arguments" :
      const auto begin = held_.find('{');
      if (begin == std::string::npos) return false;
      held_.erase(0, begin);
      state_ = State::arguments;
      return true;
    }
    case State::arguments: {
      const auto take = extent_.feed(held_);
      if (take > 0) out.emplace_back(ToolInputEvent{index_, held_.substr(0, take)});
      held_.erase(0, take);
      if (!extent_.closed()) return false;
      state_ = State::after;
      return true;
    }
    case State::after: {
      const auto end = held_.find('}');
      if (end == std::string::npos) return false;
      held_.clear();
      state_ = State::complete;
      return false;
    }
    case State::complete:
      held_.clear();
      return false;
  }
  return false;
}

void ReplyReader::feed(std::string_view text, std::vector<ChatEvent>& out) {
  held_ += text;
  while (step(out)) {
    if (call_new_ && !form_.only_tools) return;  // the grammar decides whether it goes on as a call
  }
}

std::string ReplyReader::take_call_begin() {
  if (!call_new_) return {};
  call_new_ = false;
  return call_begin_;
}

void ReplyReader::not_a_call() {
  held_ = call_begin_;
  refused_ = true;
  state_ = State::deciding;
}

void ReplyReader::finish(std::vector<ChatEvent>& out) {
  while (step(out)) {
  }
  if (!held_.empty() && (state_ == State::start || state_ == State::deciding)) {
    out.emplace_back(TextEvent{index_, std::exchange(held_, {})});
    open_ = true;
  } else if (!held_.empty() && state_ == State::thoughts) {
    out.emplace_back(ReasoningEvent{index_, std::exchange(held_, {})});
    open_ = true;
  }
  if (!open_ && index_ == 0) open_ = true;  // an empty reply is one empty text
  end_block(out);
}

}  // namespace outcrop::engine
