#pragma once
/// Between the model's bytes and the reader: lets through whole UTF-8 characters, and nothing that
/// may yet turn out to be the beginning of a stop sequence.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace outcrop::engine {

class TextGate {
 public:
  explicit TextGate(std::vector<std::string> stops) : stops_(std::move(stops)) {}

  /// Text that can be shown. After a stop sequence was seen, nothing more comes.
  std::string feed(std::string_view bytes);
  /// What was held back, at the end of generation. A character that never became whole is left out.
  std::string flush();
  /// The stop sequence that was met.
  const std::optional<std::string>& hit() const { return hit_; }

 private:
  std::vector<std::string> stops_;
  std::string held_;
  std::optional<std::string> hit_;
};

/// Bytes that are not UTF-8 become U+FFFD, one for each.
std::string with_valid_utf8(std::string_view bytes);

}  // namespace outcrop::engine
