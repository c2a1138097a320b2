#include "engine/worker/wordpiece.h"

#include "engine/support.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

namespace outcrop::engine {
namespace {

WordPieceFile small_vocabulary() {
  WordPieceFile file;
  file.tokens = {"[UNK]", "[CLS]", "[SEP]",         "\xE2\x96\x81un",          "\xE2\x96\x81unaff",
                 "able",  "aff",   "\xE2\x96\x81.", "\xE2\x96\x81\xE4\xB8\xAD"};
  file.special = {true, true, true, false, false, false, false, false, false};
  file.unknown = 0;
  file.cls = 1;
  file.sep = 2;
  return file;
}

TEST(WordPieceTokens, TakeTheLongestPieceFirst) {
  const WordPiece pieces(small_vocabulary());
  EXPECT_EQ(pieces.tokenize("UNaffable."), (std::vector<std::int32_t>{4, 5, 7}));
  EXPECT_EQ(pieces.tokenize("unable\tun\xE4\xB8\xAD"), (std::vector<std::int32_t>{3, 5, 3, 8}));
}

TEST(WordPieceTokens, OneMissingPieceMakesTheWordUnknown) {
  const WordPiece pieces(small_vocabulary());
  EXPECT_EQ(pieces.tokenize("unx . able"), (std::vector<std::int32_t>{0, 7, 0}));
}

TEST(WordPieceTokens, SpecialTokensInTheTextAreText) {
  const WordPiece pieces(small_vocabulary());
  for (const auto id : pieces.tokenize("[CLS] un [SEP]")) EXPECT_TRUE(id != 1 && id != 2);
}

TEST(WordPieceTokens, AreThoseOfTheOriginalTokenizer) {
  const auto model = testing::embed_model();
  NEEDS_MODEL(model);
  const auto vocabulary = read_wordpiece(model);
  ASSERT_TRUE(vocabulary) << vocabulary.error().message;
  const WordPiece pieces(*vocabulary);
  std::ifstream stream(OUTCROP_TEST_DATA "/engine/wordpiece.json");
  std::stringstream text;
  text << stream.rdbuf();
  const auto list = json::read(text.str());
  ASSERT_TRUE(list);
  ASSERT_GE(list->get_array().size(), 30U);
  for (const auto& item : list->get_array()) {
    const auto source = json::find_string(item.get_object(), "text").value();
    std::vector<std::int32_t> expected;
    for (const auto& id : json::find(item, "ids")->get_array())
      expected.push_back(static_cast<std::int32_t>(json::as_int(id).value()));
    EXPECT_EQ(pieces.tokenize(source), expected) << source;
  }
}

}  // namespace
}  // namespace outcrop::engine
