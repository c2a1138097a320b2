#pragma once
/// TLS as a filter without I/O: bytes of the network in, plain text out, and the other way round.
/// OpenSSL works on two memory buffers, so the same connection code serves plain and encrypted
/// peers. Threads: the loop's. Only .cpp files of wire/ include this header.

#include "base/result.h"
#include "wire/server.h"

#include <openssl/ssl.h>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace outcrop::wire {

struct TlsContextDelete {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
using TlsContext = std::unique_ptr<SSL_CTX, TlsContextDelete>;

/// TLS 1.2 and newer, ALPN h2 before http/1.1. Errors: validation (a PEM that does not parse, a key
/// that does not fit its certificate).
Result<TlsContext> make_server_context(const TlsIdentity& identity);

class Tls {
 public:
  explicit Tls(SSL_CTX* context);

  enum class State { open, closed, failed };
  /// Takes bytes of the network.
  void receive(std::string_view bytes);
  /// Moves plain text to `to`; 0 when there is none now. Also drives the handshake.
  std::size_t read(char* to, std::size_t room);
  /// Encrypts. false when the peer cannot be written to.
  bool write(std::string_view plain);
  /// Says goodbye (close_notify).
  void shut_down();
  /// What must go to the network, after any of the above; empty mostly.
  std::string take_output();

  State state() const { return state_; }
  bool established() const { return SSL_is_init_finished(ssl_.get()) != 0; }
  std::string_view protocol() const;  // as ALPN agreed: "h2", "http/1.1", or empty

 private:
  struct Delete {
    void operator()(SSL* ssl) const { SSL_free(ssl); }
  };
  std::unique_ptr<SSL, Delete> ssl_;
  State state_ = State::open;
};

}  // namespace outcrop::wire
