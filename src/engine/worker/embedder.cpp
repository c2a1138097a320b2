#include "engine/worker/embedder.h"

#include "base/text.h"

#include <llama.h>

#include <algorithm>
#include <cmath>

namespace outcrop::engine {
namespace {

constexpr int physical_tokens = 512;
constexpr std::size_t texts_max = 64;
constexpr std::uint64_t batch_every = 10;

void to_unit_length(std::vector<float>& vector) {
  double sum = 0;
  for (const float value : vector) sum += static_cast<double>(value) * value;
  const double length = std::sqrt(sum);
  if (length <= 0) return;
  for (float& value : vector) value = static_cast<float>(value / length);
}

}  // namespace

Result<std::unique_ptr<Embedder>> Embedder::make(const LocalModel& model,
                                                 const WorkerOptions& options, Link& link) {
  std::unique_ptr<Embedder> made(new Embedder(model, options, link));
  if (model.file().tokenizer == "bert") {
    TRY(vocabulary, read_wordpiece(options.model));
    made->wordpiece_ = std::make_unique<WordPiece>(vocabulary);
  }
  return made;
}

Result<Embedder::Request> Embedder::prepare(std::uint32_t stream, const Embed& embed) const {
  Request request{stream, embed.terms.priority, {}, {}};
  if (embed.terms.deadline_ms > 0) request.deadline = Deadline::in(Millis(embed.terms.deadline_ms));
  if (embed.texts.empty()) return fail(Code::validation, "There is no text to embed.");
  const auto limit = static_cast<std::size_t>(model_.context_tokens());
  for (std::size_t i = 0; i < embed.texts.size(); ++i) {
    const auto& source = embed.texts[i];
    if (!is_utf8(source)) return fail(Code::validation, "Text {} is no valid UTF-8.", i);
    Text text;
    // What stands before and after the text proper is kept whatever is cut.
    std::size_t head = 0;
    std::size_t tail = 0;
    if (wordpiece_) {
      text.tokens = wordpiece_->tokenize(source);
      text.tokens.insert(text.tokens.begin(), wordpiece_->cls());
      text.tokens.push_back(wordpiece_->sep());
      head = tail = 1;
    } else {
      text.tokens = model_.vocabulary().tokenize({Piece{source, false}});
      head = model_.vocabulary().adds_bos() ? 1 : 0;
      const auto* vocab = model_.vocabulary().native();
      if (llama_vocab_get_add_eos(vocab) || llama_vocab_get_add_sep(vocab)) {
        text.tokens.push_back(llama_vocab_get_add_sep(vocab) ? llama_vocab_sep(vocab)
                                                             : llama_vocab_eos(vocab));
        tail = 1;
      }
    }
    if (text.tokens.size() > limit) {
      if (embed.truncate == Truncate::refuse)
        return fail(Code::validation,
                    "Text {} is too long for requested model: {} tokens, and at most {} are "
                    "allowed; shorten it or ask for truncation.",
                    i, text.tokens.size(), limit);
      const auto surplus = static_cast<std::ptrdiff_t>(text.tokens.size() - limit);
      const auto from = embed.truncate == Truncate::start
                            ? text.tokens.begin() + static_cast<std::ptrdiff_t>(head)
                            : text.tokens.end() - static_cast<std::ptrdiff_t>(tail) - surplus;
      text.tokens.erase(from, from + surplus);
      text.truncated = true;
    }
    if (text.tokens.empty()) return fail(Code::validation, "Text {} is empty for this model.", i);
    request.texts.push_back(std::move(text));
  }
  return request;
}

void Embedder::submit(Request request) {
  std::optional<Error> refused;
  const auto stream = request.stream;
  {
    const std::lock_guard lock(lock_);
    if (waiting_texts_ > 0 &&
        waiting_texts_ + request.texts.size() > static_cast<std::size_t>(options_.texts)) {
      refused = Error{.code = Code::throttled,
                      .message = fmt::format("Too many requests: {} texts are waiting for this "
                                             "model, and {} is its limit; try again later.",
                                             waiting_texts_, options_.texts)};
    } else {
      waiting_texts_ += request.texts.size();
      (request.priority == Class::batch ? batch_ : interactive_).push_back(stream);
      Work work;
      work.vectors.resize(request.texts.size());
      work.request = std::move(request);
      work_.insert_or_assign(stream, std::move(work));
      filled_.notify_one();
    }
  }
  if (refused) link_.send_error(stream, *refused);
}

void Embedder::cancel(std::uint32_t stream) {
  end(stream, Error{.code = Code::cancelled, .message = "the request was cancelled"});
}

void Embedder::end(std::uint32_t stream, std::optional<Error> error) {
  Work work;
  {
    const std::lock_guard lock(lock_);
    const auto found = work_.find(stream);
    if (found == work_.end()) return;
    work = std::move(found->second);
    waiting_texts_ -= work.request.texts.size() - work.done;
    work_.erase(found);
    std::erase(interactive_, stream);
    std::erase(batch_, stream);
  }
  if (error) {
    link_.send_error(stream, *error);
    return;
  }
  EmbeddingsPayload payload;
  for (const auto& text : work.request.texts) {
    payload.tokens.push_back(static_cast<std::int64_t>(text.tokens.size()));
    payload.truncated.push_back(text.truncated);
  }
  payload.vectors = std::move(work.vectors);
  link_.send(Frame{FrameType::embeddings, stream, encode_embeddings(payload)});
}

// Called with the lock held.
void Embedder::fill(std::vector<Slot>& slots) {
  int tokens = 0;
  const int limit = std::min(physical_tokens, model_.batch_tokens());
  while (slots.size() < texts_max) {
    const bool batch_turn =
        interactive_.empty() || (!batch_.empty() && picked_ % batch_every == batch_every - 1);
    auto& queue = batch_turn ? batch_ : interactive_;
    if (queue.empty()) return;
    auto& work = work_.at(queue.front());
    const int count = static_cast<int>(work.request.texts[work.next].tokens.size());
    if (!slots.empty() && tokens + count > limit) return;
    tokens += count;
    ++picked_;
    slots.push_back({queue.front(), work.next++});
    if (work.next == work.request.texts.size()) queue.pop_front();
  }
}

void Embedder::compute(const std::vector<Slot>& slots) {
  std::size_t total = 0;
  std::vector<std::vector<Token>> texts;
  {
    const std::lock_guard lock(lock_);
    for (const auto& slot : slots) {
      const auto found = work_.find(slot.stream);  // gone when it was cancelled just now
      texts.push_back(found == work_.end() ? std::vector<Token>()
                                           : found->second.request.texts[slot.text].tokens);
      total += texts.back().size();
    }
  }
  if (total == 0) return;
  auto batch = llama_batch_init(static_cast<std::int32_t>(total), 0, 1);
  for (std::size_t s = 0; s < texts.size(); ++s) {
    for (std::size_t i = 0; i < texts[s].size(); ++i) {
      const auto at = batch.n_tokens++;
      batch.token[at] = texts[s][i];
      batch.pos[at] = static_cast<llama_pos>(i);
      batch.n_seq_id[at] = 1;
      batch.seq_id[at][0] = static_cast<llama_seq_id>(s);
      batch.logits[at] = 1;
    }
  }
  if (auto* memory = llama_get_memory(model_.context())) llama_memory_clear(memory, false);
  const int result = llama_decode(model_.context(), batch);
  llama_batch_free(batch);
  const auto width = static_cast<std::size_t>(llama_model_n_embd_out(model_.model()));
  std::vector<std::uint32_t> finished;
  std::vector<std::uint32_t> failed;
  {
    const std::lock_guard lock(lock_);
    for (std::size_t s = 0; s < slots.size(); ++s) {
      const auto found = work_.find(slots[s].stream);
      if (found == work_.end() || texts[s].empty()) continue;
      const float* row =
          result == 0 ? llama_get_embeddings_seq(model_.context(), static_cast<llama_seq_id>(s))
                      : nullptr;
      if (!row) {
        failed.push_back(slots[s].stream);
        continue;
      }
      auto& work = found->second;
      std::vector<float> vector(row, row + width);
      to_unit_length(vector);
      work.vectors[slots[s].text] = std::move(vector);
      --waiting_texts_;
      if (++work.done == work.request.texts.size()) finished.push_back(slots[s].stream);
    }
  }
  for (const auto stream : failed)
    end(stream, Error{.code = Code::model_error,
                      .message = fmt::format(
                          "The model failed to compute an embedding (llama.cpp: {}).", result)});
  for (const auto stream : finished) end(stream, std::nullopt);
}

void Embedder::run() {
  while (true) {
    std::vector<Slot> slots;
    std::vector<std::uint32_t> late;
    {
      std::unique_lock lock(lock_);
      filled_.wait(lock, [&] { return !interactive_.empty() || !batch_.empty(); });
      for (const auto& [stream, work] : work_) {
        if (work.request.deadline.passed()) late.push_back(stream);
      }
      if (late.empty()) fill(slots);
    }
    for (const auto stream : late)
      end(stream, Error{.code = Code::model_timeout,
                        .message = "The model did not finish within the request's deadline."});
    if (!slots.empty()) compute(slots);
  }
}

}  // namespace outcrop::engine
