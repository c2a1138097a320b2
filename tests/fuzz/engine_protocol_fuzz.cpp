/// Bytes from an engine (or from whoever sits at the other end of its socket) in any cutting.
#include "engine/chat.h"
#include "engine/protocol.h"

#include <cstddef>
#include <cstdint>

using namespace outcrop;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const std::size_t piece = data[0] + std::size_t{1};
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  engine::FrameReader reader(1 << 16);
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    reader.feed(bytes.substr(at, piece));
    while (true) {
      auto frame = reader.next();
      if (!frame) return 0;
      if (!*frame) break;
      auto& f = **frame;
      if (!engine::encode(f)) __builtin_trap();
      (void)engine::decode_error(f.payload);
      (void)engine::decode_embeddings(f.payload);
      if (auto events = engine::decode_events(f.payload)) {
        if (!engine::decode_events(engine::encode_events(*events))) __builtin_trap();
      }
      if (auto value = json::read(f.payload)) {
        (void)engine::Description::from_json(*value);
        (void)engine::Done::from_json(*value);
        (void)engine::Embed::from_json(*value);
        if (auto chat = engine::Chat::from_json(*value)) {
          if (!engine::Chat::from_json(chat->to_json())) __builtin_trap();
        }
      }
    }
  }
  return 0;
}
