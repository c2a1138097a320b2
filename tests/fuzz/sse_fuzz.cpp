// Server-sent events of any bytes, whole and in pieces: both readings agree, and each event that
// comes out reads back as it was after it is written. The first byte chooses the pieces.
#include "wire/sse.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

using namespace outcrop::wire;

namespace {

bool same(const SseEvent& a, const SseEvent& b) {
  return a.event == b.event && a.data == b.data && a.id == b.id;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  constexpr std::size_t limit = 400;
  SseDecoder whole(limit), pieces(limit);
  const auto events = whole.feed(bytes);
  std::vector<SseEvent> gathered;
  bool failed = false;
  const std::size_t piece = 1 + data[0] % 32;
  for (std::size_t at = 0; at < bytes.size() && !failed; at += piece) {
    auto more = pieces.feed(bytes.substr(at, piece));
    failed = !more;
    if (more) gathered.insert(gathered.end(), more->begin(), more->end());
  }
  if (failed != !events) std::abort();
  if (failed && (whole.feed("\n\n") || pieces.feed("\n\n"))) std::abort();
  if (!events) return 0;
  if (events->size() != gathered.size()) std::abort();
  for (std::size_t i = 0; i < gathered.size(); ++i) {
    const auto& event = gathered[i];
    if (!same(event, (*events)[i])) std::abort();
    if (event.data.size() + event.event.size() + event.id.size() > limit) std::abort();
    SseDecoder alone;
    auto back = alone.feed(encode_sse(event));
    if (!back || back->size() != 1 || !same(back->front(), event)) std::abort();
  }
  return 0;
}
