#pragma once
/// "Did you mean": the candidate that a mistyped word is nearest to.

#include <string>
#include <string_view>
#include <vector>

namespace outcrop::cli {

/// Inserted, dropped, changed and swapped neighbouring characters between the two, ASCII case
/// ignored.
std::size_t edit_distance(std::string_view a, std::string_view b);

/// Empty when none is near: more than a third of the word (at least 1, at most 4 edits) would have
/// to change. The first of equally near ones wins.
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace outcrop::cli
