#pragma once
/// A model whose behaviour is written down: for tests, and for users who rehearse in CI what their
/// application does when a model is slow, wrong, throttled or gone. It says so in served_by.
/// Shape:   the first rule that matches answers; without one the last user message comes back
/// (echo). Errors:  any of the platform's, before the stream or inside it, as the script says;
/// cancelled. Threads: the loop's.

#include "base/cancel.h"
#include "base/task.h"
#include "models/model.h"
#include "models/providers/scripted/script.h"

#include <chrono>
#include <functional>
#include <memory>

namespace outcrop {
class Loop;
}

namespace outcrop::models::scripted {

/// false when the token was cancelled first.
using Sleep = std::function<Task<bool>(std::chrono::nanoseconds, CancelToken)>;

ModelPtr make(Script script, Sleep sleep);
/// Sleeps on the loop, which must outlive the model.
ModelPtr make(Script script, Loop& loop);

/// The estimate that stands in for a tokenizer: a token for every four bytes begun.
std::int64_t estimated_tokens(std::string_view text);

/// A unit vector that depends on the text's words alone: texts that share words are near each
/// other.
std::vector<float> text_vector(std::string_view text, std::size_t dimensions);

}  // namespace outcrop::models::scripted
