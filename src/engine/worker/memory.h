#pragma once
/// Whether a model fits into memory, asked before it is loaded.

#include "base/result.h"

#include <cstdint>
#include <string>

namespace outcrop::engine {

/// What this process may still take: the kernel's MemAvailable, or what its control group (v1 or
/// v2) leaves when that is less. `root` stands before /proc and /sys, for tests. 0 when nothing can
/// be read.
std::int64_t available_bytes(const std::string& root = "");

struct MemoryNeed {
  std::int64_t weights_bytes = 0;
  std::int64_t context_bytes = 0;  // KV cells
  std::int64_t work_bytes = 0;     // activations and logits
  std::int64_t pool_tokens = 0;
};

/// Errors: unavailable, one sentence with both figures and what to change.
Result<void> check_memory(const std::string& path, const MemoryNeed& need, std::int64_t available);

}  // namespace outcrop::engine
