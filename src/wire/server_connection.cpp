#include "wire/server_connection.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <cstring>

namespace outcrop::wire {
namespace asio = boost::asio;

namespace {

constexpr std::string_view http2_preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr unsigned char tls_handshake_record = 0x16;
// A connection starts with little, so that ten thousand idle ones stay cheap, and gets more while
// full reads show that much is coming.
constexpr std::size_t first_buffer_bytes = 8 * 1024;
constexpr std::size_t large_buffer_bytes = 64 * 1024;
constexpr std::size_t tls_read_bytes = 16 * 1024 + 512;
constexpr std::size_t buffers_per_write = 16;
constexpr Millis linger_time{5'000};
constexpr Millis linger_time_draining{500};
constexpr std::size_t linger_bytes = 64 * 1024 * 1024;

}  // namespace

void ServerCore::add(Connection& connection) {
  connections.insert(&connection);
  stats.connections_now = connections.size();
  if (!ticking) tick();
}

void ServerCore::remove(Connection& connection) {
  connections.erase(&connection);
  stats.connections_now = connections.size();
  if (draining && quiet()) drained.cancel();
}

void ServerCore::exchange_ended() {
  --stats.exchanges_now;
  if (draining && quiet()) drained.cancel();
}

std::string_view ServerCore::date() {
  if (auto second = std::time(nullptr); second != date_second) {
    date_second = second;
    date_text = http_date(WallTime(std::chrono::seconds(second)));
  }
  return date_text;
}

// One timer for all connections: nothing is armed or cancelled for a request.
void ServerCore::tick() {
  auto shortest = std::min(
      {limits.header_timeout, limits.idle_timeout, limits.body_timeout, limits.write_timeout});
  ticking = !connections.empty();
  if (!ticking) return;
  ticker.expires_after(std::clamp(shortest / 8, Millis(5), Millis(250)));
  ticker.async_wait([core = weak_from_this()](boost::system::error_code error) {
    auto self = core.lock();
    if (error || !self) return;
    auto at = now();
    std::vector<std::shared_ptr<Connection>> all;
    all.reserve(self->connections.size());
    for (auto* connection : self->connections) all.push_back(connection->shared_from_this());
    for (auto& connection : all) connection->on_tick(at);
    self->tick();
  });
}

Connection::Connection(std::shared_ptr<ServerCore> core, Socket socket, Peer peer,
                       SSL_CTX* tls_context)
    : core_(std::move(core)),
      socket_(std::move(socket)),
      peer_(std::move(peer)),
      tls_context_(tls_context) {}

Connection::~Connection() {
  if (state_ != State::gone) core_->remove(*this);
}

void Connection::start() {
  core_->add(*this);
  boost::system::error_code ignored;
  socket_.non_blocking(true, ignored);
  set_deadline(Deadline::in(core_->limits.header_timeout));
  arm_read();
}

// --- Input --------------------------------------------------------------------------------------

void Connection::make_room(std::size_t room) {
  if (buffer_.size() - end_ >= room) return;
  if (begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (buffer_.size() - end_ < room) buffer_.resize(end_ + room);
}

void Connection::arm_read() {
  if (reading_ || state_ == State::gone || state_ == State::closing) return;
  bool lingering = state_ == State::lingering;
  // Before the protocol is known, and while it wants more. A head that is not complete may fill as
  // much as its limit; what is beyond is a pipelined request, which can wait in the socket.
  auto limit = std::max(large_buffer_bytes, core_->limits.header_bytes + first_buffer_bytes);
  if (!lingering &&
      ((protocol_ && !protocol_->wants_input()) || end_ - begin_ >= limit || plain_text_waits_))
    return;
  asio::mutable_buffer target;
  if (tls_ && !lingering) {
    encrypted_.resize(tls_read_bytes);
    target = asio::buffer(encrypted_);
  } else {
    if (lingering) begin_ = end_ = 0;
    if (begin_ == end_) begin_ = end_ = 0;
    if (buffer_.empty()) buffer_.resize(first_buffer_bytes);
    if (end_ == buffer_.size())
      make_room(std::min(std::max(buffer_.size(), first_buffer_bytes), limit));
    target = asio::buffer(buffer_.data() + end_, buffer_.size() - end_);
  }
  reading_ = true;
  socket_.async_read_some(
      target, [self = shared_from_this()](boost::system::error_code error, std::size_t count) {
        self->on_read(error, count);
      });
}

void Connection::on_read(boost::system::error_code error, std::size_t count) {
  reading_ = false;
  if (state_ == State::gone) return;
  if (state_ == State::lingering) {
    lingered_bytes_ += count;
    if (error || lingered_bytes_ > linger_bytes) return cut();
    return arm_read();
  }
  if (error) return on_input_end();
  if (tls_) {
    tls_->receive({encrypted_.data(), count});
    plain_text_waits_ = true;
  } else {
    bool full = end_ + count == buffer_.size();
    end_ += count;
    if (full && buffer_.size() < large_buffer_bytes)
      buffer_.resize(std::min(buffer_.size() * 2, large_buffer_bytes));
  }
  process();
}

void Connection::on_input_end() {
  // A peer that ended its side after its last request still gets the answer that is on its way, but
  // whom nobody listens to is not worked for.
  if (state_ == State::open && protocol_ && protocol_->idle() && queued_bytes_ > 0)
    return close_when_sent();
  if (state_ == State::closing) return;
  cut();
}

void Connection::resume_input() {
  if (state_ == State::open) process();
}

bool Connection::take_plain_text() {
  if (!plain_text_waits_) return false;
  auto limit = std::max(large_buffer_bytes, core_->limits.header_bytes + first_buffer_bytes);
  bool any = false;
  for (;;) {
    if (begin_ == end_) begin_ = end_ = 0;
    if (end_ - begin_ >= limit) break;  // it waits in the filter
    make_room(4096);
    auto count = tls_->read(buffer_.data() + end_, buffer_.size() - end_);
    if (count == 0) {
      plain_text_waits_ = false;
      break;
    }
    end_ += count;
    any = true;
  }
  flush_tls();
  return any;
}

void Connection::process() {
  if (processing_) {
    again_ = true;
    return;
  }
  processing_ = true;
  auto self = shared_from_this();
  do {
    again_ = false;
    for (;;) {
      if (state_ != State::open) break;
      bool more = take_plain_text();
      if (begin_ == end_ || state_ != State::open) break;
      if (!protocol_ && !choose_protocol()) {
        if (tls_ && more) continue;
        break;
      }
      if (state_ != State::open) break;
      auto taken = protocol_->consume(input());
      begin_ += taken;
      if (taken == 0 && !more) break;
    }
  } while (again_);
  processing_ = false;
  if (tls_ && !plain_text_waits_ && tls_->state() != Tls::State::open && state_ == State::open)
    return on_input_end();
  if (begin_ == end_ && !reading_ && buffer_.size() > first_buffer_bytes && protocol_ &&
      protocol_->idle()) {
    // Give back what a large body made grow.
    std::string().swap(buffer_);
    begin_ = end_ = 0;
  }
  arm_read();
}

// false: not enough bytes yet, or the connection was given up.
bool Connection::choose_protocol() {
  if (tls_ && tls_->protocol() == "h2") {
    protocol_ = make_http2(*this);
    return true;
  }
  auto bytes = input();
  if (!tls_ && static_cast<unsigned char>(bytes.front()) == tls_handshake_record) {
    if (!tls_context_) {
      cut();
      return false;
    }
    tls_ = std::make_unique<Tls>(tls_context_);
    tls_->receive(bytes);
    plain_text_waits_ = true;
    begin_ = end_ = 0;
    again_ = true;
    return false;
  }
  auto compared = std::min(bytes.size(), http2_preface.size());
  bool maybe_http2 = peer_.kind == Peer::Kind::tcp &&
                     bytes.substr(0, compared) == http2_preface.substr(0, compared);
  if (maybe_http2 && compared < http2_preface.size()) return false;
  protocol_ = maybe_http2 ? make_http2(*this) : make_http1(*this);
  return true;
}

// --- Output -------------------------------------------------------------------------------------

void Connection::send(std::string head, std::string body) {
  if (state_ != State::open) return;
  if (tls_) {
    bool alive = tls_->write(head) && tls_->write(body);
    flush_tls();
    if (!alive) cut();
    return;
  }
  if (queue_.empty() && !writing_) {
    std::array<asio::const_buffer, 2> buffers{asio::buffer(head), asio::buffer(body)};
    boost::system::error_code error;
    auto count = socket_.write_some(buffers, error);
    if (error && error != asio::error::would_block && error != asio::error::try_again) return cut();
    if (count == head.size() + body.size()) return;
    write_progress_ = now();
    auto of_head = std::min(count, head.size());
    if (of_head < head.size()) {
      queue_offset_ = of_head;
      queued_bytes_ += head.size() - of_head;
      queue_.push_back(std::move(head));
      enqueue(std::move(body));
    } else {
      queue_offset_ = count - of_head;
      queued_bytes_ += body.size() - queue_offset_;
      queue_.push_back(std::move(body));
    }
    return arm_write();
  }
  enqueue(std::move(head));
  enqueue(std::move(body));
  arm_write();
}

void Connection::flush_tls() {
  auto bytes = tls_->take_output();
  if (bytes.empty() || state_ == State::gone) return;
  if (queue_.empty() && !writing_) {
    boost::system::error_code error;
    auto count = socket_.write_some(asio::buffer(bytes), error);
    if (error && error != asio::error::would_block && error != asio::error::try_again) return cut();
    if (count == bytes.size()) return;
    write_progress_ = now();
    bytes.erase(0, count);
  }
  enqueue(std::move(bytes));
  arm_write();
}

void Connection::enqueue(std::string bytes) {
  if (bytes.empty()) return;
  if (queue_.empty()) write_progress_ = now();
  queued_bytes_ += bytes.size();
  queue_.push_back(std::move(bytes));
}

void Connection::arm_write() {
  if (writing_ || state_ == State::gone || queue_.empty()) return;
  std::array<asio::const_buffer, buffers_per_write> buffers;
  std::size_t used = 0;
  for (auto at = queue_.begin(); at != queue_.end() && used < buffers.size(); ++at, ++used) {
    buffers[used] = asio::buffer(*at);
  }
  buffers[0] += queue_offset_;
  writing_ = true;
  socket_.async_write_some(
      buffers, [self = shared_from_this()](boost::system::error_code error, std::size_t count) {
        self->writing_ = false;
        if (self->state_ == State::gone) return;
        if (error) return self->cut();
        self->write_progress_ = now();
        self->queued_bytes_ -= count;
        count += self->queue_offset_;
        while (!self->queue_.empty() && count >= self->queue_.front().size()) {
          count -= self->queue_.front().size();
          self->queue_.pop_front();
        }
        self->queue_offset_ = count;
        if (self->queue_.empty() && self->state_ == State::closing) return self->finish_close();
        self->arm_write();
        if (self->protocol_ && self->state_ == State::open) self->protocol_->on_sent();
      });
}

// --- The end ------------------------------------------------------------------------------------

void Connection::close_when_sent(bool hard) {
  if (state_ != State::open) return;
  if (tls_) {
    tls_->shut_down();
    flush_tls();
    if (state_ != State::open) return;
  }
  state_ = State::closing;
  hard_close_ = hard;
  deadline_ = {};
  if (queue_.empty() && !writing_) finish_close();
}

void Connection::finish_close() {
  boost::system::error_code ignored;
  if (hard_close_) {
    socket_.set_option(asio::socket_base::linger(true, 0), ignored);
    return cut();
  }
  socket_.shutdown(Socket::shutdown_send, ignored);
  state_ = State::lingering;
  linger_until_ = Deadline::in(core_->draining ? linger_time_draining : linger_time);
  if (reading_) return;  // its completion goes on with lingering
  arm_read();
}

void Connection::cut(Code why) {
  if (state_ == State::gone) return;
  state_ = State::gone;
  boost::system::error_code ignored;
  socket_.close(ignored);
  queue_.clear();
  queued_bytes_ = 0;
  core_->remove(*this);
  // Not from here: the caller may be the protocol, in the middle of something.
  if (protocol_) {
    asio::post(core_->io, [self = shared_from_this(), why] { self->protocol_->on_gone(why); });
  }
}

void Connection::on_tick(Instant at) {
  if (state_ == State::gone) return;
  if (state_ == State::lingering) {
    if (linger_until_.passed()) cut();
    return;
  }
  if (!queue_.empty() && at - write_progress_ >= core_->limits.write_timeout)
    return cut(Code::deadline);
  if (!deadline_.never() && at >= deadline_.at()) {
    deadline_ = {};
    if (protocol_) {
      protocol_->on_deadline();
    } else {
      cut(Code::deadline);
    }
  }
}

void Connection::drain() {
  if (state_ != State::open) return;
  if (protocol_) {
    protocol_->drain();
  } else if (begin_ == end_ && !tls_) {
    cut();  // said nothing yet
  }
}

std::string wire_error_body(std::string_view message) {
  std::string body = "{\"message\":\"";
  body += message;  // ours: nothing in it needs escaping
  body += "\"}";
  return body;
}

}  // namespace outcrop::wire
