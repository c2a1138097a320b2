#pragma once
/// The outbound HTTP client: pooled HTTP/1.1 connections, plain, over TLS or a Unix socket.
/// Shape:   one send() an exchange; the body of the answer is pulled piece by piece, and the
/// connection
///          goes back to the pool at its end, or is closed when the response is let go before.
/// Retries: a pooled connection that died before the first byte of an answer is replaced by a fresh
/// one,
///          once, when no byte of the request went out or its method is idempotent (RFC
///          9110, 9.2.2). Everything else is the caller's to repeat.
/// TLS:     1.2 and newer; the name or address of the URL must be in the certificate.
/// Not:     proxies (the variables http_proxy, https_proxy and no_proxy are not read), HTTP/2,
/// cookies,
///          decompression (accept-encoding: identity is sent), a limit of open connections: who
///          sends limits how much is under way.
/// Source:  RFC 9110, RFC 9112. Threads: the loop's; names are looked up on a thread of their own.

#include "base/cancel.h"
#include "base/result.h"
#include "base/task.h"
#include "base/time.h"
#include "wire/http.h"
#include "wire/loop.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace outcrop::wire {

struct ClientLimits {
  std::size_t idle_connections_per_host = 64;
  std::size_t idle_connections = 512;    // of all hosts; the one idle for longest is closed
  std::size_t header_bytes = 64 * 1024;  // status line, headers, trailers and 1xx before them
  Millis connect_timeout{10'000};        // name, connection and TLS handshake together
  Millis idle_timeout{60'000};           // a pooled connection unused for so long is closed
  std::size_t redirects = 0;             // followed by fetch of models; 0 for providers
};

struct OutboundRequest {
  std::string method = "GET";
  std::string url;  // http://host:port/path?query, https://…, or unix:/path/of/socket:/path
  /// Host (unless given), Content-Length, Connection and Accept-Encoding (unless given) are added.
  Headers headers{};
  std::string body{};
  Deadline deadline{};      // for the whole exchange
  Millis silence{300'000};  // without a byte of the request going out or of the answer coming in
};

/// The answer's head is there; its body is read piece by piece. Must outlive its read(). Let go
/// before the end of the body, it closes its connection.
class InboundResponse {
 public:
  virtual ~InboundResponse() = default;
  virtual const ResponseHead& head() const = 0;
  /// Empty at the end. Bytes are taken from the network only here, so a slow reader slows the
  /// sender. Errors: io, deadline, cancelled, corrupt (cut short, or framing that cannot be).
  virtual Task<Result<std::string>> read() = 0;
  /// Errors: as read(), and too_large beyond `limit_bytes`.
  Task<Result<std::string>> read_all(std::size_t limit_bytes);
};

struct ClientStats {  // since start, except where it says now
  std::uint64_t connected = 0, reused = 0, retried = 0;
  std::size_t idle_now = 0;
};

class Client {
 public:
  /// ca_file: PEM of the authorities to trust; empty takes the system's. One that cannot be read
  /// fails every https request.
  Client(Loop& loop, ClientLimits limits = {}, std::string ca_file = {});
  /// Exchanges under way go on; their connections close behind them.
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  /// Returns once the head of the final answer is there. With `redirects` allowed, a GET follows
  /// them: never from https to http; to another host only with headers that say nothing of the
  /// caller. Errors: unavailable (no connection, or it broke before an answer), deadline,
  /// cancelled, corrupt (no HTTP), too_large (the head), validation (the request itself),
  /// bad_gateway (a redirect that is one too many or leads where it may not).
  Task<Result<std::unique_ptr<InboundResponse>>> send(OutboundRequest request,
                                                      CancelToken cancel = {});
  ClientStats stats() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace outcrop::wire
