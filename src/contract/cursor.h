#pragma once
/// A reader of JSON text for contracts: walks the text once and hands out views into it, so that
/// five files become shapes without a document in between. Shape:   object([&](key) { … take
/// exactly one value … }); a key or string with escapes is rewritten
///          into the arena.
/// Errors:  sticky: the first one stays in error(), everything after it returns empty and ends
/// loops. Threads: one.

#include <cstddef>
#include <memory_resource>
#include <string>
#include <string_view>

namespace outcrop::contract {

class Cursor {
 public:
  Cursor(std::string_view text, std::pmr::memory_resource& arena) : text_(text), arena_(arena) {}

  template <class Visit>
  void object(Visit&& visit) {
    if (!enter('{')) return;
    if (leave('}')) return;
    do {
      auto key = string();
      expect(':');
      if (failed()) return;
      visit(key);
    } while (more('}'));
    depth_ -= 1;
  }
  template <class Visit>
  void array(Visit&& visit) {
    if (!enter('[')) return;
    if (leave(']')) return;
    do {
      if (failed()) return;
      visit();
    } while (more(']'));
    depth_ -= 1;
  }

  std::string_view string();
  /// A number, true, false or null, as written.
  std::string_view word();
  bool boolean() { return word() == "true"; }
  bool at_string() { return peek() == '"'; }
  void skip();  // one value of any kind
  void end();   // nothing but white space may follow

  bool failed() const { return !error_.empty(); }
  const std::string& error() const { return error_; }
  void fail_with(std::string_view what);

 private:
  char peek();
  bool enter(char open);
  bool leave(char close);
  bool more(char close);
  void expect(char wanted);

  std::string_view text_;
  std::pmr::memory_resource& arena_;
  std::size_t at_ = 0;
  int depth_ = 0;
  std::string error_;
};

}  // namespace outcrop::contract
