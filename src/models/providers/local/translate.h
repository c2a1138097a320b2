#pragma once
/// A conversation in the engine's form.
/// Errors: validation, naming the member that a text model cannot take and what to do instead.

#include "engine/chat.h"
#include "models/model.h"

namespace outcrop::models {

struct Translation {
  engine::Chat chat;
  int cache_points = 0;  // accepted, without effect on this model
};
Result<Translation> to_engine(const Conversation& conversation);

engine::Terms terms_of(const Context& context);

}  // namespace outcrop::models
