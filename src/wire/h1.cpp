#include "wire/h1.h"

#include "base/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <exception>

namespace outcrop::wire {

namespace {

void append_number(std::string& text, std::size_t number, int base = 10) {
  char digits[24];
  auto end = std::to_chars(digits, digits + sizeof digits, number, base).ptr;
  text.append(digits, static_cast<std::size_t>(end - digits));
}

bool has_no_body(int status) { return status / 100 == 1 || status == 204 || status == 304; }

// Told by the connection, not by the handler.
bool is_hop_by_hop(std::string_view name) {
  return name == "connection" || name == "keep-alive" || name == "transfer-encoding" ||
         name == "proxy-connection" || name == "upgrade" || name == "te" || name == "trailer";
}

}  // namespace

std::unique_ptr<Protocol> make_http1(Connection& connection) {
  return std::make_unique<Http1>(connection);
}

Http1::Http1(Connection& connection) : connection_(connection), core_(connection.core()) {
  head_.peer = connection.peer();
  head_.secure = connection.secure();
  phase_ = Phase::idle;
}

// --- Requests -----------------------------------------------------------------------------------

std::size_t Http1::consume(std::string_view bytes) {
  std::size_t taken = 0;
  if (phase_ == Phase::idle) {
    parser_.emplace(core_.limits, head_, body_);
    phase_ = Phase::head;
    // The accept's own deadline goes on for the first request.
    connection_.set_deadline(Deadline::in(core_.limits.header_timeout));
  }
  if (phase_ == Phase::head) {
    taken = parser_->feed(bytes);
    if (parser_->refusal()) {
      refuse(*parser_->refusal());
      return bytes.size();
    }
    if (!parser_->is_header_done()) return taken;
    if (!parser_->is_done() && taken < bytes.size()) {
      taken += parser_->feed(bytes.substr(taken));
      if (parser_->refusal()) {
        refuse(*parser_->refusal());
        return bytes.size();
      }
    }
    begin_exchange();
    return taken;
  }
  if (!parser_ || parser_->is_done()) return 0;
  if (phase_ == Phase::exchange && body_.size() >= core_.limits.body_window_bytes) return 0;
  taken = parser_->feed(bytes);
  if (phase_ == Phase::discarding) body_.clear();
  if (parser_->refusal()) {
    if (phase_ == Phase::discarding) {
      connection_.close_when_sent();
      return bytes.size();
    }
    // The handler is told, and says it to the peer; behind this point nothing can be read.
    keep_alive_ = false;
    body_error_ = Error{.code = parser_->refusal()->status == 413 ? Code::too_large : Code::corrupt,
                        .message = parser_->refusal()->message};
    wake(reader_);
    return bytes.size();
  }
  if (phase_ == Phase::discarding) {
    if (parser_->is_done()) next_request();
    return taken;
  }
  if (taken > 0 || parser_->is_done()) wake(reader_);
  return taken;
}

bool Http1::wants_input() const {
  if (phase_ != Phase::exchange) return true;
  if (body_error_) return true;  // read and thrown away
  if (!parser_->is_done()) return body_.size() < core_.limits.body_window_bytes;
  // The request is complete: what comes now tells whether the peer is still there. The connection's
  // buffer bounds how much of a next request that may be.
  return true;
}

void Http1::begin_exchange() {
  phase_ = Phase::exchange;
  progress_ = Progress::nothing;
  framing_ = Framing::none;
  keep_alive_ = parser_->keep_alive() && !draining_;
  expect_pending_ = parser_->has_expectation() && !parser_->is_done() && body_.empty();
  body_error_.reset();
  closed_.reset();
  connection_.set_deadline({});
  core_.exchange_began();
  run(connection_.shared_from_this(), *this);
}

outcrop::detail::Detached Http1::run([[maybe_unused]] std::shared_ptr<Connection> connection,
                                     Http1& exchange) {
  try {
    co_await exchange.core_.handler(exchange);
  } catch (const std::exception& problem) {
    exchange.core_.report(problem.what());
  } catch (...) {
    exchange.core_.report("an exception that is no std::exception");
  }
  exchange.end_exchange();
}

void Http1::end_exchange() {
  auto self = connection_.shared_from_this();
  if (!gone_) {
    if (progress_ == Progress::nothing) {
      ResponseHead head;
      head.status = 500;
      head.headers.add("content-type", "application/json");
      auto body =
          wire_error_body("The request could not be handled because of an error in this server.");
      connection_.send(*head_text(head, body.size()),
                       head_.method == "HEAD" ? std::string() : std::move(body));
      progress_ = Progress::finished;
    } else if (progress_ == Progress::streaming) {
      abort();
    }
  }
  core_.exchange_ended();
  closed_.reset();
  if (gone_) return;
  if (!keep_alive_ || draining_) {
    phase_ = Phase::discarding;
    connection_.close_when_sent();
    return;
  }
  body_.clear();
  if (!parser_->is_done()) {
    phase_ = Phase::discarding;  // what is left is small: body_can_be_skipped()
    connection_.set_deadline(Deadline::in(core_.limits.body_timeout));
    connection_.resume_input();
    return;
  }
  next_request();
  connection_.resume_input();
}

void Http1::next_request() {
  phase_ = Phase::idle;
  body_.clear();
  connection_.set_deadline(Deadline::in(core_.limits.idle_timeout));
}

void Http1::refuse(const Refusal& refusal) {
  keep_alive_ = false;
  phase_ = Phase::discarding;
  connection_.set_deadline({});
  if (!parser_->is_header_done()) head_.version = 11;
  ResponseHead head;
  head.status = refusal.status;
  head.headers.add("content-type", "application/json");
  auto body = wire_error_body(refusal.message);
  connection_.send(*head_text(head, body.size()), std::move(body));
  connection_.close_when_sent();
}

// --- The exchange -------------------------------------------------------------------------------

Failure Http1::gone_error() const {
  if (gone_ == Code::deadline)
    return fail(Code::deadline, "The peer took nothing of the response for {} ms.",
                core_.limits.write_timeout.count());
  return fail(Code::cancelled, "The peer closed the connection.");
}

Task<Result<std::string>> Http1::read() {
  for (;;) {
    if (gone_ || connection_.gone()) co_return gone_error();
    if (!body_.empty()) {
      auto piece = std::exchange(body_, {});
      connection_.resume_input();
      co_return piece;
    }
    if (body_error_) co_return fail(*body_error_);
    if (parser_->is_done() || phase_ != Phase::exchange) co_return std::string();
    if (std::exchange(expect_pending_, false)) connection_.send("HTTP/1.1 100 Continue\r\n\r\n");
    connection_.set_deadline(Deadline::in(core_.limits.body_timeout));
    co_await Waiter{reader_};
    connection_.set_deadline({});
  }
}

// Keeping the connection is worth reading the rest of a body that nobody wants only while it is
// small.
bool Http1::body_can_be_skipped() const {
  if (parser_->is_done()) return true;
  if (expect_pending_ || body_error_) return false;  // it may or may not come
  auto left = parser_->content_length_remaining();
  return left && *left <= core_.limits.body_window_bytes;
}

Result<std::string> Http1::head_text(const ResponseHead& head,
                                     std::optional<std::size_t> body_bytes) {
  std::string text;
  std::size_t room = 160;
  for (const auto& [name, value] : head.headers.all()) room += name.size() + value.size() + 4;
  text.reserve(room);
  text += "HTTP/1.1 ";
  append_number(text, static_cast<std::size_t>(head.status));
  text += ' ';
  text += reason_phrase(head.status);
  text += "\r\n";
  bool dated = false;
  std::optional<std::size_t> length = body_bytes;
  for (const auto& [name, value] : head.headers.all()) {
    if (name == "content-length") {
      // A handler's own counts where it streams a body of known size, and where a HEAD has none to
      // count.
      std::size_t own = 0;
      auto end = value.data() + value.size();
      if (auto [at, error] = std::from_chars(value.data(), end, own);
          error != std::errc() || at != end) {
        return fail(Code::internal, "The response's content-length is no number: {}.", value);
      }
      if (!body_bytes || (head_.method == "HEAD" && *body_bytes == 0)) length = own;
      continue;
    }
    if (name == "connection") {
      if (equals_ignoring_case(value, "close")) keep_alive_ = false;
      continue;
    }
    if (is_hop_by_hop(name)) continue;
    if (!is_token(name) || !is_header_value(value)) {
      return fail(Code::internal, "The response header {} has a character that no header may have.",
                  name);
    }
    dated = dated || name == "date";
    text += name;
    text += ": ";
    text += value;
    text += "\r\n";
  }
  if (!dated) {
    text += "date: ";
    text += core_.date();
    text += "\r\n";
  }
  if (has_no_body(head.status)) {
    framing_ = Framing::none;
  } else if (length) {
    framing_ = Framing::length;
    length_left_ = *length;
    text += "content-length: ";
    append_number(text, *length);
    text += "\r\n";
  } else if (head_.version >= 11) {
    framing_ = Framing::chunked;
    text += "transfer-encoding: chunked\r\n";
  } else {
    framing_ = Framing::until_close;
    keep_alive_ = false;
  }
  if (head_.method == "HEAD") framing_ = Framing::none;
  if (draining_ || (keep_alive_ && phase_ == Phase::exchange && !body_can_be_skipped()))
    keep_alive_ = false;
  if (!keep_alive_) {
    text += "connection: close\r\n";
  } else if (head_.version < 11) {
    text += "connection: keep-alive\r\n";
  }
  text += "\r\n";
  return text;
}

Task<Result<void>> Http1::window() {
  while (!gone_ && !connection_.gone() &&
         connection_.queued_bytes() > core_.limits.write_window_bytes) {
    co_await Waiter{writer_};
  }
  if (gone_ || connection_.gone()) co_return gone_error();
  co_return Result<void>();
}

Task<Result<void>> Http1::respond(ResponseHead head, std::string body) {
  if (gone_ || connection_.gone()) co_return gone_error();
  if (progress_ != Progress::nothing)
    co_return fail(Code::internal, "This exchange has its response already.");
  CO_TRY(text, head_text(head, body.size()));
  progress_ = Progress::finished;
  if (framing_ == Framing::none) body.clear();
  connection_.send(std::move(text), std::move(body));
  if (connection_.queued_bytes() <= core_.limits.write_window_bytes && !connection_.gone())
    co_return Result<void>();
  co_return co_await window();
}

Task<Result<void>> Http1::start(ResponseHead head) {
  if (gone_ || connection_.gone()) co_return gone_error();
  if (progress_ != Progress::nothing)
    co_return fail(Code::internal, "This exchange has its response already.");
  CO_TRY(text, head_text(head, std::nullopt));
  progress_ = Progress::streaming;
  connection_.send(std::move(text));
  co_return co_await window();
}

Task<Result<void>> Http1::write(std::string bytes) {
  if (gone_ || connection_.gone()) co_return gone_error();
  if (progress_ != Progress::streaming)
    co_return fail(Code::internal, "The response is not open for writing.");
  if (bytes.empty()) co_return Result<void>();
  switch (framing_) {
    case Framing::none:
      co_return Result<void>();
    case Framing::length:
      if (bytes.size() > length_left_) {
        co_return fail(Code::internal,
                       "The response's body is longer than its content-length by {} bytes.",
                       bytes.size() - length_left_);
      }
      length_left_ -= bytes.size();
      connection_.send(std::move(bytes));
      break;
    case Framing::until_close:
      connection_.send(std::move(bytes));
      break;
    case Framing::chunked: {
      std::string size;
      append_number(size, bytes.size(), 16);
      size += "\r\n";
      bytes += "\r\n";
      connection_.send(std::move(size), std::move(bytes));
      break;
    }
  }
  co_return co_await window();
}

Task<Result<void>> Http1::finish() {
  if (gone_ || connection_.gone()) co_return gone_error();
  if (progress_ != Progress::streaming)
    co_return fail(Code::internal, "The response is not open for writing.");
  if (framing_ == Framing::length && length_left_ > 0) {
    abort();
    co_return fail(Code::internal, "The response ended {} bytes before its content-length.",
                   length_left_);
  }
  progress_ = Progress::finished;
  if (framing_ == Framing::chunked) connection_.send("0\r\n\r\n");
  co_return Result<void>();
}

void Http1::abort() {
  if (progress_ == Progress::finished || progress_ == Progress::aborted) return;
  bool began = progress_ == Progress::streaming;
  progress_ = Progress::aborted;
  keep_alive_ = false;
  if (gone_) return;
  // Where the end of the connection is the end of the body, only a reset tells that it was cut.
  connection_.close_when_sent(!began || framing_ == Framing::until_close);
}

CancelToken Http1::closed() const {
  if (!closed_) {
    closed_.emplace();
    if (gone_) closed_->cancel();
  }
  return closed_->token();
}

// --- The connection's news ----------------------------------------------------------------------

void Http1::on_sent() {
  if (connection_.queued_bytes() <= core_.limits.write_window_bytes) wake(writer_);
}

void Http1::on_gone(Code why) {
  auto self = connection_.shared_from_this();
  gone_ = why;
  if (phase_ != Phase::exchange) return;
  if (auto source = closed_) source->cancel();
  wake(reader_);
  wake(writer_);
}

void Http1::on_deadline() {
  switch (phase_) {
    case Phase::idle:
    case Phase::discarding:
      connection_.cut(Code::deadline);
      break;
    case Phase::head:
      refuse({408, fmt::format("The request's head was not complete within {} ms.",
                               core_.limits.header_timeout.count())});
      break;
    case Phase::exchange:
      keep_alive_ = false;
      body_error_ = Error{.code = Code::deadline,
                          .message = fmt::format("No byte of the body came for {} ms.",
                                                 core_.limits.body_timeout.count())};
      wake(reader_);
      break;
  }
}

void Http1::drain() {
  draining_ = true;
  if (phase_ == Phase::idle) connection_.close_when_sent();
}

}  // namespace outcrop::wire
