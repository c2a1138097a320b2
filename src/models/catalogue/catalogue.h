#pragma once
/// Bedrock's published models as facts: what an application may ask for by name. Nothing here runs
/// one; stand_ins.h says who answers. Units:   tokens; prices in USD for a million tokens (query
/// and image: USD each). Threads: immutable once read. Source:  catalogue/foundation-models.json,
/// embedded (sources and dates inside).

#include "base/result.h"
#include "json/json.h"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace outcrop::models {

enum class Kind : std::uint8_t { chat, embedding, rerank, image, video, speech };
std::string_view to_text(Kind kind);
std::optional<Kind> kind_of(std::string_view text);

/// Absent means: not published, or not known to us. Never zero for "unknown".
struct Prices {
  std::optional<double> input, output;
  std::optional<double> cache_read, cache_write_5m, cache_write_1h;
  std::optional<double> batch_input, batch_output;
  std::optional<double> flex_input, flex_output;
  std::optional<double> priority_input, priority_output;
  std::optional<double> query;  // USD each: a rerank call
  std::optional<double> image;  // USD each
  std::string source;           // "litellm==1.106.2"
  std::string date;             // of the source: 2026-10-21
};

struct ModelFacts {
  std::string id;        // "anthropic.claude-3-haiku-20240307-v1:0"
  std::string name;      // "Claude 3 Haiku"
  std::string provider;  // "Anthropic"
  Kind kind = Kind::chat;
  std::vector<std::string> input;   // TEXT, IMAGE, SPEECH, VIDEO
  std::vector<std::string> output;  // TEXT, EMBEDDING, IMAGE, ...
  int context_tokens = 0;           // 0: not known
  int max_output_tokens = 0;        // 0: not known, or none
  std::vector<int> dimensions;      // of an embedding; the first is the default
  bool tools = false;
  bool vision = false;
  bool documents = false;
  bool reasoning = false;
  bool prompt_caching = false;
  bool json_schema = false;
  bool streaming = false;
  int cache_min_tokens = 0;            // a shorter prefix is not cached; 0: not known
  bool openai_doors_only = false;      // on AWS only at the OpenAI- and Anthropic-style doors
  std::vector<std::string> profiles;   // cross-region prefixes: "us", "eu", "global"
  std::vector<std::string> inference;  // ON_DEMAND, PROVISIONED
  std::vector<std::string> customizations;
  bool legacy = false;
  std::string end_of_life;  // date, or empty
  Prices prices;
  std::map<std::string, Prices, std::less<>> profile_prices;  // what differs, by prefix

  std::string_view vendor() const { return std::string_view(id).substr(0, id.find('.')); }
  /// The price when asked through a cross-region profile; an empty prefix is the plain id.
  Prices prices_for(std::string_view profile) const;
};

/// ListFoundationModels' filters; empty means any.
struct ModelFilter {
  std::string provider{};       // compared without case
  std::string customization{};  // FINE_TUNING, CONTINUED_PRE_TRAINING, DISTILLATION
  std::string output{};         // TEXT, IMAGE, EMBEDDING
  std::string inference{};      // ON_DEMAND, PROVISIONED
};

class Catalogue {
 public:
  /// The one in the program, read at first use.
  static const Catalogue& bundled();
  /// Errors: corrupt, naming the model.
  static Result<Catalogue> read(std::string_view text);

  const ModelFacts* find(std::string_view id) const;  // a base model's id, without prefix or suffix
  const std::vector<ModelFacts>& all() const { return models_; }  // by id
  std::vector<const ModelFacts*> list(const ModelFilter& filter) const;
  bool known_vendor(std::string_view vendor) const;
  const std::vector<std::string>& profile_prefixes() const { return prefixes_; }

 private:
  std::vector<ModelFacts> models_;
  std::vector<std::string> prefixes_;
};

/// What kind of model an id names that the catalogue does not list, by the words in it.
Kind guess_kind(std::string_view id);

/// FoundationModelSummary, which is FoundationModelDetails too.
json::Object foundation_model_json(const ModelFacts& facts, std::string_view region);
/// InferenceProfileSummary of a system-defined profile.
json::Object inference_profile_json(const ModelFacts& facts, std::string_view prefix,
                                    std::string_view region, std::string_view account);

}  // namespace outcrop::models
