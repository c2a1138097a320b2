#include "base/text.h"
#include "models/providers/scripted/scripted.h"

#include <cmath>
#include <set>

namespace outcrop::models::scripted {

std::int64_t estimated_tokens(std::string_view text) {
  return static_cast<std::int64_t>((text.size() + 3) / 4);
}

/// Each word adds a direction of its own, drawn from its hash; so the cosine of two texts grows
/// with the share of words that they have in common.
std::vector<float> text_vector(std::string_view text, std::size_t dimensions) {
  std::vector<double> sum(dimensions, 0.0);
  const std::string small = lower(text);
  std::size_t at = 0;
  auto add = [&](std::string_view word) {
    const std::string digest = sha256(word);
    std::uint64_t state = 0;
    for (int i = 0; i < 8; ++i)
      state = state << 8 | static_cast<unsigned char>(digest[static_cast<std::size_t>(i)]);
    for (double& value : sum) {
      state += 0x9E3779B97F4A7C15ull;  // splitmix64
      std::uint64_t z = state;
      z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
      z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
      value += static_cast<double>(static_cast<std::int64_t>(z ^ (z >> 31))) * 0x1p-63;
    }
  };
  auto part_of_word = [](unsigned char c) {
    return c >= 0x80 || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
  };
  bool any = false;
  while (at < small.size()) {
    while (at < small.size() && !part_of_word(static_cast<unsigned char>(small[at]))) ++at;
    const std::size_t begin = at;
    while (at < small.size() && part_of_word(static_cast<unsigned char>(small[at]))) ++at;
    if (at > begin) add(std::string_view(small).substr(begin, at - begin));
    any = any || at > begin;
  }
  if (!any) add(small);
  double length = 0;
  for (double value : sum) length += value * value;
  length = std::sqrt(length);
  std::vector<float> out(dimensions, 0.0f);
  if (length == 0) {
    out[0] = 1;
    return out;
  }
  for (std::size_t i = 0; i < dimensions; ++i) out[i] = static_cast<float>(sum[i] / length);
  return out;
}

}  // namespace outcrop::models::scripted
