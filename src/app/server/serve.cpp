#include "app/server/serve.h"

#include "api/bedrock/bedrock.h"
#include "api/bedrock_runtime/runtime.h"
#include "app/admin/client.h"
#include "app/cli/exit.h"
#include "app/cli/version.h"
#include "app/server/doors.h"
#include "app/server/local_models.h"
#include "app/server/model_table.h"
#include "app/server/signals.h"
#include "app/server/tls_files.h"
#include "identity/keys.h"
#include "observe/log.h"
#include "store/records.h"

#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <unistd.h>
#include <utility>

namespace outcrop {
namespace {

using observe::Field;

/// Everything that lives as long as the server does, in order of construction; torn down in
/// reverse.
class Installation {
 public:
  Installation(Loop& loop, const config::Config& config) : loop_(loop), config_(config) {}

  Task<Result<void>> start() {
    CO_TRY(records, store::Records::open(loop_, config_.records_file()));
    records_ = std::move(records);
    CO_TRY(keys, co_await identity::Keys::open(*records_, config_.sealing_key_file()));
    keys_ = std::move(keys);
    CO_TRY(registry, co_await registry::ModelRegistry::open(loop_, *records_, config_));
    registry_ = std::move(registry);

    local_ = std::make_unique<app::LocalModels>(loop_, config_, metrics_);
    table_ = std::make_unique<app::ModelTable>(
        loop_, config_, [this](const registry::Model& model, const models::LocalModel& facts) {
          return local_->make(model, facts);
        });
    CO_CHECK(table_->rebuild(*registry_));
    registry_->on_change([this] {
      if (auto rebuilt = table_->rebuild(*registry_); !rebuilt)
        observe::log(LogLevel::error, "the models could not be read again",
                     {Field("reason", rebuilt.error().message)});
    });

    CO_CHECK(co_await make_default_key());
    make_front();
    CO_CHECK(listen());
    co_return Result<void>();
  }

  const std::string& url() const { return url_; }
  std::string models_table() const { return table_->stand_ins()->table(); }
  std::size_t models() const { return table_->stand_ins()->local_models().size(); }

  Task<void> stop() {
    stopping_ = true;
    co_await server_->drain(Deadline::in(config_.server.drain_timeout));
    co_await local_->stop();
    (void)co_await keys_->flush();
  }

 private:
  /// The key that `outcrop env` hands out is there before the first client asks.
  Task<Result<void>> make_default_key() {
    administration_ = std::make_unique<admin::AdminApi>(
        *keys_, *registry_, admin::Hooks{[this] { return status(); }, [this] { shutdown(); }});
    auto made = co_await administration_->handle(
        "POST", std::string(admin::prefix) + "keys/default", json::Object{});
    if (made.status >= 300)
      co_return fail(Code::internal, "the default key could not be made: {}",
                     json::write(made.body));
    co_return Result<void>();
  }

  void make_front() {
    identity::Options identity_options;
    identity_options.account = config_.account;
    identity_options.region = config_.region;
    identity_options.open = config_.auth == config::Auth::open;
    authenticator_ = std::make_unique<identity::Authenticator>(*keys_, identity_options);

    api::FrontOptions options;
    options.limits.body_bytes = config_.server.limits.body_bytes;
    options.region = config_.region;
    options.account = config_.account;
    options.version = cli::version();
    options.check_answers = ::getenv("OUTCROP_CHECK_ANSWERS") != nullptr;
    front_ = std::make_unique<api::Front>(contract::Contracts::bundled(), *authenticator_, metrics_,
                                          options);

    auto resolver = table_->resolver();
    auto pipeline = gateway::make_settle_stage(gateway::make_call_stage(resolver), metrics_);
    api::add_bedrock_runtime(
        *front_, std::make_shared<const api::Runtime>(api::Runtime{pipeline, resolver, {}}));
    api::add_bedrock(*front_, [this] { return table_->stand_ins(); });
    app::add_doors(*front_, *administration_, metrics_,
                   {[this] { return !stopping_; }, [this] { refresh_metrics(); }});
  }

  Result<void> listen() {
    server_ = std::make_unique<wire::Server>(
        loop_, config_.server.limits,
        [this](wire::Exchange& exchange) { return front_->handle(exchange); });
    server_->on_internal_error([](std::string_view what) {
      observe::log(LogLevel::error, "an exception left a handler", {Field("what", what)});
    });
    TRY(address, config::parse_host_port(config_.server.listen));
    TRY(tls, app::tls_identity(config_));
    TRY(port, server_->listen(address.host, address.port, tls ? &tls->identity : nullptr));
    CHECK(server_->listen_unix(config_.socket_file()));
    bool v6 = address.host.find(':') != std::string::npos;
    url_ = fmt::format("{}://{}{}{}:{}", tls ? "https" : "http", v6 ? "[" : "", address.host,
                       v6 ? "]" : "", port);
    return admin::write_server_file(
        config_.server_file(),
        {url_, tls ? tls->ca_file : std::string(), config_.region, getpid(), iso8601(wall_now())});
  }

  json::Object status() {
    auto stats = server_->stats();
    return {{"url", url_},
            {"version", std::string(cli::version())},
            {"pid", static_cast<std::int64_t>(getpid())},
            {"requests", stats.requests},
            {"connections", stats.connections_now},
            {"engines", local_->status()}};
  }

  void refresh_metrics() {
    auto stats = server_->stats();
    metrics_.gauge("outcrop_connections", "Open connections.")
        .set(static_cast<double>(stats.connections_now));
    metrics_.gauge("outcrop_exchanges", "Requests being answered.")
        .set(static_cast<double>(stats.exchanges_now));
  }

  void shutdown() { ::kill(getpid(), SIGTERM); }

  Loop& loop_;
  const config::Config& config_;
  observe::Registry metrics_;
  std::unique_ptr<store::Records> records_;
  std::unique_ptr<identity::Keys> keys_;
  std::unique_ptr<registry::ModelRegistry> registry_;
  std::unique_ptr<app::LocalModels> local_;
  std::unique_ptr<app::ModelTable> table_;
  std::unique_ptr<admin::AdminApi> administration_;
  std::unique_ptr<identity::Authenticator> authenticator_;
  std::unique_ptr<api::Front> front_;
  std::unique_ptr<wire::Server> server_;
  std::string url_;
  bool stopping_ = false;
};

Task<void> run_until_stopped(Installation& installation, OneShot<int> stopped, Error& trouble,
                             bool& failed) {
  if (auto started = co_await installation.start(); !started) {
    trouble = std::move(started.error());
    failed = true;
    co_return;
  }
  if (installation.models() == 0) {
    observe::log(LogLevel::warn,
                 "no model is here: outcrop models add <file, folder or URL> brings one");
  } else if (isatty(2)) {
    std::fputs(installation.models_table().c_str(), stderr);
  }
  // The one line on standard output: a program that starts us waits for it.
  std::printf("ready %s\n", installation.url().c_str());
  std::fflush(stdout);
  co_await stopped;
  observe::log(LogLevel::info, "stopping: open requests are let end");
  co_await installation.stop();
}

std::string next_step(const Error& trouble, const config::Config& config) {
  if (trouble.code == Code::conflict) return "outcrop stop --data " + config.data_dir;
  if (trouble.code == Code::io)
    return "outcrop serve --listen 127.0.0.1:0 takes a free port; outcrop doctor looks closer";
  return {};
}

void configure_log(const config::Log& log) {
  observe::LogOptions options;
  options.level = log.level;
  options.json = log.format == config::LogFormat::json ||
                 (log.format == config::LogFormat::automatic && !isatty(2));
  options.prompts = log.prompts;
  observe::configure_log(options);
}

}  // namespace

int serve(const config::Config& config) {
  cli::Console console;
  configure_log(config.log);
  if (auto made = admin::make_data_folder(config.data_dir); !made)
    return cli::report(console, cli::trouble(made.error(), "The data folder cannot be used."));
  app::StopSignals signals;
  Loop loop;
  OneShot<int> stopped;
  signals.listen(loop, [stopped] { stopped.set(1); });
  Error trouble;
  bool failed = false;
  {
    Installation installation(loop, config);
    loop.run(run_until_stopped(installation, stopped, trouble, failed));
  }
  if (failed)
    return cli::report(
        console, cli::trouble(trouble, "The server could not start.", next_step(trouble, config)));
  return cli::done;
}

}  // namespace outcrop
