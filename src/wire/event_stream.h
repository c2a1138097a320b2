#pragma once
/// The AWS event stream encoding (application/vnd.amazon.eventstream): prelude, typed headers,
/// payload, two CRC-32. All integers big-endian. Source: AWS "Event stream encoding" (2025), and
/// the limits that botocore enforces.

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
    std::string value;  // 16 raw bytes
    bool operator==(const Uuid&) const = default;
  };
  std::string name;  // 1..255 bytes of UTF-8
  std::variant<bool, std::int8_t, std::int16_t, std::int32_t, std::int64_t, Bytes, std::string,
               Timestamp, Uuid>
      value;
  bool operator==(const EventHeader&) const = default;
};

struct EventMessage {
  std::vector<EventHeader> headers{};
  std::string payload{};
  /// The string under that name; nothing when the header is absent or of another type.
  std::optional<std::string_view> find(std::string_view name) const;
};

struct EventStreamLimits {
  std::size_t headers_bytes = 128 * 1024;
  std::size_t payload_bytes = 24 * 1024 * 1024;
};

/// Errors: too_large (headers, payload, a name over 255 bytes, a string or byte value over 32,767),
///         validation (an empty or repeated name, a UUID that is not 16 bytes, text that is not
///         UTF-8).
Result<std::string> encode(const EventMessage& message, const EventStreamLimits& limits = {});
/// One header as it stands in a message; what a signed frame's chain hashes for `:date`.
/// Errors: as encode().
Result<std::string> encode_header(const EventHeader& header);

/// The three messages a server sends, written without the detour. Names are ours and short; a
/// payload beyond 24 MiB is the caller's fault (clients refuse it).
std::string encode_event(std::string_view event_type, std::string_view payload,
                         std::string_view content_type = "application/json");
std::string encode_exception(std::string_view exception_type, std::string_view payload);
/// A message over 32,767 bytes is shortened at a character and ends in "...": a header holds no
/// more.
std::string encode_error(std::string_view code, std::string_view message);

/// Turns bytes of a stream into messages.
/// Shape:   chunks of any size in order of arrival; whole messages out, in order.
/// Errors:  corrupt (a CRC or a length that cannot be, a duplicate header), too_large. After
/// either,
///          the decoder stays failed; messages of the same chunk before the fault are lost with it.
/// Limits:  holds at most one partial message. A length over the limit is refused when its prelude
/// is
///          there, before the bytes it announces.
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
