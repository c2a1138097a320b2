// Embeddings and reranking: Titan, Cohere, Nova.
#include "base/ids.h"
#include "models/dialects/body_check.h"
#include "models/dialects/dialects.h"
#include "models/dialects/embedding_shape.h"

#include <algorithm>
#include <numeric>

namespace outcrop::models {
namespace {

std::int64_t tokens_of(const Embeddings& embeddings) {
  return std::accumulate(embeddings.tokens.begin(), embeddings.tokens.end(), std::int64_t{0});
}

std::int64_t number_in(const json::Object& shape, std::string_view key) {
  return json::find_int(shape, key).value_or(0);
}

Result<void> one_each(const Embeddings& embeddings) {
  if (embeddings.vectors.empty()) return fail(Code::internal, "the embedding model gave no vector");
  return {};
}

class TitanEmbedV1 : public Dialect {
 public:
  std::string_view name() const override { return "amazon.titan-embed-v1"; }
  Result<NativeRequest> decode_request(const json::Object& body) const override {
    BodyCheck check(body);
    check.required({"inputText"});
    check.only({"inputText"});
    auto text = check.text("inputText", 1, 50'000);
    CHECK(check.done());
    return NativeRequest{EmbedRequest{{std::move(*text)}, false, Truncate::refuse},
                         {{"dimensions", 1536}}};
  }
  Result<json::Value> encode_embeddings(const Embeddings& embeddings,
                                        const json::Object& shape) const override {
    CHECK(one_each(embeddings));
    const auto vector = shape_embedding(embeddings.vectors[0],
                                        static_cast<std::size_t>(number_in(shape, "dimensions")));
    return json::Object{{"embedding", float_array(vector)},
                        {"inputTextTokenCount", tokens_of(embeddings)}};
  }
};

class TitanEmbedV2 : public Dialect {
 public:
  std::string_view name() const override { return "amazon.titan-embed-v2"; }
  Result<NativeRequest> decode_request(const json::Object& body) const override {
    BodyCheck check(body);
    check.required({"inputText"});
    check.only({"inputText", "dimensions", "normalize", "embeddingTypes"});
    auto text = check.text("inputText", 1, 50'000);
    auto dimensions = check.integer("dimensions", 1, 1024);
    if (dimensions && *dimensions != 1024 && *dimensions != 512 && *dimensions != 256)
      check.error("/dimensions", fmt::format("{} is not a valid enum value", *dimensions));
    check.boolean(
        "normalize");  // the models here give unit length anyway, which is what both values allow
    auto types = check.texts("embeddingTypes", 1, 2);
    for (const auto& type : types) {
      if (type != "float" && type != "binary")
        check.error("/embeddingTypes", fmt::format("{} is not a valid enum value", type));
    }
    CHECK(check.done());
    json::Object shape{{"dimensions", dimensions.value_or(1024)}};
    json::Array asked;
    for (const auto& type : types) asked.emplace_back(type);
    if (asked.empty()) asked.emplace_back("float");
    shape["types"] = std::move(asked);
    return NativeRequest{EmbedRequest{{std::move(*text)}, false, Truncate::refuse},
                         std::move(shape)};
  }
  Result<json::Value> encode_embeddings(const Embeddings& embeddings,
                                        const json::Object& shape) const override {
    CHECK(one_each(embeddings));
    const auto vector = shape_embedding(embeddings.vectors[0],
                                        static_cast<std::size_t>(number_in(shape, "dimensions")));
    json::Object by_type;
    if (const auto* types = json::find(shape, "types"); types && types->is_array()) {
      for (const auto& type : types->get_array()) {
        if (type == "float") by_type["float"] = float_array(vector);
        if (type == "binary") by_type["binary"] = bit_array(vector);
      }
    }
    json::Object out;
    // Only floats have the plain member.
    if (by_type.contains("float")) out["embedding"] = by_type["float"];
    out["embeddingsByType"] = std::move(by_type);
    out["inputTextTokenCount"] = tokens_of(embeddings);
    return out;
  }
};

class TitanEmbedImage : public Dialect {
 public:
  std::string_view name() const override { return "amazon.titan-embed-image"; }
  Result<NativeRequest> decode_request(const json::Object& body) const override {
    BodyCheck check(body);
    check.only({"inputText", "inputImage", "embeddingConfig"});
    auto text = check.text("inputText", 1, 50'000);
    auto image = check.text("inputImage");
    std::int64_t dimensions = 1024;
    if (const auto* config = check.object("embeddingConfig")) {
      BodyCheck inner(*config, check.path("embeddingConfig"), check.errors());
      inner.only({"outputEmbeddingLength"});
      dimensions = inner.integer("outputEmbeddingLength", 1, 1024).value_or(1024);
      if (dimensions != 1024 && dimensions != 384 && dimensions != 256)
        inner.error("/outputEmbeddingLength",
                    fmt::format("{} is not a valid enum value", dimensions));
    }
    CHECK(check.done());
    if (image)
      return fail(Code::validation,
                  "The inputImage cannot be embedded: no model here embeds images. Send inputText, "
                  "or bind the model to a provider that does.");
    if (!text) return malformed("#: required key [inputText] not found");
    return NativeRequest{EmbedRequest{{std::move(*text)}, false, Truncate::refuse},
                         {{"dimensions", dimensions}}};
  }
  Result<json::Value> encode_embeddings(const Embeddings& embeddings,
                                        const json::Object& shape) const override {
    CHECK(one_each(embeddings));
    const auto vector = shape_embedding(embeddings.vectors[0],
                                        static_cast<std::size_t>(number_in(shape, "dimensions")));
    return json::Object{{"embedding", float_array(vector)},
                        {"inputTextTokenCount", tokens_of(embeddings)},
                        {"message", nullptr}};
  }
};

/// Cohere's two generations: v4 has more ways to put the input in, and a dimension.
class CohereEmbed : public Dialect {
 public:
  explicit CohereEmbed(bool v4) : v4_(v4) {}
  std::string_view name() const override { return v4_ ? "cohere.embed-v4" : "cohere.embed-v3"; }

  Result<NativeRequest> decode_request(const json::Object& body) const override {
    BodyCheck check(body);
    const bool images = check.find("images") != nullptr;
    if (!images && !(v4_ && check.find("inputs"))) check.required({"texts"});
    check.required({"input_type"});
    if (v4_) {
      check.only({"texts", "images", "inputs", "input_type", "truncate", "embedding_types",
                  "output_dimension", "max_tokens"});
    } else {
      check.only({"texts", "images", "input_type", "truncate", "embedding_types"});
    }
    EmbedRequest request;
    request.texts = check.texts("texts", 1, 96, v4_ ? SIZE_MAX : 2048);
    auto type = check.one_of(
        "input_type", {"search_document", "search_query", "classification", "clustering", "image"});
    request.query = type == "search_query";
    auto truncate = v4_ ? check.one_of("truncate", {"NONE", "LEFT", "RIGHT"})
                        : check.one_of("truncate", {"NONE", "START", "END"});
    if (truncate == "START" || truncate == "LEFT") request.truncate = Truncate::start;
    // Cohere's v4 shortens on the right unless it is told not to; v3 refuses.
    if (truncate == "END" || truncate == "RIGHT" || (v4_ && !truncate))
      request.truncate = Truncate::end;
    auto types = check.texts("embedding_types", 1, 5);
    for (const auto& name : types) {
      if (name != "float" && name != "int8" && name != "uint8" && name != "binary" &&
          name != "ubinary")
        check.error("/embedding_types", fmt::format("{} is not a valid enum value", name));
    }
    std::int64_t dimensions = v4_ ? 1536 : 1024;
    if (auto asked = check.integer("output_dimension", 1, 1536)) {
      dimensions = *asked;
      if (dimensions != 256 && dimensions != 512 && dimensions != 1024 && dimensions != 1536)
        check.error("/output_dimension", fmt::format("{} is not a valid enum value", dimensions));
    }
    check.integer("max_tokens", 1, 128'000);
    bool pictures = images || type == "image";
    const bool inputs = v4_ && read_inputs(check, request, pictures);
    CHECK(check.done());
    if (pictures)
      return fail(Code::validation,
                  "Images cannot be embedded: no model here does that. Send texts, or bind the "
                  "model to a provider that does.");
    json::Object shape{{"dimensions", dimensions}};
    json::Array echo;
    for (const auto& text : request.texts) echo.emplace_back(text);
    if (!inputs) shape["texts"] = std::move(echo);
    if (inputs) shape["inputs"] = *check.find("inputs");
    json::Array asked;
    for (const auto& name : types) asked.emplace_back(name);
    shape["types"] = std::move(asked);
    return NativeRequest{std::move(request), std::move(shape)};
  }

  Result<json::Value> encode_embeddings(const Embeddings& embeddings,
                                        const json::Object& shape) const override {
    CHECK(one_each(embeddings));
    std::vector<std::vector<float>> vectors;
    for (const auto& vector : embeddings.vectors)
      vectors.push_back(
          shape_embedding(vector, static_cast<std::size_t>(number_in(shape, "dimensions"))));
    auto all = [&](auto&& one) {
      json::Array out;
      for (const auto& vector : vectors) out.push_back(one(vector));
      return out;
    };
    json::Object out{{"id", uuid4()}};
    for (std::string_view echo : {"texts", "inputs"}) {
      if (const auto* said = json::find(shape, echo))
        out[boost::json::string_view(echo.data(), echo.size())] = *said;
    }
    const auto* types = json::find(shape, "types");
    if (!types || !types->is_array() || types->get_array().empty()) {
      out["embeddings"] = all(float_array);
      out["response_type"] = "embeddings_floats";
      return out;
    }
    json::Object by_type;
    for (const auto& type : types->get_array()) {
      if (type == "float") by_type["float"] = all(float_array);
      if (type == "int8") by_type["int8"] = all(int8_array);
      if (type == "uint8") by_type["uint8"] = all(uint8_array);
      if (type == "binary") by_type["binary"] = all(binary_array);
      if (type == "ubinary") by_type["ubinary"] = all(ubinary_array);
    }
    out["embeddings"] = std::move(by_type);
    out["response_type"] = "embeddings_by_type";
    return out;
  }

 private:
  /// inputs: [{content: [{type: text, text}]}]; the texts of one input are one text.
  static bool read_inputs(BodyCheck& check, EmbedRequest& request, bool& pictures) {
    const auto* inputs = check.array("inputs", 1, 96);
    if (!inputs) return false;
    for (std::size_t i = 0; i < inputs->size(); ++i) {
      const auto* content = json::find((*inputs)[i], "content");
      if (!content || !content->is_array()) {
        check.error(fmt::format("/inputs/{}", i), "required key [content] not found");
        continue;
      }
      std::string joined;
      for (const auto& part : content->get_array()) {
        const auto* text = json::find(part, "text");
        if (text && text->is_string()) {
          joined += (joined.empty() ? "" : "\n") + std::string(json::view(text->get_string()));
        } else {
          pictures = true;
        }
      }
      request.texts.push_back(std::move(joined));
    }
    return true;
  }
  bool v4_;
};

class NovaEmbed : public Dialect {
 public:
  std::string_view name() const override { return "amazon.nova-embed"; }
  Result<NativeRequest> decode_request(const json::Object& body) const override {
    BodyCheck check(body);
    check.required({"taskType", "singleEmbeddingParams"});
    check.only({"schemaVersion", "taskType", "singleEmbeddingParams"});
    check.one_of("taskType", {"SINGLE_EMBEDDING"});
    EmbedRequest request;
    std::int64_t dimensions = 3072;
    bool other = false;
    if (const auto* params = check.object("singleEmbeddingParams")) {
      BodyCheck inner(*params, check.path("singleEmbeddingParams"), check.errors());
      inner.required({"embeddingPurpose"});
      inner.only({"embeddingPurpose", "embeddingDimension", "text", "image", "video", "audio"});
      auto purpose = inner.one_of("embeddingPurpose",
                                  {"GENERIC_INDEX", "GENERIC_RETRIEVAL", "TEXT_RETRIEVAL",
                                   "IMAGE_RETRIEVAL", "VIDEO_RETRIEVAL", "DOCUMENT_RETRIEVAL",
                                   "AUDIO_RETRIEVAL", "CLASSIFICATION", "CLUSTERING"});
      request.query = purpose && purpose->ends_with("_RETRIEVAL");
      dimensions = inner.integer("embeddingDimension", 1, 3072).value_or(3072);
      if (dimensions != 3072 && dimensions != 1024 && dimensions != 384 && dimensions != 256)
        inner.error("/embeddingDimension", fmt::format("{} is not a valid enum value", dimensions));
      other = inner.find("image") || inner.find("video") || inner.find("audio");
      if (const auto* text = inner.object("text")) {
        BodyCheck deep(*text, inner.path("text"), check.errors());
        deep.required({"value"});
        deep.only({"value", "truncationMode", "source"});
        if (auto value = deep.text("value", 1, 50'000)) request.texts.push_back(std::move(*value));
        auto mode = deep.one_of("truncationMode", {"START", "END", "NONE"});
        if (mode == "START") request.truncate = Truncate::start;
        if (mode == "END") request.truncate = Truncate::end;
      } else if (!other) {
        inner.required({"text"});
      }
    }
    CHECK(check.done());
    if (other)
      return fail(Code::validation,
                  "Only text can be embedded here. Send singleEmbeddingParams.text, or bind the "
                  "model to a provider that embeds other things.");
    return NativeRequest{std::move(request), {{"dimensions", dimensions}}};
  }
  Result<json::Value> encode_embeddings(const Embeddings& embeddings,
                                        const json::Object& shape) const override {
    CHECK(one_each(embeddings));
    const auto vector = shape_embedding(embeddings.vectors[0],
                                        static_cast<std::size_t>(number_in(shape, "dimensions")));
    json::Object one{{"embeddingType", "TEXT"}, {"embedding", float_array(vector)}};
    if (!embeddings.truncated.empty() && embeddings.truncated[0])
      one["truncatedCharLength"] = nullptr;
    json::Array list;
    list.push_back(std::move(one));
    return json::Object{{"embeddings", std::move(list)}};
  }
};

class Rerank : public Dialect {
 public:
  std::string_view name() const override { return "rerank"; }
  Result<NativeRequest> decode_request(const json::Object& body) const override {
    BodyCheck check(body);
    check.required({"query", "documents"});
    check.only(
        {"query", "documents", "top_n", "api_version", "return_documents", "max_tokens_per_doc"});
    auto query = check.text("query", 1);
    RerankRequest request;
    // A document is a text, or an object of which all texts count.
    if (const auto* documents = check.array("documents", 1, 1000)) {
      for (std::size_t i = 0; i < documents->size(); ++i) {
        const auto& document = (*documents)[i];
        if (document.is_string()) {
          request.documents.emplace_back(json::view(document.get_string()));
        } else if (document.is_object()) {
          const auto* text = json::find(document, "text");
          request.documents.push_back(text && text->is_string()
                                          ? std::string(json::view(text->get_string()))
                                          : json::write(document));
        } else {
          check.error(fmt::format("/documents/{}", i), "expected type: String, found: another");
        }
      }
    }
    request.top_n = static_cast<int>(check.integer("top_n", 1, 1000).value_or(0));
    check.integer("api_version", 1, 2);
    CHECK(check.done());
    request.query = std::move(*query);
    return NativeRequest{std::move(request), {}};
  }
  json::Value encode_ranking(const Ranking& ranking, const json::Object&) const override {
    json::Array results;
    for (const auto& entry : ranking.entries)
      results.push_back(json::Object{{"index", entry.index}, {"relevance_score", entry.score}});
    return json::Object{{"results", std::move(results)}};
  }
};

}  // namespace

const Dialect& titan_embed_v1() {
  static const TitanEmbedV1 dialect;
  return dialect;
}
const Dialect& titan_embed_v2() {
  static const TitanEmbedV2 dialect;
  return dialect;
}
const Dialect& titan_embed_image() {
  static const TitanEmbedImage dialect;
  return dialect;
}
const Dialect& cohere_embed() {
  static const CohereEmbed dialect(false);
  return dialect;
}
const Dialect& cohere_embed_v4() {
  static const CohereEmbed dialect(true);
  return dialect;
}
const Dialect& nova_embed() {
  static const NovaEmbed dialect;
  return dialect;
}
const Dialect& rerank() {
  static const Rerank dialect;
  return dialect;
}

}  // namespace outcrop::models
