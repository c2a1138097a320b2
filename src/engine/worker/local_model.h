#pragma once
/// A model in memory: weights, vocabulary, one context. The context belongs to the owner thread;
/// the rest is immutable and may be used from any.

#include "base/result.h"
#include "engine/worker/chat_template.h"
#include "engine/worker/model_file.h"
#include "engine/worker/options.h"
#include "engine/worker/vocabulary.h"

#include <memory>
#include <string>

struct llama_context;
struct llama_model;

namespace outcrop::engine {

class LocalModel {
 public:
  /// Checks the file and the memory, then loads. Errors: one sentence, of validation, not_found,
  /// unavailable or internal.
  static Result<std::unique_ptr<LocalModel>> load(const WorkerOptions& options);
  ~LocalModel();

  const Description& description() const { return file_.description; }
  const ModelFile& file() const { return file_; }
  const Vocabulary& vocabulary() const { return *vocabulary_; }
  /// nullptr when the file has none.
  const ChatTemplate* chat_template() const { return template_.get(); }
  llama_model* model() const { return model_; }
  llama_context* context() const { return context_; }
  int pool_tokens() const { return pool_tokens_; }
  /// What one sequence may hold.
  int context_tokens() const { return static_cast<int>(file_.description.context_tokens); }
  /// Tokens that one step may compute.
  int batch_tokens() const { return batch_tokens_; }
  /// Whether a prefix of one sequence's state can be shared with another (not with recurrent or
  /// windowed models).
  bool shares_prefixes() const { return shares_prefixes_; }
  int threads() const { return threads_; }

 private:
  LocalModel() = default;

  ModelFile file_;
  llama_model* model_ = nullptr;
  llama_context* context_ = nullptr;
  std::unique_ptr<Vocabulary> vocabulary_;
  std::unique_ptr<ChatTemplate> template_;
  int pool_tokens_ = 0;
  int batch_tokens_ = 512;
  int threads_ = 1;
  bool shares_prefixes_ = false;
};

/// Sends llama.cpp's complaints to standard error, one line each, and drops its chatter. Once, at
/// start.
void quiet_llama();
/// The last complaint, to explain a failed load.
std::string last_llama_complaint();

}  // namespace outcrop::engine
