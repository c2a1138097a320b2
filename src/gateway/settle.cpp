#include "gateway/gateway.h"
#include "observe/log.h"

#include <unordered_map>
#include <utility>

namespace outcrop::gateway {
namespace {

using models::CallPtr;
using models::Event;
using models::Outcome;
using models::SinkPtr;
using observe::Field;

/// Sees what passes: usage is settled from it also when the call fails half way.
class SettlingSink : public models::Sink {
 public:
  SettlingSink(SinkPtr next, Instant start) : next_(std::move(next)), start_(start) {}
  Task<Result<void>> put(Event event) override {
    if (const auto* by = std::get_if<models::Served>(&event)) {
      served = *by;
    } else if (const auto* metadata = std::get_if<models::Metadata>(&event)) {
      usage = metadata->usage;
    } else if (first_event_ms < 0 && !std::holds_alternative<models::MessageStart>(event)) {
      first_event_ms = std::chrono::duration_cast<Millis>(now() - start_).count();
    }
    return next_->put(std::move(event));
  }
  models::Served served;
  models::Usage usage;
  std::int64_t first_event_ms = -1;

 private:
  SinkPtr next_;
  Instant start_;
};

class SettleStage : public models::Model {
 public:
  SettleStage(models::ModelPtr next, observe::Registry& metrics)
      : next_(std::move(next)), metrics_(metrics), calls_ok_(calls_with("ok")) {}

  Task<Result<Outcome>> converse(CallPtr call, SinkPtr sink) override {
    return settle(std::move(call), std::move(sink), &models::Model::converse);
  }
  Task<Result<Outcome>> invoke(CallPtr call, SinkPtr sink) override {
    return settle(std::move(call), std::move(sink), &models::Model::invoke);
  }
  Task<Result<models::Embeddings>> embed(models::EmbedCallPtr call) override {
    auto start = now();
    auto answer = co_await next_->embed(call);
    std::int64_t tokens = 0;
    if (answer) {
      for (auto n : answer->tokens) tokens += n;
      count_tokens(call->asked, tokens, 0);
    }
    note(call->context, call->asked, answer ? answer->served.by : std::string(),
         answer ? nullptr : &answer.error(), start, {.input_tokens = tokens}, -1);
    co_return answer;
  }
  Task<Result<models::Ranking>> rerank(models::RerankCallPtr call) override {
    return next_->rerank(std::move(call));
  }
  Task<Result<models::TokenCount>> count(CallPtr call) override {
    return next_->count(std::move(call));
  }

 private:
  using Method = Task<Result<Outcome>> (models::Model::*)(CallPtr, SinkPtr);

  Task<Result<Outcome>> settle(CallPtr call, SinkPtr sink, Method method) {
    auto start = now();
    auto seen = std::make_shared<SettlingSink>(std::move(sink), start);
    auto outcome = co_await ((*next_).*method)(call, seen);
    models::Usage usage = outcome ? outcome->usage : seen->usage;
    if (outcome) {
      outcome->total_ms = std::chrono::duration_cast<Millis>(now() - start).count();
      outcome->first_event_ms = seen->first_event_ms;
    }
    count_tokens(call->asked, usage.input_tokens, usage.output_tokens);
    note(call->context, call->asked, seen->served.by, outcome ? nullptr : &outcome.error(), start,
         usage, seen->first_event_ms);
    co_return outcome;
  }

  observe::Counter& tokens_of(const std::string& model, const char* kind) {
    return metrics_.counter("outcrop_tokens_total",
                            "Tokens by the model that was asked and their kind.",
                            {{"model", model}, {"kind", kind}});
  }

  /// The counters of a model, looked up once: a look-up builds labels and takes a lock.
  void count_tokens(const std::string& model, std::int64_t input, std::int64_t output) {
    if (input <= 0 && output <= 0) return;
    auto known = counters_.find(model);
    if (known == counters_.end()) {
      Counters counters{&tokens_of(model, "input"), &tokens_of(model, "output")};
      if (counters_.size() >= counters_limit) counters_.clear();
      known = counters_.emplace(model, counters).first;
    }
    if (input > 0) known->second.input->add(static_cast<std::uint64_t>(input));
    if (output > 0) known->second.output->add(static_cast<std::uint64_t>(output));
  }

  observe::Counter& calls_with(std::string_view outcome) {
    return metrics_.counter("outcrop_model_calls_total", "Model calls by outcome.",
                            {{"outcome", std::string(outcome)}});
  }

  void note(const models::Context& context, const std::string& asked, const std::string& served_by,
            const Error* error, Instant start, models::Usage usage, std::int64_t first_event_ms) {
    (error ? calls_with(facts(error->code).name) : calls_ok_).add();
    if (!observe::logs(LogLevel::info)) return;
    observe::log(
        LogLevel::info, "model call",
        {Field("request_id", context.request_id), Field("operation", context.operation),
         Field("key", context.key_id), Field("model", asked), Field("served_by", served_by),
         Field("input_tokens", usage.input_tokens), Field("output_tokens", usage.output_tokens),
         Field("first_event_ms", first_event_ms),
         Field("total_ms", std::chrono::duration_cast<Millis>(now() - start).count()),
         Field("outcome", error ? facts(error->code).name : std::string_view("ok"))});
  }

  struct Counters {
    observe::Counter* input;
    observe::Counter* output;
  };
  static constexpr std::size_t counters_limit = 1'000;  // models; as many as a metric has series

  models::ModelPtr next_;
  observe::Registry& metrics_;
  observe::Counter& calls_ok_;
  std::unordered_map<std::string, Counters> counters_;
};

}  // namespace

models::ModelPtr make_settle_stage(models::ModelPtr next, observe::Registry& metrics) {
  return std::make_shared<SettleStage>(std::move(next), metrics);
}

}  // namespace outcrop::gateway
