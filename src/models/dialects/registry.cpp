#include "models/dialects/body_check.h"
#include "models/dialects/dialects.h"

namespace outcrop::models {

json::Object NativeStream::metrics(const Metadata& metadata) const {
  const auto& usage = metadata.usage;
  json::Object out{{"inputTokenCount", usage.input_tokens},
                   {"outputTokenCount", usage.output_tokens},
                   {"invocationLatency", metadata.latency_ms},
                   {"firstByteLatency", first_byte_ms_ < 0 ? metadata.latency_ms : first_byte_ms_}};
  const auto written = usage.cache_write_5m_tokens + usage.cache_write_1h_tokens;
  if (usage.cache_read_tokens > 0 || written > 0) {
    out["cacheReadInputTokenCount"] = usage.cache_read_tokens;
    out["cacheWriteInputTokenCount"] = written;
  }
  return out;
}

void NativeStream::first_byte() {
  if (first_byte_ms_ < 0)
    first_byte_ms_ = std::chrono::duration_cast<Millis>(now() - begin_).count();
}

json::Value Dialect::encode_reply(const Reply&, const json::Object&, std::string_view) const {
  return nullptr;
}
std::unique_ptr<NativeStream> Dialect::encode_stream(const json::Object&, std::string_view) const {
  return nullptr;
}
Result<json::Value> Dialect::encode_embeddings(const Embeddings&, const json::Object&) const {
  return fail(Code::internal, "the dialect {} has no embeddings", name());
}
json::Value Dialect::encode_ranking(const Ranking&, const json::Object&) const { return nullptr; }

const Dialect* dialect_for(std::string_view id) {
  auto is = [&](std::string_view prefix) { return id.starts_with(prefix); };
  if (is("anthropic.")) {
    const bool old = is("anthropic.claude-v") || is("anthropic.claude-instant");
    return old ? &anthropic_text() : &anthropic_messages();
  }
  if (is("amazon.titan-embed-text-v1") || is("amazon.titan-embed-g1-text"))
    return &titan_embed_v1();
  if (is("amazon.titan-embed-text-")) return &titan_embed_v2();
  if (is("amazon.titan-embed-image")) return &titan_embed_image();
  if (is("amazon.titan-t")) return &titan_text();  // titan-text-..., titan-tg1-...
  if (is("amazon.rerank") || is("cohere.rerank")) return &rerank();
  if (is("amazon.nova-") && id.find("embed") != std::string_view::npos) return &nova_embed();
  if (is("amazon.nova-")) return &nova();
  if (is("meta.")) return &llama();
  if (is("mistral.")) {
    for (std::string_view text : {"mistral.mistral-7b", "mistral.mixtral-",
                                  "mistral.mistral-large-2402", "mistral.mistral-small-2402"}) {
      if (is(text)) return &mistral_text();
    }
    return &mistral_chat();
  }
  if (is("cohere.embed-v4")) return &cohere_embed_v4();
  if (is("cohere.embed-")) return &cohere_embed();
  if (is("cohere.command-r")) return &command_r();
  if (is("deepseek.r1")) return &deepseek_text();
  for (std::string_view vendor :
       {"openai.", "qwen.", "deepseek.", "google.", "minimax.", "moonshotai.", "nvidia.", "xai.",
        "zai.", "ai21.jamba", "writer."}) {
    if (is(vendor)) return &openai_chat();
  }
  return nullptr;
}

const std::vector<const Dialect*>& all_dialects() {
  static const std::vector<const Dialect*> all{&anthropic_messages(),
                                               &anthropic_text(),
                                               &titan_text(),
                                               &llama(),
                                               &mistral_text(),
                                               &mistral_chat(),
                                               &openai_chat(),
                                               &deepseek_text(),
                                               &command_r(),
                                               &nova(),
                                               &titan_embed_v1(),
                                               &titan_embed_v2(),
                                               &titan_embed_image(),
                                               &cohere_embed(),
                                               &cohere_embed_v4(),
                                               &nova_embed(),
                                               &rerank()};
  return all;
}

const Dialect* dialect_named(std::string_view name) {
  for (const auto* dialect : all_dialects()) {
    if (dialect->name() == name) return dialect;
  }
  return nullptr;
}

Result<NativeRequest> decode_native(const Dialect& dialect, std::string_view bytes) {
  auto body = json::read(bytes);
  if (!body)
    return fail(Code::validation,
                "Malformed input request: the body is no JSON ({}), please reformat your input and "
                "try again.",
                body.error().message);
  const auto* object = body->if_object();
  if (!object) return malformed("#: expected type: JSONObject, found: another");
  json::Object own;
  for (const auto& [key, value] : *object) {
    if (!std::string_view(key.data(), key.size()).starts_with("amazon-bedrock-"))
      own.emplace(key, value);
  }
  return dialect.decode_request(own);
}

}  // namespace outcrop::models
