#include "wire/h2.h"

#include "base/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <exception>
#include <new>

namespace outcrop::wire {

namespace {

// Bytes that go to the socket in one piece.
constexpr std::size_t batch_bytes = 32 * 1024;
// PING, SETTINGS, PRIORITY, empty DATA: each costs us work and brings nobody further.
constexpr std::size_t control_frames_per_second = 1'000;
// A header list so far beyond the limit is no mistake.
constexpr std::size_t header_bytes_factor = 8;
// How many streams' windows the connection's own covers: what unread bodies of one connection may
// hold.
constexpr std::size_t windows_per_connection = 8;
// Handlers whose streams were reset may still run; so many times the stream limit is enough.
constexpr std::size_t handlers_per_stream = 2;

}  // namespace

std::unique_ptr<Protocol> make_http2(Connection& connection) {
  return std::make_unique<Http2>(connection);
}

struct Http2::Callbacks {
  static Http2& self(void* user) { return *static_cast<Http2*>(user); }

  static int begin_frame(nghttp2_session*, const nghttp2_frame_hd* head, void* user) {
    auto& session = self(user);
    if (head->type == NGHTTP2_HEADERS) {
      // Not for a stream that has ended: its trailers are ignored and nobody tells when they are
      // complete.
      if (head->stream_id > session.newest_stream_ || session.find(head->stream_id)) {
        session.head_deadline_ = Deadline::in(session.core_.limits.header_timeout);
        session.look_again_at(session.head_deadline_);
      }
      session.newest_stream_ = std::max(session.newest_stream_, head->stream_id);
    } else if (head->type != NGHTTP2_CONTINUATION) {
      session.head_deadline_ = {};
    }
    return 0;
  }
  static int begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) self(user).begin_stream(frame->hd.stream_id);
    return 0;
  }
  static int header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                    std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
                    std::uint8_t, void* user) {
    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
    if (auto* stream = self(user).find(frame->hd.stream_id)) {
      stream->add_field({reinterpret_cast<const char*>(name), name_size},
                        {reinterpret_cast<const char*>(value), value_size});
      if (stream->header_bytes_ > header_bytes_factor * self(user).core_.limits.header_bytes) {
        self(user).terminate(NGHTTP2_ENHANCE_YOUR_CALM);
      }
    }
    return 0;
  }
  static int data_chunk(nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* data,
                        std::size_t size, void* user) {
    if (auto* stream = self(user).find(id)) {
      stream->add_body({reinterpret_cast<const char*>(data), size});
    } else {
      self(user).consumed(id, size);
    }
    return 0;
  }
  static int frame_recv(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    self(user).frame_received(*frame);
    return 0;
  }
  static int invalid_frame(nghttp2_session*, const nghttp2_frame* frame, int, void* user) {
    if (frame->hd.type == NGHTTP2_HEADERS) self(user).head_deadline_ = {};  // complete, and refused
    return 0;
  }
  static int frame_send(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    self(user).frame_sent(*frame);
    return 0;
  }
  static int stream_close(nghttp2_session*, std::int32_t id, std::uint32_t error, void* user) {
    self(user).stream_closed(id, error);
    return 0;
  }

  static nghttp2_session_callbacks* table() {
    static nghttp2_session_callbacks* callbacks = [] {
      nghttp2_session_callbacks* made = nullptr;
      if (nghttp2_session_callbacks_new(&made) != 0) throw std::bad_alloc();
      nghttp2_session_callbacks_set_on_begin_frame_callback(made, begin_frame);
      nghttp2_session_callbacks_set_on_begin_headers_callback(made, begin_headers);
      nghttp2_session_callbacks_set_on_header_callback(made, header);
      nghttp2_session_callbacks_set_on_data_chunk_recv_callback(made, data_chunk);
      nghttp2_session_callbacks_set_on_frame_recv_callback(made, frame_recv);
      nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(made, invalid_frame);
      nghttp2_session_callbacks_set_on_frame_send_callback(made, frame_send);
      nghttp2_session_callbacks_set_on_stream_close_callback(made, stream_close);
      return made;
    }();
    return callbacks;
  }
  struct OptionDelete {
    void operator()(nghttp2_option* option) const { nghttp2_option_del(option); }
  };
  static std::unique_ptr<nghttp2_option, OptionDelete> options(const ServerLimits& limits) {
    nghttp2_option* made = nullptr;
    if (nghttp2_option_new(&made) != 0) throw std::bad_alloc();
    nghttp2_option_set_no_auto_window_update(made,
                                             1);  // a body's window opens as the handler reads
    nghttp2_option_set_no_closed_streams(made, 1);
    // Its own guard against rapid resets must not bite before ours.
    nghttp2_option_set_stream_reset_rate_limit(made, limits.resets_per_connection + 1, 1);
    return std::unique_ptr<nghttp2_option, OptionDelete>(made);
  }
};

Http2::Http2(Connection& connection)
    : connection_(connection), core_(connection.core()), idle_since_(now()) {
  if (nghttp2_session_server_new2(&session_, Callbacks::table(), this,
                                  Callbacks::options(connection.core().limits).get()) != 0)
    throw std::bad_alloc();
  const auto& limits = core_.limits;
  auto most = [](std::size_t bytes) {
    return static_cast<std::uint32_t>(std::min<std::size_t>(bytes, NGHTTP2_MAX_WINDOW_SIZE));
  };
  nghttp2_settings_entry settings[] = {
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, most(limits.streams_per_connection)},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, most(limits.body_window_bytes)},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, most(limits.header_bytes)},
  };
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings, std::size(settings));
  auto whole = std::max<std::size_t>(windows_per_connection * limits.body_window_bytes,
                                     NGHTTP2_INITIAL_CONNECTION_WINDOW_SIZE);
  nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0,
                                        static_cast<std::int32_t>(most(whole)));
  head_deadline_ = Deadline::in(limits.header_timeout);  // for preface and SETTINGS
  look_again_at(head_deadline_);
}

Http2::~Http2() { nghttp2_session_del(session_); }

Http2Stream* Http2::find(std::int32_t id) const {
  auto found = streams_.find(id);
  return found == streams_.end() ? nullptr : found->second.get();
}

// --- Bytes in
// -------------------------------------------------------------------------------------

std::size_t Http2::consume(std::string_view bytes) {
  if (over_) return bytes.size();
  inside_ = true;
  auto count = nghttp2_session_mem_recv(
      session_, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  inside_ = false;
  if (count < 0) {
    // A peer that floods us, or no HTTP/2 at all; nghttp2 has said goodbye where the protocol has
    // words for it.
    terminate(count == NGHTTP2_ERR_FLOODED ? NGHTTP2_ENHANCE_YOUR_CALM : NGHTTP2_PROTOCOL_ERROR);
    count = static_cast<ssize_t>(bytes.size());
  }
  pump();
  return static_cast<std::size_t>(count);
}

void Http2::begin_stream(std::int32_t id) {
  if (handlers_running_ >= handlers_per_stream * core_.limits.streams_per_connection) {
    nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, id, NGHTTP2_REFUSED_STREAM);
    return;
  }
  streams_.emplace(id, std::make_shared<Http2Stream>(*this, id));
}

void Http2::frame_received(const nghttp2_frame& frame) {
  bool ends_stream = (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  switch (frame.hd.type) {
    case NGHTTP2_HEADERS:
      head_deadline_ = {};
      if (auto* stream = find(frame.hd.stream_id)) {
        if (ends_stream) stream->end_body();
        if (frame.headers.cat == NGHTTP2_HCAT_REQUEST) {
          head_complete(*stream);
        } else {
          note(*stream);
        }
      }
      break;
    case NGHTTP2_DATA:
      if (auto* stream = find(frame.hd.stream_id); stream && ends_stream) {
        stream->end_body();
        note(*stream);
      } else if (frame.hd.length == 0) {
        count_control_frame();
      }
      break;
    case NGHTTP2_RST_STREAM:
      ++core_.stats.resets;
      if (++resets_ > core_.limits.resets_per_connection) terminate(NGHTTP2_ENHANCE_YOUR_CALM);
      break;
    case NGHTTP2_SETTINGS:
      count_control_frame();
      break;
    case NGHTTP2_PING:
    case NGHTTP2_PRIORITY:
      count_control_frame();
      break;
    default:
      break;  // GOAWAY: nghttp2 remembers it, pump() ends the connection after the last stream
  }
}

void Http2::head_complete(Http2Stream& stream) {
  const auto& limits = core_.limits;
  auto& head = stream.head_;
  if (stream.head_too_large_) {
    return stream.answer(
        431, fmt::format("The headers exceed {} bytes or {} fields; send fewer or shorter headers.",
                         limits.header_bytes, limits.header_count));
  }
  if (head.method == "CONNECT")
    return stream.answer(501, "CONNECT is not supported: this server is no proxy.");
  if (head.authority.empty())
    head.authority = head.headers.find("host").value_or(std::string_view());
  if (auto length = head.headers.find("content-length")) {
    std::uint64_t bytes = 0;  // nghttp2 has checked that it is a number
    std::from_chars(length->data(), length->data() + length->size(), bytes);
    if (bytes > limits.body_bytes) {
      return stream.answer(
          413, fmt::format("The body exceeds {} bytes, which is the most this server takes.",
                           limits.body_bytes));
    }
  }
  if (auto expectation = head.headers.find("expect")) {
    if (!equals_ignoring_case(*expectation, "100-continue"))
      return stream.answer(417, "The Expect header is not 100-continue.");
    stream.expect_pending_ = !stream.body_ended_;
  }
  stream.handler_runs_ = true;
  starting_.push_back(stream.shared_from_this());
}

void Http2::stream_closed(std::int32_t id, std::uint32_t) {
  auto found = streams_.find(id);
  if (found == streams_.end()) return;
  auto stream = std::move(found->second);
  streams_.erase(found);
  stream->end(Code::cancelled);
  noted_.push_back(std::move(stream));
  if (streams_.empty()) {
    idle_since_ = now();
    look_again_at(Deadline(idle_since_ + core_.limits.idle_timeout));
  }
}

void Http2::count_control_frame() {
  auto at = now();
  if (at - control_since_ > std::chrono::seconds(1)) {
    control_since_ = at;
    control_frames_ = 0;
  }
  if (++control_frames_ > control_frames_per_second) terminate(NGHTTP2_ENHANCE_YOUR_CALM);
}

void Http2::terminate(std::uint32_t error) { nghttp2_session_terminate_session(session_, error); }

// --- Handlers
// -------------------------------------------------------------------------------------

outcrop::detail::Detached Http2::run([[maybe_unused]] std::shared_ptr<Connection> connection,
                                     StreamPtr stream) {
  auto& session = stream->session_;
  auto& core = session.core_;
  ++session.handlers_running_;
  core.exchange_began();
  try {
    co_await core.handler(*stream);
  } catch (const std::exception& problem) {
    core.report(problem.what());
  } catch (...) {
    core.report("an exception that is no std::exception");
  }
  --session.handlers_running_;
  stream->end_exchange();
  session.pump();
  core.exchange_ended();
}

void Http2::note(Http2Stream& stream) {
  if (std::exchange(stream.noted_, true)) return;
  noted_.push_back(stream.shared_from_this());
}

void Http2::work_off_notes() {
  while (!starting_.empty() || !noted_.empty()) {
    auto starting = std::exchange(starting_, {});
    auto noted = std::exchange(noted_, {});
    for (auto& stream : starting) {
      // One that was reset before it began is not begun: a rapid reset costs us no more than its
      // frames.
      if (stream->gone_) {
        stream->handler_runs_ = false;
        stream->input_.clear();
      } else {
        run(connection_.shared_from_this(), stream);
      }
    }
    for (auto& stream : noted) {
      stream->noted_ = false;
      stream->wake();
    }
  }
}

void Http2::consumed(std::int32_t id, std::size_t bytes) {
  if (!over_) nghttp2_session_consume(session_, id, bytes);
}

// --- Bytes out
// ------------------------------------------------------------------------------------

void Http2::frame_sent(const nghttp2_frame& frame) {
  if ((frame.hd.type != NGHTTP2_DATA && frame.hd.type != NGHTTP2_HEADERS) ||
      !(frame.hd.flags & NGHTTP2_FLAG_END_STREAM))
    return;
  auto* stream = find(frame.hd.stream_id);
  if (!stream) return;
  stream->output_sent_ = true;
  stream->write_deadline_ = {};
  if (!stream->handler_runs_ && !stream->body_ended_) {
    nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream->id_, NGHTTP2_NO_ERROR);
  }
}

void Http2::pump() {
  if (inside_ || pumping_ || over_) return;
  pumping_ = true;
  auto self = connection_.shared_from_this();
  for (;;) {
    // First those who have something to say, so that it leaves together.
    work_off_notes();
    bool sent = false;
    while (!over_ && !connection_.closing() &&
           connection_.queued_bytes() <= core_.limits.write_window_bytes) {
      std::string batch;
      ssize_t count = 0;
      inside_ = true;
      while (batch.size() < batch_bytes) {
        const std::uint8_t* bytes = nullptr;
        count = nghttp2_session_mem_send(session_, &bytes);
        if (count <= 0) break;
        batch.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(count));
      }
      inside_ = false;
      if (!batch.empty()) {
        sent = true;
        connection_.send(std::move(batch));
      }
      if (count < 0) {
        over_ = true;
        connection_.cut();
      }
      if (count <= 0) break;
    }
    if (!sent && starting_.empty() && noted_.empty()) break;
  }
  pumping_ = false;
  if (!over_ && !nghttp2_session_want_read(session_) && !nghttp2_session_want_write(session_)) {
    // Somebody said GOAWAY and the last stream has ended. What is queued still goes out.
    connection_.close_when_sent();
    end_streams(Code::cancelled);
  }
}

// --- Time and the end
// -----------------------------------------------------------------------------

void Http2::look_again_at(Deadline deadline) {
  if (deadline.at() >= next_look_.at()) return;
  next_look_ = deadline;
  connection_.set_deadline(deadline);
}

void Http2::on_deadline() {
  next_look_ = {};
  if (over_) return;
  if (head_deadline_.passed()) {
    terminate(NGHTTP2_ENHANCE_YOUR_CALM);
    return pump();
  }
  look_again_at(head_deadline_);
  auto idle_until = Deadline(idle_since_ + core_.limits.idle_timeout);
  if (streams_.empty()) {
    if (handlers_running_ > 0) idle_until = Deadline::in(core_.limits.idle_timeout);
    if (idle_until.passed()) {
      terminate(NGHTTP2_NO_ERROR);
      return pump();
    }
    look_again_at(idle_until);
  }
  for (auto& [id, stream] : streams_) {
    if (stream->read_deadline_.passed()) {
      stream->read_deadline_ = {};
      stream->body_error_ = Error{.code = Code::deadline,
                                  .message = fmt::format("No byte of the body came for {} ms.",
                                                         core_.limits.body_timeout.count())};
      note(*stream);
    }
    if (stream->write_deadline_.passed()) {
      if (stream->started() && (stream->output_bytes() > 0 || stream->output_ended_)) {
        stream->end(Code::deadline);
        nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, id, NGHTTP2_CANCEL);
        note(*stream);
      }
      stream->write_deadline_ = {};
    }
    look_again_at(stream->read_deadline_);
    look_again_at(stream->write_deadline_);
  }
  pump();
}

void Http2::on_gone(Code why) {
  auto self = connection_.shared_from_this();
  end_streams(why);
}

void Http2::end_streams(Code why) {
  over_ = true;
  auto streams = std::exchange(streams_, {});
  for (auto& [id, stream] : streams) {
    stream->end(why);
    note(*stream);
  }
  work_off_notes();
}

void Http2::drain() {
  if (over_) return;
  nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE,
                        nghttp2_session_get_last_proc_stream_id(session_), NGHTTP2_NO_ERROR,
                        nullptr, 0);
  pump();
}

}  // namespace outcrop::wire
