#include "engine/worker/scheduler.h"

#include <algorithm>

namespace outcrop::engine {

Scheduler::Scheduler(const SchedulerLimits& limits)
    : limits_(limits), sequence_used_(static_cast<std::size_t>(limits.parallel), false) {}

Job* Scheduler::find(std::uint32_t id) {
  const auto found = jobs_.find(id);
  return found == jobs_.end() ? nullptr : &found->second;
}
const Job* Scheduler::find(std::uint32_t id) const {
  const auto found = jobs_.find(id);
  return found == jobs_.end() ? nullptr : &found->second;
}

Result<void> Scheduler::submit(const Job& job) {
  if (waiting() >= static_cast<std::size_t>(limits_.queue))
    return fail(
        Code::throttled,
        "Too many requests: {} are waiting for this model, which is its limit; try again later.",
        waiting());
  jobs_[job.id] = job;
  queue_of(job).push_back(job.id);
  return {};
}

int Scheduler::need(const Job& job) const {
  const int output =
      job.open_ended ? std::min(job.output_left, limits_.open_reserve) : job.output_left;
  return std::min(job.known + output, limits_.pool_tokens);
}

bool Scheduler::admit_from(std::deque<std::uint32_t>& queue, std::vector<std::uint32_t>& out) {
  if (queue.empty()) return false;
  const auto free = std::find(sequence_used_.begin(), sequence_used_.end(), false);
  auto& job = jobs_.at(queue.front());
  if (free == sequence_used_.end() || reserved_ + need(job) > limits_.pool_tokens) return false;
  job.sequence = static_cast<int>(free - sequence_used_.begin());
  *free = true;
  job.reserved = need(job);
  reserved_ += job.reserved;
  job.admitted = ++admissions_;
  running_.push_back(job.id);
  out.push_back(job.id);
  queue.pop_front();
  return true;
}

std::vector<std::uint32_t> Scheduler::admit() {
  std::vector<std::uint32_t> admitted;
  const bool batch_runs = std::any_of(running_.begin(), running_.end(), [&](auto id) {
    return jobs_.at(id).priority == Class::batch;
  });
  // One batch job may always run, or a busy day would starve it.
  if (!batch_runs) admit_from(batch_, admitted);
  while (admit_from(interactive_, admitted)) {
  }
  if (interactive_.empty()) {
    while (admit_from(batch_, admitted)) {
    }
  }
  return admitted;
}

std::vector<Scheduler::Chunk> Scheduler::plan(int budget) const {
  std::vector<Chunk> chunks;
  const auto tokens = [&](Class priority, int limit, bool streaming_always) {
    int used = 0;
    for (const auto id : running_) {
      const auto& job = jobs_.at(id);
      if (job.priority != priority || !job.streaming() || !job.ready) continue;
      if (!streaming_always && used >= limit) break;
      chunks.push_back({id, 1});
      ++used;
    }
    // Prompts in order of admission: those begun are older than those that are new.
    for (const auto id : running_) {
      const auto& job = jobs_.at(id);
      const int rest = job.known - job.fed;
      if (job.priority != priority || rest <= 1 || used >= limit) continue;
      const int count = std::min(rest, limit - used);
      chunks.push_back({id, count});
      used += count;
    }
    return used;
  };
  const int interactive = tokens(Class::interactive, budget, true);
  const int share = std::max(1, (budget + 19) / 20);
  tokens(Class::batch, std::max(budget - interactive, share), false);
  return chunks;
}

void Scheduler::feed(std::uint32_t id, int count) { jobs_.at(id).fed += count; }

bool Scheduler::produce(std::uint32_t id) {
  auto& job = jobs_.at(id);
  if (job.known + 1 > job.reserved) {
    const int more = std::min(
        {limits_.open_reserve, limits_.pool_tokens - reserved_, std::max(1, job.output_left)});
    if (more <= 0) return false;
    job.reserved += more;
    reserved_ += more;
  }
  ++job.known;
  --job.output_left;
  return true;
}

void Scheduler::set_ready(std::uint32_t id, bool ready) {
  if (auto* job = find(id)) job->ready = ready;
}

std::optional<std::uint32_t> Scheduler::victim(std::uint32_t asking) const {
  const Job* best = nullptr;
  for (const auto id : running_) {
    const auto& job = jobs_.at(id);
    if (id == asking) continue;
    const bool younger = !best || (job.priority == best->priority ? job.admitted > best->admitted
                                                                  : job.priority == Class::batch);
    if (younger) best = &job;
  }
  return best ? std::optional(best->id) : std::nullopt;
}

void Scheduler::send_back(std::uint32_t id) {
  auto& job = jobs_.at(id);
  std::erase(running_, id);
  sequence_used_[static_cast<std::size_t>(job.sequence)] = false;
  reserved_ -= job.reserved;
  job.reserved = 0;
  job.sequence = -1;
  job.fed = 0;
  queue_of(job).push_front(id);
}

void Scheduler::remove(std::uint32_t id) {
  auto* job = find(id);
  if (!job) return;
  if (job->running()) {
    std::erase(running_, id);
    sequence_used_[static_cast<std::size_t>(job->sequence)] = false;
    reserved_ -= job->reserved;
  } else {
    std::erase(queue_of(*job), id);
  }
  jobs_.erase(id);
}

std::vector<std::uint32_t> Scheduler::past_deadline(Instant at) const {
  std::vector<std::uint32_t> late;
  for (const auto& [id, job] : jobs_) {
    if (!job.deadline.never() && job.deadline.at() <= at) late.push_back(id);
  }
  return late;
}

std::optional<Instant> Scheduler::next_deadline() const {
  std::optional<Instant> next;
  for (const auto& [id, job] : jobs_) {
    if (!job.deadline.never() && (!next || job.deadline.at() < *next)) next = job.deadline.at();
  }
  return next;
}

bool Scheduler::anyone_streams() const {
  return std::any_of(running_.begin(), running_.end(), [&](auto id) {
    const auto& job = jobs_.at(id);
    return job.priority == Class::interactive && job.streaming() && job.ready;
  });
}

}  // namespace outcrop::engine
