#pragma once
/// A plain HTTP/1.1 client over a Unix socket for the command line: synchronous, one request a
/// connection, no event loop, so that a command starts and ends at once. Limits:  64 KiB of head; a
/// whole body as said by the caller. Errors:  unavailable (nobody listens), deadline (silence),
/// cancelled (`interrupted` became true),
///          corrupt (no HTTP, or cut short), too_large.

#include "base/result.h"
#include "base/time.h"
#include "wire/http.h"

#include <atomic>
#include <cstddef>
#include <functional>
#include <string>

namespace outcrop::admin {

struct UnixRequest {
  std::string socket;  // path
  std::string method = "GET";
  std::string target = "/";
  wire::Headers headers{};
  std::string body{};
  Millis silence{30'000};  // between two bytes of the answer
  const std::atomic<bool>* interrupted = nullptr;
};

struct UnixResponse {
  int status = 0;
  wire::Headers headers;
  std::string body;
};

Result<UnixResponse> request(const UnixRequest& request,
                             std::size_t body_bytes_limit = 16 * 1024 * 1024);

/// `head` sees the status and headers, then `piece` the body as it comes. Either ends the exchange
/// by an error, which is passed on.
Result<void> stream(const UnixRequest& request,
                    const std::function<Result<void>(int, const wire::Headers&)>& head,
                    const std::function<Result<void>(std::string_view)>& piece);

/// Whether somebody listens there.
bool answers(const std::string& socket);

}  // namespace outcrop::admin
