#include "wire/h1_parser.h"

#include "base/text.h"

#include <boost/beast/http/error.hpp>
#include <fmt/format.h>

#include <algorithm>

namespace outcrop::wire {
namespace http = boost::beast::http;

namespace {

std::string_view view(boost::beast::string_view text) { return {text.data(), text.size()}; }

// A chunk's size line and the trailer are read whole; both are small where anybody means well.
constexpr std::size_t chunk_line_bytes = 16 * 1024;
constexpr std::size_t shortest_chunked_body_bytes = 5;
// Two empty lines before a request, in however many pieces they come.
constexpr std::size_t most_blank_bytes = 4;

// Whether a request line is one but for its version: "GET /path HTTP/3.0".
bool names_a_version(std::string_view bytes) {
  auto line = bytes.substr(0, bytes.find("\r\n"));
  auto last = line.rfind(' ');
  if (last == std::string_view::npos || line.find(' ', line.find(' ') + 1) != last) return false;
  auto version = line.substr(last + 1);
  return version.size() == 8 && version.substr(0, 5) == "HTTP/" && version[6] == '.';
}

}  // namespace

H1Parser::H1Parser(const ServerLimits& limits, RequestHead& head, std::string& body)
    : limits_(limits), head_(head), body_(body) {
  header_limit(static_cast<std::uint32_t>(std::min<std::size_t>(limits.header_bytes, UINT32_MAX)));
  body_limit(limits.body_bytes);
  eager(false);
}

std::size_t H1Parser::feed(std::string_view bytes) {
  if (refusal_ || is_done() || bytes.empty()) return 0;
  Error error;
  std::size_t taken = 0;
  if (!head_done_ && !got_some()) {
    // RFC 9112, 2.2: an empty line before the request line is ignored.
    while (taken < bytes.size() && blank_bytes_ < most_blank_bytes &&
           (bytes[taken] == '\r' || bytes[taken] == '\n')) {
      ++taken;
      ++blank_bytes_;
    }
    bytes.remove_prefix(taken);
    if (bytes.empty()) return taken;
  }
  bool in_head = !head_done_;
  // Beast asserts that it sees at least "0\r\n\r\n" once it has seen a first chunk that is the
  // last; no chunked body is shorter.
  if (!in_head && !body_begun_ && chunked() && bytes.size() < shortest_chunked_body_bytes)
    return taken;
  eager(!in_head);  // the head is counted by itself, so nothing behind it is taken with it
  auto count = put(boost::asio::const_buffer(bytes.data(), bytes.size()), error);
  taken += count;
  body_begun_ = body_begun_ || (!in_head && count > 0);
  auto left = bytes.size() - count;
  if (in_head) {
    header_bytes_ += count;
    if (!refusal_ && header_bytes_ + (head_done_ ? 0 : left) > limits_.header_bytes) {
      refuse(431,
             fmt::format(
                 "The request line and headers exceed {} bytes; send fewer or shorter headers.",
                 limits_.header_bytes),
             error);
    }
  }
  if (error == http::error::need_more) {
    if (!in_head && left > chunk_line_bytes) {
      refuse(400,
             fmt::format("A chunk's size line or the trailer exceeds {} bytes.", chunk_line_bytes),
             error);
    }
  } else if (error == http::error::bad_version && names_a_version(bytes.substr(count))) {
    refuse(505, "The HTTP version is none of 1.0, 1.1 and 2.", error);
  } else if (error) {
    refuse(error);
  }
  return taken;
}

void H1Parser::refuse(int status, std::string message, Error& error) {
  if (!refusal_) refusal_ = Refusal{status, std::move(message)};
  error = http::error::bad_value;
}

void H1Parser::refuse(const Error& error) {
  if (refusal_) return;
  if (error == http::error::header_limit) {
    refusal_ = Refusal{
        431,
        fmt::format("The request line and headers exceed {} bytes; send fewer or shorter headers.",
                    limits_.header_bytes)};
  } else if (error == http::error::body_limit) {
    refusal_ =
        Refusal{413, fmt::format("The body exceeds {} bytes, which is the most this server takes.",
                                 limits_.body_bytes)};
  } else {
    refusal_ =
        Refusal{400, fmt::format("The request is not well-formed HTTP/1.1: {}.", error.message())};
  }
}

void H1Parser::on_request_impl(http::verb, View method, View target, int version, Error&) {
  head_.method.assign(method.data(), method.size());
  head_.target.assign(target.data(), target.size());
  head_.authority.clear();
  head_.version = version;
  head_.headers.clear();
}

void H1Parser::on_field_impl(http::field field, View name, View value, Error& error) {
  if (head_done_) return;  // a trailer: read, and not needed
  if (head_.headers.size() >= limits_.header_count) {
    return refuse(431, fmt::format("The request has more than {} headers.", limits_.header_count),
                  error);
  }
  switch (field) {
    case http::field::host:
      if (has_host_) return refuse(400, "The request has more than one Host header.", error);
      has_host_ = true;
      head_.authority.assign(value.data(), value.size());
      break;
    case http::field::transfer_encoding:
      // Anything but exactly this leaves open where the message ends (RFC 9112, 6.1).
      if (transfer_encoding_ || !equals_ignoring_case(view(value), "chunked")) {
        return refuse(
            501, "The Transfer-Encoding is not exactly chunked; send chunked or a Content-Length.",
            error);
      }
      transfer_encoding_ = true;
      break;
    case http::field::expect:
      if (!equals_ignoring_case(view(value), "100-continue")) {
        return refuse(417, "The Expect header is not 100-continue.", error);
      }
      expect_continue_ = true;
      break;
    default:
      break;
  }
  head_.headers.add(view(name), view(value));
}

void H1Parser::on_header_impl(Error& error) {
  head_done_ = true;
  check_head(error);
}

void H1Parser::check_head(Error& error) {
  if (head_.version == 10 && transfer_encoding_) {
    return refuse(400, "Transfer-Encoding does not exist in HTTP/1.0.", error);
  }
  if (head_.version >= 11 && !has_host_) return refuse(400, "The Host header is missing.", error);
  if (head_.method == "CONNECT")
    return refuse(501, "CONNECT is not supported: this server is no proxy.", error);
  auto& target = head_.target;
  if (target.front() != '/' && target != "*") {
    // absolute-form (RFC 9112, 3.2.2): its authority replaces Host.
    auto scheme = target.find("://");
    if (scheme == std::string::npos || target.find('/') < scheme) {
      return refuse(400, "The request target is neither a path nor an absolute URL.", error);
    }
    auto start = scheme + 3;
    auto path = target.find_first_of("/?", start);
    head_.authority =
        target.substr(start, path == std::string::npos ? std::string::npos : path - start);
    std::string rest = path == std::string::npos ? "/" : target.substr(path);
    if (rest.front() == '?') rest.insert(rest.begin(), '/');
    target = std::move(rest);
  }
  if (head_.version < 11) expect_continue_ = false;
}

std::size_t H1Parser::on_body_impl(View bytes, Error&) {
  body_.append(bytes.data(), bytes.size());
  return bytes.size();
}

}  // namespace outcrop::wire
