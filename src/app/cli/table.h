#pragma once
/// Aligned columns. On a terminal the table fits its width (the columns marked `shrink` give way,
/// with "…"); in a pipe nothing is left out.

#include "app/cli/console.h"

#include <string>
#include <vector>

namespace outcrop::cli {

struct Column {
  std::string title;
  bool right = false;   // numbers
  bool shrink = false;  // gives way first
};

class Table {
 public:
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
  /// Missing cells are empty. Cells may carry colour.
  void row(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  bool empty() const { return rows_.empty(); }
  /// width 0: as wide as it is. Lines end without spaces.
  std::string text(std::size_t width, bool bold_titles = false) const;
  void print(const Console& console) const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace outcrop::cli
