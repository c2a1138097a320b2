#pragma once
/// One outbound connection and the exchange that runs on it: bytes out while bytes come in, and the
/// clocks that end it. Only client*.cpp include this header (it brings Asio).
/// Threads: the loop's.

#include "base/cancel.h"
#include "base/result.h"
#include "base/task.h"
#include "base/time.h"
#include "wire/asio.h"
#include "wire/client_url.h"

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace outcrop::wire {

/// What goes out: the head, and the body behind it without a copy.
struct Outgoing {
  std::string head;
  std::string body;
};

class ClientConnection : public std::enable_shared_from_this<ClientConnection> {
 public:
  using Socket = boost::asio::generic::stream_protocol::socket;
  ClientConnection(boost::asio::io_context& io, Origin origin)
      : io_(io), origin_(std::move(origin)), socket_(io), timer_(io) {}
  ~ClientConnection() { close(); }

  const Origin& origin() const { return origin_; }
  Socket& socket() { return socket_; }
  /// TLS on the connected socket. The peer must prove that it is `origin`.host. Errors:
  /// unavailable.
  Task<Result<void>> handshake(boost::asio::ssl::context& tls, Deadline deadline,
                               CancelToken cancel);
  void close();
  bool open() const { return socket_.is_open(); }
  /// Nothing came in while the connection stood idle: neither an end nor bytes nobody asked for.
  bool fresh();

  /// Begins an exchange: sends `outgoing` in the background. From here to end_exchange() the
  /// deadline, the silence and the token close the connection; stopped() then says why.
  void begin_exchange(std::shared_ptr<const Outgoing> outgoing, Deadline deadline, Millis silence,
                      const CancelToken& cancel);
  void end_exchange();
  /// deadline or cancelled, when that is what closed the connection.
  const std::optional<Error>& stopped() const { return stopped_; }
  bool sent_nothing() const { return written_ == 0; }
  bool sent_all() const { return !outgoing_; }

  /// The next bytes, at least one; none at the end of the peer's sending. The caller keeps the
  /// connection alive. Errors: deadline, cancelled, io, corrupt (TLS cut off without a goodbye).
  Task<Result<std::string_view>> read();
  /// Bytes of read() that were not used: given again by the next one.
  void unread(std::size_t count);
  bool has_unread() const { return begin_ < end_; }

 private:
  void write_more();
  void arm_timer();
  void on_timer();
  void stop(Code code, std::string message);

  boost::asio::io_context& io_;
  Origin origin_;
  Socket socket_;
  std::unique_ptr<boost::asio::ssl::stream<Socket&>> tls_;

  std::shared_ptr<const Outgoing> outgoing_;  // until all of it is written
  std::size_t written_ = 0;
  std::string buffer_;
  std::size_t begin_ = 0, end_ = 0;  // of buffer_: read and not used

  // The exchange. A handler that belongs to an earlier one knows by its number.
  std::uint64_t exchange_ = 0;
  boost::asio::steady_timer timer_;
  Deadline deadline_;
  Millis silence_{0};
  Instant last_progress_{};
  bool waiting_ = false;  // for bytes of the peer, or for it to take ours
  CancelRegistration registration_;
  std::optional<Error> stopped_;
};

using ClientConnectionPtr = std::shared_ptr<ClientConnection>;

/// Looks the name up, connects, and speaks TLS where the scheme says so. `tls` may be null
/// otherwise. Errors: unavailable (saying which address refused, and how), deadline, cancelled.
Task<Result<ClientConnectionPtr>> connect_to(Loop& loop, Origin origin,
                                             std::shared_ptr<boost::asio::ssl::context> tls,
                                             Millis timeout, Deadline deadline, CancelToken cancel);

/// Trusts the authorities of `ca_file`, or the system's when it is empty. Reads files: not for the
/// loop's thread.
Result<std::shared_ptr<boost::asio::ssl::context>> make_client_context(const std::string& ca_file);

}  // namespace outcrop::wire
