#pragma once
/// What tests of the engine share: where the models are, an engine on a loop, and a way to wait.

#include "engine/host/host.h"
#include "wire/loop.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace outcrop::engine::testing {

/// A model's file: named by `variable`, or in the folder that OUTCROP_MODELS names.
inline std::string model_file(const char* variable, const char* file) {
  if (const char* path = std::getenv(variable)) return path;
  if (const char* folder = std::getenv("OUTCROP_MODELS")) {
    auto path = std::filesystem::path(folder) / file;
    if (std::filesystem::exists(path)) return path;
  }
  return {};
}
inline std::string chat_model() {
  return model_file("OUTCROP_CHAT_MODEL", "SmolLM2-135M-Instruct.Q4_1.gguf");
}
inline std::string embed_model() {
  return model_file("OUTCROP_EMBED_MODEL", "all-MiniLM-L6-v2.f16.gguf");
}

// Without models the rest of the tests still says something; scripts/test always brings them.
#define NEEDS_MODEL(path) \
  if ((path).empty()) GTEST_SKIP() << "no model: set OUTCROP_MODELS to the folder that has it"

inline HostOptions options_for(const std::string& program, const std::string& model,
                               std::vector<std::string> more = {}) {
  HostOptions options;
  options.name = "test-model";
  options.program = program;
  options.arguments = {"--model", model};
  options.arguments.insert(options.arguments.end(), more.begin(), more.end());
  return options;
}

/// Runs one coroutine to its end and gives its value.
template <class T>
T run(Loop& loop, Task<T> task) {
  std::optional<T> value;
  struct Keep {
    static Task<void> into(Task<T> from, std::optional<T>* to) {
      to->emplace(co_await std::move(from));
    }
  };
  loop.run(Keep::into(std::move(task), &value));
  return std::move(*value);
}

}  // namespace outcrop::engine::testing
