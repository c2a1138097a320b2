#include "base/text.h"
#include "wire/h2.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace outcrop::wire {

namespace {

// RFC 9113, 8.2.2.
bool is_connection_specific(std::string_view name) {
  return name == "connection" || name == "keep-alive" || name == "proxy-connection" ||
         name == "transfer-encoding" || name == "upgrade";
}

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  auto end = text.data() + text.size();
  auto [at, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || at != end) return std::nullopt;
  return value;
}

nghttp2_nv field(std::string_view name, std::string_view value) {
  auto bytes = [](std::string_view text) {
    return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));  // nghttp2 copies them
  };
  return {bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE};
}

}  // namespace

Http2Stream::Http2Stream(Http2& session, std::int32_t id) : session_(session), id_(id) {
  head_.version = 20;
  head_.secure = session.connection_.secure();
  head_.peer = session.connection_.peer();
}

// --- From the session
// -----------------------------------------------------------------------------

void Http2Stream::add_field(std::string_view name, std::string_view value) {
  const auto& limits = session_.core_.limits;
  header_bytes_ += name.size() + value.size() + 32;  // as RFC 9113, 6.5.2 counts
  if (header_bytes_ > limits.header_bytes || head_.headers.size() >= limits.header_count) {
    head_too_large_ = true;
    return;
  }
  if (name == ":method") {
    head_.method = value;
  } else if (name == ":path") {
    head_.target = value;
  } else if (name == ":authority") {
    head_.authority = value;
  } else if (name.empty() || name.front() == ':') {
    return;  // :scheme says nothing that the connection does not
  } else {
    head_.headers.add(name, value);
  }
}

void Http2Stream::add_body(std::string_view bytes) {
  const auto& limits = session_.core_.limits;
  input_total_ += bytes.size();
  if (!body_error_ && input_total_ > limits.body_bytes) {
    body_error_ = Error{
        .code = Code::too_large,
        .message = fmt::format("The body exceeds {} bytes, which is the most this server takes.",
                               limits.body_bytes)};
    session_.note(*this);
  }
  if (body_error_ || !handler_runs_)
    return session_.consumed(id_, bytes.size());  // nobody will read it
  input_ += bytes;
  session_.note(*this);
}

ssize_t Http2Stream::take_output(std::uint8_t* to, std::size_t room, std::uint32_t& flags) {
  if (gone_)
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;  // never a truncated body with a regular end
  auto count = std::min(room, output_bytes());
  if (count == 0 && !output_ended_) {
    if (progress_ == Progress::aborted)
      return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;  // RST_STREAM INTERNAL_ERROR
    deferred_ = true;
    return NGHTTP2_ERR_DEFERRED;
  }
  std::memcpy(to, output_.data() + output_offset_, count);
  output_offset_ += count;
  if (output_offset_ == output_.size()) {
    output_.clear();
    output_offset_ = 0;
    if (output_ended_) flags |= NGHTTP2_DATA_FLAG_EOF;
  }
  write_deadline_ = Deadline::in(session_.core_.limits.write_timeout);
  if (writer_) session_.note(*this);
  return static_cast<ssize_t>(count);
}

void Http2Stream::end(Code why) {
  if (gone_) return;
  gone_ = why;
  std::string().swap(output_);
  output_offset_ = 0;
}

void Http2Stream::wake() {
  bool more = gone_ || body_error_ || !input_.empty() || body_ended_;
  bool room = gone_ || output_bytes() <= session_.core_.limits.write_window_bytes;
  // A handler that has given its whole answer is not told that the stream is closed: it was to be.
  if (gone_ && closed_ && !(gone_ == Code::cancelled && output_sent_)) {
    auto source = *closed_;
    source.cancel();
  }
  if (more) {
    if (auto waiter = std::exchange(reader_, nullptr)) waiter.resume();
  }
  if (room) {
    if (auto waiter = std::exchange(writer_, nullptr)) waiter.resume();
  }
}

// --- For the handler
// ------------------------------------------------------------------------------

Failure Http2Stream::gone_error() const {
  if (gone_ == Code::deadline) {
    return fail(Code::deadline, "The peer took nothing of the response for {} ms.",
                session_.core_.limits.write_timeout.count());
  }
  return fail(Code::cancelled, "The peer closed the stream.");
}

CancelToken Http2Stream::closed() const {
  if (!closed_) {
    closed_.emplace();
    if (gone_ && !output_sent_) closed_->cancel();
  }
  return closed_->token();
}

Task<Result<std::string>> Http2Stream::read() {
  for (;;) {
    if (!input_.empty() && !(gone_ && !body_ended_)) {
      auto piece = std::exchange(input_, {});
      session_.consumed(id_, piece.size());
      session_.pump();  // the WINDOW_UPDATE
      co_return piece;
    }
    if (body_error_) co_return fail(*body_error_);
    if (body_ended_) co_return std::string();
    if (gone_) co_return gone_error();
    if (std::exchange(expect_pending_, false)) {
      auto status = field(":status", "100");
      nghttp2_submit_headers(session_.session_, NGHTTP2_FLAG_NONE, id_, nullptr, &status, 1,
                             nullptr);
      session_.pump();
    }
    read_deadline_ = Deadline::in(session_.core_.limits.body_timeout);
    session_.look_again_at(read_deadline_);
    co_await Waiter{reader_};
    read_deadline_ = {};
  }
}

Result<void> Http2Stream::submit(const ResponseHead& head, std::optional<std::size_t> body_bytes,
                                 bool with_body) {
  std::string status = std::to_string(head.status);
  std::vector<nghttp2_nv> fields;
  fields.reserve(head.headers.size() + 3);
  fields.push_back(field(":status", status));
  std::optional<std::uint64_t> length = body_bytes;
  bool dated = false;
  for (const auto& [name, value] : head.headers.all()) {
    if (name == "content-length") {
      auto own = number(value);
      if (!own)
        return fail(Code::internal, "The response's content-length is no number: {}.", value);
      if (!body_bytes || (head_.method == "HEAD" && *body_bytes == 0)) length = own;
      continue;
    }
    if (is_connection_specific(name)) continue;
    if (!is_token(name) || !is_header_value(value)) {
      return fail(Code::internal, "The response header {} has a character that no header may have.",
                  name);
    }
    dated = dated || name == "date";
    fields.push_back(field(name, value));
  }
  if (!dated) fields.push_back(field("date", session_.core_.date()));
  bodiless_ =
      head_.method == "HEAD" || head.status / 100 == 1 || head.status == 204 || head.status == 304;
  std::string length_text;
  if (length && (!bodiless_ || head_.method == "HEAD")) {
    length_text = std::to_string(*length);
    fields.push_back(field("content-length", length_text));
    if (!bodiless_ && !body_bytes) length_left_ = length;
  }
  nghttp2_data_provider provider{};
  provider.source.ptr = this;
  provider.read_callback = [](nghttp2_session*, std::int32_t, std::uint8_t* to, std::size_t room,
                              std::uint32_t* flags, nghttp2_data_source* source, void*) {
    return static_cast<Http2Stream*>(source->ptr)->take_output(to, room, *flags);
  };
  with_body = with_body && !bodiless_;
  if (!with_body) output_ended_ = true;
  write_deadline_ = Deadline::in(session_.core_.limits.write_timeout);
  session_.look_again_at(write_deadline_);
  int code = nghttp2_submit_response(session_.session_, id_, fields.data(), fields.size(),
                                     with_body ? &provider : nullptr);
  if (code != 0)
    return fail(Code::internal, "nghttp2 refused the response: {}.", nghttp2_strerror(code));
  return {};
}

Task<Result<void>> Http2Stream::window() {
  while (!gone_ && output_bytes() > session_.core_.limits.write_window_bytes)
    co_await Waiter{writer_};
  // After the last byte the peer may close the stream before we look.
  if (gone_ && !output_sent_) co_return gone_error();
  co_return Result<void>();
}

Task<Result<void>> Http2Stream::respond(ResponseHead head, std::string body) {
  if (gone_) co_return gone_error();
  if (progress_ != Progress::nothing)
    co_return fail(Code::internal, "This exchange has its response already.");
  CO_CHECK(submit(head, body.size(), !body.empty()));
  progress_ = Progress::finished;
  if (!bodiless_) output_ = std::move(body);
  output_ended_ = true;
  session_.pump();
  co_return co_await window();
}

Task<Result<void>> Http2Stream::start(ResponseHead head) {
  if (gone_) co_return gone_error();
  if (progress_ != Progress::nothing)
    co_return fail(Code::internal, "This exchange has its response already.");
  CO_CHECK(submit(head, std::nullopt, true));
  progress_ = Progress::streaming;
  session_.pump();
  if (gone_ && !bodiless_) co_return gone_error();
  co_return Result<void>();
}

Task<Result<void>> Http2Stream::write(std::string bytes) {
  if (gone_ && !bodiless_) co_return gone_error();
  if (progress_ != Progress::streaming)
    co_return fail(Code::internal, "The response is not open for writing.");
  if (bytes.empty() || bodiless_) co_return Result<void>();
  if (length_left_) {
    if (bytes.size() > *length_left_) {
      co_return fail(Code::internal,
                     "The response's body is longer than its content-length by {} bytes.",
                     bytes.size() - *length_left_);
    }
    *length_left_ -= bytes.size();
  }
  if (output_bytes() == 0) write_deadline_ = Deadline::in(session_.core_.limits.write_timeout);
  session_.look_again_at(write_deadline_);
  if (output_.empty()) {
    output_ = std::move(bytes);
  } else {
    if (output_offset_ > 0) output_.erase(0, std::exchange(output_offset_, 0));
    output_ += bytes;
  }
  if (std::exchange(deferred_, false)) nghttp2_session_resume_data(session_.session_, id_);
  session_.pump();
  co_return co_await window();
}

Task<Result<void>> Http2Stream::finish() {
  if (progress_ == Progress::streaming && bodiless_) {
    progress_ = Progress::finished;
    co_return Result<void>();
  }
  if (gone_) co_return gone_error();
  if (progress_ != Progress::streaming)
    co_return fail(Code::internal, "The response is not open for writing.");
  if (length_left_ && *length_left_ > 0) {
    auto missing = *length_left_;
    abort();
    co_return fail(Code::internal, "The response ended {} bytes before its content-length.",
                   missing);
  }
  progress_ = Progress::finished;
  output_ended_ = true;
  if (std::exchange(deferred_, false)) nghttp2_session_resume_data(session_.session_, id_);
  session_.pump();
  co_return Result<void>();
}

void Http2Stream::abort() {
  if (progress_ == Progress::finished || progress_ == Progress::aborted) return;
  bool began = std::exchange(progress_, Progress::aborted) == Progress::streaming;
  if (gone_) return;
  if (began && !bodiless_) {
    // What was written goes out before the reset: it may say why.
    if (std::exchange(deferred_, false)) nghttp2_session_resume_data(session_.session_, id_);
  } else {
    nghttp2_submit_rst_stream(session_.session_, NGHTTP2_FLAG_NONE, id_, NGHTTP2_INTERNAL_ERROR);
  }
  session_.pump();
}

void Http2Stream::answer(int status, std::string_view message) {
  ResponseHead head;
  head.status = status;
  head.headers.add("content-type", "application/json");
  auto body = wire_error_body(message);
  if (!submit(head, body.size(), true)) return;  // the stream is over
  progress_ = Progress::finished;
  if (!bodiless_) output_ = std::move(body);
  output_ended_ = true;
}

void Http2Stream::end_exchange() {
  handler_runs_ = false;
  if (!gone_) {
    if (progress_ == Progress::nothing) {
      answer(500, "The request could not be handled because of an error in this server.");
    } else if (progress_ == Progress::streaming) {
      if (!bodiless_) abort();
    }
  }
  if (!input_.empty()) session_.consumed(id_, std::exchange(input_, {}).size());
  // RFC 9113, 8.1: the answer is complete, the rest of the request is not wanted.
  if (!gone_ && output_sent_ && !body_ended_) {
    nghttp2_submit_rst_stream(session_.session_, NGHTTP2_FLAG_NONE, id_, NGHTTP2_NO_ERROR);
  }
}

}  // namespace outcrop::wire
