#pragma once
/// The operations of bedrock-runtime over the gateway.
/// Threads: the loop's.

#include "api/front/front.h"
#include "gateway/gateway.h"
#include "models/model.h"

#include <memory>

namespace outcrop::api {

struct RuntimeLimits {
  Millis call{600'000};                        // of one model call
  std::size_t native_chunk_bytes = 1'000'000;  // of one chunk of InvokeModelWithResponseStream
};

struct Runtime {
  models::ModelPtr model;  // the gateway's pipeline
  std::shared_ptr<const gateway::Resolver>
      resolver;  // in whose vendor's format a native body is hangs on the model
  RuntimeLimits limits{};
};

/// Registers Converse, ConverseStream, CountTokens, InvokeModel and InvokeModelWithResponseStream.
void add_bedrock_runtime(Front& front, std::shared_ptr<const Runtime> runtime);

}  // namespace outcrop::api
