#include "wire/server.h"

#include "wire/server_connection.h"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <sys/stat.h>
#include <unistd.h>

namespace outcrop::wire {
namespace asio = boost::asio;
using asio::ip::tcp;
using local = asio::local::stream_protocol;

Task<Result<std::string>> Exchange::read_all(std::size_t limit_bytes) {
  std::string whole;
  for (;;) {
    CO_TRY(piece, co_await read());
    if (piece.empty()) co_return whole;
    if (piece.size() > limit_bytes - whole.size()) {
      co_return fail(Code::too_large, "The body exceeds {} bytes.", limit_bytes);
    }
    if (whole.empty()) {
      whole = std::move(piece);
    } else {
      whole += piece;
    }
  }
}

namespace {

// After the process ran out of descriptors, accepting again at once would only spin.
constexpr Millis accept_pause{50};

Peer tcp_peer(const tcp::socket& socket) {
  Peer peer;
  boost::system::error_code error;
  auto endpoint = socket.remote_endpoint(error);
  if (error) return peer;
  auto address = endpoint.address();
  if (address.is_v6() && address.to_v6().is_v4_mapped()) {
    address = asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
  }
  peer.loopback = address.is_loopback();
  peer.address = address.is_v6() ? fmt::format("[{}]:{}", address.to_string(), endpoint.port())
                                 : fmt::format("{}:{}", address.to_string(), endpoint.port());
  return peer;
}

class Listener {
 public:
  virtual ~Listener() = default;
  virtual void close() = 0;
};

template <class Kind>
class ListenerOf final : public Listener, public std::enable_shared_from_this<ListenerOf<Kind>> {
 public:
  ListenerOf(std::shared_ptr<ServerCore> core, SSL_CTX* tls)
      : acceptor(core->io), core_(std::move(core)), tls_(tls), pause_(core_->io) {}
  void accept() {
    acceptor.async_accept([self = this->shared_from_this()](boost::system::error_code error,
                                                            typename Kind::socket socket) {
      if (!self->acceptor.is_open()) return;
      if (!error) {
        self->take(std::move(socket));
        return self->accept();
      }
      self->pause_.expires_after(accept_pause);
      self->pause_.async_wait([self](boost::system::error_code cancelled) {
        if (!cancelled && self->acceptor.is_open()) self->accept();
      });
    });
  }
  void close() override {
    boost::system::error_code ignored;
    acceptor.close(ignored);
    pause_.cancel();
  }
  typename Kind::acceptor acceptor;

 private:
  void take(typename Kind::socket socket) {
    if (core_->connections.size() >= core_->limits.connections) {
      ++core_->stats.refused;
      return;  // closes it
    }
    ++core_->stats.accepted;
    Peer peer;
    if constexpr (std::is_same_v<Kind, tcp>) {
      boost::system::error_code ignored;
      socket.set_option(tcp::no_delay(true), ignored);
      peer = tcp_peer(socket);
    } else {
      peer.kind = Peer::Kind::unix_socket;
      peer.loopback = true;
    }
    std::make_shared<Connection>(core_, Socket(std::move(socket)), std::move(peer), tls_)->start();
  }
  std::shared_ptr<ServerCore> core_;
  SSL_CTX* tls_;
  asio::steady_timer pause_;
};

Failure cannot_listen(const std::string& where, const boost::system::error_code& error) {
  if (error == asio::error::address_in_use) {
    return fail(
        Code::io,
        "Cannot listen on {}: the address is in use. Stop what listens there, or choose another.",
        where);
  }
  return fail(Code::io, "Cannot listen on {}: {}.", where, error.message());
}

}  // namespace

struct Server::Impl {
  std::shared_ptr<ServerCore> core;
  std::vector<std::shared_ptr<Listener>> listeners;
  std::vector<std::string> socket_files;

  void stop_accepting() {
    for (auto& listener : listeners) listener->close();
    listeners.clear();
    for (auto& path : socket_files) ::unlink(path.c_str());
    socket_files.clear();
  }
  void cut_all() {
    std::vector<std::shared_ptr<Connection>> open;
    for (auto* connection : core->connections) open.push_back(connection->shared_from_this());
    for (auto& connection : open) connection->cut();
  }
};

Server::Server(Loop& loop, ServerLimits limits, Handler handler) : impl_(std::make_shared<Impl>()) {
  impl_->core = std::make_shared<ServerCore>(loop, limits, std::move(handler));
}

Server::~Server() {
  impl_->stop_accepting();
  impl_->cut_all();
}

Result<std::uint16_t> Server::listen(const std::string& host, std::uint16_t port,
                                     const TlsIdentity* tls) {
  auto& core = impl_->core;
  auto where = host.find(':') == std::string::npos ? fmt::format("{}:{}", host, port)
                                                   : fmt::format("[{}]:{}", host, port);
  SSL_CTX* tls_context = nullptr;
  if (tls) {
    TRY(made, make_server_context(*tls));
    tls_context = made.get();
    core->tls_contexts.push_back(std::move(made));
  }
  boost::system::error_code error;
  tcp::resolver resolver(core->io);
  auto found = resolver.resolve(host, std::to_string(port),
                                tcp::resolver::passive | tcp::resolver::numeric_service, error);
  if (error || found.empty())
    return fail(Code::io, "Cannot listen on {}: the host is unknown ({}).", where, error.message());
  auto endpoint = found.begin()->endpoint();
  auto listener = std::make_shared<ListenerOf<tcp>>(core, tls_context);
  listener->acceptor.open(endpoint.protocol(), error);
  if (!error) listener->acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) listener->acceptor.bind(endpoint, error);
  if (!error) listener->acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) return cannot_listen(where, error);
  auto bound = listener->acceptor.local_endpoint(error).port();
  listener->accept();
  impl_->listeners.push_back(std::move(listener));
  return bound;
}

Result<void> Server::listen_unix(const std::string& path) {
  auto& core = impl_->core;
  constexpr std::size_t longest = sizeof(sockaddr_un::sun_path) - 1;
  if (path.empty() || path.size() > longest) {
    return fail(Code::io, "Cannot listen on {}: the path of a Unix socket has 1 to {} bytes.", path,
                longest);
  }
  boost::system::error_code error;
  struct stat status{};
  if (::lstat(path.c_str(), &status) == 0) {
    if (!S_ISSOCK(status.st_mode))
      return fail(Code::io, "Cannot listen on {}: a file that is no socket is in its place.", path);
    local::socket probe(core->io);
    probe.connect(local::endpoint(path), error);
    if (!error) return cannot_listen(path, asio::error::address_in_use);
    if (error == asio::error::connection_refused) ::unlink(path.c_str());
  }
  auto listener = std::make_shared<ListenerOf<local>>(core, nullptr);
  listener->acceptor.open(local(), error);
  if (!error) {
    // The file is created by bind(): with the mask it is never open to others, not even for a
    // moment.
    auto mask = ::umask(0177);
    listener->acceptor.bind(local::endpoint(path), error);
    ::umask(mask);
  }
  if (!error) listener->acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) return cannot_listen(path, error);
  listener->accept();
  impl_->listeners.push_back(std::move(listener));
  impl_->socket_files.push_back(path);
  return {};
}

Task<void> Server::drain(Deadline deadline) {
  auto impl = impl_;
  auto core = impl->core;
  core->draining = true;
  impl->stop_accepting();
  std::vector<std::shared_ptr<Connection>> open;
  for (auto* connection : core->connections) open.push_back(connection->shared_from_this());
  for (auto& connection : open) connection->drain();
  open.clear();
  if (core->quiet()) co_return;
  co_await core->loop.sleep_until(deadline, core->drained.token());
  if (core->quiet()) co_return;
  impl->cut_all();
  // Whoever watches closed() gets time to leave; a handler that does not is left behind.
  constexpr Millis leave_time{1'000};
  if (!core->drained.cancelled()) co_await core->loop.sleep(leave_time, core->drained.token());
}

ServerStats Server::stats() const { return impl_->core->stats; }

void Server::on_internal_error(std::function<void(std::string_view)> callback) {
  impl_->core->on_internal_error = std::move(callback);
}

}  // namespace outcrop::wire
