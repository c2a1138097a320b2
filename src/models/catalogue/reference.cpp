#include "models/catalogue/reference.h"

#include "base/text.h"

#include <algorithm>

namespace outcrop::models {
namespace {

using What = ModelReference::What;

Failure invalid() { return fail(Code::validation, "The provided model identifier is invalid."); }

bool characters(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("-_.:/@+").find(c) != std::string_view::npos;
  });
}

bool resource_id(std::string_view text, std::size_t length) {
  return text.size() == length && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
         });
}

/// ":200k", ":8k", ":1m" at the end says which context is meant; the model is the same.
void take_context_suffix(std::string& id, int& context_tokens) {
  const auto colon = id.rfind(':');
  if (colon == std::string::npos || colon + 3 > id.size()) return;
  const std::string_view suffix = std::string_view(id).substr(colon + 1);
  const char unit = suffix.back();
  if ((unit != 'k' && unit != 'm') || suffix.size() > 6) return;
  int number = 0;
  for (char c : suffix.substr(0, suffix.size() - 1)) {
    if (c < '0' || c > '9') return;
    number = number * 10 + (c - '0');
  }
  context_tokens = number * (unit == 'k' ? 1000 : 1'000'000);
  id.resize(colon);
}

/// "us.anthropic.claude-..." or "anthropic.claude-..."; false when no known vendor stands in it.
bool take_vendor_id(std::string_view text, const Catalogue& catalogue, ModelReference& reference) {
  std::string_view rest = text;
  const auto dot = text.find('.');
  if (dot == std::string_view::npos) return false;
  if (catalogue.known_vendor(text.substr(0, dot))) {
    reference.what = What::foundation_model;
  } else {
    const auto prefix = text.substr(0, dot);
    const auto& prefixes = catalogue.profile_prefixes();
    if (std::find(prefixes.begin(), prefixes.end(), prefix) == prefixes.end()) return false;
    rest = text.substr(dot + 1);
    const auto next = rest.find('.');
    if (next == std::string_view::npos || !catalogue.known_vendor(rest.substr(0, next)))
      return false;
    reference.what = What::inference_profile;
    reference.profile = prefix;
  }
  reference.id = rest;
  if (reference.id.back() == '.' || reference.id.back() == ':') return false;
  take_context_suffix(reference.id, reference.context_tokens);
  // "amazon.titan-embed-text-v1:2" is a build of "amazon.titan-embed-text-v1".
  if (const auto colon = reference.id.rfind(':');
      colon != std::string::npos && !catalogue.find(reference.id) &&
      catalogue.find(std::string_view(reference.id).substr(0, colon))) {
    reference.id.resize(colon);
  }
  return true;
}

Result<ModelReference> parse_arn(std::string_view text, const Catalogue& catalogue) {
  // arn:partition:service:region:account:resource, where the resource may have colons of its own.
  std::string_view parts[5];
  std::string_view rest = text;
  for (auto& part : parts) {
    const auto colon = rest.find(':');
    if (colon == std::string_view::npos) return invalid();
    part = rest.substr(0, colon);
    rest = rest.substr(colon + 1);
  }
  const auto slash = rest.find('/');
  if (slash == std::string_view::npos || slash + 1 == rest.size() || !parts[1].starts_with("aws"))
    return invalid();
  const auto type = rest.substr(0, slash);
  const auto id = rest.substr(slash + 1);
  ModelReference reference;
  reference.text = text;
  reference.is_arn = true;
  reference.region = parts[3];
  reference.account = parts[4];
  if (parts[2] == "sagemaker") {
    if (type != "endpoint") return invalid();
    reference.what = What::marketplace_endpoint;
    reference.id = id;
    return reference;
  }
  if (parts[2] != "bedrock") return invalid();
  if (type == "foundation-model" || type == "inference-profile") {
    if (!take_vendor_id(id, catalogue, reference)) return invalid();
    if ((type == "foundation-model") != (reference.what == What::foundation_model))
      return invalid();
    return reference;
  }
  struct Type {
    std::string_view name;
    What what;
    std::size_t length;  // of the id; 0: any
  };
  static constexpr Type types[] = {{"application-inference-profile", What::application_profile, 0},
                                   {"provisioned-model", What::provisioned_model, 12},
                                   {"imported-model", What::imported_model, 12},
                                   {"custom-model-deployment", What::custom_deployment, 12},
                                   {"prompt-router", What::prompt_router, 0},
                                   {"default-prompt-router", What::default_prompt_router, 0}};
  for (const auto& known : types) {
    if (type != known.name) continue;
    if (known.length && !resource_id(id, known.length)) return invalid();
    reference.what = known.what;
    reference.id = id;
    return reference;
  }
  if (type == "custom-model") {
    const auto last = id.rfind('/');
    if (last == std::string_view::npos || !resource_id(id.substr(last + 1), 12)) return invalid();
    reference.what = What::custom_model;
    reference.base = id.substr(0, last);
    reference.id = id.substr(last + 1);
    return reference;
  }
  if (type == "prompt") {
    const auto colon = id.find(':');
    reference.what = What::prompt;
    reference.id = id.substr(0, colon);
    if (colon != std::string_view::npos) reference.version = id.substr(colon + 1);
    const bool number = std::all_of(reference.version.begin(), reference.version.end(),
                                    [](char c) { return c >= '0' && c <= '9'; });
    if (!resource_id(reference.id, 10) || !number || reference.version.size() > 5) return invalid();
    return reference;
  }
  return invalid();
}

}  // namespace

Result<ModelReference> parse_model_reference(std::string_view text, const Catalogue& catalogue) {
  if (text.empty() || text.size() > 2048 || !characters(text)) return invalid();
  if (text.starts_with("arn:")) return parse_arn(text, catalogue);
  ModelReference reference;
  reference.text = text;
  if (take_vendor_id(text, catalogue, reference)) return reference;
  if (text.back() == '.' || text.back() == ':') return invalid();
  reference.what = What::name;
  reference.id = text;
  return reference;
}

}  // namespace outcrop::models
