// The client's reading of an upstream's answer, whole and in pieces: both agree, in what they take
// and in how they fail. The first byte chooses the request's method and the pieces.
#include "wire/client_parser.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>

using namespace outcrop;
using namespace outcrop::wire;

namespace {

constexpr std::size_t header_bytes = 1'000;

struct Reading {
  std::optional<Code> error;
  std::string body;
  std::size_t used = 0;
  bool head_done = false, done = false, keeps = false;
  ResponseHead head;
};

Reading read_in_pieces(std::string_view method, std::string_view bytes, std::size_t piece) {
  Reading reading;
  ResponseParser parser(method, header_bytes);
  while (!bytes.empty() && !parser.done() && !reading.error) {
    auto part = bytes.substr(0, piece);
    bytes.remove_prefix(part.size());
    while (!part.empty() && !parser.done()) {
      auto used = parser.feed(part, reading.body);
      if (!used) {
        reading.error = used.error().code;
        if (parser.feed("x", reading.body)) std::abort();  // a failed parser stays so
        break;
      }
      if (*used == 0 || *used > part.size()) std::abort();
      reading.used += *used;
      part.remove_prefix(*used);
    }
  }
  if (!reading.error && !parser.done()) {
    if (auto ended = parser.end_of_input(); !ended) reading.error = ended.error().code;
  }
  reading.head_done = parser.head_done();
  reading.done = parser.done();
  reading.keeps = parser.keeps_connection();
  if (reading.head_done) reading.head = parser.head();
  return reading;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::string_view method = data[0] & 0x80 ? "HEAD" : "GET";
  const auto whole = read_in_pieces(method, bytes, std::max<std::size_t>(bytes.size(), 1));
  const auto pieces = read_in_pieces(method, bytes, 1 + data[0] % 64);
  if (whole.error != pieces.error || whole.done != pieces.done || whole.body != pieces.body ||
      whole.head_done != pieces.head_done)
    std::abort();
  if (whole.error && *whole.error != Code::corrupt && *whole.error != Code::too_large) std::abort();
  if (!whole.head_done) return 0;
  if (whole.head.status != pieces.head.status ||
      whole.head.headers.all() != pieces.head.headers.all() || whole.keeps != pieces.keeps)
    std::abort();
  if (whole.head.status < 200 || whole.head.status > 599) std::abort();
  if (whole.done && whole.used != pieces.used) std::abort();
  if (method == "HEAD" && !whole.body.empty()) std::abort();
  for (const auto& [name, value] : whole.head.headers.all()) {
    if (!is_token(name) || !is_header_value(value)) std::abort();
  }
  return 0;
}
