#pragma once
// A server on a thread of its own, and a peer that speaks raw bytes to it.

#include "wire/loop.h"
#include "wire/server.h"

#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <atomic>
#include <cstring>
#include <future>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <sys/un.h>
#include <thread>
#include <unistd.h>

namespace outcrop::wire {

using namespace std::chrono_literals;

class LiveServer {
 public:
  explicit LiveServer(Handler handler, ServerLimits limits = {}, const TlsIdentity* tls = nullptr)
      : server_(loop, limits, std::move(handler)) {
    server_.on_internal_error([this](std::string_view what) {
      internal_error = what;
      ++internal_errors;
    });
    auto bound = server_.listen("127.0.0.1", 0, tls);
    EXPECT_TRUE(bound.has_value()) << (bound ? "" : bound.error().message);
    port = bound.value_or(0);
    thread_ = std::thread([this] { loop.run(); });
  }
  ~LiveServer() { stop(); }
  void stop() {
    if (!thread_.joinable()) return;
    drain(0ms);
    loop.stop();
    thread_.join();
  }
  // Gives how long it took.
  Millis drain(Millis within) {
    auto began = now();
    std::promise<void> done;
    loop.post([&] { detach(drain_now(within, done)); });
    done.get_future().wait();
    return std::chrono::duration_cast<Millis>(now() - began);
  }
  ServerStats stats() {
    std::promise<ServerStats> stats;
    loop.post([&] { stats.set_value(server_.stats()); });
    return stats.get_future().get();
  }
  // Waits until the condition on the figures holds.
  template <class Condition>
  bool becomes(Condition condition, Millis within = 3s) {
    for (auto end = now() + within; now() < end; std::this_thread::sleep_for(2ms)) {
      if (condition(stats())) return true;
    }
    return false;
  }
  Server& server() { return server_; }

  Loop loop;
  std::uint16_t port = 0;
  std::string internal_error;
  std::atomic<int> internal_errors = 0;

 private:
  Task<void> drain_now(Millis within, std::promise<void>& done) {
    co_await server_.drain(Deadline::in(within));
    done.set_value();
  }
  Server server_;
  std::thread thread_;
};

class RawPeer {
 public:
  explicit RawPeer(std::uint16_t port, int receive_buffer_bytes = 0) {
    fd = ::socket(AF_INET, SOCK_STREAM, 0);
    if (receive_buffer_bytes > 0) {
      ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes, sizeof receive_buffer_bytes);
    }
    int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0)
        << std::strerror(errno);
  }
  explicit RawPeer(const std::string& path) {
    fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    EXPECT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0)
        << std::strerror(errno);
  }
  ~RawPeer() { close(); }
  RawPeer(const RawPeer&) = delete;
  RawPeer& operator=(const RawPeer&) = delete;

  void close() {
    if (fd >= 0) ::close(fd);
    fd = -1;
  }
  void reset() {
    linger now{1, 0};
    ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close();
  }
  void end_of_input() { ::shutdown(fd, SHUT_WR); }

  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      auto count = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (count <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    return true;
  }
  // What there is, waiting for the first byte; empty at the end or when nothing came.
  std::string receive(Millis within = 3s, std::size_t most = 64 * 1024) {
    pollfd wait{fd, POLLIN, 0};
    if (::poll(&wait, 1, static_cast<int>(within.count())) <= 0) {
      timed_out = true;
      return {};
    }
    std::string bytes(most, '\0');
    auto count = ::recv(fd, bytes.data(), bytes.size(), 0);
    if (count < 0) was_reset = errno == ECONNRESET;
    bytes.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
    if (count <= 0) at_end = true;
    return bytes;
  }
  std::string receive_until(std::string_view mark, Millis within = 3s) {
    auto end = now() + within;
    while (buffer.find(mark) == std::string::npos && !at_end && now() < end)
      buffer += receive(200ms);
    auto at = buffer.find(mark);
    auto size = at == std::string::npos ? buffer.size() : at + mark.size();
    auto taken = buffer.substr(0, size);
    buffer.erase(0, size);
    return taken;
  }
  std::string receive_exactly(std::size_t size, Millis within = 10s) {
    auto end = now() + within;
    while (buffer.size() < size && !at_end && now() < end) buffer += receive(200ms);
    auto taken = buffer.substr(0, size);
    buffer.erase(0, taken.size());
    return taken;
  }
  // All of it until the server closes.
  std::string receive_all(Millis within = 10s) {
    auto end = now() + within;
    while (!at_end && now() < end) buffer += receive(200ms);
    return std::exchange(buffer, {});
  }
  // A response with Content-Length: head and body.
  std::string receive_response() {
    auto head = receive_until("\r\n\r\n");
    auto at = head.find("content-length: ");
    if (at == std::string::npos) return head;
    return head + receive_exactly(std::stoul(head.substr(at + 16)));
  }
  bool closed_within(Millis within) {
    auto end = now() + within;
    while (!at_end && now() < end) buffer += receive(20ms);
    return at_end;
  }

  int fd = -1;
  bool at_end = false, was_reset = false, timed_out = false;
  std::string buffer;
};

inline std::string body_of(const std::string& response) {
  auto at = response.find("\r\n\r\n");
  return at == std::string::npos ? std::string() : response.substr(at + 4);
}
inline int status_of(const std::string& response) {
  return response.size() > 12 ? std::atoi(response.c_str() + 9) : 0;
}

// Says what it saw: method, target, authority, version, body.
inline Task<void> echo(Exchange& exchange) {
  auto body = co_await exchange.read_all(100'000'000);
  ResponseHead head;
  if (!body) {
    head.status = body.error().code == Code::too_large ? 413 : 400;
    (void)co_await exchange.respond(std::move(head), body.error().message);
    co_return;
  }
  const auto& request = exchange.request();
  head.headers.add("content-type", "text/plain");
  std::string text = request.method + " " + request.target + " " + request.authority + " " +
                     std::to_string(request.version) + " " + *body;
  (void)co_await exchange.respond(std::move(head), std::move(text));
}

}  // namespace outcrop::wire
