#include "api/bedrock_runtime/calls.h"

#include <utility>

namespace outcrop::api {

models::Context context_of(const Request& request, const Runtime& runtime) {
  models::Context context;
  context.request_id = request.id;
  context.account = request.principal.account;
  context.region = request.region;
  context.principal = request.principal.arn;
  context.key_id = request.principal.key_id;
  context.operation = request.input.operation->name;
  context.deadline = Deadline::in(runtime.limits.call);
  context.cancel = request.closed;
  if (const auto* tags = request.input.find("requestMetadata"); tags && tags->is_object()) {
    for (const auto& tag : tags->get_object()) {
      if (const auto* text = tag.value().if_string())
        context.tags.emplace(tag.key(), std::string(json::view(*text)));
    }
  }
  return context;
}

std::shared_ptr<models::Call> new_call(const Request& request, const Runtime& runtime,
                                       bool stream) {
  auto call = std::make_shared<models::Call>();
  call->asked = std::string(request.text("modelId"));
  call->stream = stream;
  call->context = context_of(request, runtime);
  return call;
}

wire::Headers served_headers(const models::Served& served) {
  wire::Headers headers;
  if (!served.by.empty()) headers.add("x-outcrop-served-by", served.by);
  if (served.stand_in)
    headers.add("x-outcrop-stand-in", served.reason.empty() ? "true" : served.reason);
  return headers;
}

Result<void> check_companions(const json::Object& document) {
  if (const auto* guardrail = json::find(document, "guardrailConfig")) {
    const auto* id = json::find(*guardrail, "guardrailIdentifier");
    const auto* version = json::find(*guardrail, "guardrailVersion");
    if (!id != !version)
      return fail(Code::validation,
                  "guardrailConfig must hold guardrailIdentifier and guardrailVersion together.");
    if (id)
      return fail(Code::validation,
                  "The guardrail identifier or version provided in the request does not exist.");
  }
  if (json::find(document, "promptVariables"))
    return fail(Code::validation,
                "promptVariables can only be used when modelId is the ARN of a prompt.");
  return {};
}

Error for_plain_answer(Error error) {
  if (error.code == Code::model_stream_error && !error.original_status)
    error.code = Code::model_not_ready;
  return error;
}

std::int64_t elapsed_ms(const Request& request) {
  return std::chrono::duration_cast<Millis>(now() - request.arrived).count();
}

Task<Result<void>> CollectingSink::put(models::Event event) { co_return builder_.add(event); }

}  // namespace outcrop::api
