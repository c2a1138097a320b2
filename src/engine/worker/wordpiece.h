#pragma once
/// BERT's tokenizer: clean, space out CJK, strip accents, lower case, split at space and
/// punctuation, then the longest pieces of the vocabulary. Written anew because llama.cpp's differs
/// for Hangul, Devanagari and words of more than 100 characters. Special tokens in the text are
/// text. Threads: any.

#include "engine/worker/model_file.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace outcrop::engine {

class WordPiece {
 public:
  explicit WordPiece(const WordPieceFile& file);

  /// Without [CLS] and [SEP]. `text` must be UTF-8.
  std::vector<std::int32_t> tokenize(std::string_view text) const;
  std::int32_t cls() const { return cls_; }
  std::int32_t sep() const { return sep_; }

 private:
  void add_word(const std::u32string& word, std::vector<std::int32_t>& out) const;

  std::unordered_map<std::string, std::int32_t> starts_;     // pieces that begin a word
  std::unordered_map<std::string, std::int32_t> continues_;  // "##" pieces, without the marks
  std::size_t longest_ = 0;                                  // bytes of the longest piece
  std::int32_t unknown_;
  std::int32_t cls_;
  std::int32_t sep_;
  bool lowercase_;
  bool strip_accents_;
};

}  // namespace outcrop::engine
