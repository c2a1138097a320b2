#include "api/bedrock_runtime/invoke.h"

#include "api/bedrock_runtime/calls.h"
#include "base/text.h"
#include "models/dialects/dialect.h"

#include <utility>

namespace outcrop::api {
namespace {

using gateway::Need;
using models::Dialect;
using models::NativeRequest;

/// A native body, understood: by which dialect, for which base model.
struct Decoded {
  const Dialect* dialect = nullptr;
  std::string model_id;  // the base model's
  NativeRequest request;
};

Result<Decoded> decode(const Runtime& runtime, std::string_view asked, std::string_view body) {
  // What the id means decides in whose format the body is; a model that nobody here can stand in
  // for is refused before its body is looked at.
  TRY(resolution, runtime.resolver->resolve(asked, Need::any));
  std::string model_id = resolution.binding.asked;
  const auto* dialect = models::dialect_for(model_id);
  if (!dialect)
    return fail(Code::validation,
                "The model {} cannot be called with InvokeModel here: its body format is not "
                "known. Use Converse.",
                asked);
  Decoded decoded{dialect, std::move(model_id), {}};
  TRY(request, models::decode_native(*dialect, body));
  decoded.request = std::move(request);
  return decoded;
}

Result<void> check_headers(const Request& request) {
  bool id = request.input.find("guardrailIdentifier"),
       version = request.input.find("guardrailVersion");
  if (id != version)
    return fail(Code::validation,
                "guardrailIdentifier and guardrailVersion must be given together.");
  if (id)
    return fail(Code::validation,
                "The guardrail identifier or version provided in the request does not exist.");
  return {};
}

void describe(const Request& request, json::Object& document, wire::Headers& headers,
              const models::Served& served) {
  document["contentType"] = "application/json";
  if (request.input.find("performanceConfigLatency"))
    document["performanceConfigLatency"] = "standard";
  if (request.input.find("serviceTier")) document["serviceTier"] = "default";
  auto who = served_headers(served);
  for (const auto& [name, value] : who.all()) headers.add(name, value);
}

void count_headers(wire::Headers& headers, const models::Usage& usage) {
  headers.add("x-amzn-bedrock-input-token-count", std::to_string(usage.input_tokens));
  headers.add("x-amzn-bedrock-output-token-count", std::to_string(usage.output_tokens));
  if (usage.cache_read_tokens > 0)
    headers.add("x-amzn-bedrock-cache-read-input-token-count",
                std::to_string(usage.cache_read_tokens));
  auto written = usage.cache_write_5m_tokens + usage.cache_write_1h_tokens;
  if (written > 0)
    headers.add("x-amzn-bedrock-cache-write-input-token-count", std::to_string(written));
}

Answer answer_of(const Request& request, const models::Served& served, const models::Usage& usage,
                 const json::Value& body) {
  Answer answer;
  describe(request, answer.document, answer.headers, served);
  count_headers(answer.headers, usage);
  answer.headers.add("x-amzn-bedrock-invocation-latency", std::to_string(elapsed_ms(request)));
  answer.blob = json::write(body);
  return answer;
}

Task<Result<Answer>> invoke_text(std::shared_ptr<const Runtime> runtime, const Request& request,
                                 Decoded decoded) {
  auto call = new_call(request, *runtime, false);
  call->conversation = std::move(std::get<models::Conversation>(decoded.request.content));
  auto sink = std::make_shared<CollectingSink>();
  if (auto answered = co_await runtime->model->converse(call, sink); !answered)
    co_return fail(for_plain_answer(std::move(answered.error())));
  auto reply = sink->take();
  reply.latency_ms = elapsed_ms(request);
  auto body = decoded.dialect->encode_reply(reply, decoded.request.shape, decoded.model_id);
  co_return answer_of(request, reply.served, reply.usage, body);
}

Task<Result<Answer>> invoke_embedding(std::shared_ptr<const Runtime> runtime,
                                      const Request& request, Decoded decoded) {
  auto& wanted = std::get<models::EmbedRequest>(decoded.request.content);
  auto call = std::make_shared<models::EmbedCall>();
  call->asked = std::string(request.text("modelId"));
  call->texts = std::move(wanted.texts);
  call->query = wanted.query;
  call->truncate = wanted.truncate;
  call->context = context_of(request, *runtime);
  CO_TRY(embeddings, co_await runtime->model->embed(call));
  CO_TRY(body, decoded.dialect->encode_embeddings(embeddings, decoded.request.shape));
  models::Usage usage;
  for (auto tokens : embeddings.tokens) usage.input_tokens += tokens;
  co_return answer_of(request, embeddings.served, usage, body);
}

Task<Result<Answer>> invoke_rerank(std::shared_ptr<const Runtime> runtime, const Request& request,
                                   Decoded decoded) {
  auto& wanted = std::get<models::RerankRequest>(decoded.request.content);
  auto call = std::make_shared<models::RerankCall>();
  call->asked = std::string(request.text("modelId"));
  call->query = std::move(wanted.query);
  call->documents = std::move(wanted.documents);
  call->top_n = wanted.top_n;
  call->context = context_of(request, *runtime);
  CO_TRY(ranking, co_await runtime->model->rerank(call));
  auto body = decoded.dialect->encode_ranking(ranking, decoded.request.shape);
  co_return answer_of(request, ranking.served, {}, body);
}

/// Turns a model's events into the vendor's chunks, each a `chunk` event.
class NativeSink : public models::Sink {
 public:
  NativeSink(const Request& request, EventWriter& out, std::unique_ptr<models::NativeStream> stream,
             std::size_t chunk_bytes_limit)
      : request_(request),
        out_(out),
        stream_(std::move(stream)),
        chunk_bytes_limit_(chunk_bytes_limit) {}

  Task<Result<void>> put(models::Event event) override {
    if (const auto* served = std::get_if<models::Served>(&event)) {
      json::Object document;
      wire::Headers headers;
      describe(request_, document, headers, *served);
      out_.describe(std::move(document), std::move(headers));
      co_return Result<void>();
    }
    if (auto* metadata = std::get_if<models::Metadata>(&event))
      metadata->latency_ms = elapsed_ms(request_);
    std::vector<std::string> chunks;
    stream_->add(event, chunks);
    for (const auto& chunk : chunks) {
      if (chunk.size() > chunk_bytes_limit_)
        co_return fail(Code::model_stream_error, "a chunk of {} bytes is over the limit of {}",
                       chunk.size(), chunk_bytes_limit_);
      CO_CHECK(co_await out_.event("chunk", json::Object{{"bytes", base64(chunk)}}));
    }
    co_return Result<void>();
  }

 private:
  const Request& request_;
  EventWriter& out_;
  std::unique_ptr<models::NativeStream> stream_;
  std::size_t chunk_bytes_limit_;
};

}  // namespace

Task<Result<Answer>> invoke_model(std::shared_ptr<const Runtime> runtime, const Request& request) {
  CO_CHECK(check_headers(request));
  CO_TRY(decoded, decode(*runtime, request.text("modelId"), request.input.blob));
  if (std::holds_alternative<models::EmbedRequest>(decoded.request.content))
    co_return co_await invoke_embedding(runtime, request, std::move(decoded));
  if (std::holds_alternative<models::RerankRequest>(decoded.request.content))
    co_return co_await invoke_rerank(runtime, request, std::move(decoded));
  co_return co_await invoke_text(runtime, request, std::move(decoded));
}

Task<Result<void>> invoke_model_stream(std::shared_ptr<const Runtime> runtime,
                                       const Request& request, EventWriter& out) {
  CO_CHECK(check_headers(request));
  CO_TRY(decoded, decode(*runtime, request.text("modelId"), request.input.blob));
  auto* conversation = std::get_if<models::Conversation>(&decoded.request.content);
  auto stream = conversation
                    ? decoded.dialect->encode_stream(decoded.request.shape, decoded.model_id)
                    : nullptr;
  if (!stream) co_return fail(Code::validation, "The model is unsupported for streaming.");
  auto call = new_call(request, *runtime, true);
  call->conversation = std::move(*conversation);
  auto sink = std::make_shared<NativeSink>(request, out, std::move(stream),
                                           runtime->limits.native_chunk_bytes);
  CO_CHECK(co_await runtime->model->converse(call, sink));
  co_return Result<void>();
}

Task<Result<Answer>> count_native_tokens(std::shared_ptr<const Runtime> runtime,
                                         const Request& request, std::string body) {
  CO_TRY(decoded, decode(*runtime, request.text("modelId"), body));
  auto* conversation = std::get_if<models::Conversation>(&decoded.request.content);
  if (!conversation)
    co_return fail(Code::validation, "The model {} doesn't support counting tokens.",
                   request.text("modelId"));
  auto call = new_call(request, *runtime, false);
  call->conversation = std::move(*conversation);
  CO_TRY(count, co_await runtime->model->count(call));
  Answer answer;
  answer.document["inputTokens"] = count.input_tokens;
  co_return answer;
}

}  // namespace outcrop::api
