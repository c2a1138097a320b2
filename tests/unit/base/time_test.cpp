#include "base/time.h"

#include <gtest/gtest.h>

namespace outcrop {
namespace {

TEST(Time, FormatsAndReadsBack) {
  auto time = WallTime(std::chrono::microseconds(1704164645678000));  // 2024-01-02T03:04:05.678Z
  EXPECT_EQ(iso8601(time), "2024-01-02T03:04:05.678Z");
  EXPECT_EQ(basic_iso8601(time), "20240102T030405Z");
  EXPECT_EQ(http_date(time), "Tue, 02 Jan 2024 03:04:05 GMT");
  EXPECT_EQ(parse_iso8601("2024-01-02T03:04:05.678000Z"), time);
  EXPECT_EQ(parse_iso8601("2024-01-02T05:04:05.678+02:00"), time);
  EXPECT_EQ(parse_basic_iso8601("20240102T030405Z"), time - std::chrono::milliseconds(678));
  EXPECT_EQ(parse_http_date("Tue, 02 Jan 2024 03:04:05 GMT"),
            time - std::chrono::milliseconds(678));
}

TEST(Time, RefusesWhatIsNoTime) {
  for (auto text : {"", "2024-01-02", "2024-13-02T03:04:05Z", "2024-01-02T24:04:05Z",
                    "2024-01-02T03:04:05", "2024-01-02T03:04:05.Z", "2024-02-30T03:04:05Z",
                    "2024-01-02T03:04:05Zx", "-024-01-02T03:04:05Z"}) {
    EXPECT_EQ(parse_iso8601(text), std::nullopt) << text;
  }
  EXPECT_EQ(parse_basic_iso8601("20240102T03040Z"), std::nullopt);
  EXPECT_EQ(parse_http_date("02 Jan 2024 03:04:05 GMT"), std::nullopt);
}

}  // namespace
}  // namespace outcrop
