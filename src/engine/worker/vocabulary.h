#pragma once
/// The tokenizer of a loaded model, with one rule of our own: what a user wrote never becomes a
/// control token, and the template's own text always does. Threads: any (the vocabulary is
/// immutable).

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

struct llama_vocab;

namespace outcrop::engine {

using Token = std::int32_t;

/// A piece of a rendered prompt. Control tokens are looked for in trusted pieces alone; all text
/// between two control tokens is tokenized in one go, whoever wrote it, so that the result for
/// harmless text is exactly what the model was trained on.
struct Piece {
  std::string text;
  bool trusted = false;
};

class Vocabulary {
 public:
  explicit Vocabulary(const llama_vocab* vocab);

  /// Puts BOS (and EOS, SEP where the model wants them) around the tokens, once.
  std::vector<Token> tokenize(const std::vector<Piece>& pieces) const;
  /// The bytes of a token; control tokens have none. May end inside a character.
  std::string text(Token token) const;
  bool ends_generation(Token token) const;
  /// Removes every control token's text from `text`, until none is left.
  std::string without_controls(std::string text) const;
  /// The text of some control token, for probing a template; empty when the vocabulary has none.
  std::string some_control() const;
  std::string bos_text() const;
  std::string eos_text() const;
  bool adds_bos() const;
  int size() const;
  const llama_vocab* native() const { return vocab_; }

 private:
  struct Special {
    std::string text;
    Token id = 0;
    bool strips_left = false;
    bool strips_right = false;
  };
  const Special* special_at(std::string_view text) const;
  void append_plain(std::string_view text, std::vector<Token>& out) const;

  const llama_vocab* vocab_;
  std::unordered_map<char, std::vector<Special>> specials_;  // by first byte, longest first
};

}  // namespace outcrop::engine
