#pragma once
/// Finds where a JSON object or array ends in text that arrives in pieces, without parsing it.

#include <cstddef>
#include <string_view>

namespace outcrop::engine {

class JsonExtent {
 public:
  /// How many bytes of `text` belong to the value (leading space included). Less than all once it
  /// is closed.
  std::size_t feed(std::string_view text) {
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (closed_) return i;
      step(text[i]);
    }
    return text.size();
  }
  bool closed() const { return closed_; }
  bool opened() const { return opened_; }

 private:
  void step(char c) {
    if (in_text_) {
      if (escaped_) {
        escaped_ = false;
      } else if (c == '\\') {
        escaped_ = true;
      } else if (c == '"') {
        in_text_ = false;
      }
      return;
    }
    if (c == '"') {
      in_text_ = true;
    } else if (c == '{' || c == '[') {
      ++depth_;
      opened_ = true;
    } else if (c == '}' || c == ']') {
      if (--depth_ <= 0 && opened_) closed_ = true;
    }
  }

  int depth_ = 0;
  bool opened_ = false;
  bool closed_ = false;
  bool in_text_ = false;
  bool escaped_ = false;
};

}  // namespace outcrop::engine
