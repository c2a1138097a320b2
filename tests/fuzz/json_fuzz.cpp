// JSON of any bytes: what is read is written so that it reads back the same, in both forms, and the
// same bytes stand under the same pointers.
#include "json/json.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>

using namespace outcrop;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto shallow = json::read(text, {.depth = 8});
  const auto document = json::read(text);
  if (shallow && !document) std::abort();
  if (!document) {
    if (document.error().message.empty()) std::abort();
    return 0;
  }
  const auto written = json::write(*document);
  const auto again = json::read(written);
  if (!again || *again != *document || json::write(*again) != written) std::abort();
  const auto pretty = json::read(json::write_pretty(*document));
  if (!pretty || *pretty != *document) std::abort();
  if (auto whole = json::at_pointer(*document, ""); !whole || *whole != &*document) std::abort();
  if (const auto* string = document->if_string())
    static_cast<void>(json::at_pointer(*again, json::view(*string)));
  if (const auto* object = document->if_object()) {
    for (const auto& member : *object) {
      const std::string_view key(member.key().data(), member.key().size());
      if (json::find(*object, key) != &member.value()) std::abort();
      static_cast<void>(json::at_pointer(*document, key));
      static_cast<void>(json::find_int(*object, key));
    }
  }
  return 0;
}
