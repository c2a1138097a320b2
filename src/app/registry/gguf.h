#pragma once
/// What can be said of a file before an engine looks at it.

#include "base/result.h"
#include "json/json.h"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace outcrop::registry {

/// By its first bytes: GGUF, little-endian, a version that is read. Errors: validation; one
/// sentence that says what the file is instead, where its first bytes tell ("a web page",
/// "safetensors").
Result<void> check_gguf(const std::string& path);

/// Runs `program engine --model FILE --describe` and reads its JSON.
/// Limits: 60 s, 1 MiB. Errors: validation, with the engine's own sentence; deadline; io.
Result<json::Value> describe(const std::string& program, const std::string& path);

/// Hex. Errors: io.
Result<std::string> sha256_of_file(const std::string& path,
                                   const std::function<void(std::int64_t)>& progress = {});

/// *.gguf of a folder by name (of a split file only its first part), not of those below it.
std::vector<std::string> gguf_files(const std::string& folder, std::size_t entries_limit);

}  // namespace outcrop::registry
