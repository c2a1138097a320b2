#include "app/cli/progress.h"

#include <fmt/format.h>

#include <algorithm>

namespace outcrop::cli {
namespace {

constexpr std::size_t bar_columns = 15;

std::string amount(Unit unit, double value) {
  return unit == Unit::bytes ? bytes_text(value) : grouped(static_cast<std::int64_t>(value));
}

std::string rate_text(Unit unit, double rate) {
  if (unit == Unit::bytes) return bytes_text(rate) + "/s";
  return rate < 10 ? fmt::format("{:.1f}/s", rate) : fmt::format("{:.0f}/s", rate);
}

}  // namespace

std::string progress_line(const ProgressState& state, std::size_t width, bool bar) {
  std::string out = "  " + state.label;
  double share =
      state.total > 0
          ? std::clamp(static_cast<double>(state.done) / static_cast<double>(state.total), 0.0, 1.0)
          : 0;
  if (bar && state.total > 0) {
    auto full = static_cast<std::size_t>(share * bar_columns);
    out += "  ";
    for (std::size_t i = 0; i < bar_columns; ++i) out += i < full ? "█" : "░";
  }
  out += "  " + amount(state.unit, static_cast<double>(state.done));
  if (state.total > 0) out += " of " + amount(state.unit, static_cast<double>(state.total));
  double rate =
      state.seconds > 0 ? static_cast<double>(state.done - state.from) / state.seconds : 0;
  bool complete = state.total > 0 && state.done >= state.total;
  if (rate > 0 && !complete) {
    out += "  " + rate_text(state.unit, rate);
    if (state.total > 0)
      out += "  " + time_text(static_cast<double>(state.total - state.done) / rate) + " left";
  } else if (complete) {
    out += "  " + time_text(state.seconds);
    if (rate > 0) out += "  " + rate_text(state.unit, rate);
  }
  return fitted(out, width);
}

Progress::Progress(const Console& console, std::string label, std::int64_t total, Unit unit,
                   std::int64_t from)
    : console_(console),
      state_{.label = std::move(label), .done = from, .total = total, .from = from, .unit = unit} {}

void Progress::at(std::int64_t done) {
  state_.done = done;
  auto every = console_.err_terminal ? Millis(100) : Millis(10'000);
  Instant time = now();
  if (drawn_ == Instant{} && !console_.err_terminal)
    drawn_ = begun_;  // a pipe hears only of long waits
  if (time - drawn_ < every) return;
  drawn_ = time;
  draw(false, {});
}

void Progress::finish(const std::string& note) {
  if (std::exchange(finished_, true)) return;
  draw(true, note);
}

void Progress::draw(bool last, const std::string& note) {
  if (console_.json) return;
  state_.seconds = std::chrono::duration<double>(now() - begun_).count();
  std::string line =
      progress_line(state_, static_cast<std::size_t>(console_.width) - 1, console_.err_terminal);
  if (!note.empty()) line += "  " + note;
  if (console_.err_terminal) {
    console_.error("\r" + fitted(line, static_cast<std::size_t>(console_.width) - 1) + "\x1b[K" +
                   (last ? "\n" : ""));
  } else {
    console_.error(line + "\n");
  }
}

}  // namespace outcrop::cli
