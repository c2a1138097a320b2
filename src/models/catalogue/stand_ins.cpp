#include "models/catalogue/stand_ins.h"

#include "base/text.h"

#include <algorithm>
#include <map>

namespace outcrop::models {
namespace {

int smaller(int a, int b) { return a == 0 ? b : b == 0 ? a : std::min(a, b); }

bool is_glob(std::string_view pattern) {
  return pattern.find_first_of("*?") != std::string_view::npos;
}

std::string_view what_it_makes(Kind kind) {
  switch (kind) {
    case Kind::image:
      return "images";
    case Kind::video:
      return "video";
    case Kind::speech:
      return "speech";
    case Kind::chat:
    case Kind::embedding:
    case Kind::rerank:
      break;
  }
  return "what it makes";
}

}  // namespace

Result<StandIns> StandIns::make(StandInSettings settings, std::vector<LocalModel> models,
                                const Catalogue& catalogue) {
  StandIns out;
  out.settings_ = std::move(settings);
  out.models_ = std::move(models);
  out.catalogue_ = &catalogue;
  for (std::size_t i = 0; i < out.models_.size(); ++i) {
    const auto& model = out.models_[i];
    if (model.name.empty())
      return fail(Code::validation, "models[{}].name is empty. Give each model a name.", i);
    if (out.find(model.name) != &model)
      return fail(Code::validation, "Two models are called '{}'. Give each a name of its own.",
                  model.name);
    if (model.kind == Kind::image || model.kind == Kind::video || model.kind == Kind::speech) {
      return fail(Code::validation, "The kind of model '{}' is {}. Use chat, embedding or rerank.",
                  model.name, to_text(model.kind));
    }
  }
  struct Default {
    std::string_view key;
    const std::string& name;
    Kind kind;
  };
  for (const auto& [key, name, kind] :
       {Default{"chat", out.settings_.chat, Kind::chat},
        Default{"embedding", out.settings_.embedding, Kind::embedding},
        Default{"rerank", out.settings_.rerank, Kind::rerank}}) {
    if (name.empty()) continue;
    const auto* model = out.find(name);
    if (!model)
      return fail(Code::validation,
                  "stand_ins.{} is '{}', but no model of that name is configured.", key, name);
    if (model->kind != kind)
      return fail(Code::validation, "stand_ins.{} is '{}', which is a {} model.", key, name,
                  to_text(model->kind));
  }
  for (const auto& rule : out.settings_.rules) {
    if (rule.pattern.empty() || rule.provider.empty())
      return fail(Code::validation,
                  "A rule for stand-ins needs a pattern and a provider; '{}' -> '{}' lacks one.",
                  rule.pattern, rule.provider);
    if (rule.provider == "local" && !out.find(rule.target)) {
      return fail(Code::validation,
                  "The rule for '{}' names the local model '{}', which is not configured.",
                  rule.pattern, rule.target);
    }
  }
  return out;
}

const LocalModel* StandIns::find(std::string_view name) const {
  auto found = std::find_if(models_.begin(), models_.end(),
                            [&](const auto& model) { return model.name == name; });
  return found == models_.end() ? nullptr : &*found;
}

const LocalModel* StandIns::default_for(Kind kind) const {
  const std::string& name = kind == Kind::chat        ? settings_.chat
                            : kind == Kind::embedding ? settings_.embedding
                                                      : settings_.rerank;
  if (!name.empty()) return find(name);
  // A model that computes goes before one that answers by rule: those stand in only where they are
  // told to, unless there is nothing else.
  const LocalModel* otherwise = nullptr;
  for (const auto& model : models_) {
    if (model.kind != kind) continue;
    if (model.provider != "scripted") return &model;
    if (!otherwise) otherwise = &model;
  }
  return otherwise;
}

Binding StandIns::to_local(const LocalModel& model, const ModelFacts* facts, std::string asked,
                           std::string reason) const {
  Binding binding;
  binding.facts = facts;
  binding.stand_in = asked != model.name;
  binding.asked = std::move(asked);
  binding.provider = model.provider;
  binding.target = model.name;
  binding.reason = std::move(reason);
  binding.kind = model.kind;
  binding.context_tokens = smaller(model.context_tokens, facts ? facts->context_tokens : 0);
  binding.max_output_tokens =
      smaller(model.max_output_tokens, facts ? facts->max_output_tokens : 0);
  if (facts && !facts->dimensions.empty()) {
    binding.dimensions = facts->dimensions;
  } else if (model.dimensions > 0) {
    binding.dimensions = {model.dimensions};
  }
  return binding;
}

Result<Binding> StandIns::resolve(std::string_view text) const {
  // A name of ours goes before everything, whatever it looks like.
  if (const auto* model = find(text))
    return to_local(*model, catalogue_->find(text), std::string(text), "its own name");
  TRY(reference, parse_model_reference(text, *catalogue_));
  return resolve(reference);
}

Result<Binding> StandIns::resolve(const ModelReference& reference) const {
  using What = ModelReference::What;
  switch (reference.what) {
    case What::foundation_model:
    case What::inference_profile: {
      const auto* facts = catalogue_->find(reference.id);
      TRY(binding, bind(reference, facts));
      if (reference.context_tokens > 0)
        binding.context_tokens = smaller(binding.context_tokens, reference.context_tokens);
      return binding;
    }
    case What::name:
      if (const auto* model = find(reference.id))
        return to_local(*model, nullptr, reference.id, "its own name");
      for (const auto& rule : settings_.rules) {
        if (rule.pattern == reference.id) return bind(reference, nullptr);
      }
      return fail(Code::validation, "The provided model identifier is invalid.");
    case What::application_profile:
    case What::provisioned_model:
    case What::imported_model:
    case What::custom_model:
    case What::custom_deployment:
    case What::prompt:
    case What::prompt_router:
    case What::default_prompt_router:
    case What::marketplace_endpoint:
      break;
  }
  return fail(Code::not_found, "Nothing here is called {}.", reference.text);
}

Result<Binding> StandIns::bind(const ModelReference& reference, const ModelFacts* facts) const {
  const std::string& id = reference.id;
  const Kind kind = facts ? facts->kind : guess_kind(id);
  if (const auto* model = find(id)) return to_local(*model, facts, id, "its own name");
  for (bool globs : {false, true}) {
    for (const auto& rule : settings_.rules) {
      if (is_glob(rule.pattern) != globs ||
          !(globs ? glob_match(rule.pattern, id) : rule.pattern == id))
        continue;
      if (const auto* model = find(rule.target); model && model->provider == rule.provider) {
        return to_local(*model, facts, id, "rule " + rule.pattern);
      }
      Binding binding;
      binding.facts = facts;
      binding.asked = id;
      binding.provider = rule.provider;
      // A provider that speaks Bedrock's ids keeps the caller's cross-region prefix.
      binding.target = rule.target.empty()
                           ? (reference.profile.empty() ? id : reference.profile + "." + id)
                           : rule.target;
      binding.stand_in = !rule.target.empty() && rule.target != id;
      binding.reason = "rule " + rule.pattern;
      binding.kind = kind;
      if (facts) {
        binding.context_tokens = facts->context_tokens;
        binding.max_output_tokens = facts->max_output_tokens;
        binding.dimensions = facts->dimensions;
      }
      return binding;
    }
  }
  if (kind == Kind::image || kind == Kind::video || kind == Kind::speech) {
    return fail(
        Code::validation,
        "The model {} makes {}, and no model here can. Bind it to a provider that serves it.", id,
        what_it_makes(kind));
  }
  if (!settings_.enabled) {
    return fail(Code::validation,
                "The model {} is not served here: stand-ins are off, and no provider is bound to "
                "it. Bind it, or set stand_ins to on.",
                id);
  }
  for (bool globs : {false, true}) {
    for (const auto& model : models_) {
      if (model.kind != kind) continue;
      for (const auto& pattern : model.stands_in_for) {
        if (is_glob(pattern) == globs && (globs ? glob_match(pattern, id) : pattern == id))
          return to_local(model, facts, id, "stands in for " + pattern);
      }
    }
  }
  if (const auto* model = default_for(kind))
    return to_local(*model, facts, id, fmt::format("default {} model", to_text(kind)));
  return fail(
      Code::not_found,
      "No {} model is configured that could stand in for {}. Add one, or bind it to a provider.",
      to_text(kind), id);
}

std::string StandIns::table() const {
  // One line for each vendor, kind and answer: rows that differ in nothing that is printed are one
  // row.
  struct Row {
    int models = 0;
    std::string answer;
    int context_min = 0, context_max = 0;
  };
  std::vector<std::pair<std::string, Row>> rows;
  for (const auto& facts : catalogue_->all()) {
    ModelReference reference;
    reference.what = ModelReference::What::foundation_model;
    reference.text = reference.id = facts.id;
    auto binding = bind(reference, &facts);
    std::string answer;
    int context = 0;
    if (binding) {
      const std::string target = binding->target == facts.id ? "the same id" : binding->target;
      answer = fmt::format("{}:{}{} ({})", binding->provider, target,
                           binding->stand_in ? " stands in" : "", binding->reason);
      context = binding->context_tokens;
    } else {
      answer = facts.kind == Kind::image || facts.kind == Kind::video || facts.kind == Kind::speech
                   ? "refused: nothing here makes that"
               : !settings_.enabled ? "refused: stand-ins are off"
                                    : fmt::format("refused: no {} model", to_text(facts.kind));
    }
    const std::string key = fmt::format("{:<12}{:<10}", facts.vendor(), to_text(facts.kind));
    auto row = std::find_if(rows.begin(), rows.end(), [&](const auto& entry) {
      return entry.first == key && entry.second.answer == answer;
    });
    if (row == rows.end()) row = rows.insert(rows.end(), {key, Row{0, answer, context, context}});
    ++row->second.models;
    row->second.context_min = std::min(row->second.context_min, context);
    row->second.context_max = std::max(row->second.context_max, context);
  }
  std::string out = fmt::format("{:<12}{:<10}{:>6}  {:<20}{}\n", "vendor", "kind", "models",
                                "context tokens", "answered by");
  for (const auto& [key, row] : rows) {
    std::string context = row.context_max == 0 ? "-"
                          : row.context_min == row.context_max
                              ? fmt::format("{}", row.context_max)
                              : fmt::format("{}..{}", row.context_min, row.context_max);
    out += fmt::format("{}{:>6}  {:<20}{}\n", key, row.models, context, row.answer);
  }
  return out;
}

}  // namespace outcrop::models
