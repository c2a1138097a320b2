#include "engine/worker/options.h"

#include <algorithm>
#include <charconv>
#include <string_view>

namespace outcrop::engine {
namespace {

template <class Number>
Result<void> set(std::string_view name, std::string_view text, std::int64_t low, std::int64_t high,
                 Number& into) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < low || value > high)
    return fail(Code::validation, "{} is '{}'; allowed are whole numbers from {} to {}", name, text,
                low, high);
  into = static_cast<Number>(value);
  return {};
}

}  // namespace

Result<WorkerOptions> worker_options(int argc, char** argv) {
  WorkerOptions options;
  int i = 1;
  if (i < argc && std::string_view(argv[i]) == "engine") ++i;
  for (; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (name == "--describe") {
      options.describe = true;
      continue;
    }
    if (i + 1 >= argc) return fail(Code::validation, "{} is unknown or lacks its value", name);
    const std::string_view value = argv[++i];
    if (name == "--model") {
      options.model = value;
    } else if (name == "--fd") {
      CHECK(set(name, value, 0, 1 << 20, options.fd));
    } else if (name == "--parent") {
      CHECK(set(name, value, 0, 1 << 30, options.parent));
    } else if (name == "--threads") {
      CHECK(set(name, value, 0, 512, options.threads));
    } else if (name == "--context") {
      CHECK(set(name, value, 0, 1 << 24, options.context_tokens));
    } else if (name == "--pool") {
      CHECK(set(name, value, 0, 1 << 24, options.pool_tokens));
    } else if (name == "--parallel") {
      CHECK(set(name, value, 1, 240, options.parallel));
    } else if (name == "--retained") {
      CHECK(set(name, value, 0, 128, options.retained));
    } else if (name == "--gpu-layers") {
      CHECK(set(name, value, -1, 10'000, options.gpu_layers));
    } else if (name == "--queue") {
      CHECK(set(name, value, 1, 100'000, options.queue));
    } else if (name == "--texts") {
      CHECK(set(name, value, 1, 1'000'000, options.texts));
    } else if (name == "--step-ms") {
      CHECK(set(name, value, 10, 10'000, options.step_ms));
    } else if (name == "--memory-bytes") {
      CHECK(set(name, value, 0, std::int64_t{1} << 50, options.memory_bytes));
    } else if (name == "--kv") {
      if (value != "f16" && value != "bf16" && value != "q8_0" && value != "q4_0")
        return fail(Code::validation, "--kv is '{}'; allowed are f16, bf16, q8_0 and q4_0", value);
      options.kv = value;
    } else {
      return fail(Code::validation, "{} is no argument of the engine", name);
    }
  }
  if (options.model.empty()) return fail(Code::validation, "--model is missing: name a GGUF file");
  if (!options.describe && options.fd < 0)
    return fail(Code::validation,
                "--fd is missing: the engine is started by its parent (or asked with --describe)");
  // 256 sequence ids is the most that llama.cpp has.
  options.retained = std::min(options.retained, 256 - options.parallel);
  return options;
}

}  // namespace outcrop::engine
