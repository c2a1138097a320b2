#include "api/bedrock/bedrock.h"

#include <utility>

namespace outcrop::api {
namespace {

using models::Catalogue;
using models::Kind;

/// A local model as the catalogue would describe it.
models::ModelFacts facts_of(const models::LocalModel& local) {
  models::ModelFacts facts;
  facts.id = local.name;
  facts.name = local.name.substr(0, 20);  // the service model bounds it
  facts.provider = "Local";
  facts.kind = local.kind;
  facts.input = {"TEXT"};
  facts.output = {local.kind == Kind::embedding ? "EMBEDDING" : "TEXT"};
  facts.streaming = local.kind == Kind::chat;
  facts.inference = {"ON_DEMAND"};
  return facts;
}

bool matches(const models::ModelFacts& facts, const models::ModelFilter& filter) {
  return (filter.provider.empty() || filter.provider == facts.provider) &&
         (filter.output.empty() || filter.output == facts.output.front()) &&
         (filter.inference.empty() || filter.inference == "ON_DEMAND") &&
         filter.customization.empty();
}

Task<Result<Answer>> list(CurrentModels current, const Request& request) {
  models::ModelFilter filter;
  filter.provider = request.text("byProvider");
  filter.customization = request.text("byCustomizationType");
  filter.output = request.text("byOutputModality");
  filter.inference = request.text("byInferenceType");
  json::Array summaries;
  for (const auto* facts : Catalogue::bundled().list(filter))
    summaries.emplace_back(foundation_model_json(*facts, request.region));
  for (const auto& local : current()->local_models()) {
    auto facts = facts_of(local);
    if (matches(facts, filter))
      summaries.emplace_back(foundation_model_json(facts, request.region));
  }
  Answer answer;
  answer.document["modelSummaries"] = std::move(summaries);
  co_return answer;
}

Task<Result<Answer>> get(CurrentModels current, const Request& request) {
  auto asked = request.text("modelIdentifier");
  Answer answer;
  auto reference = models::parse_model_reference(asked);
  if (reference) {
    if (const auto* facts = Catalogue::bundled().find(reference->id)) {
      answer.document["modelDetails"] = foundation_model_json(*facts, request.region);
      co_return answer;
    }
    auto snapshot = current();
    if (const auto* local = snapshot->find(reference->id)) {
      answer.document["modelDetails"] = foundation_model_json(facts_of(*local), request.region);
      co_return answer;
    }
  }
  co_return fail(Code::not_found,
                 "Could not resolve the foundation model from the provided model identifier: {}",
                 asked);
}

}  // namespace

void add_bedrock(Front& front, CurrentModels current) {
  front.add("bedrock", "ListFoundationModels",
            PlainOperation([current](const Request& request) { return list(current, request); }));
  front.add("bedrock", "GetFoundationModel",
            PlainOperation([current](const Request& request) { return get(current, request); }));
}

}  // namespace outcrop::api
