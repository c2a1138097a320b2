// HTTP/2 behind a good preface. The first byte's lowest bit chooses: the rest are frames as they
// are, or lines for a builder that gives every frame its true length, so that more of them pass.
// Whatever comes, the connection ends, and what was answered is a row of whole frames.
#include "served_connection.h"

#include <algorithm>
#include <cstdint>

namespace {

void add_frame(std::string& out, std::uint8_t type, std::uint8_t flags, std::uint8_t stream,
               std::string_view payload) {
  const auto size = payload.size();
  for (std::size_t byte : {size >> 16, size >> 8, size}) out += static_cast<char>(byte & 0xff);
  out += static_cast<char>(type);
  out += static_cast<char>(flags);
  out.append(3, '\0') += static_cast<char>(stream);
  out += payload;
}

// type, flags, stream, payload's size, payload; and again.
std::string frames_of(std::string_view bytes) {
  std::string out;
  while (bytes.size() >= 4) {
    const auto at = [&](std::size_t i) { return static_cast<std::uint8_t>(bytes[i]); };
    const auto size = std::min<std::size_t>(at(3), bytes.size() - 4);
    add_frame(out, at(0) % 12, at(1), at(2) % 16, bytes.substr(4, size));
    bytes.remove_prefix(4 + size);
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  std::string input = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  add_frame(input, 4, 0, 0, "");  // SETTINGS
  if (data[0] & 1) {
    input += frames_of(bytes);
  } else {
    input += bytes;
  }
  const auto answer =
      outcrop::wire::fuzz::serve(input, data[0] & 2 ? 1 + (data[0] >> 2) : input.size());
  for (std::size_t at = 0; at < answer.size();) {
    if (answer.size() - at < 9) std::abort();
    std::size_t length = 0;
    for (std::size_t i = 0; i < 3; ++i)
      length = length << 8 | static_cast<std::uint8_t>(answer[at + i]);
    if (length > answer.size() - at - 9) std::abort();
    at += 9 + length;
  }
  return 0;
}
