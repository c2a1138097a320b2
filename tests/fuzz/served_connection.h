#pragma once
// One connection of the server in memory, or nearly: a pair of sockets, no listener, no thread and
// no waiting. What the handler does hangs on the target, so that the bytes choose it.

#include "wire/server_connection.h"

#include <cstddef>
#include <cstdlib>
#include <fcntl.h>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <unistd.h>

namespace outcrop::wire::fuzz {

inline Task<void> answer(Exchange& exchange) {
  const auto& head = exchange.request();
  if (!is_token(head.method)) std::abort();
  for (const auto& [name, value] : head.headers.all()) {
    if (name.empty() || name.front() == ':') std::abort();
  }
  const auto path = head.path();
  const char kind = path.size() > 1 ? path[1] : 'e';
  ResponseHead out;
  out.headers.add("x-query", "a");
  if (kind == 'f') co_return;  // forgets to answer
  if (kind == 't') throw 1;
  if (kind == 'r') {  // answers before it reads
    static_cast<void>(co_await exchange.respond(std::move(out), "read nothing"));
    co_return;
  }
  if (kind == 's' || kind == 'a' || kind == 'l') {
    if (kind == 'l') out.headers.add("content-length", "6");
    if (!co_await exchange.start(std::move(out))) co_return;
    for (int i = 0; i < 4; ++i) {
      if (!co_await exchange.write("piece ")) co_return;
      if (kind == 'a') exchange.abort();
      auto piece = co_await exchange.read();
      if (!piece) co_return;
    }
    static_cast<void>(co_await exchange.finish());
    co_return;
  }
  auto body = co_await exchange.read_all(10'000);
  out.status = body ? (kind == 'n' ? 204 : 200) : 400;
  if (kind == 'b') out.headers.add("x-evil", "a\r\nb: c");
  static_cast<void>(
      co_await exchange.respond(std::move(out), body ? std::move(*body) : std::string()));
}

/// Limits near enough that a few hundred bytes cross each of them.
inline ServerLimits tight_limits() {
  ServerLimits limits;
  limits.header_bytes = 512;
  limits.header_count = 12;
  limits.body_bytes = 2'000;
  limits.body_window_bytes = 300;
  limits.write_window_bytes = 200;
  limits.streams_per_connection = 4;
  limits.resets_per_connection = 6;
  return limits;
}

/// Serves one connection that sends `bytes`, `piece` at a time, then ends; aborts when anything of
/// it is left afterwards. Gives what the server sent.
inline std::string serve(std::string_view bytes, std::size_t piece) {
  static Loop loop(1);
  auto& io = context(loop);
  auto core = std::make_shared<ServerCore>(loop, tight_limits(), answer);
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) std::abort();
  {
    Socket socket(io);
    socket.assign(boost::asio::generic::stream_protocol(AF_UNIX, 0), ends[0]);
    std::make_shared<Connection>(core, std::move(socket), Peer{}, nullptr)->start();
  }
  std::string received;
  auto turn = [&] {
    io.restart();
    io.poll();
    char buffer[16 * 1024];
    for (ssize_t count; (count = ::read(ends[1], buffer, sizeof buffer)) > 0;)
      received.append(buffer, static_cast<std::size_t>(count));
  };
  while (!bytes.empty()) {
    auto part = bytes.substr(0, piece);
    const auto sent = ::send(ends[1], part.data(), part.size(), MSG_NOSIGNAL);
    if (sent <= 0) break;  // the server has closed
    bytes.remove_prefix(static_cast<std::size_t>(sent));
    turn();
  }
  ::shutdown(ends[1], SHUT_WR);
  turn();
  ::close(ends[1]);
  for (int i = 0; i < 100 && !core->quiet(); ++i) turn();
  if (!core->quiet()) std::abort();  // a connection or a handler hangs
  return received;
}

}  // namespace outcrop::wire::fuzz
