#pragma once
/// What a caller wrote where a model is asked for, taken apart: ids, inference-profile ids, ARNs of
/// every kind, and names of our own. Source: Bedrock API reference, patterns of modelId.

#include "base/result.h"
#include "models/catalogue/catalogue.h"

#include <string>
#include <string_view>

namespace outcrop::models {

struct ModelReference {
  enum class What : std::uint8_t {
    foundation_model,       // id: "anthropic.claude-..."
    inference_profile,      // system-defined; profile: "us", id: the base model's
    application_profile,    // id: twelve characters
    provisioned_model,      // id: twelve characters
    imported_model,         // id: twelve characters
    custom_model,           // id: twelve characters; base: the model it was made from
    custom_deployment,      // id: twelve characters
    prompt,                 // id: ten characters; version: number or empty
    prompt_router,          // id: its name or id
    default_prompt_router,  // id: its name
    marketplace_endpoint,   // id: a SageMaker endpoint's name
    name  // id: something without a vendor that is known: a model of the configuration
  };
  What what = What::name;
  std::string text;  // as written
  std::string id;
  std::string profile;  // cross-region prefix
  std::string base;
  std::string version;
  std::string region;      // of an ARN
  std::string account;     // of an ARN
  int context_tokens = 0;  // of a suffix such as ":200k"; 0 without
  bool is_arn = false;
};

/// Errors: validation, "The provided model identifier is invalid."
Result<ModelReference> parse_model_reference(std::string_view text,
                                             const Catalogue& catalogue = Catalogue::bundled());

}  // namespace outcrop::models
