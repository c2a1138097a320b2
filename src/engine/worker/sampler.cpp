#include "engine/worker/sampler.h"

#include <llama.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <random>

namespace outcrop::engine {
namespace {

double file_value(const llama_model* model, llama_model_meta_key key, double absent) {
  const char* name = llama_model_meta_key_str(key);
  char text[64] = {};
  if (!name || llama_model_meta_val_str(model, name, text, sizeof text) <= 0) return absent;
  char* end = nullptr;
  const double value = std::strtod(text, &end);
  return end != text && std::isfinite(value) ? value : absent;
}

// One owner thread at a time samples; candidates are large (a vocabulary of 50k has 600 kB) and
// reused.
std::vector<llama_token_data>& candidates_of(int vocabulary) {
  thread_local std::vector<llama_token_data> candidates;
  candidates.resize(static_cast<std::size_t>(vocabulary));
  return candidates;
}

}  // namespace

Result<std::unique_ptr<Sampler>> Sampler::make(const llama_model* model, const Sampling& sampling,
                                               const std::string& grammar,
                                               bool grammar_from_start) {
  const auto* vocab = llama_model_get_vocab(model);
  std::unique_ptr<Sampler> made(new Sampler);
  made->vocabulary_ = llama_vocab_n_tokens(vocab);
  if (!grammar.empty()) {
    made->grammar_ = llama_sampler_init_grammar(vocab, grammar.c_str(), "root");
    if (!made->grammar_)
      return fail(Code::validation,
                  "the schema cannot be held: its grammar of {} bytes is too large, or refers to "
                  "itself without an end; use fewer or smaller bounds",
                  grammar.size());
    made->grammar_binds_ = grammar_from_start;
  }
  auto* chain = llama_sampler_chain_init(llama_sampler_chain_default_params());
  made->chain_ = chain;
  std::int32_t suppressed = 0;
  const auto* suppress = llama_vocab_get_suppress_tokens(vocab, &suppressed);
  if (suppressed > 0) {
    std::vector<llama_logit_bias> biases;
    for (int i = 0; i < suppressed; ++i) biases.push_back({suppress[i], -INFINITY});
    llama_sampler_chain_add(
        chain, llama_sampler_init_logit_bias(made->vocabulary_, suppressed, biases.data()));
  }
  const double temperature =
      sampling.temperature.value_or(file_value(model, LLAMA_MODEL_META_KEY_SAMPLING_TEMP, 0.7));
  const double top_p =
      sampling.top_p.value_or(file_value(model, LLAMA_MODEL_META_KEY_SAMPLING_TOP_P, 0.9));
  const int top_k = sampling.top_k.value_or(
      static_cast<int>(file_value(model, LLAMA_MODEL_META_KEY_SAMPLING_TOP_K, 40)));
  made->seed_ = sampling.seed ? static_cast<std::uint32_t>(*sampling.seed ^ (*sampling.seed >> 32))
                              : std::random_device{}();
  if (temperature <= 0) {
    llama_sampler_chain_add(chain, llama_sampler_init_greedy());
  } else {
    if (top_k > 0) llama_sampler_chain_add(chain, llama_sampler_init_top_k(top_k));
    if (top_p < 1)
      llama_sampler_chain_add(chain, llama_sampler_init_top_p(static_cast<float>(top_p), 1));
    llama_sampler_chain_add(chain, llama_sampler_init_temp(static_cast<float>(temperature)));
    llama_sampler_chain_add(chain, llama_sampler_init_dist(made->seed_));
  }
  return made;
}

Sampler::~Sampler() {
  if (chain_) llama_sampler_free(chain_);
  if (grammar_) llama_sampler_free(grammar_);
}

Result<Token> Sampler::sample(llama_context* context, int row) {
  const float* logits = llama_get_logits_ith(context, row);
  if (!logits) return fail(Code::model_error, "the model gave no output for a token");
  auto& candidates = candidates_of(vocabulary_);
  const auto fill = [&] {
    for (int i = 0; i < vocabulary_; ++i)
      candidates[static_cast<std::size_t>(i)] = {i, logits[i], 0.0F};
    return llama_token_data_array{candidates.data(), candidates.size(), -1, false};
  };
  auto array = fill();
  llama_sampler_apply(chain_, &array);
  if (array.selected < 0)
    return fail(Code::model_error, "the model's output holds no token that can be chosen");
  Token token = array.data[array.selected].id;
  if (!grammar_ || !grammar_binds_) return token;

  llama_token_data lone{token, 1.0F, 0.0F};
  llama_token_data_array one{&lone, 1, -1, false};
  llama_sampler_apply(grammar_, &one);
  if (lone.logit != -INFINITY) return token;

  array = fill();
  llama_sampler_apply(grammar_, &array);
  // Without the masked tokens top_k and top_p choose among what is allowed.
  auto* allowed = std::remove_if(array.data, array.data + array.size,
                                 [](const auto& c) { return c.logit == -INFINITY; });
  array.size = static_cast<std::size_t>(allowed - array.data);
  if (array.size == 0)
    return fail(Code::model_error, "no token of the model fits the schema at this place");
  llama_sampler_apply(chain_, &array);
  if (array.selected < 0)
    return fail(Code::model_error, "no token of the model fits the schema at this place");
  return array.data[array.selected].id;
}

void Sampler::accept(Token token) {
  if (grammar_ && grammar_binds_) llama_sampler_accept(grammar_, token);
  llama_sampler_accept(chain_, token);
}

bool Sampler::bind_grammar(const std::vector<Token>& tokens) {
  if (!grammar_ || grammar_binds_) return grammar_binds_;
  try {
    for (const Token token : tokens) llama_sampler_accept(grammar_, token);
  } catch (const std::exception&) {
    llama_sampler_free(grammar_);
    grammar_ = nullptr;
    return false;
  }
  grammar_binds_ = true;
  return true;
}

}  // namespace outcrop::engine
