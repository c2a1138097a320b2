#pragma once
/// Picks tokens: top_k, top_p, temperature, and a grammar that is asked about the picked token
/// first and masks the whole vocabulary only when it says no. Threads: one sampler belongs to one
/// sequence, on the owner thread; make() from any.

#include "base/result.h"
#include "engine/chat.h"
#include "engine/worker/vocabulary.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

struct llama_context;
struct llama_model;
struct llama_sampler;

namespace outcrop::engine {

class Sampler {
 public:
  /// An absent temperature, top_p or top_k is the model file's own (general.sampling.*), then 0.7,
  /// 0.9 and
  /// 40. Temperature 0 takes the likeliest token. Without a seed each call draws another one.
  /// Errors: validation, when the grammar is too large to be parsed.
  static Result<std::unique_ptr<Sampler>> make(const llama_model* model, const Sampling& sampling,
                                               const std::string& grammar, bool grammar_from_start);
  ~Sampler();

  /// `row` indexes the batch last decoded. Errors: model_error, when no token fits the grammar.
  Result<Token> sample(llama_context* context, int row);
  void accept(Token token);
  /// Lets the grammar bind from here on, after `tokens`. false when they do not fit it; it then
  /// never binds.
  bool bind_grammar(const std::vector<Token>& tokens);
  std::uint32_t seed() const { return seed_; }

 private:
  Sampler() = default;

  llama_sampler* chain_ = nullptr;
  llama_sampler* grammar_ = nullptr;
  bool grammar_binds_ = false;
  std::uint32_t seed_ = 0;
  int vocabulary_ = 0;
};

}  // namespace outcrop::engine
