#pragma once
/// Anthropic's Messages body in parts, for the dialect and for the door of that name (which knows
/// `model` and `stream` beside it and takes them out first).

#include "models/dialects/dialect.h"

namespace outcrop::models::anthropic {

Result<NativeRequest> decode(const json::Object& body);
json::Value encode_reply(const Reply& reply, std::string_view model);
/// Events with `type`: message_start, ping, content_block_*, message_delta, message_stop. With
/// `metrics` message_stop carries the service's invocation metrics.
std::unique_ptr<NativeStream> encode_stream(std::string_view model, bool metrics);
/// "anthropic.claude-3-haiku-20240307-v1:0" -> "claude-3-haiku-20240307".
std::string vendor_name(std::string_view model_id);

}  // namespace outcrop::models::anthropic
