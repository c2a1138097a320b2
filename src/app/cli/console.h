#pragma once
/// Where a command's words go. Results on standard output, everything else on standard error;
/// colour only on a terminal and without NO_COLOR.

#include "json/json.h"

#include <cstdio>
#include <string>
#include <string_view>

namespace outcrop::cli {

enum class Style { plain, bold, dim, green, yellow, red };

struct Console {
  std::FILE* out = stdout;
  std::FILE* err = stderr;
  std::FILE* in = stdin;
  bool out_terminal = false;
  bool err_terminal = false;
  bool in_terminal = false;
  bool colour = true;  // NO_COLOR and TERM=dumb take it away
  int width = 100;     // of the terminal, at most 100
  bool json = false;   // --json

  /// The process's own, asked for its terminals.
  static Console of_process();

  void print(std::string_view text) const;
  void error(std::string_view text) const;
  /// One document, on a line of its own (indented on a terminal).
  void document(const json::Value& value) const;
  std::string paint(Style style, std::string_view text) const;
  std::string paint_error(Style style, std::string_view text) const;
};

/// Columns that a text takes: its code points, East Asian wide ones and emoji counted twice, colour
/// sequences not at all.
std::size_t columns(std::string_view text);
/// At most `width` columns; "…" where something was left out.
std::string fitted(std::string_view text, std::size_t width);
/// Control characters become visible, so that text from elsewhere cannot steer the terminal.
std::string printable(std::string_view text);

/// 168 MB, 2.6 GB: decimal, three digits at most.
std::string bytes_text(double bytes);
/// "3 s", "2 min 10 s", "1 h 20 min".
std::string time_text(double seconds);
/// 1204 -> "1,204".
std::string grouped(std::int64_t number);

}  // namespace outcrop::cli
