#pragma once
/// The KV state of ended sequences, kept while the pool has room for it, so that a request that
/// begins like an earlier one of its domain does not compute that beginning again. It never takes
/// room from running jobs, and requests of another domain never see it (the time it saves would
/// tell them what others ask). Threads: the owner's.

#include "engine/worker/vocabulary.h"

#include <cstdint>
#include <list>
#include <string>
#include <vector>

struct llama_memory_i;

namespace outcrop::engine {

class Prefixes {
 public:
  /// Sequence ids first..first+count-1 are its own.
  Prefixes(llama_memory_i* memory, int first_sequence, int count);

  /// Keeps the state of `sequence`, which holds `tokens`; the caller removes that sequence
  /// afterwards.
  void keep(int sequence, std::vector<Token> tokens, const std::string& domain);
  /// The longest beginning of `tokens` that is here: copies it into `sequence` and gives its
  /// length. At most all tokens but one, since the last one must be computed to have an output.
  int reuse(const std::vector<Token>& tokens, const std::string& domain, int sequence);
  /// Lets go of the least recently used until no more than `tokens` cells are held.
  void shrink_to(int tokens);
  int held_tokens() const { return held_; }

 private:
  struct Entry {
    int sequence = 0;
    std::vector<Token> tokens;
    std::string domain;
  };
  void drop(std::list<Entry>::iterator entry);

  llama_memory_i* memory_;
  std::vector<int> free_;
  std::list<Entry> entries_;  // most recently used first
  int held_ = 0;
};

/// How many tokens `a` and `b` begin with in common.
int common_length(const std::vector<Token>& a, const std::vector<Token>& b);

}  // namespace outcrop::engine
