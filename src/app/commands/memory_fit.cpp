#include "app/commands/memory_fit.h"

#include <algorithm>

namespace outcrop::commands {

MemoryFit memory_fit(const MemoryNeed& need, std::int64_t available_bytes) {
  constexpr std::int64_t pool_tokens = 16'384;
  constexpr std::int64_t bytes_a_place = 2 * 2;  // key and value, 16 bits each
  MemoryFit out;
  out.weights_bytes = need.weights_bytes;
  std::int64_t tokens = std::clamp<std::int64_t>(need.context_tokens, 0, pool_tokens);
  // Numbers from a file: bounded, so that a product cannot overflow.
  out.state_bytes_max = std::clamp<std::int64_t>(need.layers, 0, 10'000) *
                        std::clamp<std::int64_t>(need.width, 0, 1'000'000) * tokens * bytes_a_place;
  out.available_bytes = available_bytes;
  if (need.weights_bytes > available_bytes) {
    out.fit = Fit::no;
  } else if (need.weights_bytes + out.state_bytes_max > available_bytes) {
    out.fit = Fit::tight;
  }
  return out;
}

}  // namespace outcrop::commands
