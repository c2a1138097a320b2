#pragma once
#include "api/bedrock_runtime/runtime.h"

namespace outcrop::api {

/// InvokeModel and its stream: a body in the format of the model that was asked for, whoever
/// answers.
Task<Result<Answer>> invoke_model(std::shared_ptr<const Runtime> runtime, const Request& request);
Task<Result<void>> invoke_model_stream(std::shared_ptr<const Runtime> runtime,
                                       const Request& request, EventWriter& out);
Task<Result<Answer>> count_native_tokens(std::shared_ptr<const Runtime> runtime,
                                         const Request& request, std::string body);

}  // namespace outcrop::api
