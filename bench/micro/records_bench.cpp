// Acknowledged writes a second: one after another, and with many callers at once, whose writes
// share syncs. Runs in TMPDIR: point that at the disk that is meant (a tmpfs syncs nothing).
#include "store/records.h"
#include "wire/loop.h"

#include <benchmark/benchmark.h>

#include <filesystem>
#include <stdlib.h>
#include <string>

namespace {

using namespace outcrop;
using store::Records;

struct Store {
  Store() {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "outcrop-bench-XXXXXX").string();
    folder = ::mkdtemp(pattern.data());
    auto opened = Records::open(loop, folder + "/data.db");
    if (!opened) std::abort();
    records = std::move(*opened);
    if (!records->execute_now("CREATE TABLE t (id INTEGER PRIMARY KEY, body TEXT)")) std::abort();
  }
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;
  ~Store() {
    records.reset();
    std::filesystem::remove_all(folder);
  }
  std::string folder;
  Loop loop{1};
  std::unique_ptr<Records> records;
};

Task<void> write_many(Store& store, int count, int& running) {
  std::string body(500, 'b');
  for (int i = 0; i < count; ++i) {
    store::Params params;
    params.emplace_back(body);
    auto done =
        co_await store.records->execute("INSERT INTO t (body) VALUES (?)", std::move(params));
    if (!done) std::abort();
  }
  if (--running == 0) store.loop.stop();
}

void acknowledged_writes(benchmark::State& state) {
  Store store;
  int writers = static_cast<int>(state.range(0));
  constexpr int each = 50;
  auto before = store.records->stats();
  for (auto _ : state) {
    int running = writers;
    for (int w = 0; w < writers; ++w) store.loop.spawn(write_many(store, each, running));
    store.loop.run();
  }
  auto after = store.records->stats();
  state.SetItemsProcessed(state.iterations() * writers * each);
  state.counters["writes_per_commit"] = static_cast<double>(after.statements - before.statements) /
                                        static_cast<double>(after.commits - before.commits);
}
BENCHMARK(acknowledged_writes)
    ->ArgName("writers")
    ->Arg(1)
    ->Arg(8)
    ->Arg(64)
    ->Arg(512)
    ->UseRealTime();

Task<void> read_many(Store& store, int count) {
  for (int i = 0; i < count; ++i) {
    store::Params params;
    params.emplace_back(std::int64_t{1 + i % 50});
    auto rows = co_await store.records->query("SELECT body FROM t WHERE id = ?", std::move(params));
    if (!rows || rows->size() != 1) std::abort();
  }
}

void reads(benchmark::State& state) {
  Store store;
  int running = 1;
  store.loop.spawn(write_many(store, 50, running));
  store.loop.run();
  for (auto _ : state) store.loop.run(read_many(store, 1000));
  state.SetItemsProcessed(state.iterations() * 1000);
}
BENCHMARK(reads)->UseRealTime();

void writes_without_a_loop(benchmark::State& state) {
  Store store;
  std::string body(500, 'b');
  for (auto _ : state) {
    auto done = store.records->execute_now("INSERT INTO t (body) VALUES (?)", {body});
    if (!done) std::abort();
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(writes_without_a_loop)->UseRealTime();

}  // namespace
