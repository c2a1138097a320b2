#include "wire/client_parser.h"

#include "base/text.h"

#include <algorithm>
#include <charconv>

namespace outcrop::wire {
namespace {

constexpr std::size_t chunk_line_bytes = 1024;

/// Calls `each` for every member of a comma-separated list in all fields of that name.
template <class Each>
void each_member(const Headers& headers, std::string_view name, Each each) {
  for (const auto& [known, value] : headers.all()) {
    if (known != name) continue;
    for (auto member : split(value, ',')) each(trim(member));
  }
}

}  // namespace

Failure ResponseParser::broken(std::string_view what) {
  state_ = State::failed;
  return fail(Code::corrupt, "The upstream's answer is not HTTP/1.1: {}.", what);
}

Result<std::size_t> ResponseParser::feed(std::string_view bytes, std::string& body) {
  if (state_ == State::failed) return broken("it failed before");
  std::size_t used = 0;
  if (!bytes.empty()) started_ = true;
  while (used < bytes.size() && state_ != State::done) {
    std::string_view rest = bytes.substr(used);
    if (state_ == State::length || state_ == State::chunk || state_ == State::until_close) {
      used += take_body(rest, body);
      continue;
    }
    bool in_head = !head_done();
    TRY(taken, take_line(rest));
    used += taken;
    if (in_head && head_done()) break;
  }
  return used;
}

std::size_t ResponseParser::take_body(std::string_view bytes, std::string& body) {
  if (state_ == State::until_close) {
    body += bytes;
    return bytes.size();
  }
  auto count = static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size()));
  body += bytes.substr(0, count);
  left_ -= count;
  if (left_ == 0) state_ = state_ == State::chunk ? State::chunk_end : State::done;
  return count;
}

Result<std::size_t> ResponseParser::take_line(std::string_view bytes) {
  auto end = bytes.find('\n');
  std::size_t count = end == bytes.npos ? bytes.size() : end + 1;
  if (state_ == State::chunk_size || state_ == State::chunk_end) {
    if (line_.size() + count > chunk_line_bytes)
      return broken("the line before a chunk is too long");
  } else {
    if (count > header_bytes_left_) {
      state_ = State::failed;
      return fail(Code::too_large,
                  "The upstream's answer has a head larger than this client takes.");
    }
    header_bytes_left_ -= count;
  }
  line_ += bytes.substr(0, count);
  if (end == bytes.npos) return count;
  line_.pop_back();
  if (line_.ends_with('\r')) line_.pop_back();
  std::string line = std::exchange(line_, {});
  CHECK(on_line(line));
  return count;
}

Result<void> ResponseParser::on_line(std::string_view line) {
  switch (state_) {
    case State::status:
      return on_status(line);
    case State::field:
      return line.empty() ? on_head_end() : on_field(line);
    case State::chunk_size:
      return on_chunk_size(line);
    case State::chunk_end:
      if (!line.empty()) return broken("a chunk is longer than it said");
      state_ = State::chunk_size;
      return {};
    case State::trailer:
      if (line.empty())
        state_ = State::done;  // trailers are counted, not kept: nobody asked for any
      return {};
    default:
      return broken("a line where none belongs");
  }
}

Result<void> ResponseParser::on_status(std::string_view line) {
  auto digit = [](char c) { return c >= '0' && c <= '9'; };
  bool good = line.size() >= 12 && line.starts_with("HTTP/1.") &&
              (line[7] == '0' || line[7] == '1') && line[8] == ' ' && line[9] >= '1' &&
              line[9] <= '5' && digit(line[10]) && digit(line[11]) &&
              (line.size() == 12 || line[12] == ' ');
  if (!good) return broken("its first line is not a status line");
  minor_version_ = line[7] - '0';
  head_ = {};
  head_.status = (line[9] - '0') * 100 + (line[10] - '0') * 10 + (line[11] - '0');
  state_ = State::field;
  return {};
}

Result<void> ResponseParser::on_field(std::string_view line) {
  // A line that continues the one before it (RFC 9112, 5.2) cannot be added to a kept value;
  // nothing has sent such lines for twenty years.
  if (line[0] == ' ' || line[0] == '\t') return broken("a header field is folded over two lines");
  auto colon = line.find(':');
  std::string_view name = line.substr(0, colon);
  if (colon == line.npos || !is_token(name)) return broken("a header field has no name");
  std::string_view value = trim(line.substr(colon + 1));
  if (!is_header_value(value)) return broken("a header field holds control characters");
  head_.headers.add(name, value);
  return {};
}

Result<void> ResponseParser::on_head_end() {
  if (head_.status < 200) {
    if (head_.status == 101) return broken("it switches to a protocol that nobody asked for");
    state_ = State::status;
    return {};
  }
  bool close = false, keep = false, coded = head_.headers.has("transfer-encoding"), chunked = false,
       other = false;
  each_member(head_.headers, "connection", [&](std::string_view member) {
    close = close || equals_ignoring_case(member, "close");
    keep = keep || equals_ignoring_case(member, "keep-alive");
  });
  each_member(head_.headers, "transfer-encoding", [&](std::string_view member) {
    (equals_ignoring_case(member, "chunked") && !chunked ? chunked : other) = true;
  });
  std::optional<std::uint64_t> length;
  bool wrong_length = false;
  each_member(head_.headers, "content-length", [&](std::string_view member) {
    std::uint64_t value = 0;
    auto [end, error] = std::from_chars(member.data(), member.data() + member.size(), value);
    wrong_length = wrong_length || member.empty() || error != std::errc() ||
                   end != member.data() + member.size() || (length && *length != value);
    length = value;
  });
  keep_alive_ = !close && (minor_version_ == 1 || keep);
  if (to_head_ || head_.status == 204 || head_.status == 304) {
    state_ = State::done;
    return {};
  }
  if (coded) {
    if (!chunked || other) return broken("its transfer-encoding is not 'chunked'");
    // A length beside it is a sign of somebody splitting messages (RFC 9112, 6.3): trust this one
    // alone.
    if (length || minor_version_ == 0) keep_alive_ = false;
    state_ = State::chunk_size;
    return {};
  }
  if (wrong_length) return broken("its content-length is not a number");
  if (!length) {
    keep_alive_ = false;
    state_ = State::until_close;
    return {};
  }
  left_ = *length;
  state_ = left_ == 0 ? State::done : State::length;
  return {};
}

Result<void> ResponseParser::on_chunk_size(std::string_view line) {
  auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), left_, 16);
  std::string_view extension = trim(line.substr(static_cast<std::size_t>(end - line.data())));
  if (error != std::errc() || (!extension.empty() && extension[0] != ';'))
    return broken("a chunk has no length");
  state_ = left_ == 0 ? State::trailer : State::chunk;
  return {};
}

Result<void> ResponseParser::end_of_input() {
  if (state_ == State::done) return {};
  if (state_ == State::until_close) {
    state_ = State::done;
    return {};
  }
  bool in_head = !head_done();
  state_ = State::failed;
  if (in_head) return fail(Code::corrupt, "The upstream's answer ends inside its head.");
  return fail(Code::corrupt, "The upstream's answer is cut short: its body ends before it should.");
}

}  // namespace outcrop::wire
