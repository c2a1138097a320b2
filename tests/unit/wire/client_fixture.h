#pragma once
/// A peer for the client that does exactly what a test says, byte for byte, on threads of its own.

#include "wire/client.h"
#include "wire/loop.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <atomic>
#include <cstring>
#include <functional>
#include <memory>
#include <mutex>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <optional>
#include <poll.h>
#include <signal.h>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <sys/un.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

namespace outcrop::wire {

/// One accepted connection, seen from the peer.
class RawPeer {
 public:
  explicit RawPeer(int fd) : fd_(fd) {}
  ~RawPeer() { close(); }
  RawPeer(const RawPeer&) = delete;
  RawPeer& operator=(const RawPeer&) = delete;

  /// The head and the body that its content-length announces; empty when the client has gone.
  std::string read_request() {
    for (;;) {
      auto end = received_.find("\r\n\r\n");
      if (end != received_.npos) {
        std::size_t length = end + 4;
        auto at = received_.find("content-length: ");
        if (at < end) length += static_cast<std::size_t>(std::stoul(received_.substr(at + 16)));
        if (received_.size() >= length) {
          std::string request = received_.substr(0, length);
          received_.erase(0, length);
          return request;
        }
      }
      if (!read_more()) return "";
    }
  }
  bool read_more() {
    char buffer[65536];
    ssize_t count = ::recv(fd_, buffer, sizeof buffer, 0);
    if (count <= 0) return false;
    received_.append(buffer, static_cast<std::size_t>(count));
    return true;
  }
  /// false when the client has gone.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      ssize_t count = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (count <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    return true;
  }
  void close() {
    std::lock_guard lock(closing_);
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  /// From another thread: a script that waits for bytes goes on.
  void interrupt() {
    std::lock_guard lock(closing_);
    if (fd_ >= 0) ::shutdown(fd_, SHUT_RDWR);
  }
  void reset() {
    linger now{1, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close();
  }
  /// The client closed its side within five seconds.
  bool sees_close() {
    for (;;) {
      pollfd waiting{fd_, POLLIN, 0};
      if (::poll(&waiting, 1, 5'000) <= 0) return false;
      if (!read_more()) return true;
    }
  }
  int fd() const { return fd_; }

 private:
  std::mutex closing_;
  int fd_;
  std::string received_;
};

/// Listens on a port (or a socket file) and plays `script` on each connection, which it numbers
/// from 0.
class RawServer {
 public:
  using Script = std::function<void(RawPeer& peer, int number)>;
  explicit RawServer(Script script, std::string socket_path = {}) : script_(std::move(script)) {
    if (socket_path.empty()) {
      listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      sockaddr_in address{};
      address.sin_family = AF_INET;
      address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      socklen_t size = sizeof address;
      EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
      ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
      port_ = ntohs(address.sin_port);
    } else {
      listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
      sockaddr_un address{};
      address.sun_family = AF_UNIX;
      std::strncpy(address.sun_path, socket_path.c_str(), sizeof address.sun_path - 1);
      EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    }
    ::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes to a client that has gone
    EXPECT_EQ(::listen(listener_, 128), 0);
    acceptor_ = std::thread([this] { accept_all(); });
  }
  ~RawServer() {
    ::shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    ::close(listener_);
    for (auto& peer : peers_) peer->interrupt();
    for (auto& thread : threads_) thread.join();
  }
  std::uint16_t port() const { return port_; }
  std::string url(const std::string& target = "/") const {
    return "http://127.0.0.1:" + std::to_string(port_) + target;
  }
  int connections() const { return accepted_; }

 private:
  void accept_all() {
    for (;;) {
      int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) return;
      peers_.push_back(std::make_unique<RawPeer>(fd));
      threads_.emplace_back([this, peer = peers_.back().get(), number = accepted_++] {
        script_(*peer, number);
        peer->close();
      });
    }
  }
  Script script_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<int> accepted_{0};
  std::vector<std::unique_ptr<RawPeer>> peers_;  // of the acceptor's thread until it is joined
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

/// What came of one exchange, body and all.
struct Outcome {
  std::optional<Error> error;  // of send()
  int status = 0;
  Headers headers;
  std::string body;
  std::optional<Error> body_error;
};

inline Task<void> exchange_into(Client& client, OutboundRequest request, CancelToken cancel,
                                Outcome& out) {
  auto response = co_await client.send(std::move(request), cancel);
  if (!response) {
    out.error = response.error();
    co_return;
  }
  out.status = (*response)->head().status;
  out.headers = (*response)->head().headers;
  for (;;) {
    auto piece = co_await (*response)->read();
    if (!piece) out.body_error = piece.error();
    if (!piece || piece->empty()) co_return;
    out.body += *piece;
  }
}

class ClientTest : public ::testing::Test {
 protected:
  Outcome fetch(Client& client, OutboundRequest request, CancelToken cancel = {}) {
    Outcome out;
    loop_.run(exchange_into(client, std::move(request), std::move(cancel), out));
    return out;
  }
  Outcome get(Client& client, const std::string& url) {
    OutboundRequest request;
    request.url = url;
    return fetch(client, std::move(request));
  }
  Outcome post(Client& client, const std::string& url, std::string body) {
    OutboundRequest request;
    request.method = "POST";
    request.url = url;
    request.body = std::move(body);
    return fetch(client, std::move(request));
  }
  /// Lets the loop take its turns for a while.
  void run_for(Millis duration) {
    auto wait = [](Loop& loop, Millis time) -> Task<void> { co_await loop.sleep(time); };
    loop_.run(wait(loop_, duration));
  }
  Loop loop_{1};
};

}  // namespace outcrop::wire
