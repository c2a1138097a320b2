#include "app/config/option_builders.h"

namespace outcrop::config {

void add_engine(std::vector<Option<Config>>& out) {
  using C = Config;
  out.push_back(number_option<C>(
      {.key = "engine.threads",
       .kind = Kind::whole,
       .summary = "Threads that compute one model. 0: one a core but one, at least one.",
       .unit = "threads",
       .maximum = 512,
       .example = "8"},
      FIELD(engine.threads)));
  out.push_back(number_option<C>(
      {.key = "engine.context_tokens",
       .kind = Kind::whole,
       .summary = "Prompt and reply of one request. 0: what the model was made for, at most "
                  "`engine.pool_tokens`.",
       .unit = "tokens",
       .maximum = 1 << 24,
       .example = "8192"},
      FIELD(engine.context_tokens)));
  out.push_back(number_option<C>(
      {.key = "engine.pool_tokens",
       .kind = Kind::whole,
       .summary = "Tokens of all sequences of one model together, the retained ones included; "
                  "memory grows with it. 0: the model's context, at most 16,384.",
       .unit = "tokens",
       .maximum = 1 << 24,
       .example = "32768"},
      FIELD(engine.pool_tokens)));
  out.push_back(number_option<C>(
      {.key = "engine.sequences",
       .kind = Kind::whole,
       .summary = "Requests that one model answers at the same time; the next ones wait.",
       .unit = "sequences",
       .minimum = 1,
       .maximum = 64,
       .example = "4"},
      FIELD(engine.sequences)));
  out.push_back(number_option<C>(
      {.key = "engine.retained",
       .kind = Kind::whole,
       .summary = "Ended sequences whose state is kept for a request with the same beginning.",
       .unit = "sequences",
       .maximum = 128,
       .example = "32"},
      FIELD(engine.retained)));
  out.push_back(choice_option<C>(
      {.key = "engine.kv_type",
       .summary = "How the attention state is kept. `q8_0` takes about half the memory of the "
                  "others, at a small loss of quality.",
       .allowed = {"f16", "bf16", "q8_0"}},
      FIELD(engine.kv_type)));
  out.push_back(
      number_option<C>({.key = "engine.queue",
                        .kind = Kind::whole,
                        .summary = "Requests that wait for one model; the next is refused with "
                                   "ThrottlingException.",
                        .unit = "requests",
                        .minimum = 1,
                        .maximum = 100'000,
                        .example = "256"},
                       FIELD(engine.queue)));
  out.push_back(number_option<C>(
      {.key = "engine.texts",
       .kind = Kind::whole,
       .summary = "Texts that wait to be embedded by one model; the next is refused with "
                  "ThrottlingException.",
       .unit = "texts",
       .minimum = 1,
       .maximum = 1'000'000,
       .example = "4096"},
      FIELD(engine.texts)));
  out.push_back(duration_option<C>(
      {.key = "engine.step",
       .summary = "What one step of computing should take while somebody streams: less makes "
                  "replies flow more evenly, more makes long prompts faster.",
       .minimum = 10,
       .maximum = 10'000},
      FIELD(engine.step)));
  out.push_back(number_option<C>(
      {.key = "engine.memory_bytes",
       .kind = Kind::size,
       .summary = "What one model may use; a model that needs more is not loaded. 0: what the "
                  "machine and its control group have left.",
       .maximum = 1LL << 50,
       .example = "\"6 GiB\""},
      FIELD(engine.memory_bytes)));
  out.push_back(
      duration_option<C>({.key = "engine.start_timeout",
                          .summary = "A model that has not loaded by then counts as failed.",
                          .minimum = 1'000,
                          .maximum = 86'400'000},
                         FIELD(engine.start_timeout)));
  out.push_back(duration_option<C>(
      {.key = "engine.idle_timeout",
       .summary = "A model that nobody asked for so long is unloaded, and loaded again when "
                  "asked. 0 s: it stays.",
       .maximum = 30LL * 86'400'000},
      FIELD(engine.idle_timeout)));
}

}  // namespace outcrop::config
