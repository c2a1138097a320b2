#pragma once
/// HTTP/2 on one connection: nghttp2 is the protocol engine, fed with bytes; each stream is an
/// Exchange. Nothing of ours runs inside one of nghttp2's callbacks: they note what happened, and
/// the notes are worked off when the engine has returned. Threads: the loop's. Only .cpp files of
/// wire/ include this header.

#include "base/cancel.h"
#include "wire/server_connection.h"

#include <nghttp2/nghttp2.h>

#include <coroutine>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace outcrop::wire {

class Http2;

class Http2Stream final : public Exchange, public std::enable_shared_from_this<Http2Stream> {
 public:
  Http2Stream(Http2& session, std::int32_t id);

  const RequestHead& request() const override { return head_; }
  Task<Result<std::string>> read() override;
  Task<Result<void>> respond(ResponseHead head, std::string body) override;
  Task<Result<void>> start(ResponseHead head) override;
  Task<Result<void>> write(std::string bytes) override;
  Task<Result<void>> finish() override;
  void abort() override;
  bool started() const override { return progress_ != Progress::nothing; }
  CancelToken closed() const override;

 private:
  friend class Http2;
  enum class Progress { nothing, streaming, finished, aborted };
  struct Waiter {
    std::coroutine_handle<>& slot;
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> waiter) noexcept { slot = waiter; }
    void await_resume() const noexcept {}
  };

  // The session's news.
  void add_field(std::string_view name, std::string_view value);
  void add_body(std::string_view bytes);
  void end_body() { body_ended_ = true; }
  ssize_t take_output(std::uint8_t* to, std::size_t room, std::uint32_t& flags);
  void end(Code why);  // the stream or its connection is over
  // Runs in the clear: resumes whoever waits for what has changed.
  void wake();

  Result<void> submit(const ResponseHead& head, std::optional<std::size_t> body_bytes,
                      bool with_body);
  void answer(int status, std::string_view message);  // without a handler
  void end_exchange();
  Task<Result<void>> window();
  Failure gone_error() const;
  std::size_t output_bytes() const { return output_.size() - output_offset_; }

  Http2& session_;
  std::int32_t id_;
  RequestHead head_;
  std::size_t header_bytes_ = 0;
  bool head_too_large_ = false, expect_pending_ = false;

  std::string input_;
  std::uint64_t input_total_ = 0;
  bool body_ended_ = false;
  std::optional<Error> body_error_;
  std::coroutine_handle<> reader_, writer_;
  Deadline read_deadline_, write_deadline_;

  Progress progress_ = Progress::nothing;
  bool handler_runs_ = false, output_ended_ = false, output_sent_ = false, deferred_ = false,
       bodiless_ = false;
  std::string output_;
  std::size_t output_offset_ = 0;
  std::optional<std::uint64_t> length_left_;  // of a response with Content-Length

  std::optional<Code> gone_;
  bool noted_ = false;
  mutable std::optional<CancelSource> closed_;
};

class Http2 final : public Protocol {
 public:
  explicit Http2(Connection& connection);
  ~Http2() override;

  std::size_t consume(std::string_view bytes) override;
  bool wants_input() const override { return !over_; }
  void on_sent() override { pump(); }
  void on_gone(Code why) override;
  void on_deadline() override;
  void drain() override;
  bool idle() const override { return streams_.empty(); }

 private:
  friend class Http2Stream;
  struct Callbacks;  // what nghttp2 calls
  using StreamPtr = std::shared_ptr<Http2Stream>;

  static outcrop::detail::Detached run(std::shared_ptr<Connection> connection, StreamPtr stream);
  void begin_stream(std::int32_t id);
  void head_complete(Http2Stream& stream);
  void stream_closed(std::int32_t id, std::uint32_t error);
  void frame_received(const nghttp2_frame& frame);
  void frame_sent(const nghttp2_frame& frame);
  void count_control_frame();
  void terminate(std::uint32_t error);
  /// Has the stream's waiters looked after once nghttp2 has returned.
  void note(Http2Stream& stream);
  void work_off_notes();
  /// Everything that nghttp2 wants to send, as far as the window allows; then, the notes; then,
  /// maybe, the end.
  void pump();
  void end_streams(Code why);
  void consumed(std::int32_t id, std::size_t bytes);
  void look_again_at(Deadline deadline);
  Http2Stream* find(std::int32_t id) const;

  Connection& connection_;
  ServerCore& core_;
  nghttp2_session* session_ = nullptr;
  std::unordered_map<std::int32_t, StreamPtr> streams_;
  std::vector<StreamPtr> starting_, noted_;
  std::int32_t newest_stream_ = 0;
  std::size_t handlers_running_ = 0;
  std::size_t resets_ = 0, control_frames_ = 0;
  Instant control_since_{}, idle_since_{};
  Deadline head_deadline_, next_look_;
  bool inside_ = false, pumping_ = false, over_ = false;
};

}  // namespace outcrop::wire
