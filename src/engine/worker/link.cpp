#include "engine/worker/link.h"

#include <array>
#include <cerrno>
#include <sys/socket.h>

namespace outcrop::engine {

void Link::send(const Frame& frame) {
  const auto bytes = encode(frame);
  if (!bytes) {
    if (frame.type != FrameType::error) send_error(frame.stream, bytes.error());
    return;
  }
  const std::lock_guard lock(sending_);
  std::string_view rest = *bytes;
  while (!rest.empty()) {
    const auto sent = ::send(fd_, rest.data(), rest.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return;
    rest.remove_prefix(static_cast<std::size_t>(sent));
  }
}

void Link::send(FrameType type, std::uint32_t stream, const json::Value& payload) {
  send(Frame{type, stream, json::write(payload)});
}

void Link::send_error(std::uint32_t stream, const Error& error) {
  send(Frame{FrameType::error, stream, encode_error(error)});
}

Result<std::optional<Frame>> Link::receive() {
  while (true) {
    auto frame = reader_.next();
    if (!frame || *frame) return frame;
    std::array<char, 64 << 10> buffer;
    const auto count = ::recv(fd_, buffer.data(), buffer.size(), 0);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return std::optional<Frame>();
    reader_.feed({buffer.data(), static_cast<std::size_t>(count)});
  }
}

}  // namespace outcrop::engine
