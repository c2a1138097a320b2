#include "app/cli/table.h"

#include <algorithm>
#include <numeric>

namespace outcrop::cli {
namespace {

constexpr std::size_t gap = 2;
constexpr std::size_t narrowest = 6;  // of a column that gives way

}  // namespace

std::string Table::text(std::size_t width, bool bold_titles) const {
  std::vector<std::size_t> widths;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    std::size_t widest = columns(columns_[i].title);
    for (const auto& row : rows_) {
      if (i < row.size()) widest = std::max(widest, columns(row[i]));
    }
    widths.push_back(widest);
  }
  auto total = [&] {
    return std::accumulate(widths.begin(), widths.end(), gap * (widths.size() - 1));
  };
  // The widest of those that may give way loses a column at a time; then, if need be, any.
  for (bool any : {false, true}) {
    while (width > 0 && total() > width) {
      std::size_t widest = columns_.size();
      for (std::size_t i = 0; i < columns_.size(); ++i) {
        bool may = (any || columns_[i].shrink) && widths[i] > narrowest;
        if (may && (widest == columns_.size() || widths[i] > widths[widest])) widest = i;
      }
      if (widest == columns_.size()) break;
      --widths[widest];
    }
  }
  std::string out;
  auto line = [&](auto&& cell, bool bold) {
    std::string text;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      std::string content = fitted(cell(i), widths[i]);
      std::string pad(widths[i] - std::min(widths[i], columns(content)), ' ');
      if (bold && !content.empty()) content = "\x1b[1m" + content + "\x1b[0m";
      if (i > 0) text.append(gap, ' ');
      text += columns_[i].right ? pad + content : content + pad;
    }
    text.erase(text.find_last_not_of(' ') + 1);
    out += text + "\n";
  };
  line([&](std::size_t i) { return columns_[i].title; }, bold_titles);
  for (const auto& row : rows_) {
    line([&](std::size_t i) { return i < row.size() ? row[i] : std::string(); }, false);
  }
  return out;
}

void Table::print(const Console& console) const {
  bool terminal = console.out_terminal;
  console.print(
      text(terminal ? static_cast<std::size_t>(console.width) : 0, terminal && console.colour));
}

}  // namespace outcrop::cli
