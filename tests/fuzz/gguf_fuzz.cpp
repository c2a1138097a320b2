// The GGUF header reader on arbitrary bytes, with limits small enough that a claim cannot cost
// much.
#include "models/catalogue/gguf.h"

#include <cstddef>
#include <cstdint>
#include <sstream>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::istringstream in(std::string(reinterpret_cast<const char*>(data), size));
  outcrop::models::GgufLimits limits;
  limits.header_bytes = 1 << 20;
  limits.string_bytes = 1 << 16;
  limits.array_items = 1 << 16;
  (void)outcrop::models::read_gguf(in, limits);
  return 0;
}
