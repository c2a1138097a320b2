#pragma once
/// Brings a file from an http or https URL, resumably: what has come stays in TARGET.part (with
/// TARGET.part.json beside it, which names the URL and the version), and the next run asks for the
/// rest. A file that changed meanwhile is fetched anew. The target appears in one step, whole and
/// checked. Limits:  5 tries in a row without a byte; pauses of 1 to 8 s between them; the free
/// space of the disk
///          less 256 MiB; 1 TB.
/// Errors:  validation (URL, checksum), not_found, access_denied, too_large (the disk),
/// unavailable, cancelled. Threads: the loop's, which this blocks while it writes: for a command's
/// own loop, not for a server's.

#include "base/cancel.h"
#include "base/result.h"
#include "base/task.h"
#include "wire/client.h"
#include "wire/loop.h"

#include <cstdint>
#include <functional>
#include <string>

namespace outcrop::registry {

struct Download {
  std::string url;
  std::string target;
  std::string sha256{};  // hex, any case; empty: not checked
};

struct Downloaded {
  std::string sha256;
  std::int64_t bytes = 0;
  std::int64_t resumed_from = 0;  // bytes that an earlier run had brought
  int retries = 0;
};

using FetchProgress =
    std::function<void(std::int64_t done, std::int64_t total)>;  // total 0: not known

Task<Result<Downloaded>> download(Loop& loop, wire::Client& client, Download what,
                                  FetchProgress progress, CancelToken cancel);

bool is_url(std::string_view text);
/// The last part of its path, decoded; "model.gguf" where there is none that a file could have.
std::string file_name_of_url(std::string_view url);

}  // namespace outcrop::registry
