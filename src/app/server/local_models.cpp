#include "app/server/local_models.h"

#include "engine/host/host.h"
#include "models/providers/local/local.h"
#include "observe/log.h"

#include <utility>
#include <vector>

namespace outcrop::app {
namespace {

using observe::Field;

std::string_view to_text(engine::HostStatus::State state) {
  switch (state) {
    case engine::HostStatus::State::stopped:
      return "stopped";
    case engine::HostStatus::State::starting:
      return "starting";
    case engine::HostStatus::State::running:
      return "running";
    case engine::HostStatus::State::waiting:
      return "waiting";
  }
  return "stopped";
}

}  // namespace

struct LocalModels::Impl {
  Loop& loop;
  const config::Config& config;
  observe::Registry& metrics;
  std::map<std::string, engine::HostPtr> hosts;  // by the model's name

  engine::HostOptions options(const registry::Model& model, const models::LocalModel& facts) {
    const auto& engine = config.engine;
    engine::HostOptions options;
    options.name = model.name;
    options.start_timeout = engine.start_timeout;
    options.idle_timeout = engine.idle_timeout;
    options.arguments = {"--model", model.path, "--kv",
                         std::string(config::to_text(engine.kv_type))};
    auto number = [&](const char* flag, std::int64_t value) {
      if (value > 0)
        options.arguments.insert(options.arguments.end(), {flag, std::to_string(value)});
    };
    number("--threads", engine.threads);
    number("--context", facts.context_tokens);
    number("--pool", engine.pool_tokens);
    number("--parallel", engine.sequences);
    number("--retained", engine.retained);
    number("--queue", engine.queue);
    number("--texts", engine.texts);
    number("--step-ms", engine.step.count());
    number("--memory-bytes", engine.memory_bytes);
    auto& crashes = metrics.counter("outcrop_engine_events_total", "What happened to the engines.",
                                    {{"model", model.name}});
    options.say = [name = model.name, &crashes](LogLevel level, std::string_view what,
                                                std::string_view detail) {
      crashes.add();
      observe::log(level, what, {Field("model", name), Field("detail", detail)});
    };
    return options;
  }
};

LocalModels::LocalModels(Loop& loop, const config::Config& config, observe::Registry& metrics)
    : impl_(new Impl{loop, config, metrics, {}}) {}
LocalModels::~LocalModels() = default;

models::ModelPtr LocalModels::make(const registry::Model& model, const models::LocalModel& facts) {
  auto host = engine::Host::make(impl_->loop, impl_->options(model, facts));
  impl_->hosts[model.name] = host;
  return models::make_local_model(model.name, host);
}

json::Array LocalModels::status() const {
  json::Array all;
  for (const auto& [name, host] : impl_->hosts) {
    auto status = host->status();
    all.push_back(json::Object{{"model", name},
                               {"state", std::string(to_text(status.state))},
                               {"pid", status.pid},
                               {"starts", status.starts},
                               {"streams", status.streams},
                               {"last_failure", status.last_failure}});
  }
  return all;
}

Task<void> LocalModels::stop() {
  auto hosts = std::exchange(impl_->hosts, {});
  for (auto& [name, host] : hosts) co_await host->stop();
}

}  // namespace outcrop::app
