#pragma once
/// What the commands share: the configuration from their flags, the administration, and how they
/// fail.

#include "app/admin/client.h"
#include "app/cli/arguments.h"
#include "app/cli/exit.h"
#include "app/commands/commands.h"
#include "app/config/load.h"
#include "base/result.h"

#include <memory>
#include <string>

namespace outcrop::commands {

/// From --config, --set, --data, --listen and --models, where the command has them.
Result<config::Loaded> load(const cli::Arguments& arguments);
/// Reports a configuration that does not hold; gives the exit code.
int report_config(const cli::Console& console, const Error& error);

/// The administration, or an exit code after the failure has been reported.
struct Reached {
  config::Loaded loaded;
  std::unique_ptr<admin::Admin> admin;
  int exit = cli::done;  // not done: admin is null
};
Reached reach(const cli::Console& console, const cli::Arguments& arguments);

int report(const cli::Console& console, const Error& error, std::string what,
           std::string next = {});

/// "~/…" for what lies in the home folder.
std::string short_path(const std::string& path);
/// In single quotes where a shell would take it apart.
std::string shell_word(std::string_view text);

/// Bytes of memory that a new process may use: what the machine has left, or its control group if
/// that is less.
std::int64_t available_memory_bytes();

// One a command; the table in commands.cpp names them.
int run_version(const cli::Console& console, const cli::Arguments& arguments);
int run_config(const cli::Console& console, const cli::Arguments& arguments);
int run_env(const cli::Console& console, const cli::Arguments& arguments);
int run_keys(const cli::Console& console, const cli::Arguments& arguments);
int run_keys_create(const cli::Console& console, const cli::Arguments& arguments);
int run_keys_revoke(const cli::Console& console, const cli::Arguments& arguments);
int run_models(const cli::Console& console, const cli::Arguments& arguments);
int run_models_add(const cli::Console& console, const cli::Arguments& arguments,
                   const Program& program);
int run_models_find(const cli::Console& console, const cli::Arguments& arguments);
int run_models_remove(const cli::Console& console, const cli::Arguments& arguments);
int run_doctor(const cli::Console& console, const cli::Arguments& arguments,
               const Program& program);
int run_chat(const cli::Console& console, const cli::Arguments& arguments);
int run_serve(const cli::Console& console, const cli::Arguments& arguments, const Program& program);
int run_status(const cli::Console& console, const cli::Arguments& arguments);
int run_stop(const cli::Console& console, const cli::Arguments& arguments);

}  // namespace outcrop::commands
