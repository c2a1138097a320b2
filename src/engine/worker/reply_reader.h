#pragma once
/// Reads the model's reply as it is written: thoughts, text, or a tool call in our form.

#include "engine/chat.h"
#include "engine/worker/json_extent.h"

#include <string>
#include <string_view>
#include <vector>

namespace outcrop::engine {

class ReplyReader {
 public:
  struct Form {
    bool tools = false;       // the reply may be a tool call
    bool only_tools = false;  // it is one
    std::string think_start;  // empty: no thoughts
    std::string think_end;
    bool thinking = false;  // the prompt opened them already
  };
  explicit ReplyReader(Form form);

  void feed(std::string_view text, std::vector<ChatEvent>& out);
  /// At the end: what was held back becomes text, and the open block ends. A reply without any
  /// block gets one empty block of text.
  void finish(std::vector<ChatEvent>& out);

  /// A tool call has begun: what was read of it so far, from the first character after the
  /// thoughts. Given once, so that the grammar can take over.
  std::string take_call_begin();
  /// The call's beginning turned out not to fit the grammar: it is text after all.
  void not_a_call();
  bool in_call() const { return state_ >= State::name; }
  bool in_thoughts() const { return state_ == State::thoughts; }
  bool call_complete() const { return state_ == State::complete; }

 private:
  enum class State : std::uint8_t {
    start,
    thoughts,
    deciding,
    text,
    name,
    between,
    arguments,
    after,
    complete
  };
  enum class Fit : std::uint8_t { no, maybe, yes };
  static Fit call_begin(std::string_view text, std::size_t& length);

  bool step(std::vector<ChatEvent>& out);  // false when more text is needed
  void end_block(std::vector<ChatEvent>& out);

  Form form_;
  State state_ = State::start;
  std::string held_;
  std::string call_begin_;
  bool call_new_ = false;
  bool refused_ = false;
  bool open_ = false;
  int index_ = 0;
  JsonExtent extent_;
};

}  // namespace outcrop::engine
