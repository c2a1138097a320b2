#include "base/ids.h"

#include "base/text.h"

#include <cstring>
#include <stdexcept>
#include <sys/random.h>

namespace outcrop {
namespace {

/// A system call costs more than the bytes it brings: take 4 KiB at a time.
struct Pool {
  char bytes[4096];
  std::size_t used = sizeof bytes;
  void take(char* out, std::size_t count) {
    while (count > 0) {
      if (used == sizeof bytes) {
        for (std::size_t got = 0; got < sizeof bytes;) {
          auto n = getrandom(bytes + got, sizeof bytes - got, 0);
          if (n < 0) throw std::runtime_error("getrandom failed");
          got += static_cast<std::size_t>(n);
        }
        used = 0;
      }
      std::size_t step = std::min(count, sizeof bytes - used);
      std::memcpy(out, bytes + used, step);
      std::memset(bytes + used, 0, step);  // never handed out twice
      used += step, out += step, count -= step;
    }
  }
};
thread_local Pool pool;

}  // namespace

std::string random_bytes(std::size_t count) {
  std::string out(count, '\0');
  pool.take(out.data(), count);
  return out;
}

std::string uuid4() {
  std::string bytes = random_bytes(16);
  bytes[6] = static_cast<char>((bytes[6] & 0x0F) | 0x40);
  bytes[8] = static_cast<char>((bytes[8] & 0x3F) | 0x80);
  std::string text = hex(bytes);
  for (std::size_t at : {8u, 13u, 18u, 23u}) text.insert(at, 1, '-');
  return text;
}

std::string random_text(std::size_t count, std::string_view alphabet) {
  std::string out;
  // Bytes past the last whole multiple of the alphabet are drawn again, so that none is favoured.
  std::size_t limit = 256 / alphabet.size() * alphabet.size();
  while (out.size() < count) {
    char c = 0;
    pool.take(&c, 1);
    auto value = static_cast<unsigned char>(c);
    if (value < limit) out += alphabet[value % alphabet.size()];
  }
  return out;
}

std::string resource_id() { return random_text(12, "abcdefghijklmnopqrstuvwxyz0123456789"); }
std::string tool_use_id() { return "tooluse_" + base64url(random_bytes(16)).substr(0, 22); }

}  // namespace outcrop
