#pragma once
/// One accepted connection, below the protocol: bytes in through a bounded buffer, bytes out
/// through a queue that is tried at once, TLS in between where the peer speaks it, and the clock
/// that cuts off whoever stalls. Threads: the loop's. Only .cpp files of wire/ include this header.

#include "base/time.h"
#include "wire/asio.h"
#include "wire/server.h"
#include "wire/tls.h"

#include <boost/asio/generic/stream_protocol.hpp>

#include <array>
#include <cstddef>
#include <ctime>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

namespace outcrop::wire {

using Socket = boost::asio::generic::stream_protocol::socket;
class Connection;

/// What all connections of a server share; outlives the Server while handlers still run.
struct ServerCore : std::enable_shared_from_this<ServerCore> {
  ServerCore(Loop& owner, ServerLimits with, Handler to)
      : loop(owner), io(context(owner)), limits(with), handler(std::move(to)), ticker(io) {}
  void add(Connection& connection);
  void remove(Connection& connection);
  void exchange_began() { ++stats.requests, ++stats.exchanges_now; }
  void exchange_ended();
  /// An exception left a handler.
  void report(std::string_view what) const {
    if (on_internal_error) on_internal_error(what);
  }
  /// IMF-fixdate of this second.
  std::string_view date();
  bool quiet() const { return connections.empty() && stats.exchanges_now == 0; }

  Loop& loop;
  boost::asio::io_context& io;
  ServerLimits limits;
  Handler handler;
  std::function<void(std::string_view)> on_internal_error;
  ServerStats stats;
  std::vector<TlsContext> tls_contexts;
  std::unordered_set<Connection*> connections;
  bool draining = false;
  CancelSource drained;  // when quiet() while draining

 private:
  void tick();
  boost::asio::steady_timer ticker;
  bool ticking = false;
  std::time_t date_second = 0;
  std::string date_text;
};

/// What a connection speaks once its first bytes were seen.
class Protocol {
 public:
  virtual ~Protocol() = default;
  /// Takes from the front of the plain bytes what it can; what it leaves is offered again with more
  /// behind it, or after resume_input().
  virtual std::size_t consume(std::string_view bytes) = 0;
  /// Whether reading makes sense now; false lets TCP slow the peer down.
  virtual bool wants_input() const = 0;
  /// Bytes left for the network: waiting writers may go on.
  virtual void on_sent() = 0;
  /// The connection is over; `why` is cancelled or deadline. Called once, never from inside another
  /// call.
  virtual void on_gone(Code why) = 0;
  /// The deadline set by set_deadline() passed.
  virtual void on_deadline() = 0;
  /// Ends after what is under way.
  virtual void drain() = 0;
  /// No request is under way.
  virtual bool idle() const = 0;
};

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(std::shared_ptr<ServerCore> core, Socket socket, Peer peer, SSL_CTX* tls_context);
  ~Connection();
  void start();

  ServerCore& core() { return *core_; }
  const Peer& peer() const { return peer_; }
  bool secure() const { return tls_ != nullptr; }

  /// Tries the socket at once; what it does not take is queued. Head and body go out in one system
  /// call.
  void send(std::string bytes) { send(std::move(bytes), {}); }
  void send(std::string head, std::string body);
  std::size_t queued_bytes() const { return queued_bytes_; }
  /// Over, or being closed: send() drops what it is given.
  bool closing() const { return state_ != State::open; }
  bool gone() const { return state_ == State::gone; }

  /// The protocol can take bytes again.
  void resume_input();
  /// Never means none.
  void set_deadline(Deadline deadline) { deadline_ = deadline; }

  /// After the queue went out: a FIN, then what still comes is thrown away for a while, so that no
  /// RST takes the last response from the peer. `hard`: a RST, for a response whose end is the
  /// connection's.
  void close_when_sent(bool hard = false);
  /// At once. Tells the protocol in a turn of its own.
  void cut(Code why = Code::cancelled);

  void on_tick(Instant at);
  void drain();

 private:
  enum class State { open, closing, lingering, gone };
  void process();
  bool take_plain_text();
  bool choose_protocol();
  void arm_read();
  void on_read(boost::system::error_code error, std::size_t count);
  void on_input_end();
  void flush_tls();
  void enqueue(std::string bytes);
  void arm_write();
  void finish_close();
  std::string_view input() const { return std::string_view(buffer_).substr(begin_, end_ - begin_); }
  void make_room(std::size_t room);

  std::shared_ptr<ServerCore> core_;
  Socket socket_;
  Peer peer_;
  SSL_CTX* tls_context_;
  std::unique_ptr<Tls> tls_;
  std::unique_ptr<Protocol> protocol_;
  State state_ = State::open;
  bool reading_ = false, writing_ = false, processing_ = false, again_ = false, hard_close_ = false;

  std::string buffer_;  // plain bytes: [begin_, end_) is not consumed yet
  std::size_t begin_ = 0, end_ = 0;
  std::vector<char> encrypted_;    // where the socket reads to under TLS
  bool plain_text_waits_ = false;  // the TLS filter holds bytes that found no room

  std::deque<std::string> queue_;
  std::size_t queue_offset_ = 0;  // into the front
  std::size_t queued_bytes_ = 0;
  Instant write_progress_{};

  Deadline deadline_;
  Deadline linger_until_;
  std::size_t lingered_bytes_ = 0;
};

std::unique_ptr<Protocol> make_http1(Connection& connection);
std::unique_ptr<Protocol> make_http2(Connection& connection);

/// The body of an answer that no handler gave.
std::string wire_error_body(std::string_view message);

}  // namespace outcrop::wire
