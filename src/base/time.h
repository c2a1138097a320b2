#pragma once
/// Wall time in UTC, the formats AWS writes it in, and deadlines.

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace outcrop {

using WallTime = std::chrono::sys_time<std::chrono::microseconds>;
using Instant = std::chrono::steady_clock::time_point;
using Millis = std::chrono::milliseconds;

WallTime wall_now();
inline Instant now() { return std::chrono::steady_clock::now(); }

/// 2026-11-24T21:58:10.123Z (milliseconds, always three digits).
std::string iso8601(WallTime time);
/// 20261124T215810Z, the form SigV4 uses.
std::string basic_iso8601(WallTime time);
/// Tue, 24 Nov 2026 21:58:10 GMT (RFC 9110 IMF-fixdate).
std::string http_date(WallTime time);

/// Any RFC 3339 date-time: fraction optional, Z or a numeric offset.
std::optional<WallTime> parse_iso8601(std::string_view text);
std::optional<WallTime> parse_basic_iso8601(std::string_view text);
std::optional<WallTime> parse_http_date(std::string_view text);

/// Only ever shortened on its way down.
class Deadline {
 public:
  Deadline() : at_(Instant::max()) {}
  explicit Deadline(Instant at) : at_(at) {}
  static Deadline in(std::chrono::nanoseconds duration) {
    return Deadline(now() + std::chrono::duration_cast<Instant::duration>(duration));
  }
  Deadline shortened_to(std::chrono::nanoseconds duration) const {
    return Deadline(std::min(at_, Deadline::in(duration).at_));
  }
  bool passed() const { return at_ != Instant::max() && now() >= at_; }
  bool never() const { return at_ == Instant::max(); }
  Instant at() const { return at_; }

 private:
  Instant at_;
};

}  // namespace outcrop
