#pragma once
/// The engine's end of the socket. send() from any thread, receive() from one.

#include "base/result.h"
#include "engine/protocol.h"

#include <mutex>
#include <optional>

namespace outcrop::engine {

class Link {
 public:
  explicit Link(int fd) : fd_(fd) {}
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  /// Blocks while the parent's socket buffer is full; the credits of the streams bound what is
  /// under way. A parent that is gone is noticed by receive(), so a failure here is not reported.
  void send(const Frame& frame);
  void send(FrameType type, std::uint32_t stream, const json::Value& payload);
  void send_error(std::uint32_t stream, const Error& error);
  /// Nothing when the parent closed the connection. Errors: corrupt.
  Result<std::optional<Frame>> receive();

 private:
  int fd_;
  std::mutex sending_;
  FrameReader reader_;
};

}  // namespace outcrop::engine
