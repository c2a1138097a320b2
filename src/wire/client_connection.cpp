#include "wire/client_connection.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ssl/error.hpp>
#include <openssl/ssl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <sys/socket.h>

namespace outcrop::wire {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

constexpr std::size_t read_bytes = 32 * 1024;
constexpr std::size_t write_bytes = 256 * 1024;  // at once, so that progress is seen

bool is_end(const error_code& error) { return error == asio::error::eof; }

}  // namespace

void ClientConnection::close() {
  error_code ignored;
  socket_.close(ignored);
}

bool ClientConnection::fresh() {
  if (!socket_.is_open() || has_unread()) return false;
  char byte = 0;
  auto count = ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

Task<Result<void>> ClientConnection::handshake(asio::ssl::context& tls, Deadline deadline,
                                               CancelToken cancel) {
  auto self = shared_from_this();
  tls_ = std::make_unique<asio::ssl::stream<Socket&>>(socket_, tls);
  SSL* ssl = tls_->native_handle();
  error_code not_an_address;
  asio::ip::make_address(origin_.host, not_an_address);
  bool prepared = true;
  if (not_an_address) {
    prepared = SSL_set_tlsext_host_name(ssl, origin_.host.c_str()) == 1 &&
               SSL_set1_host(ssl, origin_.host.c_str()) == 1;
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  } else {
    prepared = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), origin_.host.c_str()) == 1;
  }
  if (!prepared)
    co_return fail(Code::internal, "TLS could not be prepared for {}.", origin_.text());

  Watch watch(io_, deadline, cancel, [this] { close(); });
  if (watch.fired())
    co_return watch.error(Code::unavailable, {}, "connecting to " + origin_.text());
  error_code error = co_await await_io<>(
      [&](auto done) { tls_->async_handshake(asio::ssl::stream_base::client, std::move(done)); });
  if (!error) co_return Result<void>();
  if (watch.fired())
    co_return watch.error(Code::unavailable, error, "agreeing on TLS with " + origin_.text());
  long verdict = SSL_get_verify_result(ssl);
  std::string why = verdict != X509_V_OK ? X509_verify_cert_error_string(verdict) : error.message();
  co_return fail(Code::unavailable, "No TLS connection to {}: {}.", origin_.text(), why);
}

void ClientConnection::begin_exchange(std::shared_ptr<const Outgoing> outgoing, Deadline deadline,
                                      Millis silence, const CancelToken& cancel) {
  ++exchange_;
  outgoing_ = std::move(outgoing);
  written_ = 0;
  deadline_ = deadline;
  silence_ = silence;
  last_progress_ = now();
  waiting_ = true;
  stopped_.reset();
  registration_ = cancel.on_cancel([weak = weak_from_this(), number = exchange_] {
    auto self = weak.lock();
    if (self && self->exchange_ == number) self->stop(Code::cancelled, "The call was cancelled.");
  });
  if (stopped_) return;
  arm_timer();
  write_more();
}

void ClientConnection::end_exchange() {
  ++exchange_;
  registration_.reset();
  timer_.cancel();
  if (outgoing_) close();  // the rest of a request must not run into the next one
  outgoing_.reset();
  if (!has_unread()) {
    buffer_ = std::string();  // what stands idle holds no memory
    begin_ = end_ = 0;
  }
}

void ClientConnection::write_more() {
  const Outgoing& out = *outgoing_;
  std::size_t head_left = out.head.size() - std::min(written_, out.head.size());
  std::size_t body_done = written_ - (out.head.size() - head_left);
  auto body = asio::buffer(out.body) + body_done;
  std::array<asio::const_buffer, 2> pieces{asio::buffer(out.head) + (out.head.size() - head_left),
                                           asio::buffer(body, write_bytes)};
  auto done = [self = shared_from_this(), number = exchange_](error_code error, std::size_t count) {
    if (self->exchange_ != number) return;
    self->written_ += count;
    self->last_progress_ = now();
    // A peer that takes no more may have answered already: the reading side finds out.
    if (error || !self->outgoing_) return;
    if (self->written_ == self->outgoing_->head.size() + self->outgoing_->body.size()) {
      self->outgoing_.reset();
    } else {
      self->write_more();
    }
  };
  if (tls_) {
    tls_->async_write_some(pieces, std::move(done));
  } else {
    socket_.async_write_some(pieces, std::move(done));
  }
}

void ClientConnection::arm_timer() {
  Instant at = deadline_.at();
  Instant quiet = (waiting_ ? last_progress_ : now()) + silence_;
  timer_.expires_at(std::min(at, quiet));
  timer_.async_wait([weak = weak_from_this(), number = exchange_](error_code error) {
    auto self = weak.lock();
    if (!error && self && self->exchange_ == number) self->on_timer();
  });
}

void ClientConnection::on_timer() {
  if (deadline_.passed()) {
    stop(Code::deadline,
         fmt::format("The deadline passed before {} had answered in full.", origin_.text()));
  } else if (waiting_ && now() - last_progress_ >= silence_) {
    stop(Code::deadline, fmt::format("{} was silent for {} ms.", origin_.text(), silence_.count()));
  } else {
    arm_timer();
  }
}

void ClientConnection::stop(Code code, std::string message) {
  if (stopped_) return;
  stopped_ = Error{.code = code, .message = std::move(message)};
  timer_.cancel();
  close();
}

Task<Result<std::string_view>> ClientConnection::read() {
  if (stopped_) co_return fail(*stopped_);
  if (has_unread()) {
    std::string_view rest = std::string_view(buffer_).substr(begin_, end_ - begin_);
    begin_ = end_;  // all of it is the caller's unless unread() says otherwise
    co_return rest;
  }
  if (!socket_.is_open())
    co_return fail(Code::io, "The connection to {} is closed.", origin_.text());
  buffer_.resize(read_bytes);
  begin_ = end_ = 0;
  waiting_ = true;
  last_progress_ = now();
  auto [error, count] = co_await await_io<std::size_t>([this](auto done) {
    if (tls_) {
      tls_->async_read_some(asio::buffer(buffer_), std::move(done));
    } else {
      socket_.async_read_some(asio::buffer(buffer_), std::move(done));
    }
  });
  waiting_ = outgoing_ != nullptr;
  last_progress_ = now();
  if (stopped_) co_return fail(*stopped_);
  if (!error) {
    begin_ = end_ = count;
    co_return std::string_view(buffer_).substr(0, count);
  }
  if (is_end(error)) co_return std::string_view();
  if (error == asio::ssl::error::stream_truncated) {
    co_return fail(Code::corrupt, "The TLS connection to {} was cut off.", origin_.text());
  }
  co_return fail(Code::io, "The connection to {} broke: {}.", origin_.text(), error.message());
}

void ClientConnection::unread(std::size_t count) { begin_ = end_ - count; }

}  // namespace outcrop::wire
