#pragma once
/// The arguments of `outcrop engine`. Each has a unit, a default and a limit.
/// Errors: validation, naming the argument and what is allowed.

#include "base/result.h"

#include <cstdint>
#include <string>

namespace outcrop::engine {

struct WorkerOptions {
  std::string model;       // path of the GGUF file
  int fd = -1;             // connected socket to the parent
  int parent = 0;          // its process id; 0 leaves it unchecked
  bool describe = false;   // print the description and end
  int threads = 0;         // for the model's arithmetic; 0: cores minus one, at least one
  int gpu_layers = -1;     // layers on a device, where one is built in; -1: as many as fit
  int context_tokens = 0;  // what one sequence may use; 0: the model's own, at most 8192
  // KV cells shared by all sequences; 0: context times parallel, at most the larger of 16384 and
  // one context
  int pool_tokens = 0;
  int parallel = 16;       // sequences running at once, 1 to 240
  int retained = 16;       // ended sequences whose KV state waits for a shared prefix, 0 to 128
  int queue = 256;         // requests waiting, 1 to 100000; the next is throttled
  int texts = 4096;        // texts waiting to be embedded, 1 to 1000000
  int step_ms = 200;       // what one step should take while somebody streams, 10 to 10000
  std::string kv = "f16";  // f16, bf16, q8_0, q4_0
  std::int64_t memory_bytes =
      0;  // what may be used; 0: what the machine and its control group have left
};

Result<WorkerOptions> worker_options(int argc, char** argv);

}  // namespace outcrop::engine
