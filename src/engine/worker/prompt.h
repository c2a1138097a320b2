#pragma once
/// From a request to what the scheduler can run: tokens, a sampler, and how the reply is to be
/// read. Threads: any; this is the part of a request's work that must not hold up the owner thread.

#include "base/result.h"
#include "engine/chat.h"
#include "engine/worker/constraint.h"
#include "engine/worker/local_model.h"
#include "engine/worker/reply_reader.h"
#include "engine/worker/sampler.h"

#include <memory>
#include <string>
#include <vector>

namespace outcrop::engine {

/// The tokens of a chat or a raw prompt. Errors: validation.
struct Prompt {
  std::vector<Token> tokens;
  bool thinking = false;  // the template opened the model's thoughts
};
Result<Prompt> make_prompt(const LocalModel& model, const Chat& chat);

struct Prepared {
  std::uint32_t stream = 0;
  Terms terms;
  Sampling sampling;
  std::vector<Token> tokens;
  Constraint constraint;
  ReplyReader::Form form;
  std::unique_ptr<Sampler> sampler;
};

/// Errors: validation, also when the prompt is longer than the context.
Result<Prepared> prepare(const LocalModel& model, std::uint32_t stream, Chat chat);

}  // namespace outcrop::engine
