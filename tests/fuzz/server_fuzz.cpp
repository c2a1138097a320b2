// A connection of the server that is sent anything: it always comes to an end, handlers included,
// and what it answered in HTTP/1.1 begins with a status line. The first byte chooses the pieces.
#include "served_connection.h"

#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto answer = outcrop::wire::fuzz::serve(bytes, data[0] & 1 ? 1 + data[0] : size);
  if (!answer.empty() && !bytes.starts_with("PRI ") && !answer.starts_with("HTTP/1.1 "))
    std::abort();
  return 0;
}
