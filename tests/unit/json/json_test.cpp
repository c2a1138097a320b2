#include "json/json.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>

namespace outcrop::json {
namespace {

TEST(Json, DoublesReadAndWriteExactly) {
  std::mt19937_64 random(7);
  for (int i = 0; i < 100'000; ++i) {
    std::uint64_t bits = random();
    double number;
    std::memcpy(&number, &bits, sizeof number);
    if (!std::isfinite(number)) continue;
    std::string text = write(Value(number));
    auto back = read(text);
    ASSERT_TRUE(back) << text;
    ASSERT_TRUE(back->is_double()) << text;
    ASSERT_EQ(std::memcmp(&back->get_double(), &number, sizeof number), 0) << text;
  }
}

TEST(Json, NumbersKeepTheirKind) {
  for (auto text : {"0", "-1", "9223372036854775807", "-9223372036854775808",
                    "18446744073709551615", "1.0", "0.1", "12.5", "-0.0", "1e+300", "100000.5"}) {
    EXPECT_EQ(write(*read(text)), text);
  }
  EXPECT_EQ(write(*read("1E2")), "100.0");
  EXPECT_FALSE(read("1e999"));
}

TEST(Json, RefusesWhatItShould) {
  EXPECT_FALSE(read(""));
  EXPECT_FALSE(read("{\"a\":1} x"));
  EXPECT_TRUE(read("{\"a\":1} \n"));
  EXPECT_FALSE(read("\"\xFF\""));
  EXPECT_FALSE(read("[1,]"));
  EXPECT_FALSE(read(std::string(65, '[') + std::string(65, ']')));
  EXPECT_TRUE(read(std::string(64, '[') + std::string(64, ']')));
  EXPECT_EQ(read("nul").error().code, Code::serialization);
}

TEST(Json, TheLastOfDuplicateKeysWins) {
  EXPECT_EQ(write(*read(R"({"a":1,"a":2})")), R"({"a":2})");
}

TEST(Json, StringsEscapeAndReadBack) {
  std::string text = "quote\" back\\ nl\n tab\t nul";
  text += '\0';
  text += "\xE2\x82\xAC";
  EXPECT_EQ(view(read(write(Value(text)))->get_string()), text);
}

TEST(Json, Pointers) {
  auto document = *read(R"({"a":{"b/c":[1,{"~":2}]},"":3})");
  EXPECT_EQ(write(**at_pointer(document, "/a/b~1c/0")), "1");
  EXPECT_EQ(write(**at_pointer(document, "/a/b~1c/1/~0")), "2");
  EXPECT_EQ(write(**at_pointer(document, "/")), "3");
  EXPECT_EQ(*at_pointer(document, "/a/x/y"), nullptr);
  EXPECT_EQ(*at_pointer(document, "/a/b~1c/00"), nullptr);
  EXPECT_FALSE(at_pointer(document, "a"));
  EXPECT_FALSE(at_pointer(document, "/x/~2"));
}

}  // namespace
}  // namespace outcrop::json
