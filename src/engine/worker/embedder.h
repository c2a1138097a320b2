#pragma once
/// The owner thread of an embedding model's context. Texts of all requests share physical batches
/// of about 512 tokens (more at once is slower on a CPU); interactive requests go first, one text
/// in ten is of the batch class while both wait. Threads: prepare() from any, submit() and cancel()
/// from any; run() on the owner.

#include "base/time.h"
#include "engine/chat.h"
#include "engine/worker/link.h"
#include "engine/worker/local_model.h"
#include "engine/worker/options.h"
#include "engine/worker/wordpiece.h"

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace outcrop::engine {

class Embedder {
 public:
  static Result<std::unique_ptr<Embedder>> make(const LocalModel& model,
                                                const WorkerOptions& options, Link& link);

  struct Text {
    std::vector<Token> tokens;
    bool truncated = false;
  };
  struct Request {
    std::uint32_t stream = 0;
    Class priority = Class::interactive;
    Deadline deadline;
    std::vector<Text> texts;
  };
  /// Errors: validation, for a text that is too long (with both counts) or not UTF-8.
  Result<Request> prepare(std::uint32_t stream, const Embed& embed) const;

  void submit(Request request);
  void cancel(std::uint32_t stream);
  [[noreturn]] void run();

 private:
  Embedder(const LocalModel& model, const WorkerOptions& options, Link& link)
      : model_(model), options_(options), link_(link) {}

  struct Work {
    Request request;
    std::size_t next = 0;  // first text not yet computed or in the batch
    std::size_t done = 0;
    std::vector<std::vector<float>> vectors;
  };
  struct Slot {
    std::uint32_t stream;
    std::size_t text;
  };
  void fill(std::vector<Slot>& slots);
  void compute(const std::vector<Slot>& slots);
  void end(std::uint32_t stream, std::optional<Error> error);

  const LocalModel& model_;
  WorkerOptions options_;
  Link& link_;
  std::unique_ptr<WordPiece> wordpiece_;  // absent: the model's own tokenizer

  std::mutex lock_;
  std::condition_variable filled_;
  std::map<std::uint32_t, Work> work_;
  std::deque<std::uint32_t> interactive_;
  std::deque<std::uint32_t> batch_;
  std::size_t waiting_texts_ = 0;
  std::uint64_t picked_ = 0;
};

}  // namespace outcrop::engine
