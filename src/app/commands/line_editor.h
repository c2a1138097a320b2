#pragma once
/// A line from a terminal: cursor keys, Home and End, Ctrl-A/E/K/U/W, history with up and down,
/// UTF-8. Shape:   the editing is a state machine without a terminal (bytes in, screen line out);
/// read_line() is the
///          thin part that owns the terminal.
/// Limits:  a line has 64 KiB, the history 500 lines.

#include "app/cli/console.h"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace outcrop::commands {

class LineEditor {
 public:
  enum class Outcome { more, line, end, interrupted };
  /// Takes one byte. After `line` the text is in take(); `end` is Ctrl-D on an empty line.
  Outcome feed(char byte);
  std::string take();
  void remember(std::string line);

  const std::string& text() const { return text_; }
  std::size_t cursor() const { return cursor_; }  // in bytes, at a character's boundary
  /// What to print so that the terminal shows prompt and text, at most `width` columns, the cursor
  /// in place.
  std::string screen(std::string_view prompt, std::size_t width) const;

 private:
  void erase(std::size_t from, std::size_t to);
  void insert(std::string_view bytes);
  std::size_t before(std::size_t at) const;
  std::size_t after(std::size_t at) const;
  void recall(std::size_t index);
  void key(std::string_view sequence);
  std::string text_, pending_, draft_;
  std::size_t cursor_ = 0;
  bool escape_ = false;
  std::vector<std::string> history_;
  std::size_t at_ = 0;  // in the history; its size means the draft
};

/// Nothing at the end of input; an empty optional inside `interrupted` is Ctrl-C.
struct LineRead {
  std::optional<std::string> line;
  bool interrupted = false;
};
/// With the editor on a terminal, otherwise a plain line.
LineRead read_line(const cli::Console& console, LineEditor& editor, std::string_view prompt);

}  // namespace outcrop::commands
