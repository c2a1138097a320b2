#include "app/admin/unix_http.h"

#include "base/text.h"

#include <cerrno>
#include <charconv>
#include <cstring>
#include <fcntl.h>
#include <optional>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace outcrop::admin {
namespace {

constexpr std::size_t head_bytes_limit = 64 * 1024;
constexpr int wake_ms = 100;  // how often a wait looks whether it was interrupted

class Connection {
 public:
  ~Connection() {
    if (fd_ >= 0) ::close(fd_);
  }
  explicit Connection(const UnixRequest& request) : request_(request) {}

  Result<void> open() {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (request_.socket.size() >= sizeof address.sun_path) {
      return fail(Code::unavailable, "the path {} is too long for a Unix socket", request_.socket);
    }
    std::memcpy(address.sun_path, request_.socket.data(), request_.socket.size());
    fd_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd_ < 0) return fail(Code::unavailable, "no socket: {}", std::strerror(errno));
    if (::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      if (errno == ENOENT) return fail(Code::unavailable, "there is no socket {}", request_.socket);
      if (errno == ECONNREFUSED)
        return fail(Code::unavailable, "nobody listens at {} any more", request_.socket);
      return fail(Code::unavailable, "{}: {}", request_.socket, std::strerror(errno));
    }
    return {};
  }

  Result<void> send(std::string_view bytes) {
    while (!bytes.empty()) {
      CHECK(wait(POLLOUT));
      auto count = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (count > 0) {
        bytes.remove_prefix(static_cast<std::size_t>(count));
      } else if (errno == EPIPE || errno == ECONNRESET) {
        return {};  // a server that refuses early has answered already: read that
      } else if (errno != EAGAIN && errno != EINTR) {
        return fail(Code::unavailable, "the connection to the server broke: {}",
                    std::strerror(errno));
      }
    }
    return {};
  }

  /// Empty at the end.
  Result<std::string> receive() {
    for (;;) {
      CHECK(wait(POLLIN));
      char buffer[16 * 1024];
      auto count = ::recv(fd_, buffer, sizeof buffer, MSG_DONTWAIT);
      if (count >= 0) return std::string(buffer, static_cast<std::size_t>(count));
      if (errno == ECONNRESET) return std::string();
      if (errno != EAGAIN && errno != EINTR) {
        return fail(Code::unavailable, "the connection to the server broke: {}",
                    std::strerror(errno));
      }
    }
  }

 private:
  Result<void> wait(short events) {
    Deadline deadline = Deadline::in(request_.silence);
    for (;;) {
      if (request_.interrupted && request_.interrupted->load())
        return fail(Code::cancelled, "interrupted");
      if (deadline.passed()) {
        return fail(Code::deadline, "the server has been silent for {} s",
                    request_.silence.count() / 1000);
      }
      pollfd waiting{fd_, events, 0};
      if (::poll(&waiting, 1, wake_ms) > 0) return {};
    }
  }
  const UnixRequest& request_;
  int fd_ = -1;
};

struct Head {
  int status = 0;
  wire::Headers headers;
};

std::optional<Head> parse_head(std::string_view text) {
  Head out;
  auto end = text.find("\r\n");
  std::string_view first = text.substr(0, end);
  if (!first.starts_with("HTTP/1.") || first.size() < 12) return std::nullopt;
  auto [stop, error] = std::from_chars(first.data() + 9, first.data() + 12, out.status);
  if (error != std::errc() || out.status < 100) return std::nullopt;
  while (end != std::string_view::npos && end + 2 < text.size()) {
    text.remove_prefix(end + 2);
    end = text.find("\r\n");
    std::string_view line = text.substr(0, end);
    auto colon = line.find(':');
    if (line.empty()) break;
    if (colon == std::string_view::npos) return std::nullopt;
    out.headers.add(lower(line.substr(0, colon)), trim(line.substr(colon + 1)));
  }
  return out;
}

/// Takes the chunked coding off. Trailers are passed over.
class Chunks {
 public:
  bool ended() const { return state_ == State::end; }
  Result<void> feed(std::string_view bytes,
                    const std::function<Result<void>(std::string_view)>& piece) {
    while (!bytes.empty() && state_ != State::end) {
      if (state_ == State::data) {
        auto step = std::min<std::size_t>(left_, bytes.size());
        CHECK(piece(bytes.substr(0, step)));
        bytes.remove_prefix(step);
        left_ -= step;
        if (left_ == 0) state_ = State::data_end;
        continue;
      }
      char c = bytes.front();
      bytes.remove_prefix(1);
      if (c != '\n') {
        if (c != '\r') line_ += c;
        if (line_.size() > 4096) return fail(Code::corrupt, "the answer's chunks make no sense");
        continue;
      }
      std::string line = std::exchange(line_, {});
      if (state_ == State::data_end) {
        state_ = State::size;
      } else if (state_ == State::trailer) {
        if (line.empty()) state_ = State::end;
      } else {
        std::size_t size = 0;
        auto [stop, error] = std::from_chars(line.data(), line.data() + line.size(), size, 16);
        if (error != std::errc()) return fail(Code::corrupt, "the answer's chunks make no sense");
        left_ = size;
        state_ = size == 0 ? State::trailer : State::data;
      }
    }
    return {};
  }

 private:
  enum class State { size, data, data_end, trailer, end } state_ = State::size;
  std::size_t left_ = 0;
  std::string line_;
};

}  // namespace

Result<void> stream(const UnixRequest& request,
                    const std::function<Result<void>(int, const wire::Headers&)>& head,
                    const std::function<Result<void>(std::string_view)>& piece) {
  Connection connection(request);
  CHECK(connection.open());
  std::string out = request.method + " " + request.target +
                    " HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n";
  for (const auto& [name, value] : request.headers.all()) out += name + ": " + value + "\r\n";
  if (!request.body.empty() || request.method == "POST")
    out += fmt::format("content-length: {}\r\n", request.body.size());
  out += "\r\n" + request.body;
  CHECK(connection.send(out));

  std::string buffer;
  Head answer;
  for (;;) {
    auto end = buffer.find("\r\n\r\n");
    if (end != std::string::npos) {
      auto parsed = parse_head(std::string_view(buffer).substr(0, end + 2));
      if (!parsed) return fail(Code::corrupt, "the server's answer is no HTTP");
      buffer.erase(0, end + 4);
      if (parsed->status < 200) continue;  // 100 Continue
      answer = std::move(*parsed);
      break;
    }
    if (buffer.size() > head_bytes_limit)
      return fail(Code::too_large, "the head of the answer has more than 64 KiB");
    TRY(more, connection.receive());
    if (more.empty())
      return fail(Code::corrupt, "the server closed the connection without an answer");
    buffer += more;
  }
  CHECK(head(answer.status, answer.headers));

  if (auto coding = answer.headers.find("transfer-encoding");
      coding && equals_ignoring_case(*coding, "chunked")) {
    Chunks chunks;
    for (;;) {
      CHECK(chunks.feed(buffer, piece));
      if (chunks.ended()) return {};
      TRY(more, connection.receive());
      if (more.empty()) return fail(Code::corrupt, "the answer was cut short");
      buffer = std::move(more);
    }
  }
  std::optional<std::size_t> length;
  if (auto text = answer.headers.find("content-length")) {
    std::size_t value = 0;
    auto [stop, error] = std::from_chars(text->data(), text->data() + text->size(), value);
    if (error != std::errc()) return fail(Code::corrupt, "the length of the answer makes no sense");
    length = value;
  }
  if (answer.status == 204 || answer.status == 304) length = 0;
  std::size_t seen = 0;
  for (;;) {
    if (length && seen + buffer.size() > *length) buffer.resize(*length - seen);
    seen += buffer.size();
    if (!buffer.empty()) CHECK(piece(buffer));
    if (length && seen == *length) return {};
    TRY(more, connection.receive());
    if (more.empty()) {
      if (length) return fail(Code::corrupt, "the answer was cut short");
      return {};
    }
    buffer = std::move(more);
  }
}

Result<UnixResponse> request(const UnixRequest& asked, std::size_t body_bytes_limit) {
  UnixResponse out;
  CHECK(stream(
      asked,
      [&](int status, const wire::Headers& headers) -> Result<void> {
        out.status = status;
        out.headers = headers;
        return {};
      },
      [&](std::string_view piece) -> Result<void> {
        if (out.body.size() + piece.size() > body_bytes_limit) {
          return fail(Code::too_large, "the answer has more than {} bytes", body_bytes_limit);
        }
        out.body += piece;
        return {};
      }));
  return out;
}

bool answers(const std::string& socket) {
  UnixRequest nothing;
  nothing.socket = socket;
  return Connection(nothing).open().has_value();
}

}  // namespace outcrop::admin
