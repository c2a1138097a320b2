#pragma once
/// A GGUF file as far as it can be judged without its weights.
/// Errors: validation or not_found, one sentence with the path and what is wrong with the file.

#include "base/result.h"
#include "engine/protocol.h"

#include <cstdint>
#include <string>
#include <vector>

namespace outcrop::engine {

/// The vocabulary of a WordPiece tokenizer, as the file holds it.
struct WordPieceFile {
  std::vector<std::string>
      tokens;  // U+2581 in front of pieces that begin a word; special ones as they are
  std::vector<bool> special;
  int unknown = -1;
  int cls = -1;
  int sep = -1;
  bool lowercase = true;
  bool strip_accents = true;
};

struct ModelFile {
  Description description;
  std::int64_t weight_bytes = 0;
  std::int64_t kv_values_per_token =
      0;                  // numbers in the K and V rows of one token, over all layers
  std::string tokenizer;  // "gpt2", "llama", "bert", ...

  /// Checks that every tensor lies inside the file, so that a truncated one is found before it is
  /// mapped.
  static Result<ModelFile> open(const std::string& path);
};

/// Errors: validation, when the file's tokenizer is not "bert" or lacks what WordPiece needs.
Result<WordPieceFile> read_wordpiece(const std::string& path);

}  // namespace outcrop::engine
