#pragma once
/// Whether a model will fit into memory, estimated before it is loaded.

#include <cstdint>
#include <string>

namespace outcrop::commands {

struct MemoryNeed {
  std::int64_t weights_bytes = 0;
  std::int64_t layers = 0;
  std::int64_t width = 0;  // of the embedding
  std::int64_t context_tokens =
      0;  // that will be kept; at most 16,384 are counted, as the engine's pool does
};

enum class Fit { fits, tight, no };

struct MemoryFit {
  Fit fit = Fit::fits;
  std::int64_t weights_bytes = 0;
  /// An upper bound: two 16-bit numbers a layer, token and place of the width. Models that share
  /// keys and values between heads, as most do today, need a quarter or an eighth of it.
  std::int64_t state_bytes_max = 0;
  std::int64_t available_bytes = 0;
};

/// no: the weights alone are more than there is. tight: they fit, but not with the upper bound of
/// the state.
MemoryFit memory_fit(const MemoryNeed& need, std::int64_t available_bytes);

}  // namespace outcrop::commands
