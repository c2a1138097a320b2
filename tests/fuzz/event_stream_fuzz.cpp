// Whatever the bytes and wherever they are cut: no message but a valid one comes out, what comes
// out encodes to what went in, and two halves give what the whole gives.
#include "wire/event_stream.h"

#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace outcrop::wire;
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  EventStreamLimits limits{.headers_bytes = 4'096, .payload_bytes = 65'536};
  EventStreamDecoder whole(limits), halves(limits);
  auto messages = whole.feed(bytes);
  auto first = halves.feed(bytes.substr(0, size / 2));
  auto second = halves.feed(bytes.substr(size / 2));
  if (messages.has_value() != (first.has_value() && second.has_value())) std::abort();
  if (!messages) return 0;
  if (messages->size() != first->size() + second->size()) std::abort();
  std::string again;
  for (const auto& message : *messages) {
    auto encoded = encode(message);
    // A string of 32,768 to 65,535 bytes can be read but is not written.
    if (!encoded) return 0;
    again += *encoded;
  }
  if (bytes.substr(0, again.size()) != again) std::abort();
  return 0;
}
