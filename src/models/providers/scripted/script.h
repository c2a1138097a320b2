#pragma once
/// What a scripted model does: rules, tried in order, each with what it matches and how it answers.
/// README.md has the format with examples.
/// Errors: validation, naming the rule, the member and what is allowed. Nothing unknown is passed
/// over.

#include "base/result.h"
#include "json/json.h"
#include "models/conversation.h"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace re2 {
class RE2;
}

namespace outcrop::models::scripted {

struct ScriptLimits {
  std::size_t rules = 1'000;
  std::size_t chunks = 100'000;                     // of one reply
  std::size_t dimensions = 16'384;                  // of an embedding
  std::chrono::milliseconds delay{10 * 60 * 1000};  // of any one wait
};

struct Failure {
  Code code = Code::internal;
  std::string message;
  std::optional<int> original_status;
  std::string original_message;
  std::string resource_name;
};

/// What ends a reply otherwise than it should. before: nothing was said yet.
struct Mishap {
  enum class What : std::uint8_t { fail, cut, hang } what = What::fail;
  std::optional<std::size_t> after_chunks;  // absent: before the stream
  Failure failure;                          // of a fail
};

struct ToolCall {
  std::string id;  // empty: made anew for each call
  std::string name;
  json::Value input;
};

struct Rule {
  // Matches; what is absent matches everything.
  std::string model;                      // a glob over the target and over the asked id
  std::string operation;                  // converse, invoke, embed, rerank, count
  std::string text;                       // stands in the last user message
  std::shared_ptr<const re2::RE2> regex;  // is found in the last user message
  std::uint64_t calls_from = 1;           // counted over the calls that match all of the above
  std::uint64_t calls_to = UINT64_MAX;

  // Answers.
  std::chrono::milliseconds delay{0};        // before the first event
  std::chrono::milliseconds chunk_delay{0};  // between chunks
  bool echo = false;                         // say the last user message again
  std::string reply;                         // split into words when streamed
  std::vector<std::string> chunks;           // instead of reply: streamed as they are
  std::string reasoning;
  std::vector<ToolCall> tools;
  std::optional<StopReason> stop;
  std::string stop_sequence;
  std::optional<Usage> usage;       // instead of the estimate
  std::vector<std::string> native;  // for invoke: pieces of a vendor's body, as they are
  std::size_t dimensions = 256;     // of embeddings made from the text
  std::vector<float> vector;        // instead: the same for each text, scaled to unit length
  std::optional<Mishap> mishap;
};

struct Script {
  std::vector<Rule> rules;
  static Result<Script> read(const json::Value& document, const ScriptLimits& limits = {});
};

}  // namespace outcrop::models::scripted
