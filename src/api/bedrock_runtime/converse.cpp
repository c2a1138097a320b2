#include "api/bedrock_runtime/converse.h"

#include "api/bedrock_runtime/calls.h"
#include "models/dialects/converse.h"

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

/// Turns a model's events into those of ConverseStream.
class ConverseSink : public models::Sink {
 public:
  ConverseSink(const Request& request, EventWriter& out) : request_(request), out_(out) {}

  Task<Result<void>> put(models::Event event) override {
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
    auto encoded = models::encode_converse_event(event);
    if (!encoded) co_return Result<void>();
    co_return co_await out_.event(encoded->member, std::move(encoded->payload));
  }

 private:
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
  Answer answer;
  answer.headers = served_headers(reply.served);
  answer.document = models::encode_converse_reply(reply);
  echo(request.input.document, answer.document);
  co_return answer;
}

Task<Result<void>> converse_stream(std::shared_ptr<const Runtime> runtime, const Request& request,
                                   EventWriter& out) {
  CO_TRY(call, decode(*runtime, request, true));
  auto sink = std::make_shared<ConverseSink>(request, out);
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
