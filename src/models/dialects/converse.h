#pragma once
/// Converse as a dialect: the JSON of Converse and ConverseStream to and from a Conversation, a
/// Reply and its Events. Shared by the api, by batch and by providers that speak Converse. Shape:
/// documents as contract/ leaves them (types and ranges checked, blobs still base64). What is
///          not of that shape is refused here too, never trusted.
/// Errors:  validation, in the service's words where they are known.
/// Threads: free functions without state.
/// Source:  Bedrock API reference, Converse and ConverseStream; texts as seen in public reports.

#include "base/result.h"
#include "json/json.h"
#include "models/conversation.h"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace outcrop::models {

/// What the service checks beyond its model. Sizes are of the decoded bytes.
struct ConverseRules {
  std::size_t documents = 5;               // in a request
  std::size_t document_bytes = 4'718'592;  // 4.5 MiB each
  std::size_t images = 20;                 // in a request
  std::size_t image_bytes = 3'932'160;     // 3.75 MiB each
  std::size_t cache_points = 4;            // over tools, system and messages
  bool alternate = true;                   // user and assistant must take turns
  /// Messages may be absent when a stored prompt supplies them (modelId is a prompt's ARN).
  bool messages_required = true;
};

/// A Converse or ConverseStream request, or the `converse` member of CountTokens. Members that are
/// not of the conversation (guardrailConfig, requestMetadata, performanceConfig, ...) are left to
/// the caller.
Result<Conversation> decode_converse_request(const json::Object& document,
                                             const ConverseRules& rules = {});

/// The semantic checks alone, for conversations that come from elsewhere (a stored prompt, an
/// agent).
Result<void> check_conversation(const Conversation& conversation, const ConverseRules& rules = {});

/// The other way round, for providers that speak Converse. Decodes to an equal conversation.
json::Object encode_converse_request(const Conversation& conversation);

/// Converse's answer: output, stopReason, usage, metrics, and where there are any
/// additionalModelResponseFields and trace.
json::Object encode_converse_reply(const Reply& reply);
/// Errors: model_error, for an answer that is not of that shape.
Result<Reply> decode_converse_reply(const json::Value& document);

/// One event of ConverseStream: the member's name in the union and its payload.
struct ConverseEvent {
  std::string member;
  json::Value payload;
};
/// Nothing for an event that Converse has no word for (native chunks).
std::optional<ConverseEvent> encode_converse_event(const Event& event);
/// Nothing for members that say nothing to us (a start of a block that has none here).
/// Errors: model_error.
Result<std::optional<Event>> decode_converse_event(std::string_view member,
                                                   const json::Value& payload);

json::Object encode_converse_usage(const Usage& usage);

/// What stands in a native reply under the pointers of additionalModelResponseFieldPaths, nested as
/// it was; what is absent is left out. Null when nothing was found.
json::Value additional_response_fields(const json::Value& native_reply,
                                       const std::vector<std::string>& pointers);

}  // namespace outcrop::models
