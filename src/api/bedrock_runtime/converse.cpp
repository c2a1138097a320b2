#include "api/bedrock_runtime/converse.h"

#include "api/bedrock_runtime/calls.h"
#include "models/dialects/converse.h"
#include "models/dialects/dialect.h"

#include <utility>

namespace outcrop::api {
namespace {

/// What the answer echoes of the request: no tier and no latency mode but the plain ones exist
/// here.
void echo(const json::Object& request, json::Object& answer) {
  if (json::find(request, "performanceConfig"))
    answer["performanceConfig"] = json::Object{{"latency", "standard"}};
  if (json::find(request, "serviceTier")) answer["serviceTier"] = json::Object{{"type", "default"}};
}

Result<std::shared_ptr<models::Call>> decode(const Runtime& runtime, const Request& request,
                                             bool stream) {
  CHECK(check_companions(request.input.document));
  auto call = new_call(request, runtime, stream);
  TRY(conversation, models::decode_converse_request(request.input.document));
  call->conversation = std::move(conversation);
  return call;
}

/// What additionalModelResponseFieldPaths point at in the reply as the asked model's vendor writes
/// it; null where there is nothing, or no such format.
json::Value additional_fields(const Runtime& runtime, const models::Call& call,
                              models::Reply reply) {
  const auto& paths = call.conversation.additional_response_paths;
  if (paths.empty()) return nullptr;  // nearly every call
  auto resolution = runtime.resolver->resolve(call.asked, gateway::Need::text);
  if (!resolution) return nullptr;
  const auto& model_id = resolution->binding.asked;
  const auto* dialect = models::dialect_for(model_id);
  if (!dialect) return nullptr;
  return models::additional_response_fields(dialect->encode_reply(reply, {}, model_id), paths);
}

/// Turns a model's events into those of ConverseStream.
class ConverseSink : public models::Sink {
 public:
  ConverseSink(std::shared_ptr<const Runtime> runtime, models::CallPtr call, const Request& request,
               EventWriter& out)
      : runtime_(std::move(runtime)), call_(std::move(call)), request_(request), out_(out) {}

  Task<Result<void>> put(models::Event event) override {
    if (!call_->conversation.additional_response_paths.empty()) {
      CO_CHECK(so_far_.add(event));
      // The message's end waits for the usage, which is part of the native reply.
      if (auto* stop = std::get_if<models::MessageStop>(&event)) {
        end_ = std::move(*stop);
        co_return Result<void>();
      }
      if (auto end = std::exchange(end_, std::nullopt)) {
        end->additional_fields =
            additional_fields(*runtime_, *call_, models::ReplyBuilder(so_far_).take());
        CO_CHECK(co_await send(std::move(*end)));
      }
    }
    if (const auto* served = std::get_if<models::Served>(&event)) {
      out_.describe({}, served_headers(*served));
      co_return Result<void>();
    }
    if (auto* metadata = std::get_if<models::Metadata>(&event)) {
      metadata->latency_ms = elapsed_ms(request_);
      auto encoded = models::encode_converse_event(event);
      if (!encoded) co_return Result<void>();
      echo(request_.input.document, encoded->payload.as_object());
      co_return co_await out_.event(encoded->member, std::move(encoded->payload));
    }
    co_return co_await send(std::move(event));
  }

 private:
  Task<Result<void>> send(models::Event event) {
    auto encoded = models::encode_converse_event(event);
    if (!encoded) co_return Result<void>();
    co_return co_await out_.event(encoded->member, std::move(encoded->payload));
  }

  std::shared_ptr<const Runtime> runtime_;
  models::CallPtr call_;
  models::ReplyBuilder so_far_;  // only where the reply's fields are asked for
  std::optional<models::MessageStop> end_;
  const Request& request_;
  EventWriter& out_;
};

}  // namespace

Task<Result<Answer>> converse(std::shared_ptr<const Runtime> runtime, const Request& request) {
  CO_TRY(call, decode(*runtime, request, false));
  auto sink = std::make_shared<CollectingSink>();
  if (auto answered = co_await runtime->model->converse(call, sink); !answered)
    co_return fail(for_plain_answer(std::move(answered.error())));
  auto reply = sink->take();
  reply.latency_ms = elapsed_ms(request);
  if (reply.additional_fields.is_null())
    reply.additional_fields = additional_fields(*runtime, *call, reply);
  Answer answer;
  answer.headers = served_headers(reply.served);
  answer.document = models::encode_converse_reply(reply);
  echo(request.input.document, answer.document);
  co_return answer;
}

Task<Result<void>> converse_stream(std::shared_ptr<const Runtime> runtime, const Request& request,
                                   EventWriter& out) {
  CO_TRY(call, decode(*runtime, request, true));
  auto sink = std::make_shared<ConverseSink>(runtime, call, request, out);
  CO_CHECK(co_await runtime->model->converse(call, sink));
  co_return Result<void>();
}

Task<Result<Answer>> count_converse_tokens(std::shared_ptr<const Runtime> runtime,
                                           const Request& request, const json::Object& input) {
  auto call = new_call(request, *runtime, false);
  CO_TRY(conversation, models::decode_converse_request(input));
  call->conversation = std::move(conversation);
  CO_TRY(count, co_await runtime->model->count(call));
  Answer answer;
  answer.document["inputTokens"] = count.input_tokens;
  co_return answer;
}

}  // namespace outcrop::api
