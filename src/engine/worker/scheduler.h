#pragma once
/// Who runs, and what each step computes: continuous batching with chunked prefill, without a model
/// in it.
///
/// A job knows `known` tokens (its prompt, then also what it produced) of which `fed` were
/// computed. A step feeds each running job some of the rest; a job that has everything fed produces
/// one more token. Order inside a step: tokens of streaming interactive jobs, interactive prompts
/// begun, new interactive prompts, then the batch class with what the budget leaves, and at least 5
/// % of it. Room in the KV pool is reserved at admission: the prompt and the output asked for. Who
/// asked for no limit reserves `open_reserve` tokens of output and grows; when there is no room to
/// grow, the youngest job (batch class first) goes back to the head of its queue and is computed
/// again later. Threads: one.

#include "base/result.h"
#include "base/time.h"
#include "engine/chat.h"

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <vector>

namespace outcrop::engine {

struct SchedulerLimits {
  int pool_tokens = 8192;  // KV cells
  int parallel = 16;       // jobs running at once
  int queue = 256;         // jobs waiting
  int open_reserve = 256;  // see above
};

struct Job {
  std::uint32_t id = 0;
  Class priority = Class::interactive;
  int known = 0;
  int output_left = 0;      // tokens it may still produce
  bool open_ended = false;  // no limit was asked for
  Deadline deadline;

  // The scheduler's own:
  int fed = 0;
  int reserved = 0;
  int sequence = -1;  // 0 to parallel-1 while it runs
  bool ready = true;  // its reader takes more
  std::uint64_t admitted = 0;
  bool running() const { return sequence >= 0; }
  bool streaming() const { return known - fed == 1; }
};

class Scheduler {
 public:
  struct Chunk {
    std::uint32_t id = 0;
    int count = 0;  // of its next tokens
  };

  explicit Scheduler(const SchedulerLimits& limits);

  /// Errors: throttled, with the limit, when the queue is full.
  Result<void> submit(const Job& job);
  /// Moves jobs from the queues to running while there is room; gives their ids.
  std::vector<std::uint32_t> admit();
  /// What the next step computes, at most about `budget` tokens (streaming jobs always, one token
  /// each).
  std::vector<Chunk> plan(int budget) const;

  void feed(std::uint32_t id, int count);
  /// One more token is known. false when the job's reservation is used up and the pool has no room:
  /// make some (victim, send_back) and ask again.
  bool produce(std::uint32_t id);
  void set_ready(std::uint32_t id, bool ready);
  /// The youngest running job, batch class first; not `asking`. Nothing when it is alone.
  std::optional<std::uint32_t> victim(std::uint32_t asking) const;
  void send_back(std::uint32_t id);
  void remove(std::uint32_t id);

  const Job* find(std::uint32_t id) const;
  Job* find(std::uint32_t id);
  std::vector<std::uint32_t> past_deadline(Instant at) const;
  std::optional<Instant> next_deadline() const;
  bool anyone_streams() const;  // an interactive job that has begun to answer, and can go on
  int reserved_tokens() const { return reserved_; }
  std::size_t waiting() const { return interactive_.size() + batch_.size(); }
  std::size_t running() const { return running_.size(); }

 private:
  bool admit_from(std::deque<std::uint32_t>& queue, std::vector<std::uint32_t>& out);
  int need(const Job& job) const;
  std::deque<std::uint32_t>& queue_of(const Job& job) {
    return job.priority == Class::batch ? batch_ : interactive_;
  }

  SchedulerLimits limits_;
  std::map<std::uint32_t, Job> jobs_;
  std::deque<std::uint32_t> interactive_;
  std::deque<std::uint32_t> batch_;
  std::vector<std::uint32_t> running_;  // in order of admission
  std::vector<bool> sequence_used_;
  int reserved_ = 0;
  std::uint64_t admissions_ = 0;
};

}  // namespace outcrop::engine
