#include "identity/derived_keys.h"

#include <gtest/gtest.h>

namespace outcrop::identity {
namespace {

TEST(DerivedKeys, DerivesOnceAndForgetsWhatWasUnusedForLongest) {
  DerivedKeys keys(2);
  int derived = 0;
  auto get = [&](const std::string& name) {
    return keys.get(name, [&] {
      ++derived;
      return "key of " + name;
    });
  };
  EXPECT_EQ(get("a"), "key of a");
  EXPECT_EQ(get("b"), "key of b");
  EXPECT_EQ(get("a"), "key of a");
  EXPECT_EQ(derived, 2);
  get("c");  // b goes
  EXPECT_EQ(keys.size(), 2u);
  get("a");
  EXPECT_EQ(derived, 3);
  EXPECT_EQ(get("b"), "key of b");
  EXPECT_EQ(derived, 4);
}

TEST(DerivedKeys, NoneAreKeptWhenTheLimitIsZero) {
  DerivedKeys keys(0);
  EXPECT_EQ(keys.get("a", [] { return std::string("k"); }), "k");
  EXPECT_EQ(keys.size(), 0u);
}

}  // namespace
}  // namespace outcrop::identity
