#pragma once
/// A conversation as every part of the program sees it: all that Converse can say, in native types.
/// Dialects translate vendors' bodies to and from it; nothing outside models/ and api/ knows a
/// vendor. Values are immutable once a Call holds them.

#include "json/json.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace outcrop::models {

enum class Role : std::uint8_t { user, assistant, system };
std::string_view to_text(Role role);  // "user", "assistant", "system"

using Bytes = std::shared_ptr<const std::string>;

struct S3Location {
  std::string uri;
  std::string bucket_owner;
};

struct TextBlock {
  std::string text;
};
struct ImageBlock {
  std::string format;  // png, jpeg, gif, webp
  std::variant<Bytes, S3Location> source;
};
struct DocumentBlock {
  std::string
      format;  // pdf, csv, doc, docx, xls, xlsx, html, txt, md; may be empty for a text source
  std::string name;
  std::variant<Bytes, S3Location, std::string> source;  // a plain string is text already
  std::string context;
  bool citations = false;
};
struct ToolUseBlock {
  std::string id;
  std::string name;
  json::Value input;
};
struct CachePointBlock {
  std::string ttl;  // "5m", "1h"; empty means the default of five minutes
};
struct ReasoningBlock {
  std::string text;
  std::string signature;
  Bytes redacted;  // set instead of text
};
struct GuardContentBlock {
  std::variant<TextBlock, ImageBlock> content;
  std::vector<std::string> qualifiers;  // grounding_source, query, guard_content
};
/// Valid in the contract, understood by some provider, not by us: kept as it came.
struct OtherBlock {
  std::string member;  // "video", "searchResult", ...
  json::Value value;
};

struct ToolResultBlock {
  using Content = std::variant<TextBlock, json::Value, ImageBlock, DocumentBlock, OtherBlock>;
  std::string tool_use_id;
  std::vector<Content> content;
  bool error = false;
};

using Block = std::variant<TextBlock, ImageBlock, DocumentBlock, ToolUseBlock, ToolResultBlock,
                           CachePointBlock, ReasoningBlock, GuardContentBlock, OtherBlock>;

struct Message {
  Role role = Role::user;
  std::vector<Block> content;
};

using SystemBlock = std::variant<TextBlock, GuardContentBlock, CachePointBlock>;

struct ToolSpec {
  std::string name;
  std::string description;
  json::Value input_schema;
  bool strict = false;
};
using Tool = std::variant<ToolSpec, CachePointBlock, OtherBlock>;

struct ToolChoice {
  enum class Kind : std::uint8_t { automatic, any, tool, none } kind = Kind::automatic;
  std::string name;  // of the tool
};

struct Inference {
  std::optional<int> max_tokens;      // absent: what the model allows
  std::optional<double> temperature;  // 0..1
  std::optional<double> top_p;        // 0..1
  std::optional<int> top_k;
  std::optional<std::uint64_t> seed;  // where a dialect has one
  std::vector<std::string> stop_sequences;
};

/// The reply must be JSON under this schema (Converse: outputConfig.textFormat).
struct OutputSchema {
  std::string name;
  std::string description;
  json::Value schema;
};

struct Conversation {
  std::vector<SystemBlock> system;
  std::vector<Message> messages;
  Inference inference;
  std::vector<Tool> tools;
  ToolChoice tool_choice;
  std::optional<OutputSchema> output_schema;
  std::string effort;
  json::Object additional_fields;                      // merged verbatim into a native request
  std::vector<std::string> additional_response_paths;  // JSON Pointers into the native reply
  /// Set when a raw prompt without roles is to be continued as it stands, with no chat template
  /// (messages are then empty). Dialects with prompt bodies decode known templates into messages
  /// first.
  std::optional<std::string> raw_prompt;
};

enum class StopReason : std::uint8_t {
  end_turn,
  tool_use,
  max_tokens,
  stop_sequence,
  guardrail_intervened,
  content_filtered,
  malformed_model_output,
  malformed_tool_use,
  model_context_window_exceeded
};
std::string_view to_text(StopReason reason);  // as Converse writes it
std::optional<StopReason> stop_reason(std::string_view text);

/// input counts what was neither read from nor written to a cache.
struct Usage {
  std::int64_t input_tokens = 0;
  std::int64_t output_tokens = 0;
  std::int64_t cache_read_tokens = 0;
  std::int64_t cache_write_5m_tokens = 0;
  std::int64_t cache_write_1h_tokens = 0;
  std::int64_t reasoning_tokens = 0;  // part of output
  std::int64_t total() const {
    return input_tokens + output_tokens + cache_read_tokens + cache_write_5m_tokens +
           cache_write_1h_tokens;
  }
};

// The events of a reply, in the order of Converse's stream: message start; per block start (tool
// use only), deltas, stop; message stop; metadata. Blocks do not interleave, indexes count from 0.
struct MessageStart {
  Usage usage;  // what is known before the first token: input and caches; zeros when nothing is
};
struct ToolUseStart {
  int index = 0;
  std::string id;
  std::string name;
};
struct TextDelta {
  int index = 0;
  std::string text;  // whole UTF-8 characters
};
struct ToolInputDelta {
  int index = 0;
  std::string json;  // a fragment; all of a block together are one JSON object
};
struct ReasoningDelta {
  int index = 0;
  std::string text;
};
struct ReasoningSignature {
  int index = 0;
  std::string signature;
};
struct RedactedReasoning {
  int index = 0;
  std::string bytes;
};
struct BlockStop {
  int index = 0;
};
struct MessageStop {
  StopReason reason = StopReason::end_turn;
  std::string stop_sequence;  // the one that ended it
  json::Value additional_fields;
};
struct Metadata {
  Usage usage;
  std::int64_t latency_ms = 0;
  json::Value trace;
};
/// A piece of a native reply, passed on as it came (Model::invoke).
struct NativeChunk {
  std::string bytes;
};
/// Who answers. The gateway puts it in front of a provider's first event; providers never do.
struct Served {
  std::string by;  // "local:smollm2-135m-instruct"
  bool stand_in = false;
  std::string reason;  // why another model answers than the one that was asked
};
using Event = std::variant<Served, MessageStart, ToolUseStart, TextDelta, ToolInputDelta,
                           ReasoningDelta, ReasoningSignature, RedactedReasoning, BlockStop,
                           MessageStop, Metadata, NativeChunk>;

/// A whole reply is a fold over its events: there is no second way.
struct Reply {
  Served served;
  Message message{Role::assistant, {}};
  StopReason stop = StopReason::end_turn;
  std::string stop_sequence;
  json::Value additional_fields;
  Usage usage;
  std::int64_t latency_ms = 0;
  json::Value trace;
};

class ReplyBuilder {
 public:
  /// Errors: model_error, when events come out of order, or tool input is no JSON object
  /// though the reply was not cut.
  Result<void> add(const Event& event);
  bool stopped() const { return stopped_; }
  Reply take() && { return std::move(reply_); }

 private:
  Reply reply_;
  std::string tool_input_;
  std::string cut_tool_;  // whose input did not parse; its input is then an empty object
  int open_ = -1;
  bool stopped_ = false;
};

}  // namespace outcrop::models
