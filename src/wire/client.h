#pragma once
/// The outbound HTTP client: pooled HTTP/1.1 connections, plain, over TLS or a Unix socket.
/// Threads: the loop's.

#include "base/cancel.h"
#include "base/result.h"
#include "base/task.h"
#include "base/time.h"
#include "wire/http.h"
#include "wire/loop.h"

#include <cstddef>
#include <memory>
#include <string>

namespace outcrop::wire {

struct ClientLimits {
  std::size_t idle_connections_per_host = 64;
  std::size_t header_bytes = 64 * 1024;
  Millis connect_timeout{10'000};
  Millis idle_timeout{60'000};  // a pooled connection unused for so long is closed
  std::size_t redirects = 0;    // followed by fetch of models; 0 for providers
};

struct OutboundRequest {
  std::string method = "GET";
  std::string url;    // http://host:port/path?query, https://…, or unix:/path/of/socket:/path
  Headers headers{};  // Host, Content-Length and Connection are added
  std::string body{};
  Deadline deadline{};      // for the whole exchange
  Millis silence{300'000};  // between two bytes of the answer
};

/// The answer's head is there; its body is read piece by piece.
class InboundResponse {
 public:
  virtual ~InboundResponse() = default;
  virtual const ResponseHead& head() const = 0;
  virtual Task<Result<std::string>>
  read() = 0;  // empty at the end. Errors: io, deadline, cancelled, corrupt (cut short)
  Task<Result<std::string>> read_all(std::size_t limit_bytes);
};

class Client {
 public:
  /// ca_file: PEM of the authorities to trust; empty takes the system's.
  Client(Loop& loop, ClientLimits limits = {}, std::string ca_file = {});
  ~Client();
  /// Errors: unavailable (no connection), deadline, cancelled, corrupt (no HTTP).
  Task<Result<std::unique_ptr<InboundResponse>>> send(OutboundRequest request,
                                                      CancelToken cancel = {});

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace outcrop::wire
