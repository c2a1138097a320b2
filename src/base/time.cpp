#include "base/time.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdint>

namespace outcrop {
namespace {

using namespace std::chrono;

struct Broken {
  year_month_day date;
  hh_mm_ss<microseconds> time;
};

Broken break_down(WallTime time) {
  auto day = floor<days>(time);
  return {year_month_day(day), hh_mm_ss<microseconds>(time - day)};
}

constexpr const char* weekday_names[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr const char* month_names[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

/// Reads digits and literals from the left; `ok` turns false at the first surprise.
struct Reader {
  std::string_view rest;
  bool ok = true;
  int digits(std::size_t count) {
    int value = 0;
    if (rest.size() < count) return ok = false, 0;
    auto [end, error] = std::from_chars(rest.data(), rest.data() + count, value);
    if (error != std::errc{} || end != rest.data() + count || rest[0] == '-') ok = false;
    rest.remove_prefix(count);
    return value;
  }
  void literal(char wanted) {
    if (rest.empty() || rest[0] != wanted) {
      ok = false;
    } else {
      rest.remove_prefix(1);
    }
  }
};

std::optional<WallTime> assemble(int y, int mo, int d, int h, int mi, int s,
                                 microseconds fraction) {
  year_month_day date{year(y), month(static_cast<unsigned>(mo)), day(static_cast<unsigned>(d))};
  if (!date.ok() || h > 23 || mi > 59 || s > 60) return std::nullopt;
  return WallTime(sys_days(date) + hours(h) + minutes(mi) + seconds(s) + fraction);
}

}  // namespace

WallTime wall_now() { return floor<microseconds>(system_clock::now()); }

std::string iso8601(WallTime time) {
  auto [date, clock] = break_down(time);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count(),
                     clock.subseconds().count() / 1000);
}

std::string basic_iso8601(WallTime time) {
  auto [date, clock] = break_down(time);
  return fmt::format("{:04}{:02}{:02}T{:02}{:02}{:02}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count());
}

std::string http_date(WallTime time) {
  auto [date, clock] = break_down(time);
  auto weekday_index = weekday(floor<days>(time)).c_encoding();
  return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT", weekday_names[weekday_index],
                     static_cast<unsigned>(date.day()),
                     month_names[static_cast<unsigned>(date.month()) - 1],
                     static_cast<int>(date.year()), clock.hours().count(), clock.minutes().count(),
                     clock.seconds().count());
}

std::optional<WallTime> parse_iso8601(std::string_view text) {
  Reader in{text};
  int y = in.digits(4);
  in.literal('-');
  int mo = in.digits(2);
  in.literal('-');
  int d = in.digits(2);
  if (!in.ok || in.rest.empty() || (in.rest[0] != 'T' && in.rest[0] != 't' && in.rest[0] != ' '))
    return std::nullopt;
  in.rest.remove_prefix(1);
  int h = in.digits(2);
  in.literal(':');
  int mi = in.digits(2);
  in.literal(':');
  int s = in.digits(2);
  microseconds fraction{0};
  if (in.ok && !in.rest.empty() && in.rest[0] == '.') {
    in.rest.remove_prefix(1);
    std::int64_t micros = 0;
    int places = 0;
    for (; !in.rest.empty() && in.rest[0] >= '0' && in.rest[0] <= '9';
         in.rest.remove_prefix(1), ++places) {
      if (places < 6) micros = micros * 10 + (in.rest[0] - '0');
    }
    if (places == 0) return std::nullopt;
    for (; places < 6; ++places) micros *= 10;
    fraction = microseconds(micros);
  }
  minutes offset{0};
  if (in.rest == "Z" || in.rest == "z") {
    in.rest = {};
  } else if (in.ok && !in.rest.empty() && (in.rest[0] == '+' || in.rest[0] == '-')) {
    int sign = in.rest[0] == '-' ? -1 : 1;
    in.rest.remove_prefix(1);
    int oh = in.digits(2);
    in.literal(':');
    int om = in.digits(2);
    if (oh > 23 || om > 59) return std::nullopt;
    offset = minutes(sign * (oh * 60 + om));
  } else {
    return std::nullopt;
  }
  if (!in.ok || !in.rest.empty()) return std::nullopt;
  auto time = assemble(y, mo, d, h, mi, s, fraction);
  if (time) *time -= offset;
  return time;
}

std::optional<WallTime> parse_basic_iso8601(std::string_view text) {
  Reader in{text};
  int y = in.digits(4), mo = in.digits(2), d = in.digits(2);
  in.literal('T');
  int h = in.digits(2), mi = in.digits(2), s = in.digits(2);
  in.literal('Z');
  if (!in.ok || !in.rest.empty()) return std::nullopt;
  return assemble(y, mo, d, h, mi, s, microseconds(0));
}

std::optional<WallTime> parse_http_date(std::string_view text) {
  auto comma = text.find(", ");
  if (comma == std::string_view::npos) return std::nullopt;
  Reader in{text.substr(comma + 2)};
  int d = in.digits(2);
  in.literal(' ');
  int mo = 0;
  for (int i = 0; i < 12; ++i) {
    if (in.rest.starts_with(month_names[i])) mo = i + 1;
  }
  if (mo == 0) return std::nullopt;
  in.rest.remove_prefix(3);
  in.literal(' ');
  int y = in.digits(4);
  in.literal(' ');
  int h = in.digits(2);
  in.literal(':');
  int mi = in.digits(2);
  in.literal(':');
  int s = in.digits(2);
  if (!in.ok || in.rest != " GMT") return std::nullopt;
  return assemble(y, mo, d, h, mi, s, microseconds(0));
}

}  // namespace outcrop
