#pragma once
/// The owner thread of a chat model's context: takes prepared requests, steps the scheduler's plan
/// through the model, and sends what comes out. Threads: submit(), cancel() and credit() from any;
/// run() on the owner.

#include "engine/worker/link.h"
#include "engine/worker/local_model.h"
#include "engine/worker/options.h"
#include "engine/worker/prefixes.h"
#include "engine/worker/prompt.h"
#include "engine/worker/scheduler.h"
#include "engine/worker/text_gate.h"

#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

namespace outcrop::engine {

class Generator {
 public:
  Generator(const LocalModel& model, const WorkerOptions& options, Link& link);
  ~Generator();

  void submit(Prepared request);
  void cancel(std::uint32_t stream);
  void credit(std::uint32_t stream, std::uint32_t count);
  /// Never returns; the process ends with its parent.
  [[noreturn]] void run();

 private:
  struct Sequence;
  struct Batch;
  struct Inbox {
    std::vector<Prepared> requests;
    std::vector<std::uint32_t> cancelled;
    std::vector<std::pair<std::uint32_t, std::uint32_t>> credits;
    bool empty() const { return requests.empty() && cancelled.empty() && credits.empty(); }
  };

  void take_inbox();
  void start(Prepared request);
  void admit();
  void step(const std::vector<Scheduler::Chunk>& plan);
  int budget() const;
  void measure(int tokens, bool prompts, std::chrono::nanoseconds took);
  void sample(Sequence& sequence, int row);
  bool consume(Sequence& sequence, Token token);  // true when the reply has ended
  void flush(Sequence& sequence);
  void finish(Sequence& sequence, std::string stop);
  void fail_stream(std::uint32_t stream, const Error& error);
  void drop(std::uint32_t stream, bool keep_prefix);
  void send_back(std::uint32_t stream);
  bool make_room(std::uint32_t asking);
  void trim_prefixes();

  const LocalModel& model_;
  WorkerOptions options_;
  Link& link_;
  Scheduler scheduler_;
  std::unique_ptr<Prefixes> prefixes_;
  std::unique_ptr<Batch> batch_;
  std::map<std::uint32_t, std::unique_ptr<Sequence>> sequences_;
  double prefill_tokens_per_s_ = 0;  // measured; 0 until a prompt was computed

  std::mutex inbox_lock_;
  std::condition_variable inbox_filled_;
  Inbox inbox_;
};

}  // namespace outcrop::engine
