#include "engine/worker/generator.h"

#include <llama.h>

#include <algorithm>

namespace outcrop::engine {
namespace {

constexpr int budget_min = 32;

std::int64_t ms_between(Instant from, Instant to) {
  return std::chrono::duration_cast<Millis>(to - from).count();
}

}  // namespace

struct Generator::Sequence {
  explicit Sequence(Prepared request)
      : stream(request.stream),
        domain(std::move(request.terms.domain)),
        tokens(std::move(request.tokens)),
        prompt_tokens(static_cast<int>(tokens.size())),
        sampler(std::move(request.sampler)),
        gate(std::move(request.sampling.stop)),
        reader(request.form),
        max_tokens(request.sampling.max_tokens),
        whole_json(request.constraint.json),
        credits(request.terms.credits) {}

  std::uint32_t stream;
  std::string domain;
  std::vector<Token> tokens;  // the prompt, then what was produced; the last is not yet fed
  int prompt_tokens;
  std::unique_ptr<Sampler> sampler;
  TextGate gate;
  ReplyReader reader;
  std::optional<int> max_tokens;
  bool whole_json;  // the reply ends with its JSON document
  JsonExtent extent;
  std::vector<ChatEvent> events;  // not yet sent
  std::uint32_t credits;
  int output_tokens = 0;
  int reasoning_tokens = 0;
  int reused_tokens = 0;
  bool admitted = false;
  Instant arrived = now();
  Instant started;
  Instant answered;  // when the prompt was computed
};

struct Generator::Batch {
  explicit Batch(int tokens) : native(llama_batch_init(tokens, 0, 1)), capacity(tokens) {}
  ~Batch() { llama_batch_free(native); }
  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;
  void add(Token token, int position, int sequence, bool output) {
    const auto i = native.n_tokens++;
    native.token[i] = token;
    native.pos[i] = position;
    native.n_seq_id[i] = 1;
    native.seq_id[i][0] = sequence;
    native.logits[i] = output ? 1 : 0;
  }
  llama_batch native;
  int capacity;
};

Generator::Generator(const LocalModel& model, const WorkerOptions& options, Link& link)
    : model_(model),
      options_(options),
      link_(link),
      scheduler_({.pool_tokens = model.pool_tokens(),
                  .parallel = options.parallel,
                  .queue = options.queue}),
      batch_(std::make_unique<Batch>(model.batch_tokens())) {
  if (model.shares_prefixes() && options.retained > 0)
    prefixes_ = std::make_unique<Prefixes>(llama_get_memory(model.context()), options.parallel,
                                           options.retained);
}
Generator::~Generator() = default;

void Generator::submit(Prepared request) {
  const std::lock_guard lock(inbox_lock_);
  inbox_.requests.push_back(std::move(request));
  inbox_filled_.notify_one();
}

void Generator::cancel(std::uint32_t stream) {
  const std::lock_guard lock(inbox_lock_);
  inbox_.cancelled.push_back(stream);
  inbox_filled_.notify_one();
}

void Generator::credit(std::uint32_t stream, std::uint32_t count) {
  const std::lock_guard lock(inbox_lock_);
  inbox_.credits.emplace_back(stream, count);
  inbox_filled_.notify_one();
}

void Generator::take_inbox() {
  Inbox inbox;
  {
    const std::lock_guard lock(inbox_lock_);
    std::swap(inbox, inbox_);
  }
  for (auto& request : inbox.requests) start(std::move(request));
  for (const auto& [stream, count] : inbox.credits) {
    const auto found = sequences_.find(stream);
    if (found == sequences_.end()) continue;
    found->second->credits += std::min(count, 1'000'000U);
    scheduler_.set_ready(stream, true);
  }
  for (const auto stream : inbox.cancelled)
    fail_stream(stream, Error{.code = Code::cancelled, .message = "the request was cancelled"});
  for (const auto stream : scheduler_.past_deadline(now()))
    fail_stream(stream,
                Error{.code = Code::model_timeout,
                      .message = "The model did not finish within the request's deadline."});
}

void Generator::start(Prepared request) {
  if (sequences_.contains(request.stream)) {
    link_.send_error(request.stream,
                     Error{.code = Code::validation,
                           .message = fmt::format("stream {} is in use", request.stream)});
    return;
  }
  const int room = model_.context_tokens() - static_cast<int>(request.tokens.size());
  Job job;
  job.id = request.stream;
  job.priority = request.terms.priority;
  job.known = static_cast<int>(request.tokens.size());
  job.output_left = std::min(request.sampling.max_tokens.value_or(room), room);
  job.open_ended = !request.sampling.max_tokens || *request.sampling.max_tokens > room;
  if (request.terms.deadline_ms > 0) job.deadline = Deadline::in(Millis(request.terms.deadline_ms));
  if (auto submitted = scheduler_.submit(job); !submitted) {
    link_.send_error(request.stream, submitted.error());
    return;
  }
  const auto stream = request.stream;
  sequences_.emplace(stream, std::make_unique<Sequence>(std::move(request)));
}

void Generator::admit() {
  for (const auto stream : scheduler_.admit()) {
    auto& sequence = *sequences_.at(stream);
    const auto& job = *scheduler_.find(stream);
    if (!sequence.admitted) {
      sequence.admitted = true;
      sequence.started = now();
    }
    if (!prefixes_) continue;
    trim_prefixes();
    const int reused = prefixes_->reuse(sequence.tokens, sequence.domain, job.sequence);
    scheduler_.feed(stream, reused);
    sequence.reused_tokens =
        std::max(sequence.reused_tokens, std::min(reused, sequence.prompt_tokens));
  }
}

// While somebody reads along, a step takes about step_ms, so that no prompt makes the others stall.
int Generator::budget() const {
  if (!scheduler_.anyone_streams() || prefill_tokens_per_s_ <= 0) return batch_->capacity;
  const int fits = static_cast<int>(prefill_tokens_per_s_ * options_.step_ms / 1000);
  return std::clamp(fits, std::min(budget_min, batch_->capacity), batch_->capacity);
}

void Generator::measure(int tokens, bool prompts, std::chrono::nanoseconds took) {
  if (!prompts || tokens < budget_min) return;
  const double rate = tokens / std::max(1e-6, std::chrono::duration<double>(took).count());
  prefill_tokens_per_s_ =
      prefill_tokens_per_s_ <= 0 ? rate : 0.7 * prefill_tokens_per_s_ + 0.3 * rate;
}

void Generator::step(const std::vector<Scheduler::Chunk>& plan) {
  struct Row {
    std::uint32_t stream;
    int row;
  };
  std::vector<Row> rows;
  std::vector<Scheduler::Chunk> fed;
  bool prompts = false;
  batch_->native.n_tokens = 0;
  for (const auto& chunk : plan) {
    const auto& job = *scheduler_.find(chunk.id);
    const auto& tokens = sequences_.at(chunk.id)->tokens;
    const int count = std::min(chunk.count, batch_->capacity - batch_->native.n_tokens);
    for (int i = 0; i < count; ++i) {
      const int position = job.fed + i;
      const bool last = position + 1 == job.known;
      if (last) rows.push_back({chunk.id, batch_->native.n_tokens});
      batch_->add(tokens[static_cast<std::size_t>(position)], position, job.sequence, last);
    }
    if (count > 0) fed.push_back({chunk.id, count});
    if (count > 1) prompts = true;
  }
  const auto begun = now();
  const int result = llama_decode(model_.context(), batch_->native);
  if (result == 1) {
    // No room for the batch though it was reserved: fragmentation, or a model with memory of
    // another kind.
    if (prefixes_ && prefixes_->held_tokens() > 0) {
      prefixes_->shrink_to(0);
    } else if (const auto victim = scheduler_.victim(plan.front().id)) {
      send_back(*victim);
    } else {
      fail_stream(plan.front().id,
                  Error{.code = Code::model_error,
                        .message = "The model's memory has no room for this request."});
    }
    return;
  }
  if (result != 0) {
    for (const auto& chunk : fed)
      fail_stream(chunk.id,
                  Error{.code = Code::model_error,
                        .message = fmt::format(
                            "The model failed to compute a step (llama.cpp: {}).", result)});
    return;
  }
  measure(batch_->native.n_tokens, prompts, now() - begun);
  for (const auto& chunk : fed) scheduler_.feed(chunk.id, chunk.count);
  for (const auto& row : rows) {
    const auto found = sequences_.find(row.stream);
    if (found != sequences_.end() && scheduler_.find(row.stream)->running())
      sample(*found->second, row.row);
  }
}

void Generator::sample(Sequence& sequence, int row) {
  if (sequence.output_tokens == 0) sequence.answered = now();
  const auto pick = [&]() -> Result<Token> {
    try {
      TRY(token, sequence.sampler->sample(model_.context(), row));
      sequence.sampler->accept(token);
      return token;
    } catch (const std::exception& e) {
      return fail(Code::model_error, "The reply cannot be held to its schema: {}", e.what());
    }
  };
  auto token = pick();
  if (!token) {
    fail_stream(sequence.stream, token.error());
    return;
  }
  ++sequence.output_tokens;
  if (sequence.reader.in_thoughts()) ++sequence.reasoning_tokens;
  if (consume(sequence, *token)) return;
  sequence.tokens.push_back(*token);
  if (!scheduler_.produce(sequence.stream)) {
    const bool room = make_room(sequence.stream) && scheduler_.produce(sequence.stream);
    if (!room) {
      finish(sequence, "model_context_window_exceeded");
      return;
    }
  }
  flush(sequence);
}

bool Generator::consume(Sequence& sequence, Token token) {
  const auto& vocabulary = model_.vocabulary();
  if (vocabulary.ends_generation(token)) {
    finish(sequence, sequence.reader.call_complete() ? "tool_use" : "end_turn");
    return true;
  }
  const std::string shown = sequence.gate.feed(vocabulary.text(token));
  sequence.reader.feed(shown, sequence.events);
  if (const auto begun = sequence.reader.take_call_begin(); !begun.empty()) {
    // The model chose to call a tool: from here on the grammar holds it to a call that fits.
    if (!sequence.sampler->bind_grammar(vocabulary.tokenize({Piece{begun, false}})))
      sequence.reader.not_a_call();
    sequence.reader.feed("", sequence.events);
  }
  if (sequence.gate.hit()) {
    finish(sequence, "stop_sequence");
    return true;
  }
  if (sequence.reader.call_complete()) {
    finish(sequence, "tool_use");
    return true;
  }
  if (sequence.whole_json) {
    sequence.extent.feed(shown);
    if (sequence.extent.closed()) {
      finish(sequence, "end_turn");
      return true;
    }
  }
  if (sequence.max_tokens && sequence.output_tokens >= *sequence.max_tokens) {
    finish(sequence, "max_tokens");
    return true;
  }
  if (static_cast<int>(sequence.tokens.size()) + 1 >= model_.context_tokens()) {
    finish(sequence, "model_context_window_exceeded");
    return true;
  }
  return false;
}

void Generator::flush(Sequence& sequence) {
  if (sequence.events.empty()) return;
  link_.send(Frame{FrameType::events, sequence.stream,
                   encode_events({std::exchange(sequence.events, {}), sequence.prompt_tokens,
                                  sequence.output_tokens})});
  if (sequence.credits > 0) --sequence.credits;
  if (sequence.credits == 0) scheduler_.set_ready(sequence.stream, false);
}

void Generator::finish(Sequence& sequence, std::string stop) {
  if (!sequence.gate.hit()) {
    sequence.reader.feed(sequence.gate.flush(), sequence.events);
    if (!sequence.reader.take_call_begin().empty()) sequence.reader.feed("", sequence.events);
  }
  sequence.reader.finish(sequence.events);
  flush(sequence);
  const auto end = now();
  Done done;
  done.stop = std::move(stop);
  done.stop_sequence = sequence.gate.hit().value_or("");
  done.input_tokens = sequence.prompt_tokens;
  done.output_tokens = sequence.output_tokens;
  done.reasoning_tokens = sequence.reasoning_tokens;
  done.reused_tokens = sequence.reused_tokens;
  done.queue_ms = ms_between(sequence.arrived, sequence.started);
  done.prefill_ms = ms_between(sequence.started, sequence.answered);
  done.total_ms = ms_between(sequence.arrived, end);
  link_.send(FrameType::done, sequence.stream, done.to_json());
  drop(sequence.stream, true);
}

void Generator::fail_stream(std::uint32_t stream, const Error& error) {
  if (!sequences_.contains(stream)) return;
  link_.send_error(stream, error);
  drop(stream, true);
}

void Generator::drop(std::uint32_t stream, bool keep_prefix) {
  const auto found = sequences_.find(stream);
  const auto* job = scheduler_.find(stream);
  if (job && job->running()) {
    auto& tokens = found->second->tokens;
    tokens.resize(static_cast<std::size_t>(job->fed));  // what the context holds
    if (prefixes_ && keep_prefix)
      prefixes_->keep(job->sequence, std::move(tokens), found->second->domain);
    llama_memory_seq_rm(llama_get_memory(model_.context()), job->sequence, -1, -1);
  }
  scheduler_.remove(stream);
  sequences_.erase(found);
  trim_prefixes();
}

void Generator::send_back(std::uint32_t stream) {
  llama_memory_seq_rm(llama_get_memory(model_.context()), scheduler_.find(stream)->sequence, -1,
                      -1);
  scheduler_.send_back(stream);
}

bool Generator::make_room(std::uint32_t asking) {
  const auto victim = scheduler_.victim(asking);
  if (!victim) return false;
  send_back(*victim);
  return true;
}

// Room that running jobs reserved is theirs. And every cell in use lengthens each step's attention
// (a few thousand of them cost a small model a third of its rate), so a quarter of the pool is the
// most.
void Generator::trim_prefixes() {
  if (!prefixes_) return;
  prefixes_->shrink_to(
      std::min(model_.pool_tokens() - scheduler_.reserved_tokens(), model_.pool_tokens() / 4));
}

void Generator::run() {
  while (true) {
    take_inbox();
    admit();
    const auto plan = scheduler_.plan(budget());
    if (!plan.empty()) {
      // A reservation that grew since may have eaten into what is kept.
      trim_prefixes();
      step(plan);
      continue;
    }
    std::unique_lock lock(inbox_lock_);
    const auto filled = [&] { return !inbox_.empty(); };
    if (const auto deadline = scheduler_.next_deadline()) {
      inbox_filled_.wait_until(lock, *deadline, filled);
    } else {
      inbox_filled_.wait(lock, filled);
    }
  }
}

}  // namespace outcrop::engine
