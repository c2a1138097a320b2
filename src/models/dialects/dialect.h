#pragma once
/// Vendors' own bodies, as InvokeModel takes and gives them: one codec a family, used by the api to
/// decode requests and encode replies in the format of the model that was asked for, whoever
/// answers. Errors:  validation, in the words of the service's schema check ("Malformed input
/// request: #: required
///          key [prompt] not found, ...") or of the vendor (Anthropic: "max_tokens: Field
///          required").
/// Threads: dialects are immutable; a stream's encoder has one user at a time.

#include "base/result.h"
#include "base/time.h"
#include "json/json.h"
#include "models/conversation.h"
#include "models/model.h"

#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace outcrop::models {

struct EmbedRequest {
  std::vector<std::string> texts;
  bool query = false;  // a search query rather than a document
  Truncate truncate = Truncate::refuse;
};

struct RerankRequest {
  std::string query;
  std::vector<std::string> documents;
  int top_n = 0;  // 0 means all
};

/// What a body asks for, and what the reply to it must know of it (`shape`, private to the
/// dialect).
struct NativeRequest {
  std::variant<Conversation, EmbedRequest, RerankRequest> content;
  json::Object shape;
};

/// Turns a reply's events into the vendor's chunks. The last chunk carries
/// amazon-bedrock-invocationMetrics; it leaves with the Metadata event, so a stream without one is
/// a stream that broke.
class NativeStream {
 public:
  virtual ~NativeStream() = default;
  /// Appends zero or more whole JSON documents.
  virtual void add(const Event& event, std::vector<std::string>& chunks) = 0;

 protected:
  /// {"inputTokenCount":..,"outputTokenCount":..,"invocationLatency":..,"firstByteLatency":..[,
  /// caches]}
  json::Object metrics(const Metadata& metadata) const;
  void first_byte();  // call at each chunk; the first time counts

 private:
  Instant begin_ = now();
  std::int64_t first_byte_ms_ = -1;
};

class Dialect {
 public:
  virtual ~Dialect() = default;
  virtual std::string_view name() const = 0;  // "anthropic.messages", as Native::dialect has it
  virtual Result<NativeRequest> decode_request(const json::Object& body) const = 0;

  /// The reply to a Conversation. `asked` is the base model's id.
  virtual json::Value encode_reply(const Reply& reply, const json::Object& shape,
                                   std::string_view asked) const;
  /// Null for a dialect that does not stream.
  virtual std::unique_ptr<NativeStream> encode_stream(const json::Object& shape,
                                                      std::string_view asked) const;
  /// The reply to an EmbedRequest: the vectors are brought to the asked dimension and types here.
  virtual Result<json::Value> encode_embeddings(const Embeddings& embeddings,
                                                const json::Object& shape) const;
  virtual json::Value encode_ranking(const Ranking& ranking, const json::Object& shape) const;
};

/// By the base model's id ("anthropic.claude-3-haiku-20240307-v1:0"); null when no dialect speaks
/// for it.
const Dialect* dialect_for(std::string_view model_id);
const Dialect* dialect_named(std::string_view name);
const std::vector<const Dialect*>& all_dialects();

/// Reads the bytes and decodes. Members that begin with "amazon-bedrock-" are the service's, not
/// the model's: they are left out (the api reads them from the bytes itself).
Result<NativeRequest> decode_native(const Dialect& dialect, std::string_view bytes);

}  // namespace outcrop::models
