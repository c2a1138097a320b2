#pragma once
/// What the runtime's operations share: from a request to a call, and what is said about who
/// answered.

#include "api/bedrock_runtime/runtime.h"
#include "api/front/operation.h"
#include "models/model.h"

#include <memory>
#include <string>

namespace outcrop::api {

/// The context of a call made for this request.
models::Context context_of(const Request& request, const Runtime& runtime);
std::shared_ptr<models::Call> new_call(const Request& request, const Runtime& runtime, bool stream);

/// x-outcrop-served-by, and x-outcrop-stand-in with the reason where another model answers.
wire::Headers served_headers(const models::Served& served);

/// Errors: validation, for what a request names and this endpoint does not have (a guardrail, a
/// prompt).
Result<void> check_companions(const json::Object& document);

/// A stream that broke, seen by an operation that has sent nothing yet: the caller may simply try
/// again. What an upstream said in words of its own is passed on.
Error for_plain_answer(Error error);

/// Milliseconds since the request came in.
std::int64_t elapsed_ms(const Request& request);

/// Folds a reply.
class CollectingSink : public models::Sink {
 public:
  Task<Result<void>> put(models::Event event) override;
  models::Reply take() { return std::move(builder_).take(); }

 private:
  models::ReplyBuilder builder_;
};

}  // namespace outcrop::api
