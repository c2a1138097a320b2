#include "engine/worker/memory.h"

#include <fstream>
#include <limits>
#include <optional>
#include <sstream>

namespace outcrop::engine {
namespace {

std::optional<std::int64_t> number_in(const std::string& path) {
  std::ifstream stream(path);
  std::int64_t value = 0;
  if (!(stream >> value)) return std::nullopt;  // "max" means no limit
  return value;
}

std::int64_t field_in(const std::string& path, const std::string& name) {
  std::ifstream stream(path);
  std::string key;
  std::int64_t value = 0;
  std::string line;
  while (std::getline(stream, line)) {
    std::istringstream words(line);
    if (words >> key >> value && key == name) return value;
  }
  return 0;
}

// The group's own files: below its path on the host, or at the root when a container sees only
// itself.
std::int64_t group_left(const std::string& root) {
  std::int64_t left = std::numeric_limits<std::int64_t>::max();
  std::ifstream groups(root + "/proc/self/cgroup");
  std::string line;
  while (std::getline(groups, line)) {
    const auto first = line.find(':');
    const auto second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string path = line.substr(second + 1);
    const bool v2 = controllers.empty();
    if (!v2 && controllers != "memory") continue;
    const std::string base = root + (v2 ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory");
    for (const std::string& folder : {base + path, base}) {
      const auto limit = number_in(folder + (v2 ? "/memory.max" : "/memory.limit_in_bytes"));
      const auto used = number_in(folder + (v2 ? "/memory.current" : "/memory.usage_in_bytes"));
      if (!limit || !used) continue;
      // The page cache counts as used though it is given back on demand.
      const auto cache =
          field_in(folder + "/memory.stat", v2 ? "inactive_file" : "total_inactive_file");
      left = std::min(left, std::max<std::int64_t>(0, *limit - *used + cache));
    }
  }
  return left;
}

std::string mib(std::int64_t bytes) { return fmt::format("{} MiB", (bytes + (1 << 20) - 1) >> 20); }

}  // namespace

std::int64_t available_bytes(const std::string& root) {
  const std::int64_t machine = field_in(root + "/proc/meminfo", "MemAvailable:") * 1024;
  return machine > 0 ? std::min(machine, group_left(root)) : 0;
}

Result<void> check_memory(const std::string& path, const MemoryNeed& need, std::int64_t available) {
  const std::int64_t total = need.weights_bytes + need.context_bytes + need.work_bytes;
  if (available <= 0 || total <= available) return {};
  return fail(Code::unavailable,
              "{} needs about {} of memory (weights {}, context of {} tokens {}, work {}) and {} "
              "are available; choose a "
              "smaller model, a stronger quantization or a smaller context",
              path, mib(total), mib(need.weights_bytes), need.pool_tokens, mib(need.context_bytes),
              mib(need.work_bytes), mib(available));
}

}  // namespace outcrop::engine
