#pragma once
/// The pipeline that every model call passes, whoever asks: resolve, call, settle. Each stage is a
/// models::Model in front of another, so that one can be left out in a test and none knows its
/// neighbour. Threads: the loop's.

#include "base/result.h"
#include "models/catalogue/stand_ins.h"
#include "models/model.h"
#include "observe/metrics.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace outcrop::gateway {

enum class Need : std::uint8_t { any, text, embedding, rerank };

/// One way to answer a call.
struct Candidate {
  models::ModelPtr model;     // the provider
  std::string target;         // its own name for the model
  models::Served served;      // what the caller is told
  int max_output_tokens = 0;  // of the smaller of the asked and the serving model; 0: not known
};

/// What a model id means here, best candidate first; never empty.
struct Resolution {
  models::Binding binding;  // of the first candidate; facts and limits of the asked model
  std::vector<Candidate> candidates;
  int asked_max_output_tokens() const {
    return binding.facts ? binding.facts->max_output_tokens : 0;
  }
};

class Resolver {
 public:
  virtual ~Resolver() = default;
  /// Errors: validation (no such model, or one that cannot do this), not_found, with AWS's texts.
  virtual Result<Resolution> resolve(std::string_view asked, Need need) const = 0;
};

/// Who serves `target` of `provider`; null when it is not there (any more).
using FindProvider =
    std::function<models::ModelPtr(const std::string& provider, const std::string& target)>;

/// Over the catalogue, the configured models and the stand-ins. The snapshot is swapped when models
/// come or go; a call keeps the one it began with.
std::shared_ptr<const Resolver> make_resolver(std::shared_ptr<const models::StandIns> stand_ins,
                                              FindProvider find);

/// Ends the chain: finds the candidates and calls them in order; the next is tried only when one
/// failed before its first event with something that may pass (unavailable, not ready, throttled).
models::ModelPtr make_call_stage(std::shared_ptr<const Resolver> resolver);

/// Encloses everything: times, counts and logs each call, also when the caller goes away.
models::ModelPtr make_settle_stage(models::ModelPtr next, observe::Registry& metrics);

}  // namespace outcrop::gateway
