#pragma once
/// Server-sent events (WHATWG HTML, "9.2 Server-sent events"), both ways.

#include "base/result.h"

#include <string>
#include <string_view>
#include <vector>

namespace outcrop::wire {

struct SseEvent {
  std::string event;  // empty means "message"
  std::string data;
  std::string id{};  // read: the last one the stream named, as the standard has it
};

/// A line end of any kind inside `data` starts another data line, so a reader sees "\n" for each.
/// In `event` and `id`, which cannot hold one, it becomes a space.
std::string encode_sse(const SseEvent& event);

/// Turns bytes of a stream into events.
/// Shape:   chunks of any size; lines end in CR, LF or CRLF, also when split between chunks.
/// Comments,
///          `retry` and unknown fields are passed over; an event that the stream does not finish
///          with an empty line is dropped, as the standard demands.
/// Errors:  too_large when one event grows beyond the limit; the decoder then stays failed.
class SseDecoder {
 public:
  explicit SseDecoder(std::size_t event_bytes_limit = 8 * 1024 * 1024)
      : limit_(event_bytes_limit) {}
  Result<std::vector<SseEvent>> feed(std::string_view bytes);

 private:
  void line(std::string_view text, std::vector<SseEvent>& out);

  std::size_t limit_;
  std::string buffer_;  // the beginning of a line
  SseEvent pending_;
  bool has_data_ = false, last_was_cr_ = false, first_ = true, failed_ = false;
};

}  // namespace outcrop::wire
