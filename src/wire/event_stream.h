#pragma once
/// The AWS event stream encoding (application/vnd.amazon.eventstream): prelude, typed headers,
/// payload, two CRC-32.

#include "base/result.h"
#include "base/time.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace outcrop::wire {

struct EventHeader {
  using Timestamp = std::chrono::sys_time<std::chrono::milliseconds>;
  struct Bytes {
    std::string value;
    bool operator==(const Bytes&) const = default;
  };
  struct Uuid {
    std::string value;
    bool operator==(const Uuid&) const = default;
  };  // 16 raw bytes
  std::string name;
  std::variant<bool, std::int8_t, std::int16_t, std::int32_t, std::int64_t, Bytes, std::string,
               Timestamp, Uuid>
      value;
  bool operator==(const EventHeader&) const = default;
};

struct EventMessage {
  std::vector<EventHeader> headers;
  std::string payload;
  /// The string under that name.
  std::optional<std::string_view> find(std::string_view name) const;
};

struct EventStreamLimits {
  std::size_t headers_bytes = 128 * 1024;
  std::size_t payload_bytes = 24 * 1024 * 1024;
};

/// Errors: too_large.
Result<std::string> encode(const EventMessage& message, const EventStreamLimits& limits = {});

/// :message-type=event with JSON. The three messages a server sends, written without the detour.
std::string encode_event(std::string_view event_type, std::string_view payload,
                         std::string_view content_type = "application/json");
std::string encode_exception(std::string_view exception_type, std::string_view payload);
std::string encode_error(std::string_view code, std::string_view message);

/// Turns bytes of a stream into messages.
/// Shape:   chunks of any size in order of arrival; whole messages out, in order.
/// Errors:  corrupt (a CRC or a length that cannot be, a duplicate header), too_large. After
/// either,
///          the decoder stays failed.
/// Limits:  holds at most one partial message.
class EventStreamDecoder {
 public:
  explicit EventStreamDecoder(EventStreamLimits limits = {}) : limits_(limits) {}
  Result<std::vector<EventMessage>> feed(std::string_view bytes);
  /// True between messages: a stream that ends elsewhere was cut.
  bool at_boundary() const { return buffer_.empty(); }

 private:
  EventStreamLimits limits_;
  std::string buffer_;
  bool failed_ = false;
};

}  // namespace outcrop::wire
