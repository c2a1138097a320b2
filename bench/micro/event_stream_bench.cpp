// The frames of a streamed answer: one text delta as it is written for the client, and read from a
// provider.
#include "wire/event_stream.h"
#include "wire/sse.h"

#include <benchmark/benchmark.h>

namespace outcrop::wire {
namespace {

std::string delta(std::size_t bytes) {
  return R"({"contentBlockIndex":0,"delta":{"text":")" + std::string(bytes, 't') + R"("}})";
}

void encode_delta(benchmark::State& state) {
  auto payload = delta(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) benchmark::DoNotOptimize(encode_event("contentBlockDelta", payload));
}
BENCHMARK(encode_delta)->Arg(5)->Arg(1'024);

void encode_delta_the_general_way(benchmark::State& state) {
  EventMessage message{{{":event-type", std::string("contentBlockDelta")},
                        {":content-type", std::string("application/json")},
                        {":message-type", std::string("event")}},
                       delta(5)};
  for (auto _ : state) benchmark::DoNotOptimize(encode(message));
}
BENCHMARK(encode_delta_the_general_way);

void decode_delta(benchmark::State& state) {
  auto frame = encode_event("contentBlockDelta", delta(5));
  EventStreamDecoder decoder;
  for (auto _ : state) benchmark::DoNotOptimize(decoder.feed(frame));
}
BENCHMARK(decode_delta);

void encode_sse_delta(benchmark::State& state) {
  SseEvent event{"", delta(5)};
  for (auto _ : state) benchmark::DoNotOptimize(encode_sse(event));
}
BENCHMARK(encode_sse_delta);

void decode_sse_delta(benchmark::State& state) {
  auto text = encode_sse({"", delta(5)});
  SseDecoder decoder;
  for (auto _ : state) benchmark::DoNotOptimize(decoder.feed(text));
}
BENCHMARK(decode_sse_delta);

}  // namespace
}  // namespace outcrop::wire
