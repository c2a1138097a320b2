#include "api/bedrock_runtime/runtime.h"

#include "api/bedrock_runtime/calls.h"
#include "api/bedrock_runtime/converse.h"
#include "api/bedrock_runtime/invoke.h"
#include "base/text.h"

#include <utility>

namespace outcrop::api {
namespace {

Task<Result<Answer>> count_tokens(std::shared_ptr<const Runtime> runtime, const Request& request) {
  const auto* input = request.input.find("input");
  const auto* object = input ? input->if_object() : nullptr;
  if (!object) co_return fail(Code::validation, "input must hold either invokeModel or converse.");
  if (const auto* converse = json::find(*object, "converse"); converse && converse->is_object())
    co_return co_await count_converse_tokens(runtime, request, converse->get_object());
  const auto* native = json::find(*object, "invokeModel");
  auto encoded = native && native->is_object() ? json::find_string(native->get_object(), "body")
                                               : std::nullopt;
  auto body = encoded ? unbase64(*encoded) : std::nullopt;
  if (!body) co_return fail(Code::validation, "input.invokeModel.body must be base64.");
  co_return co_await count_native_tokens(runtime, request, std::move(*body));
}

}  // namespace

void add_bedrock_runtime(Front& front, std::shared_ptr<const Runtime> runtime) {
  constexpr std::string_view service = "bedrock-runtime";
  front.add(service, "Converse", PlainOperation([runtime](const Request& request) {
              return converse(runtime, request);
            }));
  front.add(service, "ConverseStream",
            StreamOperation([runtime](const Request& request, EventWriter& out) {
              return converse_stream(runtime, request, out);
            }));
  front.add(service, "CountTokens", PlainOperation([runtime](const Request& request) {
              return count_tokens(runtime, request);
            }));
  front.add(service, "InvokeModel", PlainOperation([runtime](const Request& request) {
              return invoke_model(runtime, request);
            }));
  front.add(service, "InvokeModelWithResponseStream",
            StreamOperation([runtime](const Request& request, EventWriter& out) {
              return invoke_model_stream(runtime, request, out);
            }));
}

}  // namespace outcrop::api
