#include "app/commands/line_editor.h"

#include "base/text.h"

#include <algorithm>
#include <cerrno>
#include <termios.h>
#include <unistd.h>

namespace outcrop::commands {
namespace {

constexpr std::size_t line_bytes_limit = 64 * 1024;
constexpr std::size_t history_limit = 500;

bool continues(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) == 0x80; }
std::size_t length_of(char first) {
  auto c = static_cast<unsigned char>(first);
  return c < 0x80 ? 1 : c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : c >= 0xC0 ? 2 : 1;
}

/// Bytes come one at a time, without echo, until it goes out of scope.
class RawTerminal {
 public:
  explicit RawTerminal(int fd) : fd_(fd) {
    good_ = ::tcgetattr(fd, &before_) == 0;
    if (!good_) return;
    termios raw = before_;
    raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO | ISIG | IEXTEN);
    raw.c_iflag &= ~static_cast<tcflag_t>(IXON);
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    good_ = ::tcsetattr(fd, TCSADRAIN, &raw) == 0;
  }
  ~RawTerminal() {
    if (good_) ::tcsetattr(fd_, TCSADRAIN, &before_);
  }
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;
  bool good() const { return good_; }

 private:
  int fd_;
  termios before_{};
  bool good_ = false;
};

}  // namespace

std::size_t LineEditor::before(std::size_t at) const {
  if (at == 0) return 0;
  do --at;
  while (at > 0 && continues(text_[at]));
  return at;
}
std::size_t LineEditor::after(std::size_t at) const {
  if (at >= text_.size()) return text_.size();
  do ++at;
  while (at < text_.size() && continues(text_[at]));
  return at;
}
void LineEditor::erase(std::size_t from, std::size_t to) {
  text_.erase(from, to - from);
  cursor_ = from;
}
void LineEditor::insert(std::string_view bytes) {
  if (text_.size() + bytes.size() > line_bytes_limit) return;
  text_.insert(cursor_, bytes);
  cursor_ += bytes.size();
}

void LineEditor::recall(std::size_t index) {
  if (index > history_.size()) return;
  if (at_ == history_.size()) draft_ = text_;
  at_ = index;
  text_ = at_ == history_.size() ? draft_ : history_[at_];
  cursor_ = text_.size();
}

void LineEditor::key(std::string_view sequence) {
  if (sequence == "[A" || sequence == "OA") {
    if (at_ > 0) recall(at_ - 1);
  } else if (sequence == "[B" || sequence == "OB") {
    recall(at_ + 1);
  } else if (sequence == "[C" || sequence == "OC") {
    cursor_ = after(cursor_);
  } else if (sequence == "[D" || sequence == "OD") {
    cursor_ = before(cursor_);
  } else if (sequence == "[H" || sequence == "OH" || sequence == "[1~") {
    cursor_ = 0;
  } else if (sequence == "[F" || sequence == "OF" || sequence == "[4~") {
    cursor_ = text_.size();
  } else if (sequence == "[3~") {
    std::size_t at = cursor_;
    erase(at, after(at));
  }
}

LineEditor::Outcome LineEditor::feed(char byte) {
  if (escape_) {
    pending_ += byte;
    bool whole = pending_.size() > 1 && byte >= 0x40 && byte <= 0x7E;
    bool other = pending_.size() == 1 && byte != '[' && byte != 'O';
    if (whole) key(pending_);
    if (whole || other || pending_.size() > 16) escape_ = false, pending_.clear();
    return Outcome::more;
  }
  if (!pending_.empty()) {  // a character of several bytes
    if (continues(byte)) {
      pending_ += byte;
      if (pending_.size() >= length_of(pending_[0])) {
        if (is_utf8(pending_)) insert(pending_);
        pending_.clear();
      }
      return Outcome::more;
    }
    pending_.clear();
  }
  switch (byte) {
    case '\r':
    case '\n':
      return Outcome::line;
    case 0x03:
      return Outcome::interrupted;
    case 0x04:
      if (text_.empty()) return Outcome::end;
      erase(cursor_, after(cursor_));
      return Outcome::more;
    case 0x1B:
      escape_ = true;
      return Outcome::more;
    case 0x01:
      cursor_ = 0;
      return Outcome::more;
    case 0x05:
      cursor_ = text_.size();
      return Outcome::more;
    case 0x02:
      cursor_ = before(cursor_);
      return Outcome::more;
    case 0x06:
      cursor_ = after(cursor_);
      return Outcome::more;
    case 0x0B:
      text_.resize(cursor_);
      return Outcome::more;
    case 0x15:
      erase(0, cursor_);
      return Outcome::more;
    case 0x17: {
      std::size_t from = cursor_;
      while (from > 0 && text_[from - 1] == ' ') --from;
      while (from > 0 && text_[from - 1] != ' ') --from;
      erase(from, cursor_);
      return Outcome::more;
    }
    case 0x7F:
    case 0x08:
      erase(before(cursor_), cursor_);
      return Outcome::more;
    case '\t':
      insert("  ");
      return Outcome::more;
    default:
      break;
  }
  auto c = static_cast<unsigned char>(byte);
  if (c >= 0x20 && c < 0x80) insert(std::string_view(&byte, 1));
  if (c >= 0xC0) pending_ = byte;
  return Outcome::more;
}

std::string LineEditor::take() {
  std::string out = std::exchange(text_, {});
  cursor_ = 0;
  pending_.clear();
  draft_.clear();
  at_ = history_.size();
  return out;
}

void LineEditor::remember(std::string line) {
  if (!line.empty() && (history_.empty() || history_.back() != line))
    history_.push_back(std::move(line));
  if (history_.size() > history_limit) history_.erase(history_.begin());
  at_ = history_.size();
}

std::string LineEditor::screen(std::string_view prompt, std::size_t width) const {
  // A window that keeps the cursor in sight: the text slides under the prompt.
  std::size_t room = width > cli::columns(prompt) + 2 ? width - cli::columns(prompt) - 1 : 1;
  std::size_t from = 0;
  while (cli::columns(std::string_view(text_).substr(from, cursor_ - from)) >= room)
    from = after(from);
  std::size_t to = cursor_;
  while (to < text_.size() &&
         cli::columns(std::string_view(text_).substr(from, after(to) - from)) <= room)
    to = after(to);
  std::string out = "\r" + std::string(prompt) + text_.substr(from, to - from) + "\x1b[K";
  std::size_t back = cli::columns(std::string_view(text_).substr(cursor_, to - cursor_));
  if (back > 0) out += fmt::format("\x1b[{}D", back);
  return out;
}

LineRead read_line(const cli::Console& console, LineEditor& editor, std::string_view prompt) {
  int fd = ::fileno(console.in);
  std::string plain;
  bool terminal = console.in_terminal && console.out_terminal;
  std::optional<RawTerminal> raw;
  if (terminal) {
    raw.emplace(fd);
    terminal = raw->good();
  }
  if (terminal) console.print(editor.screen(prompt, static_cast<std::size_t>(console.width)));
  for (;;) {
    char byte = 0;
    auto count = ::read(fd, &byte, 1);
    if (count < 0 && errno == EINTR) return {std::nullopt, true};
    if (count <= 0) {
      if (!plain.empty()) return {plain, false};
      return {};
    }
    if (!terminal) {
      if (byte == '\n') return {plain, false};
      if (plain.size() < line_bytes_limit) plain += byte;
      continue;
    }
    switch (editor.feed(byte)) {
      case LineEditor::Outcome::more:
        console.print(editor.screen(prompt, static_cast<std::size_t>(console.width)));
        break;
      case LineEditor::Outcome::line: {
        std::string line = editor.take();
        console.print("\n");
        editor.remember(line);
        return {std::move(line), false};
      }
      case LineEditor::Outcome::end:
        console.print("\n");
        return {};
      case LineEditor::Outcome::interrupted:
        editor.take();
        console.print("\n");
        return {std::nullopt, true};
    }
  }
}

}  // namespace outcrop::commands
