#pragma once
/// Who answers when a model is asked for: a configured provider, a local model by its own name, or
/// a local model that stands in for one of Bedrock's. Never silent: a Binding says which and why,
/// and table() prints all of it for the start of the program. Threads: immutable once made.

#include "base/result.h"
#include "models/catalogue/catalogue.h"
#include "models/catalogue/reference.h"

#include <string>
#include <string_view>
#include <vector>

namespace outcrop::models {

/// A model that runs here, or one that a provider serves under a name of its own. Zero means not
/// known.
struct LocalModel {
  std::string name{};      // what callers and rules call it
  std::string path{};      // of the GGUF file; empty for a provider's
  Kind kind = Kind::chat;  // chat, embedding or rerank
  int context_tokens = 0;
  int max_output_tokens = 0;
  int dimensions = 0;                        // of an embedding
  std::string chat_template{};               // instead of the one in the file; may be empty
  std::vector<std::string> stands_in_for{};  // globs over Bedrock's ids: "anthropic.*"
  std::string provider = "local";            // "local", "scripted", ...
};

/// An explicit binding of asked ids to a provider.
struct BindingRule {
  std::string pattern;   // an id or a glob over ids; an exact one goes before a glob
  std::string provider;  // "local", "bedrock-eu", ...
  std::string target;    // the provider's name for it; empty: the id as asked
};

struct StandInSettings {
  bool enabled = true;             // off: only exact names and explicit rules answer
  std::vector<BindingRule> rules;  // first match wins, exact before globs
  std::string chat;  // names of the default local models; empty: the first of that kind
  std::string embedding;
  std::string rerank;
};

struct Binding {
  const ModelFacts* facts = nullptr;  // of the asked model; null when the catalogue lacks it
  std::string asked;                  // the base id, or the name
  std::string provider;
  std::string target;
  bool stand_in = false;  // another model answers than was asked for
  std::string reason;     // "default chat model", "rule anthropic.*", ...
  Kind kind = Kind::chat;
  // The smaller of the two models' limits; 0: neither is known.
  int context_tokens = 0;
  int max_output_tokens = 0;
  std::vector<int> dimensions;  // what may be asked; the first is the default
};

class StandIns {
 public:
  /// Errors: validation, for a rule or default that names a local model which is not there or is of
  /// another kind. `catalogue` must outlive this.
  static Result<StandIns> make(StandInSettings settings, std::vector<LocalModel> models,
                               const Catalogue& catalogue = Catalogue::bundled());

  /// For foundation models, system inference profiles and names; what an account has made
  /// (application profiles, custom models, ...) must have been resolved to one of these before.
  /// Errors: validation (no such model; a kind that nothing here can do; stand-ins off), not_found
  /// (no local model of that kind is configured).
  Result<Binding> resolve(const ModelReference& reference) const;
  Result<Binding> resolve(std::string_view text) const;

  const LocalModel* find(std::string_view name) const;
  const std::vector<LocalModel>& local_models() const { return models_; }
  bool enabled() const { return settings_.enabled; }

  /// For the start of the program: which families of Bedrock's models are answered by what, in
  /// lines of text.
  std::string table() const;

 private:
  Result<Binding> bind(const ModelReference& reference, const ModelFacts* facts) const;
  Binding to_local(const LocalModel& model, const ModelFacts* facts, std::string asked,
                   std::string reason) const;
  const LocalModel* default_for(Kind kind) const;

  StandInSettings settings_;
  std::vector<LocalModel> models_;
  const Catalogue* catalogue_ = nullptr;
};

}  // namespace outcrop::models
