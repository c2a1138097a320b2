#pragma once
/// The listener: HTTP/1.1, HTTP/2 with prior knowledge, and TLS with ALPN on one TCP port (told
/// apart by their first bytes), HTTP/1.1 on a Unix socket. Shape:   one Exchange a request; the
/// handler runs as a coroutine on the loop and ends by finish()
///          or respond(); a handler that returns without either is answered with 500.
/// Limits:  ServerLimits; every one is enforced for both versions.
/// Threads: the loop's.

#include "base/cancel.h"
#include "base/result.h"
#include "base/task.h"
#include "base/time.h"
#include "wire/http.h"
#include "wire/loop.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace outcrop::wire {

struct ServerLimits {
  std::size_t connections = 10'000;      // open at once; the next is closed at once
  std::size_t header_bytes = 64 * 1024;  // request line and headers; 431 beyond
  std::size_t header_count = 128;        // 431 beyond
  std::size_t body_bytes = 40'000'000;   // 413 beyond; a Bedrock body is at most 25,000,000 (base64
                                         // in JSON grows by a third)
  std::size_t body_window_bytes = 256 * 1024;  // of a request body, held before the handler reads
  std::size_t write_window_bytes =
      256 * 1024;  // of a response, held for a slow reader before write() waits
  std::size_t streams_per_connection = 256;  // HTTP/2, SETTINGS_MAX_CONCURRENT_STREAMS
  std::size_t resets_per_connection =
      1'000;                      // HTTP/2 RST_STREAM from the peer before GOAWAY (rapid reset)
  Millis header_timeout{15'000};  // from accept, or from the end of the last exchange, to a whole
                                  // head once its first byte came
  Millis idle_timeout{120'000};   // a kept-alive connection without a request
  Millis body_timeout{60'000};    // between two pieces of a request body
  Millis write_timeout{120'000};  // a reader that takes nothing for so long is cut off
};

/// One request and its response. Lives until the handler's coroutine has ended.
class Exchange {
 public:
  virtual ~Exchange() = default;
  virtual const RequestHead& request() const = 0;

  /// The next piece of the body; empty at its end. Errors: too_large, cancelled (peer gone),
  /// deadline.
  virtual Task<Result<std::string>> read() = 0;
  /// The whole body. Errors: as read(), and too_large beyond `limit_bytes`.
  Task<Result<std::string>> read_all(std::size_t limit_bytes);

  /// A whole response. Content-Length, Date and Connection are added here.
  virtual Task<Result<void>> respond(ResponseHead head, std::string body) = 0;
  /// A streamed response: the head goes out at once, then write() as often as wanted, then
  /// finish(). write() waits while more than the write window is on its way. Errors: cancelled,
  /// deadline.
  virtual Task<Result<void>> start(ResponseHead head) = 0;
  virtual Task<Result<void>> write(std::string bytes) = 0;
  virtual Task<Result<void>> finish() = 0;
  /// Ends a started response so that the peer sees it was cut (RST_STREAM, or the connection
  /// closed).
  virtual void abort() = 0;
  virtual bool started() const = 0;

  /// Cancelled as soon as the peer is gone, also while nothing is being read or written.
  virtual CancelToken closed() const = 0;
};

using Handler = std::function<Task<void>(Exchange&)>;

/// PEM texts. Made by wire/certificates.h, or the user's own.
struct TlsIdentity {
  std::string certificate_chain;
  std::string private_key;
};

struct ServerStats {  // since start, except where it says now
  std::uint64_t accepted = 0, refused = 0, requests = 0, resets = 0;
  std::size_t connections_now = 0, exchanges_now = 0;
};

class Server {
 public:
  Server(Loop& loop, ServerLimits limits, Handler handler);
  ~Server();
  /// Port 0 picks one. Gives the port. Errors: io, saying which address and why.
  Result<std::uint16_t> listen(const std::string& host, std::uint16_t port,
                               const TlsIdentity* tls = nullptr);
  /// The socket file is made with mode 0600; one left behind by a dead process is replaced.
  Result<void> listen_unix(const std::string& path);
  /// Stops accepting, lets open exchanges end (idle connections close, HTTP/2 gets GOAWAY), cuts
  /// what is left at the deadline.
  Task<void> drain(Deadline deadline);
  ServerStats stats() const;
  /// Told what an exception said that left a handler (the peer saw 500, or its response cut).
  void on_internal_error(std::function<void(std::string_view what)> callback);

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace outcrop::wire
