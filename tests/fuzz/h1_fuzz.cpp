// HTTP/1.1 requests of any bytes, whole and in pieces: both readings agree, and what is taken is a
// message with one meaning. The first byte chooses the pieces.
#include "wire/h1_parser.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

using namespace outcrop::wire;

namespace {

struct Message {
  RequestHead head;
  std::string body;
};

// As a connection does it: what the parser leaves is offered again with more behind it.
std::vector<Message> read_in_pieces(std::string_view bytes, std::size_t piece,
                                    const ServerLimits& limits) {
  std::vector<Message> messages;
  std::string buffer;
  Message message;
  std::optional<H1Parser> parser;
  parser.emplace(limits, message.head, message.body);
  while (!bytes.empty()) {
    buffer += bytes.substr(0, piece);
    bytes.remove_prefix(std::min(piece, bytes.size()));
    while (!buffer.empty()) {
      const auto taken = parser->feed(buffer);
      if (taken > buffer.size()) std::abort();
      buffer.erase(0, taken);
      if (parser->refusal()) {
        const int status = parser->refusal()->status;
        if (status < 400 || status > 599 || parser->refusal()->message.empty()) std::abort();
        return messages;
      }
      if (parser->is_done()) {
        messages.push_back(std::move(message));
        message = {};
        parser.emplace(limits, message.head, message.body);
      } else if (taken == 0) {
        break;
      }
    }
  }
  return messages;
}

void check(const Message& message, const ServerLimits& limits) {
  const auto& head = message.head;
  if (!is_token(head.method) || !is_header_value(head.target)) std::abort();
  if (head.target.empty() || head.target.find(' ') != std::string::npos) std::abort();
  if (head.target.front() != '/' && head.target != "*") std::abort();
  if (head.headers.size() > limits.header_count || message.body.size() > limits.body_bytes)
    std::abort();
  std::size_t hosts = 0;
  for (const auto& [name, value] : head.headers.all()) {
    if (!is_token(name) || !is_header_value(value)) std::abort();
    if (name == "host") ++hosts;
  }
  if (hosts > 1 || (head.version >= 11 && hosts == 0)) std::abort();
  // Where a body ends is said once, or a proxy before us may read it otherwise.
  const auto length = head.headers.find("content-length");
  const bool chunked = head.headers.has("transfer-encoding");
  if (length && chunked) std::abort();
  if (!length && !chunked && !message.body.empty()) std::abort();
  if (length) {
    std::size_t bytes = 0;
    auto [end, error] = std::from_chars(length->data(), length->data() + length->size(), bytes);
    if (error != std::errc() || end != length->data() + length->size()) std::abort();
    if (bytes != message.body.size()) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  ServerLimits limits;
  limits.header_bytes = 1'000;
  limits.header_count = 16;
  limits.body_bytes = 500;
  const auto whole = read_in_pieces(bytes, std::max<std::size_t>(bytes.size(), 1), limits);
  const auto pieces = read_in_pieces(bytes, 1 + data[0] % 64, limits);
  for (const auto& message : whole) check(message, limits);
  // What is wrong with a head that has not ended may be seen earlier in one reading than in the
  // other; which messages there are may not.
  if (whole.size() != pieces.size()) std::abort();
  for (std::size_t i = 0; i < whole.size(); ++i) {
    const auto &a = whole[i], &b = pieces[i];
    if (a.head.method != b.head.method || a.head.target != b.head.target ||
        a.head.authority != b.head.authority || a.head.headers.all() != b.head.headers.all() ||
        a.body != b.body)
      std::abort();
  }
  return 0;
}
