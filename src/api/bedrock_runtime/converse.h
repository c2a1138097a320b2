#pragma once
#include "api/bedrock_runtime/runtime.h"

namespace outcrop::api {

/// Converse, ConverseStream, and the Converse form of CountTokens.
Task<Result<Answer>> converse(std::shared_ptr<const Runtime> runtime, const Request& request);
Task<Result<void>> converse_stream(std::shared_ptr<const Runtime> runtime, const Request& request,
                                   EventWriter& out);
Task<Result<Answer>> count_converse_tokens(std::shared_ptr<const Runtime> runtime,
                                           const Request& request, const json::Object& input);

}  // namespace outcrop::api
