#include "app/admin/unix_http.h"
#include "app/cli/version.h"
#include "app/commands/context.h"
#include "base/text.h"

#include <fcntl.h>
#include <unistd.h>

namespace outcrop::commands {

int run_version(const cli::Console& console, const cli::Arguments&) {
  if (console.json) {
    json::Object out;
    out["version"] = cli::version();
    console.document(json::Value(std::move(out)));
  } else {
    console.print(fmt::format("outcrop {}\n", cli::version()));
  }
  return cli::done;
}

int run_config(const cli::Console& console, const cli::Arguments& arguments) {
  if (arguments.has("--markdown")) return console.print(config::markdown()), cli::done;
  auto loaded = load(arguments);
  if (!loaded) return report_config(console, loaded.error());
  if (arguments.has("--check")) {
    auto checked = config::check_for_serving(*loaded);
    if (!checked) return report_config(console, checked.error());
  }
  if (console.json) {
    json::Object out;
    if (!loaded->file.empty()) out["file"] = loaded->file;
    out["options"] = config::effective(*loaded);
    console.document(json::Value(std::move(out)));
  } else {
    console.print(config::effective_toml(*loaded));
  }
  return cli::done;
}

int run_serve(const cli::Console& console, const cli::Arguments& arguments,
              const Program& program) {
  auto loaded = load(arguments);
  if (!loaded) return report_config(console, loaded.error());
  auto checked = config::check_for_serving(*loaded);
  if (!checked) return report_config(console, checked.error());
  auto folder = admin::make_data_folder(loaded->config.data_dir);
  if (!folder) {
    return report(console, folder.error(), "the server did not start",
                  "outcrop serve --data DIR, with a folder of your own");
  }
  return program.serve(loaded->config);
}

int run_status(const cli::Console& console, const cli::Arguments& arguments) {
  auto loaded = load(arguments);
  if (!loaded) return report_config(console, loaded.error());
  auto admin = admin::connect(loaded->config);
  if (!admin) return report(console, admin.error(), "no server answers", "outcrop serve");
  auto status = (*admin)->call("GET", std::string(admin::prefix) + "status");
  if (!status) return report(console, status.error(), "the server did not say how it is");
  if (console.json) return console.document(*status), cli::done;
  for (const auto& member : status->as_object()) {
    const auto& value = member.value();
    std::string text =
        value.is_string() ? std::string(json::view(value.get_string())) : json::write(value);
    console.print(fmt::format("{:<16} {}\n", std::string_view(member.key()), cli::printable(text)));
  }
  return cli::done;
}

int run_stop(const cli::Console& console, const cli::Arguments& arguments) {
  auto loaded = load(arguments);
  if (!loaded) return report_config(console, loaded.error());
  auto admin = admin::connect(loaded->config);
  if (!admin) return report(console, admin.error(), "no server answers, so none was stopped");
  auto stopped = (*admin)->call("POST", std::string(admin::prefix) + "shutdown", json::Object());
  if (!stopped) return report(console, stopped.error(), "the server was not stopped");
  // It drains first; who waits here may start the next one at once.
  Deadline deadline = Deadline::in(loaded->config.server.drain_timeout + Millis(10'000));
  while (admin::answers(loaded->config.socket_file())) {
    if (deadline.passed()) {
      return cli::report(console, {.exit = cli::failed,
                                   .what = "the server has not stopped yet",
                                   .why = "it still answers after its drain_timeout and 10 s more",
                                   .next = "outcrop status shows its process"});
    }
    ::usleep(50'000);
  }
  if (console.json) return console.document(*stopped), cli::done;
  console.print("The server is stopped.\n");
  return cli::done;
}

}  // namespace outcrop::commands
