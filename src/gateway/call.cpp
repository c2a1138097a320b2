#include "gateway/gateway.h"
#include "observe/log.h"

#include <utility>

namespace outcrop::gateway {
namespace {

using models::Call;
using models::CallPtr;
using models::Event;
using models::Outcome;
using models::SinkPtr;
using observe::Field;

bool may_pass(const Error& error) {
  return error.code == Code::unavailable || error.code == Code::model_not_ready ||
         error.code == Code::throttled || error.code == Code::bad_gateway;
}

/// Says who answers before the provider's first event, and remembers that there was one.
class ServedSink : public models::Sink {
 public:
  ServedSink(SinkPtr next, models::Served served)
      : next_(std::move(next)), served_(std::move(served)) {}
  Task<Result<void>> put(Event event) override {
    return begun_ ? next_->put(std::move(event)) : begin(std::move(event));
  }
  bool begun() const { return begun_; }

 private:
  Task<Result<void>> begin(Event event) {
    begun_ = true;
    CO_CHECK(co_await next_->put(served_));
    co_return co_await next_->put(std::move(event));
  }

  SinkPtr next_;
  models::Served served_;
  bool begun_ = false;
};

/// The call as this candidate gets it: its own name for the model, and an output limit that it can
/// keep.
Result<CallPtr> for_candidate(const CallPtr& call, const Resolution& resolution,
                              const Candidate& candidate) {
  auto mine = std::make_shared<Call>(*call);
  mine->target = candidate.target;
  auto& wanted = mine->conversation.inference.max_tokens;
  int limit_tokens = resolution.asked_max_output_tokens();
  if (wanted && limit_tokens > 0 && *wanted > limit_tokens)
    return fail(Code::validation,
                "The maximum tokens you requested exceeds the model limit of {}. Try again with a "
                "maximum tokens value that is "
                "lower than {}.",
                limit_tokens, limit_tokens);
  if (candidate.max_output_tokens > 0 && (!wanted || *wanted > candidate.max_output_tokens)) {
    if (wanted && candidate.served.stand_in) {
      observe::log(LogLevel::info, "a stand-in's output limit is lower than was asked for",
                   {Field("request_id", call->context.request_id), Field("asked_tokens", *wanted),
                    Field("limit_tokens", candidate.max_output_tokens),
                    Field("served_by", candidate.served.by)});
    }
    wanted = candidate.max_output_tokens;
  }
  return mine;
}

class CallStage : public models::Model {
 public:
  explicit CallStage(std::shared_ptr<const Resolver> resolver) : resolver_(std::move(resolver)) {}

  Task<Result<Outcome>> converse(CallPtr call, SinkPtr sink) override {
    return each(std::move(call), std::move(sink), &models::Model::converse);
  }
  Task<Result<Outcome>> invoke(CallPtr call, SinkPtr sink) override {
    return each(std::move(call), std::move(sink), &models::Model::invoke);
  }

  Task<Result<models::Embeddings>> embed(models::EmbedCallPtr call) override {
    CO_TRY(resolution, resolver_->resolve(call->asked, Need::embedding));
    Error last;
    for (const auto& candidate : resolution.candidates) {
      auto mine = std::make_shared<models::EmbedCall>(*call);
      mine->target = candidate.target;
      auto answer = co_await candidate.model->embed(mine);
      if (answer) {
        answer->served = candidate.served;
        co_return answer;
      }
      last = std::move(answer.error());
      if (!may_pass(last)) break;
    }
    co_return fail(std::move(last));
  }

  Task<Result<models::Ranking>> rerank(models::RerankCallPtr call) override {
    CO_TRY(resolution, resolver_->resolve(call->asked, Need::rerank));
    const auto& candidate = resolution.candidates.front();
    auto mine = std::make_shared<models::RerankCall>(*call);
    mine->target = candidate.target;
    CO_TRY(ranking, co_await candidate.model->rerank(mine));
    ranking.served = candidate.served;
    co_return ranking;
  }

  Task<Result<models::TokenCount>> count(CallPtr call) override {
    CO_TRY(resolution, resolver_->resolve(call->asked, Need::text));
    const auto& candidate = resolution.candidates.front();
    CO_TRY(mine, for_candidate(call, resolution, candidate));
    co_return co_await candidate.model->count(mine);
  }

 private:
  using Method = Task<Result<Outcome>> (models::Model::*)(CallPtr, SinkPtr);

  Task<Result<Outcome>> each(CallPtr call, SinkPtr sink, Method method) {
    CO_TRY(resolution, resolver_->resolve(call->asked, Need::text));
    Error last;
    for (const auto& candidate : resolution.candidates) {
      CO_TRY(mine, for_candidate(call, resolution, candidate));
      auto served = std::make_shared<ServedSink>(sink, candidate.served);
      auto outcome = co_await ((*candidate.model).*method)(mine, served);
      if (outcome) {
        outcome->served_by = candidate.served.by;
        co_return outcome;
      }
      last = std::move(outcome.error());
      if (served->begun() || !may_pass(last)) break;
      observe::log(
          LogLevel::warn, "a candidate failed before its first event",
          {Field("request_id", call->context.request_id), Field("served_by", candidate.served.by),
           Field("error", facts(last.code).name), Field("message", last.message)});
    }
    co_return fail(std::move(last));
  }

  std::shared_ptr<const Resolver> resolver_;
};

}  // namespace

models::ModelPtr make_call_stage(std::shared_ptr<const Resolver> resolver) {
  return std::make_shared<CallStage>(std::move(resolver));
}

}  // namespace outcrop::gateway
