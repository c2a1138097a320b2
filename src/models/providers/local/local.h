#pragma once
/// The provider of models that run here, in an engine process each.
/// invoke() is refused: InvokeModel's bodies are decoded before they get here.
/// What an engine cannot take (images, audio, video, PDF) is refused by name, with what to do.
/// Batch and ingestion calls run in the engine's batch class, in the slack of the others.

#include "engine/host/host.h"
#include "models/model.h"

#include <memory>
#include <string>

namespace outcrop::models {

/// `name` is the part after "local:" of what is served.
ModelPtr make_local_model(std::string name, engine::HostPtr host);

}  // namespace outcrop::models
