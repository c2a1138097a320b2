#include "app/cli/progress.h"
#include "app/commands/context.h"
#include "app/commands/interrupt.h"
#include "app/commands/memory_fit.h"
#include "app/registry/fetch.h"
#include "app/registry/gguf.h"
#include "base/text.h"
#include "wire/client.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>

namespace outcrop::commands {
namespace {

struct File {
  std::string path;
  bool owned = false;
  std::string sha256;
};

/// Cancels when Ctrl-C was pressed: signals and the loop share nothing but the flag.
Task<void> watch(Loop& loop, const std::atomic<bool>& flag, CancelSource& cancel,
                 CancelToken finished) {
  while (!flag.load() && !finished.cancelled()) {
    if (!co_await loop.sleep(Millis(100), finished)) co_return;
  }
  cancel.cancel();
}

Task<void> fetch_task(Loop& loop, wire::Client& client, registry::Download what,
                      registry::FetchProgress progress, CancelToken cancel, CancelSource& finished,
                      Result<registry::Downloaded>* out) {
  *out = co_await registry::download(loop, client, std::move(what), std::move(progress), cancel);
  finished.cancel();
}

Result<File> fetched(const cli::Console& console, const config::Config& config,
                     const std::string& url, const std::string& name, const std::string& sha256,
                     const Interrupt& interrupt) {
  std::string folder = config.data_dir + "/models";
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  std::string file = name.empty() ? registry::file_name_of_url(url) : name + ".gguf";
  if (!lower(file).ends_with(".gguf")) file += ".gguf";
  std::string target = folder + "/" + file;
  if (std::filesystem::exists(target, error)) {
    return fail(Code::conflict, "{} is there already: add that file, remove it, or choose a --name",
                short_path(target));
  }
  Loop loop(1);
  wire::ClientLimits limits;
  limits.redirects = 10;
  wire::Client client(loop, limits);
  CancelSource cancel, finished;
  std::unique_ptr<cli::Progress> bar;
  auto progress = [&](std::int64_t done, std::int64_t total) {
    if (!bar) bar = std::make_unique<cli::Progress>(console, file, total, cli::Unit::bytes, done);
    bar->total(total);
    bar->at(done);
  };
  Result<registry::Downloaded> result;
  loop.spawn(watch(loop, interrupt.flag(), cancel, finished.token()));
  loop.run(
      fetch_task(loop, client, {url, target, sha256}, progress, cancel.token(), finished, &result));
  if (bar) bar->finish(result && !sha256.empty() ? "checksum matches" : "");
  if (!result) return fail(result.error());
  return File{target, true, result->sha256};
}

Result<File> brought(const config::Config& config, const std::string& path,
                     const cli::Arguments& arguments) {
  std::error_code error;
  std::string absolute = std::filesystem::absolute(path, error).lexically_normal().string();
  CHECK(registry::check_gguf(absolute));
  File out{absolute, false, {}};
  if (auto expected = arguments.value("--sha256")) {
    TRY(digest, registry::sha256_of_file(absolute));
    if (!equals_ignoring_case(digest, *expected)) {
      return fail(Code::validation, "{} has the checksum {}, not {}", short_path(absolute), digest,
                  *expected);
    }
    out.sha256 = std::move(digest);
  }
  bool copy = arguments.has("--copy");
  if (!copy && !arguments.has("--link")) return out;
  std::string folder = config.data_dir + "/models";
  std::filesystem::create_directories(folder, error);
  out.path = folder + "/" + std::filesystem::path(absolute).filename().string();
  out.owned = true;
  if (out.path == absolute) return File{absolute, false, out.sha256};
  if (copy) {
    // First under another name, so that a copy that is cut short is never taken for the file.
    std::string temporary = out.path + ".part";
    std::filesystem::copy_file(absolute, temporary,
                               std::filesystem::copy_options::overwrite_existing, error);
    if (!error && std::filesystem::exists(out.path, error))
      error = std::make_error_code(std::errc::file_exists);
    if (!error) std::filesystem::rename(temporary, out.path, error);
    if (error) ::unlink(temporary.c_str());
  } else {
    std::filesystem::create_hard_link(absolute, out.path, error);
    if (error == std::errc::cross_device_link) {
      return fail(Code::io, "{} is on another file system, where no link can lead: use --copy",
                  short_path(absolute));
    }
  }
  if (error)
    return fail(error == std::errc::file_exists ? Code::conflict : Code::io, "{}: {}",
                short_path(out.path), error.message());
  return out;
}

std::string described(const json::Object& description, const MemoryFit& fit) {
  auto text = [&](std::string_view key) {
    return cli::printable(json::find_string(description, key).value_or(""));
  };
  auto number = [&](std::string_view key) { return json::find_int(description, key).value_or(0); };
  bool embedding = json::find_bool(description, "embedding").value_or(false);
  std::string out =
      fmt::format("  checked: {}, {}, {:.1f} million parameters, context {}", text("architecture"),
                  text("quantization"), static_cast<double>(number("parameters")) / 1e6,
                  cli::grouped(number("context_tokens")));
  if (embedding) {
    out += fmt::format(", vectors of {}", number("embedding_width"));
  } else {
    out += json::find_bool(description, "chat_template").value_or(false)
               ? ", chat yes"
               : ", no chat template: raw prompts only";
  }
  out += fmt::format("\n  memory:  {} of weights and at most {} of state; {} are free",
                     cli::bytes_text(static_cast<double>(fit.weights_bytes)),
                     cli::bytes_text(static_cast<double>(fit.state_bytes_max)),
                     cli::bytes_text(static_cast<double>(fit.available_bytes)));
  if (fit.fit == Fit::tight) out += ": tight, a smaller engine.pool_tokens helps";
  if (fit.fit == Fit::no) out += ": too large for this machine, it will not load now";
  return out + "\n";
}

}  // namespace

int run_models_add(const cli::Console& console, const cli::Arguments& arguments,
                   const Program& program) {
  std::string source = arguments.word(0);
  std::string what = cli::printable(source) + " was not added";
  if (arguments.has("--copy") && arguments.has("--link")) {
    return cli::report(
        console, {.exit = cli::usage, .what = what, .why = "--copy and --link exclude each other"});
  }
  auto loaded = load(arguments);
  if (!loaded) return report_config(console, loaded.error());
  const auto& config = loaded->config;
  if (auto made = admin::make_data_folder(config.data_dir); !made)
    return report(console, made.error(), what);
  Interrupt interrupt;

  std::vector<File> files;
  std::error_code error;
  if (registry::is_url(source)) {
    auto file = fetched(console, config, source, arguments.value("--name").value_or(""),
                        arguments.value("--sha256").value_or(""), interrupt);
    if (!file && file.error().code == Code::cancelled) {
      return report(console, file.error(), what, "the same command goes on where this one stopped");
    }
    if (!file) return report(console, file.error(), what);
    files.push_back(std::move(*file));
  } else if (std::filesystem::is_directory(source, error)) {
    auto paths = registry::gguf_files(source, registry::ModelRegistry::folder_entries_limit);
    if (paths.empty()) {
      return cli::report(
          console,
          {.exit = cli::not_found, .what = what, .why = "no *.gguf file is in this folder"});
    }
    if (paths.size() > 1 && (arguments.has("--name") || arguments.has("--sha256"))) {
      return cli::report(
          console, {.exit = cli::usage,
                    .what = what,
                    .why = fmt::format("the folder has {} models; --name and --sha256 are for one",
                                       paths.size()),
                    .next = "outcrop models add FILE for each of them"});
    }
    for (const auto& path : paths) {
      auto file = brought(config, path, arguments);
      if (!file) return report(console, file.error(), what);
      files.push_back(std::move(*file));
    }
  } else {
    if (!std::filesystem::exists(source, error)) {
      return cli::report(console,
                         {.exit = cli::not_found,
                          .what = what,
                          .why = "there is no such file or folder, and a URL begins with https://",
                          .next = "outcrop models find shows what is on this machine"});
    }
    auto file = brought(config, source, arguments);
    if (!file) return report(console, file.error(), what);
    files.push_back(std::move(*file));
  }

  // Only now: a download takes its time, and a store held open would keep a server from starting.
  auto reached = reach(console, arguments);
  if (!reached.admin) return reached.exit;
  json::Array added;
  int exit = cli::done;
  for (const auto& file : files) {
    std::string label = files.size() == 1 ? what : short_path(file.path) + " was not added";
    auto drop = [&file] {
      if (file.owned) ::unlink(file.path.c_str());
    };
    auto valid = registry::check_gguf(file.path);
    Result<json::Value> description =
        valid ? registry::describe(program.self, file.path) : fail(valid.error());
    if (!description) {
      drop();
      exit = report(console, description.error(), label);
      continue;
    }
    json::Object body;
    if (auto name = arguments.value("--name")) body["name"] = *name;
    if (auto kind = arguments.value("--kind")) body["kind"] = *kind;
    body["path"] = file.path;
    json::Array patterns;
    for (const auto& pattern : arguments.values("--stands-in-for"))
      patterns.emplace_back(json::String(pattern));
    body["stands_in_for"] = std::move(patterns);
    body["sha256"] = file.sha256;
    body["owned"] = file.owned;
    body["description"] = *description;
    auto answer = reached.admin->call("POST", std::string(admin::prefix) + "models", body);
    if (!answer && answer.error().code == Code::conflict && registry::is_url(source)) {
      // The name is taken, but the file is good and took long to come: it stays.
      exit = report(console, answer.error(), label,
                    "outcrop models add " + shell_word(short_path(file.path)) + " --name OTHER");
      continue;
    }
    if (!answer) {
      drop();
      exit = report(console, answer.error(), label);
      continue;
    }
    if (!console.json) {
      const auto& facts = description->get_object();
      auto fit = memory_fit({.weights_bytes = json::find_int(facts, "file_bytes").value_or(0),
                             .layers = json::find_int(facts, "layers").value_or(0),
                             .width = json::find_int(facts, "embedding_width").value_or(0),
                             .context_tokens = json::find_int(facts, "context_tokens").value_or(0)},
                            available_memory_bytes());
      console.print(fmt::format("{} is added ({})\n",
                                json::find_string(answer->as_object(), "name").value_or(""),
                                short_path(file.path)));
      console.print(described(facts, fit));
    }
    added.push_back(std::move(*answer));
  }
  if (console.json) {
    json::Object out;
    out["added"] = std::move(added);
    console.document(json::Value(std::move(out)));
  } else if (exit == cli::done && !reached.admin->running()) {
    console.error("next  outcrop serve\n");
  }
  return exit;
}

}  // namespace outcrop::commands
