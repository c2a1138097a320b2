#pragma once
/// The bytes of an HTTP/1.1 response, taken apart. Without I/O.
/// Shape:   bytes of any size in; the head, then what the body holds, chunks joined.
/// Limits:  `header_bytes` for all heads and trailers of the exchange; 1 KiB for the line of a
/// chunk. Errors:  corrupt, too_large (the head). After either the parser stays failed. Source: RFC
/// 9112: 4 (status line), 5 (fields), 6 (framing), 7 (chunks).

#include "base/result.h"
#include "wire/http.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace outcrop::wire {

class ResponseParser {
 public:
  /// `method` of the request: the answer to HEAD has no body, whatever its head says.
  ResponseParser(std::string_view method, std::size_t header_bytes)
      : to_head_(method == "HEAD"), header_bytes_left_(header_bytes) {}

  /// Takes from the front of `bytes`, appends to `body`, and gives how many bytes it took. Stops
  /// behind the final head and behind the message. Interim answers (1xx) are skipped.
  Result<std::size_t> feed(std::string_view bytes, std::string& body);
  /// The connection ended. Fine when the body was to end so.
  Result<void> end_of_input();

  bool head_done() const { return state_ >= State::length && state_ != State::failed; }
  bool done() const { return state_ == State::done; }
  bool started() const { return started_; }
  /// Once done: another message may follow on the same connection.
  bool keeps_connection() const { return keep_alive_; }
  ResponseHead& head() { return head_; }

 private:
  enum class State {
    status,
    field,
    length,
    chunk_size,
    chunk,
    chunk_end,
    trailer,
    until_close,
    done,
    failed
  };
  Failure broken(std::string_view what);
  Result<void> on_line(std::string_view line);
  Result<void> on_status(std::string_view line);
  Result<void> on_field(std::string_view line);
  Result<void> on_head_end();
  Result<void> on_chunk_size(std::string_view line);
  Result<std::size_t> take_line(std::string_view bytes);
  std::size_t take_body(std::string_view bytes, std::string& body);

  bool to_head_;
  std::size_t header_bytes_left_;
  State state_ = State::status;
  std::string line_;        // the beginning of one that is not whole yet
  std::uint64_t left_ = 0;  // of the body, or of the chunk
  ResponseHead head_;
  int minor_version_ = 1;
  bool started_ = false, keep_alive_ = true;
};

}  // namespace outcrop::wire
