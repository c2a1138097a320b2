#include "models/providers/local/local.h"

#include "base/ids.h"
#include "models/providers/local/translate.h"

#include <utility>

namespace outcrop::models {
namespace {

using engine::FrameType;

std::int64_t ms_since(Instant start) {
  return std::chrono::duration_cast<Millis>(now() - start).count();
}

class LocalModel : public Model {
 public:
  LocalModel(std::string name, engine::HostPtr host)
      : name_(std::move(name)), host_(std::move(host)) {}

  Task<Result<Outcome>> converse(CallPtr call, SinkPtr sink) override {
    const auto start = now();
    CO_TRY(translation, to_engine(call->conversation));
    translation.chat.terms = terms_of(call->context);
    const auto type = translation.chat.prompt ? FrameType::complete : FrameType::chat;
    CO_TRY(stream, co_await host_->open(type, translation.chat.to_json(), call->context.deadline,
                                        call->context.cancel));
    Outcome outcome;
    outcome.served_by = "local:" + name_;
    bool begun = false;
    while (true) {
      auto frame = co_await stream->next();
      if (!frame)
        co_return fail(begun ? Code::model_stream_error : Code::model_error,
                       "The model's engine ended its answer too early.");
      if (frame->type == FrameType::error) {
        auto error = engine::decode_error(frame->payload);
        if (error.code == Code::cancelled) co_await leave(sink, outcome, start);
        co_return fail(std::move(error));
      }
      if (!std::exchange(begun, true)) {
        outcome.first_event_ms = ms_since(start);
        CO_CHECK(co_await sink->put(MessageStart{}));
      }
      if (frame->type == FrameType::events) {
        CO_TRY(batch, engine::decode_events(frame->payload));
        outcome.usage.input_tokens = batch.input_tokens;
        outcome.usage.output_tokens = batch.output_tokens;
        for (auto& event : batch.events) {
          auto put = co_await sink->put(translated(std::move(event)));
          if (put) continue;
          co_await leave(sink, outcome, start);
          co_return fail(std::move(put.error()));
        }
        continue;
      }
      if (frame->type != FrameType::done)
        co_return fail(Code::model_stream_error, "The model's engine answered out of turn.");
      co_return co_await finish(std::move(*frame), std::move(sink), std::move(outcome), start,
                                translation.cache_points);
    }
  }

  Task<Result<Outcome>> invoke(CallPtr, SinkPtr) override {
    co_return fail(
        Code::validation,
        "The local model {} has no native body format; use Converse, or InvokeModel with "
        "the body of a known vendor.",
        name_);
  }

  Task<Result<Embeddings>> embed(EmbedCallPtr call) override {
    engine::Embed request;
    request.terms = terms_of(call->context);
    request.texts = call->texts;
    request.truncate = static_cast<engine::Truncate>(call->truncate);
    CO_TRY(frame, co_await host_->ask(FrameType::embed, request.to_json(), call->context.deadline,
                                      call->context.cancel));
    CO_TRY(payload, engine::decode_embeddings(frame.payload));
    if (payload.vectors.size() != call->texts.size())
      co_return fail(Code::model_error, "The model gave {} embeddings for {} texts.",
                     payload.vectors.size(), call->texts.size());
    Embeddings out;
    out.vectors = std::move(payload.vectors);
    out.tokens = std::move(payload.tokens);
    out.truncated = std::move(payload.truncated);
    co_return out;
  }

  Task<Result<Ranking>> rerank(RerankCallPtr) override {
    co_return fail(Code::validation,
                   "The local model {} does not rerank; configure a rerank model.", name_);
  }

  Task<Result<TokenCount>> count(CallPtr call) override {
    CO_TRY(translation, to_engine(call->conversation));
    CO_TRY(frame, co_await host_->ask(FrameType::count, translation.chat.to_json(),
                                      call->context.deadline, call->context.cancel));
    CO_TRY(value, json::read(frame.payload));
    const auto tokens = value.is_object() ? json::find_int(value.get_object(), "input_tokens")
                                          : std::optional<std::int64_t>();
    if (!tokens) co_return fail(Code::model_error, "The model's engine gave no count.");
    co_return TokenCount{*tokens};
  }

 private:
  static_assert(static_cast<int>(engine::Truncate::end) == static_cast<int>(Truncate::end));

  static Event translated(engine::ChatEvent event) {
    if (auto* text = std::get_if<engine::TextEvent>(&event))
      return TextDelta{text->index, std::move(text->text)};
    if (auto* reasoning = std::get_if<engine::ReasoningEvent>(&event))
      return ReasoningDelta{reasoning->index, std::move(reasoning->text)};
    if (auto* tool = std::get_if<engine::ToolStartEvent>(&event))
      return ToolUseStart{tool->index, tool_use_id(), std::move(tool->name)};
    if (auto* input = std::get_if<engine::ToolInputEvent>(&event))
      return ToolInputDelta{input->index, std::move(input->json)};
    return BlockStop{std::get<engine::BlockEndEvent>(event).index};
  }

  // The reader is gone, but what was produced for it is to be accounted for: the stages between see
  // it.
  static Task<void> leave(SinkPtr sink, Outcome outcome, Instant start) {
    (void)co_await sink->put(Metadata{outcome.usage, ms_since(start), nullptr});
  }

  static Task<Result<Outcome>> finish(engine::Frame frame, SinkPtr sink, Outcome outcome,
                                      Instant start, int cache_points) {
    CO_TRY(value, json::read(frame.payload));
    CO_TRY(done, engine::Done::from_json(value));
    outcome.stop = stop_reason(done.stop).value_or(StopReason::end_turn);
    outcome.usage.input_tokens = done.input_tokens;
    outcome.usage.output_tokens = done.output_tokens;
    outcome.usage.reasoning_tokens = done.reasoning_tokens;
    outcome.queue_ms = done.queue_ms;
    outcome.total_ms = ms_since(start);
    CO_CHECK(co_await sink->put(MessageStop{outcome.stop, done.stop_sequence, nullptr}));
    json::Value trace;
    if (cache_points > 0)
      trace = json::Object{
          {"promptCache",
           json::Object{{"cachePoints", cache_points},
                        {"reason",
                         "local models share prefixes without being told; cache points "
                         "are accepted and neither read nor written"}}}};
    CO_CHECK(co_await sink->put(Metadata{outcome.usage, outcome.total_ms, std::move(trace)}));
    co_return outcome;
  }

  std::string name_;
  engine::HostPtr host_;
};

}  // namespace

ModelPtr make_local_model(std::string name, engine::HostPtr host) {
  return std::make_shared<LocalModel>(std::move(name), std::move(host));
}

}  // namespace outcrop::models
