#include "wire/event_stream.h"

#include "base/text.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <type_traits>
#include <zlib.h>

namespace outcrop::wire {
namespace {

constexpr std::size_t prelude_bytes = 12;
constexpr std::size_t frame_bytes = 16;  // prelude and the trailing CRC
constexpr std::size_t value_bytes_max = 32'767;

enum Type : std::uint8_t {
  type_true = 0,
  type_false = 1,
  type_int8 = 2,
  type_int16 = 3,
  type_int32 = 4,
  type_int64 = 5,
  type_bytes = 6,
  type_string = 7,
  type_timestamp = 8,
  type_uuid = 9,
};

std::uint32_t crc(const char* bytes, std::size_t count) {
  return static_cast<std::uint32_t>(
      crc32_z(0, reinterpret_cast<const unsigned char*>(bytes), count));
}

template <class Int>
char* put(char* out, Int value) {
  auto bits = static_cast<std::make_unsigned_t<Int>>(value);
  for (std::size_t i = sizeof(Int); i-- > 0;) *out++ = static_cast<char>(bits >> (i * 8) & 0xFF);
  return out;
}

template <class Int>
void append(std::string& out, Int value) {
  char bytes[sizeof(Int)];
  put(bytes, value);
  out.append(bytes, sizeof bytes);
}

template <class Int>
Int get(const char* in) {
  std::make_unsigned_t<Int> bits = 0;
  for (std::size_t i = 0; i < sizeof(Int); ++i) {
    bits = static_cast<std::make_unsigned_t<Int>>(bits << 8 | static_cast<unsigned char>(in[i]));
  }
  return static_cast<Int>(bits);
}

Result<void> append_long(std::string& out, Type type, std::string_view name,
                         std::string_view value) {
  if (value.size() > value_bytes_max) {
    return fail(Code::too_large, "event stream header {} has {} bytes; at most {} are allowed",
                name, value.size(), value_bytes_max);
  }
  out += static_cast<char>(type);
  append(out, static_cast<std::uint16_t>(value.size()));
  out += value;
  return {};
}

struct AppendValue {
  std::string& out;
  std::string_view name;

  Result<void> operator()(bool value) const {
    out += static_cast<char>(value ? type_true : type_false);
    return {};
  }
  Result<void> operator()(std::int8_t value) const { return number(type_int8, value); }
  Result<void> operator()(std::int16_t value) const { return number(type_int16, value); }
  Result<void> operator()(std::int32_t value) const { return number(type_int32, value); }
  Result<void> operator()(std::int64_t value) const { return number(type_int64, value); }
  Result<void> operator()(EventHeader::Timestamp value) const {
    return number(type_timestamp, static_cast<std::int64_t>(value.time_since_epoch().count()));
  }
  Result<void> operator()(const EventHeader::Bytes& value) const {
    return append_long(out, type_bytes, name, value.value);
  }
  Result<void> operator()(const std::string& value) const {
    if (!is_utf8(value)) {
      return fail(Code::validation, "event stream header {} is a string that is not UTF-8", name);
    }
    return append_long(out, type_string, name, value);
  }
  Result<void> operator()(const EventHeader::Uuid& value) const {
    if (value.value.size() != 16) {
      return fail(Code::validation, "event stream header {} is a UUID of {} bytes instead of 16",
                  name, value.value.size());
    }
    out += static_cast<char>(type_uuid);
    out += value.value;
    return {};
  }
  template <class Int>
  Result<void> number(Type type, Int value) const {
    out += static_cast<char>(type);
    append(out, value);
    return {};
  }
};

Result<void> append_header(std::string& out, const EventHeader& header) {
  if (header.name.empty() || !is_utf8(header.name)) {
    return fail(Code::validation, "an event stream header needs a name of 1 to 255 bytes of UTF-8");
  }
  if (header.name.size() > 255) {
    return fail(Code::too_large,
                "an event stream header's name has {} bytes; at most 255 are allowed",
                header.name.size());
  }
  out += static_cast<char>(header.name.size());
  out += header.name;
  return std::visit(AppendValue{out, header.name}, header.value);
}

/// The frame around headers that are encoded already.
std::string frame(std::string_view headers, std::string_view payload) {
  std::size_t total = frame_bytes + headers.size() + payload.size();
  std::string out(total, '\0');
  char* at = put(out.data(), static_cast<std::uint32_t>(total));
  at = put(at, static_cast<std::uint32_t>(headers.size()));
  at = put(at, crc(out.data(), 8));
  if (!headers.empty()) std::memcpy(at, headers.data(), headers.size());
  at += headers.size();
  if (!payload.empty()) std::memcpy(at, payload.data(), payload.size());
  at += payload.size();
  put(at, crc(out.data(), total - 4));
  return out;
}

struct Text {
  std::string_view name, value;
};

/// frame() for headers that are all strings, straight into the message.
template <std::size_t count>
std::string text_frame(const Text (&headers)[count], std::string_view payload) {
  std::size_t header_bytes = 0;
  for (const Text& header : headers) header_bytes += 4 + header.name.size() + header.value.size();
  std::size_t total = frame_bytes + header_bytes + payload.size();
  std::string out(total, '\0');
  char* at = put(out.data(), static_cast<std::uint32_t>(total));
  at = put(at, static_cast<std::uint32_t>(header_bytes));
  at = put(at, crc(out.data(), 8));
  for (const Text& header : headers) {
    *at++ = static_cast<char>(header.name.size());
    at = std::copy(header.name.begin(), header.name.end(), at);
    *at++ = static_cast<char>(type_string);
    at = put(at, static_cast<std::uint16_t>(header.value.size()));
    at = std::copy(header.value.begin(), header.value.end(), at);
  }
  if (!payload.empty()) std::memcpy(at, payload.data(), payload.size());
  at += payload.size();
  put(at, crc(out.data(), total - 4));
  return out;
}

/// Reads the header block of one message.
class HeaderReader {
 public:
  explicit HeaderReader(std::string_view block) : rest_(block) {}

  Result<std::vector<EventHeader>> all() {
    std::vector<EventHeader> headers;
    while (!rest_.empty()) {
      EventHeader header;
      std::size_t name_bytes = static_cast<unsigned char>(rest_[0]);
      rest_.remove_prefix(1);
      if (name_bytes == 0) return broken("a header has an empty name");
      auto name = take(name_bytes);
      auto type = take(1);
      if (!name || !type) return broken("the header block ends inside a header");
      if (!is_utf8(*name)) return broken("a header's name is not UTF-8");
      header.name = *name;
      for (const EventHeader& before : headers) {
        if (before.name == header.name) return broken("a header name occurs twice");
      }
      if (auto fault = read_value(static_cast<unsigned char>((*type)[0]), header.value)) {
        return broken(fault);
      }
      headers.push_back(std::move(header));
    }
    return headers;
  }

 private:
  static Failure broken(const char* why) {
    return fail(Code::corrupt, "the event stream does not hold together: {}", why);
  }
  std::optional<std::string_view> take(std::size_t count) {
    if (rest_.size() < count) return std::nullopt;
    auto taken = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return taken;
  }
  template <class Int>
  std::optional<Int> number() {
    auto bytes = take(sizeof(Int));
    if (!bytes) return std::nullopt;
    return get<Int>(bytes->data());
  }
  std::optional<std::string_view> sized() {
    auto size = number<std::uint16_t>();
    if (!size) return std::nullopt;
    return take(*size);
  }
  /// nullptr, or what is wrong.
  template <class Value>
  const char* read_value(std::uint8_t type, Value& value) {
    constexpr auto cut = "the header block ends inside a value";
    auto number_into = [&]<class Int>(Int) -> const char* {
      auto read = number<Int>();
      if (!read) return cut;
      value = *read;
      return nullptr;
    };
    switch (type) {
      case type_true:
        value = true;
        return nullptr;
      case type_false:
        value = false;
        return nullptr;
      case type_int8:
        return number_into(std::int8_t{});
      case type_int16:
        return number_into(std::int16_t{});
      case type_int32:
        return number_into(std::int32_t{});
      case type_int64:
        return number_into(std::int64_t{});
      case type_bytes: {
        auto bytes = sized();
        if (!bytes) return cut;
        value = EventHeader::Bytes{std::string(*bytes)};
        return nullptr;
      }
      case type_string: {
        auto bytes = sized();
        if (!bytes) return cut;
        if (!is_utf8(*bytes)) return "a string header is not UTF-8";
        value = std::string(*bytes);
        return nullptr;
      }
      case type_timestamp: {
        auto millis = number<std::int64_t>();
        if (!millis) return cut;
        value = EventHeader::Timestamp(Millis(*millis));
        return nullptr;
      }
      case type_uuid: {
        auto bytes = take(16);
        if (!bytes) return cut;
        value = EventHeader::Uuid{std::string(*bytes)};
        return nullptr;
      }
      default:
        return "a header has an unknown type";
    }
  }

  std::string_view rest_;
};

Failure broken_frame(std::string_view why) {
  return fail(Code::corrupt, "the event stream does not hold together: {}", why);
}

}  // namespace

std::optional<std::string_view> EventMessage::find(std::string_view name) const {
  for (const EventHeader& header : headers) {
    if (header.name != name) continue;
    auto* text = std::get_if<std::string>(&header.value);
    if (text == nullptr) return std::nullopt;
    return *text;
  }
  return std::nullopt;
}

Result<std::string> encode_header(const EventHeader& header) {
  std::string out;
  CHECK(append_header(out, header));
  return out;
}

Result<std::string> encode(const EventMessage& message, const EventStreamLimits& limits) {
  std::string headers;
  for (std::size_t i = 0; i < message.headers.size(); ++i) {
    for (std::size_t k = 0; k < i; ++k) {
      if (message.headers[k].name == message.headers[i].name) {
        return fail(Code::validation, "event stream header {} is given twice",
                    message.headers[i].name);
      }
    }
    CHECK(append_header(headers, message.headers[i]));
    if (headers.size() > limits.headers_bytes) {
      return fail(Code::too_large, "the headers of an event stream message exceed {} bytes",
                  limits.headers_bytes);
    }
  }
  if (message.payload.size() > limits.payload_bytes) {
    return fail(Code::too_large,
                "the payload of an event stream message has {} bytes; at most {} are allowed",
                message.payload.size(), limits.payload_bytes);
  }
  // Both lengths are 32 bits wide, whatever the limits say.
  if (frame_bytes + headers.size() + message.payload.size() >
      std::numeric_limits<std::uint32_t>::max()) {
    return fail(Code::too_large, "an event stream message cannot exceed 4 GiB");
  }
  return frame(headers, message.payload);
}

std::string encode_event(std::string_view event_type, std::string_view payload,
                         std::string_view content_type) {
  return text_frame(
      {{":event-type", event_type}, {":content-type", content_type}, {":message-type", "event"}},
      payload);
}

std::string encode_exception(std::string_view exception_type, std::string_view payload) {
  return text_frame({{":exception-type", exception_type},
                     {":content-type", "application/json"},
                     {":message-type", "exception"}},
                    payload);
}

std::string encode_error(std::string_view code, std::string_view message) {
  std::string shortened;
  if (message.size() > value_bytes_max) {
    auto kept = message.substr(0, value_bytes_max - 3);
    shortened = std::string(kept.substr(0, whole_utf8(kept))) + "...";
    message = shortened;
  }
  return text_frame(
      {{":error-code", code}, {":error-message", message}, {":message-type", "error"}}, {});
}

Result<std::vector<EventMessage>> EventStreamDecoder::feed(std::string_view bytes) {
  if (failed_) return broken_frame("an earlier message was refused");
  std::vector<EventMessage> messages;
  buffer_.append(bytes);
  std::string_view rest = buffer_;
  auto give_up = [&](Failure failure) -> Failure {
    failed_ = true;
    buffer_.clear();
    buffer_.shrink_to_fit();
    return failure;
  };
  while (rest.size() >= prelude_bytes) {
    // The prelude has a CRC of its own so that its lengths can be believed before the rest is
    // there.
    if (crc(rest.data(), 8) != get<std::uint32_t>(rest.data() + 8)) {
      return give_up(broken_frame("the CRC of a prelude differs"));
    }
    std::size_t total = get<std::uint32_t>(rest.data());
    std::size_t header_bytes = get<std::uint32_t>(rest.data() + 4);
    if (header_bytes > limits_.headers_bytes) {
      return give_up(
          fail(Code::too_large,
               "an event stream message announces {} bytes of headers; at most {} are allowed",
               header_bytes, limits_.headers_bytes));
    }
    if (total < frame_bytes + header_bytes) {
      return give_up(broken_frame("the lengths in a prelude contradict each other"));
    }
    std::size_t payload_bytes = total - frame_bytes - header_bytes;
    if (payload_bytes > limits_.payload_bytes) {
      return give_up(
          fail(Code::too_large,
               "an event stream message announces {} bytes of payload; at most {} are allowed",
               payload_bytes, limits_.payload_bytes));
    }
    if (rest.size() < total) break;
    if (crc(rest.data(), total - 4) != get<std::uint32_t>(rest.data() + total - 4)) {
      return give_up(broken_frame("the CRC of a message differs"));
    }
    EventMessage message;
    auto headers = HeaderReader(rest.substr(prelude_bytes, header_bytes)).all();
    if (!headers) return give_up(Failure(std::move(headers.error())));
    message.headers = std::move(*headers);
    message.payload = rest.substr(prelude_bytes + header_bytes, payload_bytes);
    messages.push_back(std::move(message));
    rest.remove_prefix(total);
  }
  buffer_.erase(0, buffer_.size() - rest.size());
  return messages;
}

}  // namespace outcrop::wire
