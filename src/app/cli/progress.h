#pragma once
/// What a command waits for: a bar with rate and time left on a terminal, a line every ten seconds
/// in a pipe, nothing under --json. Always on standard error.

#include "app/cli/console.h"
#include "base/time.h"

#include <cstdint>
#include <string>

namespace outcrop::cli {

enum class Unit { bytes, items };

struct ProgressState {
  std::string label;
  std::int64_t done = 0;
  std::int64_t total = 0;  // 0: not known
  std::int64_t from = 0;   // done before this run began; does not count for the rate
  double seconds = 0;      // since this run began
  Unit unit = Unit::bytes;
};
/// One line without its end, at most `width` columns.
std::string progress_line(const ProgressState& state, std::size_t width, bool bar);

class Progress {
 public:
  Progress(const Console& console, std::string label, std::int64_t total, Unit unit,
           std::int64_t from = 0);
  /// Draws at most ten times a second.
  void at(std::int64_t done);
  void total(std::int64_t total) { state_.total = total; }
  /// The last state stays on the screen; `note` is appended.
  void finish(const std::string& note = {});
  ~Progress() { finish(); }

 private:
  void draw(bool last, const std::string& note);
  const Console& console_;
  ProgressState state_;
  Instant begun_ = now();
  Instant drawn_{};
  bool finished_ = false;
};

}  // namespace outcrop::cli
