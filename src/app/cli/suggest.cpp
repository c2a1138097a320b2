#include "app/cli/suggest.h"

#include "base/text.h"

#include <algorithm>

namespace outcrop::cli {

std::size_t edit_distance(std::string_view first, std::string_view second) {
  std::string a = lower(first);
  std::string b = lower(second);
  // Three rows of the optimal string alignment table: the one before last serves swapped
  // neighbours.
  std::vector<std::size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      std::size_t change = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({change, last[j] + 1, row[j - 1] + 1});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
    std::swap(before, last);
    std::swap(last, row);
  }
  return last[b.size()];
}

std::string nearest(std::string_view word, const std::vector<std::string>& candidates) {
  std::size_t allowed = std::clamp<std::size_t>(word.size() / 3, 1, 4);
  std::string best;
  for (const auto& candidate : candidates) {
    std::size_t distance = edit_distance(word, candidate);
    if (distance > allowed || distance >= candidate.size()) continue;
    allowed = distance == 0 ? 0 : distance - 1;
    best = candidate;
    if (distance <= 1) break;
  }
  return best;
}

}  // namespace outcrop::cli
