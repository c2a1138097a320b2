#pragma once
/// The requests of the protocol in native types, and what comes back. Everything optional is left
/// out of the JSON when absent. Errors of the decoders: validation, naming the member.

#include "base/result.h"
#include "json/json.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace outcrop::engine {

enum class Class : std::uint8_t { interactive, batch };

/// What every request carries.
struct Terms {
  Class priority = Class::interactive;
  std::int64_t deadline_ms = 0;  // from arrival; 0 means none
  std::uint32_t credits = 0;     // 0 means credits_default
  std::string domain;            // KV state is shared between requests of one domain alone
};

struct TextPart {
  std::string text;
};
struct ReasoningPart {
  std::string text;
};
struct ToolUsePart {
  std::string id;
  std::string name;
  json::Value input;
};
struct ToolResultPart {
  std::string id;
  std::string text;
  bool error = false;
};
using Part = std::variant<TextPart, ReasoningPart, ToolUsePart, ToolResultPart>;

struct Turn {
  bool assistant = false;
  std::vector<Part> parts;
};

struct Tool {
  std::string name;
  std::string description;
  json::Value schema;
  bool strict = false;  // the schema must be of the documented subset, and arguments are held to it
};

enum class ToolChoice : std::uint8_t { automatic, any, tool, none };

/// Absent values are the model file's own (general.sampling.*), and where it has none:
/// temperature 0.7, top_p 0.9, top_k 40.
struct Sampling {
  std::optional<int> max_tokens;  // absent: what is left of the context
  std::optional<double> temperature;
  std::optional<double> top_p;
  std::optional<int> top_k;
  std::optional<std::uint64_t> seed;
  std::vector<std::string> stop;
};

struct Chat {
  Terms terms;
  std::string system;
  std::vector<Turn> turns;
  std::vector<Tool> tools;
  ToolChoice tool_choice = ToolChoice::automatic;
  std::string tool_name;              // for ToolChoice::tool
  std::optional<json::Value> schema;  // the reply is JSON under it
  Sampling sampling;
  std::optional<std::string> prompt;  // a raw prompt instead of turns

  json::Object to_json() const;
  static Result<Chat> from_json(const json::Value& value);
};

enum class Truncate : std::uint8_t { refuse, start, end };

struct Embed {
  Terms terms;
  std::vector<std::string> texts;
  Truncate truncate = Truncate::refuse;

  json::Object to_json() const;
  static Result<Embed> from_json(const json::Value& value);
};

// What a chat's events frame holds. Blocks count from 0 and do not interleave.
struct TextEvent {
  int index = 0;
  std::string text;  // whole UTF-8 characters
};
struct ReasoningEvent {
  int index = 0;
  std::string text;
};
struct ToolStartEvent {
  int index = 0;
  std::string name;
};
struct ToolInputEvent {
  int index = 0;
  std::string json;  // a fragment of one JSON object
};
struct BlockEndEvent {
  int index = 0;
};
using ChatEvent =
    std::variant<TextEvent, ReasoningEvent, ToolStartEvent, ToolInputEvent, BlockEndEvent>;

/// An events frame. The counts are the request's so far, so that a reader who leaves knows what was
/// used.
struct ChatEvents {
  std::vector<ChatEvent> events;
  std::int64_t input_tokens = 0;
  std::int64_t output_tokens = 0;
};
std::string encode_events(const ChatEvents& events);
/// Errors: corrupt.
Result<ChatEvents> decode_events(std::string_view payload);

/// input_tokens counts all that the prompt holds (template, BOS), also what a shared prefix saved
/// from being computed (reused_tokens); output_tokens counts every sampled token, the end token
/// included.
struct Done {
  std::string stop;  // end_turn, max_tokens, stop_sequence, tool_use, model_context_window_exceeded
  std::string stop_sequence;
  std::int64_t input_tokens = 0;
  std::int64_t output_tokens = 0;
  std::int64_t reasoning_tokens = 0;
  std::int64_t reused_tokens = 0;
  std::int64_t queue_ms = 0;
  std::int64_t prefill_ms = 0;
  std::int64_t total_ms = 0;

  json::Object to_json() const;
  static Result<Done> from_json(const json::Value& value);
};

}  // namespace outcrop::engine
