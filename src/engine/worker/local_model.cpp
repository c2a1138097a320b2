#include "engine/worker/local_model.h"

#include "engine/worker/memory.h"

#include <ggml-backend.h>
#include <llama.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <log.h>
#include <mutex>
#include <thread>

namespace outcrop::engine {
namespace {

constexpr int context_default = 8'192;
constexpr int pool_default = 16'384;
constexpr int embedding_batch = 512;  // one physical batch; larger ones are slower on a CPU
constexpr int embedding_texts = 64;   // sequences in it

std::mutex complaint_lock;
std::string complaint;

void on_log(ggml_log_level level, const char* text, void*) {
  if (level != GGML_LOG_LEVEL_ERROR) return;
  std::string line(text);
  while (!line.empty() && line.back() == '\n') line.pop_back();
  if (line.empty()) return;
  std::fprintf(stderr, "%s\n", line.c_str());
  const std::lock_guard lock(complaint_lock);
  complaint = std::move(line);
}

ggml_type kv_type(const std::string& name) {
  if (name == "bf16") return GGML_TYPE_BF16;
  if (name == "q8_0") return GGML_TYPE_Q8_0;
  if (name == "q4_0") return GGML_TYPE_Q4_0;
  return GGML_TYPE_F16;
}

}  // namespace

void quiet_llama() {
  // On a failed assertion ggml would start a debugger to print the stack.
  ::setenv("GGML_NO_BACKTRACE", "1", 0);
  llama_log_set(on_log, nullptr);
  common_log_set_verbosity_thold(-1);
}

std::string last_llama_complaint() {
  const std::lock_guard lock(complaint_lock);
  return complaint;
}

Result<std::unique_ptr<LocalModel>> LocalModel::load(const WorkerOptions& options) {
  std::unique_ptr<LocalModel> made(new LocalModel);
  TRY(file, ModelFile::open(options.model));
  made->file_ = std::move(file);
  auto& d = made->file_.description;
  const auto own = static_cast<int>(std::min<std::int64_t>(d.context_tokens, 1 << 24));

  if (d.embedding) {
    // An encoder sees a text whole, in one physical batch.
    d.context_tokens =
        options.context_tokens > 0 ? std::min(options.context_tokens, own) : std::min(own, 8192);
    made->batch_tokens_ = std::max<int>(embedding_batch, static_cast<int>(d.context_tokens));
    made->pool_tokens_ = made->batch_tokens_;
  } else {
    const int context = options.context_tokens > 0 ? std::min(options.context_tokens, own)
                                                   : std::min(own, context_default);
    const auto shared =
        std::min<std::int64_t>(std::int64_t{context} * options.parallel, pool_default);
    made->pool_tokens_ =
        options.pool_tokens > 0 ? options.pool_tokens : std::max(context, static_cast<int>(shared));
    made->pool_tokens_ = (made->pool_tokens_ + 255) / 256 * 256;
    d.context_tokens = std::min(context, made->pool_tokens_);
  }

  const auto type = kv_type(options.kv);
  MemoryNeed need;
  need.weights_bytes = made->file_.weight_bytes;
  need.pool_tokens = made->pool_tokens_;
  need.context_bytes = d.embedding ? 0
                                   : made->file_.kv_values_per_token * made->pool_tokens_ *
                                         static_cast<std::int64_t>(ggml_type_size(type)) /
                                         ggml_blck_size(type);
  // Activations of one physical batch in a few copies, and a row of logits for each sequence.
  need.work_bytes = static_cast<std::int64_t>(made->batch_tokens_) * d.embedding_width * 4 * 24 +
                    d.vocabulary * 4 * 64;
  CHECK(check_memory(options.model, need,
                     options.memory_bytes > 0 ? options.memory_bytes : available_bytes()));

  llama_backend_init();
  auto model_params = llama_model_default_params();
  model_params.n_gpu_layers = options.gpu_layers;
  made->model_ = llama_model_load_from_file(options.model.c_str(), model_params);
  if (!made->model_)
    return fail(
        Code::validation, "{} cannot be loaded: {}", options.model,
        last_llama_complaint().empty() ? "llama.cpp gives no reason" : last_llama_complaint());

  made->threads_ = options.threads > 0
                       ? options.threads
                       : std::max(1, static_cast<int>(std::thread::hardware_concurrency()) - 1);
  auto params = llama_context_default_params();
  params.n_ctx = static_cast<std::uint32_t>(made->pool_tokens_);
  params.n_batch = static_cast<std::uint32_t>(made->batch_tokens_);
  params.n_ubatch = params.n_batch;
  params.n_threads = made->threads_;
  params.n_threads_batch = made->threads_;
  params.kv_unified = true;
  params.no_perf = true;
  if (d.embedding) {
    params.n_seq_max = embedding_texts;
    params.embeddings = true;
  } else {
    params.n_seq_max = static_cast<std::uint32_t>(options.parallel + options.retained);
    params.n_outputs_max = params.n_seq_max;
    params.type_k = type;
    params.type_v = type;
  }
  made->context_ = llama_init_from_model(made->model_, params);
  if (!made->context_)
    return fail(Code::internal, "{} was loaded, but no context of {} tokens could be made: {}",
                options.model, made->pool_tokens_, last_llama_complaint());
  made->vocabulary_ = std::make_unique<Vocabulary>(llama_model_get_vocab(made->model_));
  if (const char* source =
          d.embedding ? nullptr : llama_model_chat_template(made->model_, nullptr)) {
    TRY(chat_template, ChatTemplate::make(source, *made->vocabulary_));
    made->template_ = std::move(chat_template);
  }
  made->shares_prefixes_ = !d.embedding && !llama_model_is_recurrent(made->model_) &&
                           !llama_model_is_hybrid(made->model_) &&
                           llama_model_n_swa(made->model_) == 0;
  return made;
}

LocalModel::~LocalModel() {
  if (context_) llama_free(context_);
  if (model_) llama_model_free(model_);
}

}  // namespace outcrop::engine
