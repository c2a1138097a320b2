#pragma once
/// The thin interface: what a provider implements and what every pattern is handed. The pipeline of
/// the gateway is a chain of these. Threads: the loop's. A Call is immutable and shared; the sink
/// is awaited, so a slow reader slows the
///          model. Errors before the first event are the call's; later ones end its stream.

#include "base/cancel.h"
#include "base/result.h"
#include "base/task.h"
#include "base/time.h"
#include "models/conversation.h"

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace outcrop::models {

enum class Why : std::uint8_t { chat, ingest, agent_step, batch, judge };

struct Context {
  std::string request_id;  // x-amzn-RequestId
  std::string account;
  std::string region;
  std::string principal;  // the caller's ARN
  std::string key_id;     // the access key or API key, never its secret
  std::string operation;  // "Converse", "InvokeModel", ...
  Why why = Why::chat;
  std::string service_tier = "default";
  std::map<std::string, std::string> tags;  // requestMetadata
  Deadline deadline;
  CancelToken cancel;  // the caller went away, or the server stops
};

/// A body in a vendor's own format, forwarded as it is where the target speaks that dialect. A
/// stage that edits the conversation drops it.
struct Native {
  std::string dialect;
  std::string bytes;
};

struct Call {
  std::string asked;   // the model id as the caller wrote it
  std::string target;  // the provider's own name for the model; set by resolution
  Conversation conversation;
  std::shared_ptr<const Native> native;
  bool stream = false;
  Context context;
};
using CallPtr = std::shared_ptr<const Call>;

class Sink {
 public:
  virtual ~Sink() = default;
  /// Errors: cancelled (the reader is gone): stop, and account for what was produced.
  virtual Task<Result<void>> put(Event event) = 0;
};
using SinkPtr = std::shared_ptr<Sink>;

/// What happened, for the ledger; also when the caller went away (then `cut` says why).
struct Outcome {
  Usage usage;
  StopReason stop = StopReason::end_turn;
  std::string served_by;  // "local:smollm2-135m-instruct"
  std::int64_t queue_ms = 0;
  std::int64_t first_event_ms = 0;
  std::int64_t total_ms = 0;
};

enum class Truncate : std::uint8_t {
  refuse,
  start,
  end
};  // what to drop of a text that is too long

struct EmbedCall {
  std::string asked;
  std::string target;
  std::vector<std::string> texts;
  bool query = false;  // a search query rather than a document
  Truncate truncate = Truncate::refuse;
  Context context;
};
using EmbedCallPtr = std::shared_ptr<const EmbedCall>;

struct Embeddings {
  std::vector<std::vector<float>> vectors;  // one a text, the model's own width, unit length
  std::vector<std::int64_t> tokens;         // one a text
  std::vector<bool> truncated;              // one a text
  Served served;                            // set by the gateway
};

struct RerankCall {
  std::string asked;
  std::string target;
  std::string query;
  std::vector<std::string> documents;
  int top_n = 0;  // 0 means all
  Context context;
};
using RerankCallPtr = std::shared_ptr<const RerankCall>;

struct Ranking {
  struct Entry {
    int index = 0;
    double score = 0;  // 0..1
  };
  std::vector<Entry> entries;  // best first
  Served served;               // set by the gateway
};

struct TokenCount {
  std::int64_t input_tokens = 0;
};

class Model {
 public:
  virtual ~Model() = default;
  virtual Task<Result<Outcome>> converse(CallPtr call, SinkPtr sink) = 0;
  virtual Task<Result<Outcome>> invoke(CallPtr call, SinkPtr sink) = 0;
  virtual Task<Result<Embeddings>> embed(EmbedCallPtr call) = 0;
  virtual Task<Result<Ranking>> rerank(RerankCallPtr call) = 0;
  virtual Task<Result<TokenCount>> count(CallPtr call) = 0;
};
using ModelPtr = std::shared_ptr<Model>;

}  // namespace outcrop::models
