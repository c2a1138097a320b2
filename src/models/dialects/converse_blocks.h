#pragma once
/// Content blocks as Converse writes them. Nova's native bodies use the same ones.
/// `at` names the place for messages: "messages.0.content.2".

#include "base/result.h"
#include "json/json.h"
#include "models/conversation.h"

#include <string>
#include <string_view>

namespace outcrop::models::converse {

Result<Block> decode_block(const json::Value& value, const std::string& at);
Result<SystemBlock> decode_system(const json::Value& value, const std::string& at);
Result<Tool> decode_tool(const json::Value& value, const std::string& at);
Result<std::vector<Message>> decode_messages(const json::Value& value);
Result<void> decode_tool_config(const json::Value& value, Conversation& into);

json::Object encode_block(const Block& block);
json::Object encode_system(const SystemBlock& block);
json::Object encode_tool(const Tool& tool);
json::Object encode_tool_config(const Conversation& conversation);
json::Array encode_messages(const std::vector<Message>& messages);

/// The single member of a union; refused when there is none or more than one.
struct Member {
  std::string_view name;
  const json::Value* value;
};
Result<Member> only_member(const json::Value& value, const std::string& at);

/// validation: "The <what> at <at> ..." in one form.
Result<const json::Object*> object_at(const json::Value* value, const std::string& at);
Result<std::string> string_at(const json::Object& object, std::string_view key,
                              const std::string& at);

}  // namespace outcrop::models::converse
