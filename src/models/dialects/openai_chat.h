#pragma once
/// OpenAI's chat completions in parts: for the dialect, and for the door of that name, whose bodies
/// are the same and whose chunks go out as SSE.

#include "models/dialects/dialect.h"

namespace outcrop::models::openai {

struct Style {
  bool mistral = false;  // "stop_reason" beside "finish_reason"; "message" in chunks
  bool reasoning_content =
      false;            // a member of its own; else "<reasoning>...</reasoning>" before the text
  bool metrics = true;  // the last chunk carries amazon-bedrock-invocationMetrics
  bool usage_in_last = true;  // the last chunk carries usage
  bool usage_apart = false;   // a chunk of its own for it (stream_options.include_usage)
};

/// Members that are no part of the conversation (model, stream, user, n, ...) are passed over: the
/// door looks at those itself. Errors: validation.
Result<Conversation> decode(const json::Object& body);
json::Object encode_reply(const Reply& reply, std::string_view model, const Style& style);
std::unique_ptr<NativeStream> encode_stream(std::string_view model, const Style& style);

json::Value finish_reason(StopReason reason);
json::Object usage_object(const Usage& usage);
std::string completion_id();

}  // namespace outcrop::models::openai
