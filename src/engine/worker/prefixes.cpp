#include "engine/worker/prefixes.h"

#include <llama.h>

#include <algorithm>

namespace outcrop::engine {
namespace {

// Below this the copy and the search cost about what they save.
constexpr int tokens_min = 16;

}  // namespace

int common_length(const std::vector<Token>& a, const std::vector<Token>& b) {
  const auto end = std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first;
  return static_cast<int>(end - a.begin());
}

Prefixes::Prefixes(llama_memory_i* memory, int first_sequence, int count) : memory_(memory) {
  for (int i = count; i-- > 0;) free_.push_back(first_sequence + i);
}

void Prefixes::drop(std::list<Entry>::iterator entry) {
  llama_memory_seq_rm(memory_, entry->sequence, -1, -1);
  held_ -= static_cast<int>(entry->tokens.size());
  free_.push_back(entry->sequence);
  entries_.erase(entry);
}

void Prefixes::keep(int sequence, std::vector<Token> tokens, const std::string& domain) {
  if (tokens.size() < tokens_min) return;
  // What is only the beginning of the new one is of no more use.
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    const auto next = std::next(entry);
    if (entry->domain == domain &&
        common_length(entry->tokens, tokens) == static_cast<int>(entry->tokens.size()))
      drop(entry);
    entry = next;
  }
  if (free_.empty()) {
    if (entries_.empty()) return;
    drop(std::prev(entries_.end()));
  }
  const int own = free_.back();
  free_.pop_back();
  llama_memory_seq_cp(memory_, sequence, own, 0, static_cast<llama_pos>(tokens.size()));
  held_ += static_cast<int>(tokens.size());
  entries_.push_front(Entry{own, std::move(tokens), domain});
}

int Prefixes::reuse(const std::vector<Token>& tokens, const std::string& domain, int sequence) {
  auto best = entries_.end();
  int length = tokens_min - 1;
  for (auto entry = entries_.begin(); entry != entries_.end(); ++entry) {
    if (entry->domain != domain) continue;
    const int shared =
        std::min(common_length(entry->tokens, tokens), static_cast<int>(tokens.size()) - 1);
    if (shared > length) {
      length = shared;
      best = entry;
    }
  }
  if (best == entries_.end()) return 0;
  llama_memory_seq_cp(memory_, best->sequence, sequence, 0, length);
  entries_.splice(entries_.begin(), entries_, best);
  return length;
}

void Prefixes::shrink_to(int tokens) {
  while (held_ > std::max(tokens, 0) && !entries_.empty()) drop(std::prev(entries_.end()));
}

}  // namespace outcrop::engine
