// Amazon Nova's messages-v1: Converse's blocks, with bytes in base64 as they are in Converse's
// JSON.
#include "models/dialects/body_check.h"
#include "models/dialects/converse.h"
#include "models/dialects/converse_blocks.h"
#include "models/dialects/dialects.h"

namespace outcrop::models {
namespace {

json::Object usage_object(const Usage& usage) {
  return {{"inputTokens", usage.input_tokens},
          {"outputTokens", usage.output_tokens},
          {"totalTokens", usage.total()},
          {"cacheReadInputTokenCount", usage.cache_read_tokens},
          {"cacheWriteInputTokenCount", usage.cache_write_5m_tokens + usage.cache_write_1h_tokens}};
}

class Stream : public NativeStream {
 public:
  void add(const Event& event, std::vector<std::string>& chunks) override {
    auto converse = encode_converse_event(event);
    if (!converse) return;
    first_byte();
    json::Object chunk;
    if (const auto* metadata = std::get_if<Metadata>(&event)) {
      chunk["metadata"] = json::Object{{"usage", usage_object(metadata->usage)},
                                       {"metrics", json::Object{}},
                                       {"trace", json::Object{}}};
      chunk["amazon-bedrock-invocationMetrics"] = metrics(*metadata);
    } else {
      chunk[converse->member] = std::move(converse->payload);
    }
    chunks.push_back(json::write(chunk));
  }
};

class Nova : public Dialect {
 public:
  std::string_view name() const override { return "amazon.nova"; }

  Result<NativeRequest> decode_request(const json::Object& body) const override {
    BodyCheck check(body);
    check.required({"messages"});
    check.only({"schemaVersion", "messages", "system", "inferenceConfig", "toolConfig",
                "reasoningConfig"});
    Conversation conversation;
    check.one_of("schemaVersion", {"messages-v1"});
    const auto* messages = check.array("messages", 1);
    const auto* system = check.array("system");
    const auto* tools = check.object("toolConfig");
    if (const auto* config = check.object("inferenceConfig")) {
      BodyCheck inner(*config, check.path("inferenceConfig"), check.errors());
      inner.only({"maxTokens", "max_new_tokens", "temperature", "topP", "top_p", "topK", "top_k",
                  "stopSequences"});
      auto& inference = conversation.inference;
      auto most = inner.integer("maxTokens", 1, 2'147'483'647);
      if (!most) most = inner.integer("max_new_tokens", 1, 2'147'483'647);
      if (most) inference.max_tokens = static_cast<int>(*most);
      inference.temperature = inner.number("temperature", 0, 1);
      inference.top_p = inner.number("topP", 0, 1);
      if (!inference.top_p) inference.top_p = inner.number("top_p", 0, 1);
      auto top_k = inner.integer("topK", 0, 128);
      if (!top_k) top_k = inner.integer("top_k", 0, 128);
      if (top_k) inference.top_k = static_cast<int>(*top_k);
      inference.stop_sequences = inner.texts("stopSequences", 0, 2500);
    }
    if (const auto* reasoning = check.object("reasoningConfig"))
      conversation.additional_fields["reasoningConfig"] = *reasoning;
    CHECK(check.done());
    TRY(decoded, converse::decode_messages(*messages));
    conversation.messages = std::move(decoded);
    for (std::size_t i = 0; system && i < system->size(); ++i) {
      TRY(block, converse::decode_system((*system)[i], fmt::format("system.{}", i)));
      conversation.system.push_back(std::move(block));
    }
    if (tools) CHECK(converse::decode_tool_config(*tools, conversation));
    CHECK(check_conversation(conversation));
    return NativeRequest{std::move(conversation), {}};
  }

  json::Value encode_reply(const Reply& reply, const json::Object&,
                           std::string_view) const override {
    json::Object out = encode_converse_reply(reply);
    return json::Object{{"output", out["output"]},
                        {"stopReason", out["stopReason"]},
                        {"usage", usage_object(reply.usage)}};
  }
  std::unique_ptr<NativeStream> encode_stream(const json::Object&,
                                              std::string_view) const override {
    return std::make_unique<Stream>();
  }
};

}  // namespace

const Dialect& nova() {
  static const Nova dialect;
  return dialect;
}

}  // namespace outcrop::models
