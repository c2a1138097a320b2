#pragma once
/// How a command ends: a code that scripts can rely on, and on failure a message in three parts.

#include "app/cli/console.h"
#include "base/error.h"
#include "json/json.h"

#include <string>

namespace outcrop::cli {

/// Documented in docs/command-line.md; never renumbered.
enum Exit : int {
  done = 0,
  failed = 1,         // it was tried and did not work
  usage = 2,          // the command line or the configuration is wrong
  no_server = 3,      // nobody answers, and the command needs a running server
  refused = 4,        // not allowed, in use, or over a limit
  not_found = 5,      // what was named is not there
  interrupted = 130,  // Ctrl-C
};

/// What happened, why, and what to do next; `why` and `next` may be empty.
struct Trouble {
  int exit = failed;
  std::string what;
  std::string why{};
  std::string next{};
};

/// The exit code that fits an error: validation is usage, not_found is not_found, ...
int exit_for(Code code);
Trouble trouble(const Error& error, std::string what, std::string next = {});

/// On standard error: three lines for people, or one JSON object under --json. Gives trouble.exit.
int report(const Console& console, const Trouble& trouble);

}  // namespace outcrop::cli
