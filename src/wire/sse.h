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
  std::string id{};
};

std::string encode_sse(const SseEvent& event);

/// Errors: too_large when one event grows beyond the limit; the decoder then stays failed.
class SseDecoder {
 public:
  explicit SseDecoder(std::size_t event_bytes_limit = 8 * 1024 * 1024)
      : limit_(event_bytes_limit) {}
  Result<std::vector<SseEvent>> feed(std::string_view bytes);

 private:
  std::size_t limit_;
  std::string buffer_;
  SseEvent pending_;
  bool has_data_ = false, last_was_cr_ = false, first_ = true, failed_ = false;
};

}  // namespace outcrop::wire
