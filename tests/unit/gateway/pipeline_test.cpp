// Goal: what holds for every call, whoever asks: who is told to have served, when the next
// candidate is tried, which output limit counts, and what is counted.
#include "gateway/gateway.h"

#include <gtest/gtest.h>

#include <utility>

namespace outcrop::gateway {
namespace {

using models::Call;
using models::Event;

/// Fails or answers as it is told.
class Fake : public models::Model {
 public:
  std::optional<Error> before, after;
  int calls = 0;
  std::optional<int> seen_max_tokens;
  std::string seen_target;

  Task<Result<models::Outcome>> converse(models::CallPtr call, models::SinkPtr sink) override {
    ++calls;
    seen_max_tokens = call->conversation.inference.max_tokens;
    seen_target = call->target;
    if (before) co_return fail(*before);
    CO_CHECK(co_await sink->put(models::MessageStart{}));
    CO_CHECK(co_await sink->put(models::TextDelta{0, "hello"}));
    if (after) co_return fail(*after);
    CO_CHECK(co_await sink->put(models::BlockStop{0}));
    CO_CHECK(co_await sink->put(models::MessageStop{}));
    models::Metadata metadata;
    metadata.usage.input_tokens = 3;
    metadata.usage.output_tokens = 2;
    CO_CHECK(co_await sink->put(metadata));
    models::Outcome outcome;
    outcome.usage = metadata.usage;
    co_return outcome;
  }
  Task<Result<models::Outcome>> invoke(models::CallPtr call, models::SinkPtr sink) override {
    return converse(std::move(call), std::move(sink));
  }
  Task<Result<models::Embeddings>> embed(models::EmbedCallPtr) override {
    ++calls;
    if (before) co_return fail(*before);
    models::Embeddings embeddings;
    embeddings.vectors.push_back({1.0F});
    embeddings.tokens.push_back(4);
    co_return embeddings;
  }
  Task<Result<models::Ranking>> rerank(models::RerankCallPtr) override {
    co_return models::Ranking{};
  }
  Task<Result<models::TokenCount>> count(models::CallPtr) override {
    co_return models::TokenCount{9};
  }
};

class Fixed : public Resolver {
 public:
  Resolution resolution;
  models::ModelFacts facts;
  Result<Resolution> resolve(std::string_view asked, Need) const override {
    if (asked == "unknown")
      return fail(Code::validation, "The provided model identifier is invalid.");
    auto copy = resolution;
    copy.binding.facts = &facts;
    return copy;
  }
};

class Recorder : public models::Sink {
 public:
  std::vector<Event> events;
  Task<Result<void>> put(Event event) override {
    events.push_back(std::move(event));
    co_return Result<void>();
  }
};

class Pipeline : public testing::Test {
 protected:
  std::shared_ptr<Fake> first = std::make_shared<Fake>(), second = std::make_shared<Fake>();
  std::shared_ptr<Fixed> resolver = std::make_shared<Fixed>();
  std::shared_ptr<Recorder> sink = std::make_shared<Recorder>();
  observe::Registry metrics;
  models::ModelPtr pipeline;
  std::shared_ptr<Call> call = std::make_shared<Call>();

  void SetUp() override {
    resolver->resolution.candidates = {
        {first, "one", {"local:one", true, "default chat model"}, 100},
        {second, "two", {"local:two", false, ""}, 0}};
    resolver->facts.max_output_tokens = 4096;
    pipeline = make_settle_stage(make_call_stage(resolver), metrics);
    call->asked = "anthropic.claude-3-haiku-20240307-v1:0";
  }
  Result<models::Outcome> converse() {
    std::optional<Result<models::Outcome>> out;
    detach(store(pipeline->converse(call, sink), out));
    return std::move(*out);
  }
  static Task<void> store(Task<Result<models::Outcome>> task,
                          std::optional<Result<models::Outcome>>& out) {
    out.emplace(co_await std::move(task));
  }
};

TEST_F(Pipeline, TheFirstEventSaysWhoServes) {
  auto outcome = converse();
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->served_by, "local:one");
  const auto* served = std::get_if<models::Served>(&sink->events.front());
  ASSERT_TRUE(served);
  EXPECT_TRUE(served->stand_in);
  EXPECT_EQ(sink->events.size(), 6u);
  EXPECT_EQ(first->seen_target, "one");
}

TEST_F(Pipeline, TheNextCandidateIsTriedOnlyForWhatMayPass) {
  first->before = Error{Code::unavailable, "gone"};
  auto outcome = converse();
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->served_by, "local:two");
  EXPECT_EQ(std::get<models::Served>(sink->events.front()).by, "local:two");

  first->before = Error{Code::validation, "no"};
  second->calls = 0;
  EXPECT_EQ(converse().error().code, Code::validation);
  EXPECT_EQ(second->calls, 0);
}

TEST_F(Pipeline, AfterTheFirstEventNobodyElseIsTried) {
  first->after = Error{Code::unavailable, "gone"};
  EXPECT_EQ(converse().error().code, Code::unavailable);
  EXPECT_EQ(second->calls, 0);
}

TEST_F(Pipeline, TheAskedModelsOutputLimitRefusesAndTheStandInsLowers) {
  call->conversation.inference.max_tokens = 5000;
  EXPECT_EQ(converse().error().message,
            "The maximum tokens you requested exceeds the model limit of 4096. Try again with a "
            "maximum tokens value that is "
            "lower than 4096.");
  call->conversation.inference.max_tokens = 4096;
  ASSERT_TRUE(converse());
  EXPECT_EQ(first->seen_max_tokens, 100);
  call->conversation.inference.max_tokens = 7;
  ASSERT_TRUE(converse());
  EXPECT_EQ(first->seen_max_tokens, 7);
}

TEST_F(Pipeline, TokensAndOutcomesAreCounted) {
  ASSERT_TRUE(converse());
  first->before = Error{Code::throttled, "slow down"};
  second->before = Error{Code::throttled, "slow down"};
  ASSERT_FALSE(converse());
  auto text = metrics.text();
  EXPECT_NE(text.find("outcrop_model_calls_total{outcome=\"ok\"} 1"), std::string::npos) << text;
  EXPECT_NE(text.find("outcrop_model_calls_total{outcome=\"throttled\"} 1"), std::string::npos)
      << text;
  EXPECT_NE(text.find("{kind=\"output\",model=\"anthropic.claude-3-haiku-20240307-v1:0\"} 2"),
            std::string::npos)
      << text;
}

TEST_F(Pipeline, AnUnknownModelFailsBeforeAnybodyIsAsked) {
  call->asked = "unknown";
  EXPECT_EQ(converse().error().code, Code::validation);
  EXPECT_EQ(first->calls, 0);
}

}  // namespace
}  // namespace outcrop::gateway
