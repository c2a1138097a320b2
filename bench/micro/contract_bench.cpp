// What the contract adds to a request: routing, decoding with validation, and loading at start.
// Run with --benchmark_repetitions=9 and read median and spread.

#include "contract/contract.h"
#include "contract/embedded.h"

#include <benchmark/benchmark.h>

#include <string>

namespace outcrop::contract {
namespace {

/// A conversation of about `bytes` bytes in turns of 900 characters, with a tool.
std::string converse_body(std::size_t bytes) {
  std::string body =
      R"({"system":[{"text":"Be brief."}],"inferenceConfig":{"maxTokens":512,"temperature":0.2},"toolConfig":{"tools":[{"toolSpec":{"name":"get_weather","description":"Weather of a city","inputSchema":{"json":{"type":"object","properties":{"city":{"type":"string"}}}}}}]},"messages":[)";
  for (int turn = 0; turn == 0 || body.size() + 1000 < bytes; ++turn) {
    body += std::string(turn ? "," : "") + R"({"role":")" + (turn % 2 ? "assistant" : "user") +
            R"(","content":[{"text":")" + std::string(bytes < 2000 ? 500 : 900, 'w') + R"("}]})";
  }
  return body + "]}";
}

/// The same size in many small members: what validation itself costs.
std::string dense_body(std::size_t bytes) {
  std::string body = R"({"messages":[)";
  for (int turn = 0; turn == 0 || body.size() + 100 < bytes; ++turn) {
    body +=
        std::string(turn ? "," : "") +
        R"({"role":"user","content":[{"toolResult":{"toolUseId":"tooluse_a","content":[{"text":"x"}]}}]})";
  }
  return body + "]}";
}

wire::RequestHead head_of() {
  wire::RequestHead head;
  head.method = "POST";
  head.target = "/model/anthropic.claude-v2%3A1/converse";
  return head;
}

void decode(benchmark::State& state, const std::string& body) {
  const auto& contracts = Contracts::bundled();
  auto head = head_of();
  auto route = contracts.route("POST", head.target, "bedrock", false).value();
  for (auto _ : state) {
    auto input = contracts.decode(route, head, body);
    if (!input) {
      state.SkipWithError(input.error().message.c_str());
      break;
    }
    benchmark::DoNotOptimize(input);
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) *
                          static_cast<std::int64_t>(body.size()));
}

void Route_Converse(benchmark::State& state) {
  const auto& contracts = Contracts::bundled();
  for (auto _ : state)
    benchmark::DoNotOptimize(
        contracts.route("POST", "/model/anthropic.claude-v2%3A1/converse", "bedrock", false));
}
BENCHMARK(Route_Converse);

void Route_ThreeLabels(benchmark::State& state) {
  const auto& contracts = Contracts::bundled();
  for (auto _ : state)
    benchmark::DoNotOptimize(contracts.route(
        "GET", "/knowledgebases/ABCDEFGHIJ/datasources/KLMNOPQRST/ingestionjobs/UVWXYZABCD",
        "bedrock", true));
}
BENCHMARK(Route_ThreeLabels);

void Route_SpreadArn(benchmark::State& state) {
  const auto& contracts = Contracts::bundled();
  for (auto _ : state)
    benchmark::DoNotOptimize(contracts.route(
        "POST",
        "/model/arn:aws:bedrock:us-east-1:123456789012:custom-model/a.b/abcdefghijkl/converse", "",
        false));
}
BENCHMARK(Route_SpreadArn);

void Decode_Converse1kB(benchmark::State& state) { decode(state, converse_body(1000)); }
BENCHMARK(Decode_Converse1kB);
void Decode_Converse300kB(benchmark::State& state) { decode(state, converse_body(300'000)); }
BENCHMARK(Decode_Converse300kB);
void Decode_Dense300kB(benchmark::State& state) { decode(state, dense_body(300'000)); }
BENCHMARK(Decode_Dense300kB);
void Decode_Dense24MB(benchmark::State& state) { decode(state, dense_body(24'000'000)); }
BENCHMARK(Decode_Dense24MB);

void Read_Dense300kB(benchmark::State& state) {  // the JSON reader alone, to compare with
  auto body = dense_body(300'000);
  for (auto _ : state) benchmark::DoNotOptimize(json::read(body));
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) *
                          static_cast<std::int64_t>(body.size()));
}
BENCHMARK(Read_Dense300kB);

void Validate_Dense300kB(benchmark::State& state) {
  const auto& contracts = Contracts::bundled();
  auto document = json::read(dense_body(300'000)).value();
  document.as_object()["modelId"] = "m";
  const auto& operation = *contracts.find("bedrock-runtime", "Converse");
  for (auto _ : state)
    benchmark::DoNotOptimize(contracts.validate(operation, document.as_object()));
}
BENCHMARK(Validate_Dense300kB);

void Load_AllServices(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(Contracts::load(embedded_texts()));
}
BENCHMARK(Load_AllServices)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace outcrop::contract
