// From a name to a connection that may be spoken on.
#include "wire/client_connection.h"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/ssl/context.hpp>
#include <openssl/ssl.h>

namespace outcrop::wire {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using Endpoint = asio::generic::stream_protocol::endpoint;

constexpr std::size_t addresses_tried = 8;
constexpr Millis shortest_try{250};  // what an address gets even when little time is left

struct Address {
  Endpoint endpoint;
  std::string text;
};

/// The system's resolver blocks; Asio runs it on a thread of its own, and it cannot be interrupted.
/// So nobody waits for it here: who is first, the answer or the deadline, sets the slot.
Task<Result<std::vector<Address>>> look_up(Loop& loop, Origin origin, Deadline deadline,
                                           CancelToken cancel) {
  std::vector<Address> found;
  error_code not_an_address;
  if (auto address = asio::ip::make_address(origin.host, not_an_address); !not_an_address) {
    found.push_back({asio::ip::tcp::endpoint(address, origin.port), origin.host});
    co_return found;
  }
  using Answer = Result<asio::ip::tcp::resolver::results_type>;
  OneShot<Answer> slot;
  auto resolver = std::make_shared<asio::ip::tcp::resolver>(context(loop));
  Watch watch(context(loop), deadline, cancel,
              [slot]() mutable { slot.set(Answer(fail(Code::unavailable, "stopped"))); });
  if (watch.fired()) co_return watch.error(Code::unavailable, {}, "looking up " + origin.host);
  resolver->async_resolve(
      origin.host, std::to_string(origin.port), asio::ip::resolver_base::numeric_service,
      [slot, resolver](error_code error, asio::ip::tcp::resolver::results_type results) mutable {
        if (error) {
          slot.set(Answer(fail(Code::unavailable, error.message())));
        } else {
          slot.set(Answer(std::move(results)));
        }
      });
  Answer answer = co_await slot;
  if (watch.fired()) co_return watch.error(Code::unavailable, {}, "looking up " + origin.host);
  if (!answer)
    co_return fail(Code::unavailable, "No address for {}: {}.", origin.host,
                   answer.error().message);
  for (const auto& entry : *answer) {
    if (found.size() == addresses_tried) break;
    found.push_back({entry.endpoint(), entry.endpoint().address().to_string()});
  }
  co_return found;
}

Task<Result<void>> connect_one(Loop& loop, ClientConnectionPtr connection, Address address,
                               Deadline deadline, CancelToken cancel) {
  Watch watch(context(loop), deadline, cancel, [connection] { connection->close(); });
  std::string doing = "connecting to " + address.text;
  if (watch.fired()) co_return watch.error(Code::unavailable, {}, doing);
  error_code error = co_await await_io<>(
      [&](auto done) { connection->socket().async_connect(address.endpoint, std::move(done)); });
  if (watch.fired()) co_return watch.error(Code::unavailable, error, doing);
  if (error) co_return fail(Code::unavailable, "{}: {}", address.text, error.message());
  if (connection->origin().scheme != Origin::Scheme::unix_socket) {
    error_code ignored;  // both are improvements, not conditions
    connection->socket().set_option(asio::ip::tcp::no_delay(true), ignored);
    connection->socket().set_option(asio::socket_base::keep_alive(true), ignored);
  }
  co_return Result<void>();
}

}  // namespace

Task<Result<ClientConnectionPtr>> connect_to(Loop& loop, Origin origin,
                                             std::shared_ptr<asio::ssl::context> tls,
                                             Millis timeout, Deadline deadline,
                                             CancelToken cancel) {
  Deadline by = deadline.shortened_to(timeout);
  // Which of the two clocks ran out is another error: the caller's deadline, or nobody there.
  auto explain = [&](Error error) -> Failure {
    if (error.code == Code::deadline && !deadline.passed()) {
      return fail(Code::unavailable, "No connection to {} within {} ms.", origin.text(),
                  timeout.count());
    }
    return fail(std::move(error));
  };

  std::vector<Address> addresses;
  if (origin.scheme == Origin::Scheme::unix_socket) {
    addresses.push_back({asio::local::stream_protocol::endpoint(origin.host), origin.host});
  } else {
    auto found = co_await look_up(loop, origin, by, cancel);
    if (!found) co_return explain(std::move(found.error()));
    addresses = std::move(*found);
  }

  std::string tried;
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    auto connection = std::make_shared<ClientConnection>(context(loop), origin);
    // An address that swallows packets must leave time for those after it.
    auto left = by.at() - now();
    auto share = std::max<std::chrono::nanoseconds>(left / static_cast<int>(addresses.size() - i),
                                                    shortest_try);
    auto connected =
        co_await connect_one(loop, connection, addresses[i], by.shortened_to(share), cancel);
    if (connected && tls && origin.scheme == Origin::Scheme::https) {
      connected = co_await connection->handshake(*tls, by, cancel);
      if (!connected)
        co_return explain(
            std::move(connected.error()));  // another address has the same certificate
    }
    if (connected) co_return connection;
    if (connected.error().code == Code::cancelled || by.passed())
      co_return explain(std::move(connected.error()));
    if (!tried.empty()) tried += ", ";
    tried += connected.error().message;
  }
  co_return fail(Code::unavailable, "No connection to {} ({}).", origin.text(), tried);
}

Result<std::shared_ptr<asio::ssl::context>> make_client_context(const std::string& ca_file) {
  auto tls = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_client);
  SSL_CTX_set_min_proto_version(tls->native_handle(), TLS1_2_VERSION);
  static constexpr unsigned char protocols[] = "\x08http/1.1";
  SSL_CTX_set_alpn_protos(tls->native_handle(), protocols, sizeof protocols - 1);
  error_code error;
  if (ca_file.empty()) {
    tls->set_default_verify_paths(error);
    if (error)
      return fail(Code::unavailable, "The system's certificate authorities cannot be read: {}.",
                  error.message());
  } else {
    tls->load_verify_file(ca_file, error);
    if (error) {
      return fail(Code::unavailable, "The certificate authorities in {} cannot be read: {}.",
                  ca_file, error.message());
    }
  }
  tls->set_verify_mode(asio::ssl::verify_peer, error);
  return tls;
}

}  // namespace outcrop::wire
