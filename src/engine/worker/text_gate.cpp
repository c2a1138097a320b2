#include "engine/worker/text_gate.h"

#include "base/text.h"

#include <algorithm>

namespace outcrop::engine {

std::string with_valid_utf8(std::string_view bytes) {
  if (is_utf8(bytes)) return std::string(bytes);
  std::string out;
  while (!bytes.empty()) {
    std::size_t length = 0;
    for (std::size_t n = 1; n <= std::min<std::size_t>(4, bytes.size()); ++n) {
      if (is_utf8(bytes.substr(0, n))) {
        length = n;
        break;
      }
    }
    if (length == 0) {
      out += "\xEF\xBF\xBD";
      length = 1;
    } else {
      out += bytes.substr(0, length);
    }
    bytes.remove_prefix(length);
  }
  return out;
}

std::string TextGate::feed(std::string_view bytes) {
  if (hit_) return {};
  held_ += bytes;
  std::size_t first = std::string::npos;
  for (const auto& stop : stops_) {
    const auto at = held_.find(stop);
    // The earliest ends the text; of two that begin together, the one listed first.
    if (at != std::string::npos && (first == std::string::npos || at < first)) {
      first = at;
      hit_ = stop;
    }
  }
  if (hit_) {
    std::string shown = with_valid_utf8(std::string_view(held_).substr(0, first));
    held_.clear();
    return shown;
  }
  std::size_t keep = 0;  // bytes at the end that some stop sequence may begin with
  for (const auto& stop : stops_) {
    for (std::size_t n = std::min(stop.size() - 1, held_.size()); n > keep; --n) {
      if (std::string_view(held_).ends_with(std::string_view(stop).substr(0, n))) {
        keep = n;
        break;
      }
    }
  }
  const std::size_t ready = whole_utf8(std::string_view(held_).substr(0, held_.size() - keep));
  std::string shown = with_valid_utf8(std::string_view(held_).substr(0, ready));
  held_.erase(0, ready);
  return shown;
}

std::string TextGate::flush() {
  held_.resize(whole_utf8(held_));  // the beginning of a character that never came
  std::string shown = with_valid_utf8(held_);
  held_.clear();
  return shown;
}

}  // namespace outcrop::engine
