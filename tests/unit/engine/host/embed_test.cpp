#include "base/async.h"
#include "engine/host/host.h"
#include "engine/support.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <sstream>

namespace outcrop::engine {
namespace {

using ::testing::HasSubstr;
namespace support = engine::testing;

Task<Result<EmbeddingsPayload>> embed(HostPtr host, Embed request) {
  CO_TRY(frame, co_await host->ask(FrameType::embed, request.to_json(), {}, {}));
  co_return decode_embeddings(frame.payload);
}

double cosine(const std::vector<float>& a, const std::vector<double>& b) {
  double dot = 0;
  double aa = 0;
  double bb = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    dot += a[i] * b[i];
    aa += static_cast<double>(a[i]) * a[i];
    bb += b[i] * b[i];
  }
  return dot / std::sqrt(aa * bb);
}

struct Reference {
  std::string text;
  std::int64_t tokens = 0;
  std::vector<double> vector;
};

// Computed in double precision from the original weights and tokenizer.
std::vector<Reference> references() {
  std::ifstream stream(OUTCROP_TEST_DATA "/engine/minilm_vectors.json");
  std::stringstream text;
  text << stream.rdbuf();
  std::vector<Reference> out;
  const auto list = json::read(text.str());
  for (const auto& item : list->get_array()) {
    Reference reference;
    reference.text = json::find_string(item.get_object(), "text").value();
    reference.tokens = json::find_int(item.get_object(), "tokens").value();
    for (const auto& value : json::find(item, "vector")->get_array())
      reference.vector.push_back(json::as_double(value).value());
    out.push_back(std::move(reference));
  }
  return out;
}

class EmbedTest : public ::testing::Test {
 protected:
  void SetUp() override {
    NEEDS_MODEL(support::embed_model());
    host = Host::make(loop, support::options_for(OUTCROP_ENGINE_PROGRAM, support::embed_model(),
                                                 {"--texts", "600"}));
  }
  void TearDown() override {
    if (host) loop.run(host->stop());
  }
  Result<EmbeddingsPayload> get(Embed request) {
    return support::run(loop, embed(host, std::move(request)));
  }
  Loop loop{1};
  HostPtr host;
};

TEST_F(EmbedTest, VectorsAreThoseOfTheOriginalModel) {
  const auto expected = references();
  Embed request;
  for (const auto& reference : expected) request.texts.push_back(reference.text);
  const auto all = get(request);
  ASSERT_TRUE(all) << all.error().message;
  ASSERT_EQ(all->vectors.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(all->tokens[i], expected[i].tokens) << expected[i].text;
    EXPECT_FALSE(all->truncated[i]);
    EXPECT_GT(cosine(all->vectors[i], expected[i].vector), 0.9998) << expected[i].text;
    double length = 0;
    for (const float value : all->vectors[i]) length += static_cast<double>(value) * value;
    EXPECT_NEAR(length, 1, 1e-5);
  }
}

TEST_F(EmbedTest, ATextsVectorDoesNotDependOnItsNeighbours) {
  Embed together;
  for (int i = 0; i < 100; ++i)
    together.texts.push_back("Sentence number " + std::to_string(i) + ".");
  const auto all = get(together);
  ASSERT_TRUE(all) << all.error().message;
  for (const std::size_t i : {0U, 57U, 99U}) {
    const auto alone = get(Embed{{}, {together.texts[i]}, Truncate::refuse});
    ASSERT_TRUE(alone);
    EXPECT_GT(cosine(all->vectors[i], {alone->vectors[0].begin(), alone->vectors[0].end()}),
              0.9999);
  }
}

TEST_F(EmbedTest, ATextTooLongIsRefusedWithBothCountsOrCutAsAsked) {
  std::string words;
  for (int i = 0; i < 600; ++i) words += "word" + std::string(i == 0 ? "first" : "") + " ";
  const auto refused = get(Embed{{}, {"short", words}, Truncate::refuse});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::validation);
  EXPECT_THAT(refused.error().message,
              HasSubstr("Text 1 is too long for requested model: 604 tokens, and at most 512"));
  const auto start = get(Embed{{}, {"short", words}, Truncate::start});
  const auto end = get(Embed{{}, {"short", words}, Truncate::end});
  ASSERT_TRUE(start && end);
  EXPECT_EQ(end->tokens, (std::vector<std::int64_t>{3, 512}));
  EXPECT_EQ(end->truncated, (std::vector<bool>{false, true}));
  EXPECT_NE(start->vectors[1], end->vectors[1]) << "the first word is only in one of them";
}

TEST_F(EmbedTest, AnEmptyTextHasAVectorOfItsOwn) {
  const auto empty = get(Embed{{}, {""}, Truncate::refuse});
  ASSERT_TRUE(empty);
  EXPECT_EQ(empty->tokens[0], 2);
}

TEST_F(EmbedTest, AnEmbeddingModelDoesNotChat) {
  Chat chat;
  chat.turns.push_back({false, {TextPart{"Hi"}}});
  const auto frame = support::run(loop, host->ask(FrameType::chat, chat.to_json(), {}, {}));
  ASSERT_FALSE(frame);
  EXPECT_EQ(frame.error().code, Code::validation);
  EXPECT_THAT(frame.error().message, HasSubstr("this one makes embeddings"));
}

TEST_F(EmbedTest, MoreTextsThanMayWaitAreThrottled) {
  ASSERT_TRUE(support::run(loop, host->start()));
  struct Many {
    static Task<void> go(HostPtr host, std::vector<Code>* codes, Channel<int> finished) {
      Embed request;
      for (int i = 0; i < 250; ++i) request.texts.push_back("text number " + std::to_string(i));
      auto result = co_await embed(host, std::move(request));
      codes->push_back(result ? Code::internal : result.error().code);
      co_await finished.push(1);
    }
    static Task<void> wait(Channel<int> finished) {
      for (int i = 0; i < 5; ++i) (void)co_await finished.pop();
    }
  };
  std::vector<Code> codes;
  Channel<int> finished(5);
  for (int i = 0; i < 5; ++i) loop.spawn(Many::go(host, &codes, finished));
  loop.run(Many::wait(finished));
  EXPECT_THAT(codes, ::testing::Contains(Code::throttled));
  EXPECT_THAT(codes, ::testing::Contains(Code::internal)) << "those that fit are served";
}

}  // namespace
}  // namespace outcrop::engine
