#include "models/catalogue/catalogue.h"

#include "base/text.h"

#include <algorithm>
#include <array>

extern "C" {
extern const char outcrop_catalogue_begin[];
extern const char outcrop_catalogue_end[];
}

namespace outcrop::models {
namespace {

constexpr std::array<std::string_view, 6> kinds{"chat",  "embedding", "rerank",
                                                "image", "video",     "speech"};

struct PriceField {
  std::string_view name;
  std::optional<double> Prices::* field;
};
constexpr std::array<PriceField, 13> price_fields{{{"input", &Prices::input},
                                                   {"output", &Prices::output},
                                                   {"cache_read", &Prices::cache_read},
                                                   {"cache_write_5m", &Prices::cache_write_5m},
                                                   {"cache_write_1h", &Prices::cache_write_1h},
                                                   {"batch_input", &Prices::batch_input},
                                                   {"batch_output", &Prices::batch_output},
                                                   {"flex_input", &Prices::flex_input},
                                                   {"flex_output", &Prices::flex_output},
                                                   {"priority_input", &Prices::priority_input},
                                                   {"priority_output", &Prices::priority_output},
                                                   {"query", &Prices::query},
                                                   {"image", &Prices::image}}};

std::vector<std::string> texts(const json::Object& object, std::string_view key) {
  std::vector<std::string> out;
  if (const auto* list = json::find(object, key); list && list->is_array()) {
    for (const auto& item : list->get_array()) {
      if (item.is_string()) out.emplace_back(json::view(item.get_string()));
    }
  }
  return out;
}

void read_prices(const json::Object& object, Prices& prices) {
  for (const auto& field : price_fields) {
    if (auto price = json::find_double(object, field.name)) prices.*field.field = *price;
  }
  if (auto source = json::find_string(object, "source")) prices.source = *source;
  if (auto date = json::find_string(object, "date")) prices.date = *date;
}

Result<ModelFacts> read_model(const json::Object& object) {
  ModelFacts facts;
  facts.id = json::find_string(object, "id").value_or("");
  auto kind = kind_of(json::find_string(object, "kind").value_or(""));
  if (facts.id.find('.') == std::string::npos || !kind)
    return fail(Code::corrupt, "the catalogue's model '{}' has no id or kind that is known",
                facts.id);
  facts.kind = *kind;
  facts.name = json::find_string(object, "name").value_or(facts.id);
  facts.provider = json::find_string(object, "provider").value_or("");
  facts.input = texts(object, "input");
  facts.output = texts(object, "output");
  auto number = [&](std::string_view key) {
    return static_cast<int>(
        std::clamp<std::int64_t>(json::find_int(object, key).value_or(0), 0, 1 << 30));
  };
  facts.context_tokens = number("context_tokens");
  facts.max_output_tokens = number("max_output_tokens");
  facts.cache_min_tokens = number("cache_min_tokens");
  if (const auto* list = json::find(object, "dimensions"); list && list->is_array()) {
    for (const auto& item : list->get_array())
      facts.dimensions.push_back(static_cast<int>(json::as_int(item).value_or(0)));
  }
  for (const auto& capability : texts(object, "capabilities")) {
    facts.tools = facts.tools || capability == "tools";
    facts.vision = facts.vision || capability == "vision";
    facts.documents = facts.documents || capability == "documents";
    facts.reasoning = facts.reasoning || capability == "reasoning";
    facts.prompt_caching = facts.prompt_caching || capability == "prompt_caching";
    facts.json_schema = facts.json_schema || capability == "json_schema";
    facts.streaming = facts.streaming || capability == "streaming";
  }
  facts.openai_doors_only = json::find_bool(object, "openai_doors_only").value_or(false);
  facts.profiles = texts(object, "profiles");
  facts.inference = texts(object, "inference");
  facts.customizations = texts(object, "customizations");
  if (const auto* lifecycle = json::find(object, "lifecycle");
      lifecycle && lifecycle->is_object()) {
    facts.legacy = json::find_string(lifecycle->get_object(), "status") == "LEGACY";
    facts.end_of_life = json::find_string(lifecycle->get_object(), "end").value_or("");
  }
  if (const auto* prices = json::find(object, "prices"); prices && prices->is_object()) {
    read_prices(prices->get_object(), facts.prices);
    if (const auto* profiles = json::find(prices->get_object(), "profiles");
        profiles && profiles->is_object()) {
      for (const auto& [prefix, differs] : profiles->get_object()) {
        if (differs.is_object())
          read_prices(differs.get_object(), facts.profile_prices[std::string(prefix)]);
      }
    }
  }
  return facts;
}

bool holds(const std::vector<std::string>& list, std::string_view wanted) {
  return wanted.empty() || std::any_of(list.begin(), list.end(), [&](const auto& item) {
           return equals_ignoring_case(item, wanted);
         });
}

json::Array array_of(const std::vector<std::string>& list) {
  json::Array out;
  for (const auto& item : list) out.emplace_back(item);
  return out;
}

}  // namespace

std::string_view to_text(Kind kind) { return kinds[static_cast<std::size_t>(kind)]; }

std::optional<Kind> kind_of(std::string_view text) {
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    if (kinds[i] == text) return static_cast<Kind>(i);
  }
  return std::nullopt;
}

Prices ModelFacts::prices_for(std::string_view profile) const {
  Prices out = prices;
  if (auto found = profile_prices.find(profile); found != profile_prices.end()) {
    for (const auto& field : price_fields) {
      if (const auto& differs = found->second.*field.field) out.*field.field = differs;
    }
  }
  return out;
}

const Catalogue& Catalogue::bundled() {
  static const Catalogue catalogue = [] {
    auto read = Catalogue::read(
        {outcrop_catalogue_begin,
         static_cast<std::size_t>(outcrop_catalogue_end - outcrop_catalogue_begin)});
    // The file is part of the program and has a test of its own.
    if (!read)
      throw std::runtime_error("the bundled catalogue cannot be read: " + read.error().message);
    return std::move(*read);
  }();
  return catalogue;
}

Result<Catalogue> Catalogue::read(std::string_view text) {
  TRY(document, json::read(text));
  const auto* list = json::find(document, "models");
  if (!list || !list->is_array()) return fail(Code::corrupt, "the catalogue has no list of models");
  Catalogue catalogue;
  catalogue.prefixes_ = texts(document.get_object(), "profile_prefixes");
  catalogue.models_.reserve(list->get_array().size());
  for (const auto& item : list->get_array()) {
    if (!item.is_object())
      return fail(Code::corrupt, "the catalogue's list has something that is no model");
    TRY(facts, read_model(item.get_object()));
    catalogue.models_.push_back(std::move(facts));
  }
  std::sort(catalogue.models_.begin(), catalogue.models_.end(),
            [](const auto& a, const auto& b) { return a.id < b.id; });
  return catalogue;
}

const ModelFacts* Catalogue::find(std::string_view id) const {
  auto found = std::lower_bound(
      models_.begin(), models_.end(), id,
      [](const ModelFacts& facts, std::string_view wanted) { return facts.id < wanted; });
  return found != models_.end() && found->id == id ? &*found : nullptr;
}

std::vector<const ModelFacts*> Catalogue::list(const ModelFilter& filter) const {
  std::vector<const ModelFacts*> out;
  for (const auto& facts : models_) {
    if (!filter.provider.empty() && !equals_ignoring_case(filter.provider, facts.provider))
      continue;
    if (!holds(facts.customizations, filter.customization) || !holds(facts.output, filter.output) ||
        !holds(facts.inference, filter.inference))
      continue;
    out.push_back(&facts);
  }
  return out;
}

bool Catalogue::known_vendor(std::string_view vendor) const {
  auto found = std::lower_bound(
      models_.begin(), models_.end(), vendor,
      [](const ModelFacts& facts, std::string_view wanted) { return facts.id < wanted; });
  for (; found != models_.end() && found->id.starts_with(vendor); ++found) {
    if (found->vendor() == vendor) return true;
  }
  return false;
}

Kind guess_kind(std::string_view id) {
  auto has = [&](std::string_view word) { return id.find(word) != std::string_view::npos; };
  if (has("embed")) return Kind::embedding;
  if (has("rerank")) return Kind::rerank;
  if (id.starts_with("stability.") || has("image") || has("canvas")) return Kind::image;
  if (id.starts_with("luma.") || id.starts_with("twelvelabs.") || has("reel") || has("video"))
    return Kind::video;
  if (has("sonic") || has("speech")) return Kind::speech;
  return Kind::chat;
}

json::Object foundation_model_json(const ModelFacts& facts, std::string_view region) {
  json::Object lifecycle{{"status", facts.legacy ? "LEGACY" : "ACTIVE"}};
  if (!facts.end_of_life.empty()) lifecycle["endOfLifeTime"] = facts.end_of_life + "T00:00:00Z";
  return {{"modelArn", fmt::format("arn:aws:bedrock:{}::foundation-model/{}", region, facts.id)},
          {"modelId", facts.id},
          {"modelName", facts.name},
          {"providerName", facts.provider},
          {"inputModalities", array_of(facts.input)},
          {"outputModalities", array_of(facts.output)},
          {"responseStreamingSupported", facts.streaming},
          {"customizationsSupported", array_of(facts.customizations)},
          {"inferenceTypesSupported", array_of(facts.inference)},
          {"modelLifecycle", std::move(lifecycle)}};
}

json::Object inference_profile_json(const ModelFacts& facts, std::string_view prefix,
                                    std::string_view region, std::string_view account) {
  const std::string id = fmt::format("{}.{}", prefix, facts.id);
  std::string scope(prefix);
  for (char& c : scope) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  json::Array models;
  models.push_back(json::Object{
      {"modelArn", fmt::format("arn:aws:bedrock:{}::foundation-model/{}", region, facts.id)}});
  // The service's pattern for names has no dot: "Claude Haiku 4.5" reads "Claude Haiku 4-5".
  std::string name = fmt::format("{} {} {}", scope, facts.provider, facts.name);
  std::string plain;
  for (char c : name) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (letter) {
      plain += c;
    } else if (!plain.empty() && plain.back() != ' ' && plain.back() != '-') {
      plain += c == ' ' ? ' ' : '-';
    }
  }
  while (!plain.empty() && (plain.back() == '-' || plain.back() == ' ')) plain.pop_back();
  return {{"inferenceProfileName", plain.substr(0, 64)},
          {"description",
           fmt::format("Routes requests to {} {} in {}.", facts.provider, facts.name, region)},
          {"inferenceProfileArn",
           fmt::format("arn:aws:bedrock:{}:{}:inference-profile/{}", region, account, id)},
          {"models", std::move(models)},
          {"inferenceProfileId", id},
          {"status", "ACTIVE"},
          {"type", "SYSTEM_DEFINED"}};
}

}  // namespace outcrop::models
