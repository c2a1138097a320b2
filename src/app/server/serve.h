#pragma once
/// The running server: what `outcrop serve` does once its configuration has been read and checked.

#include "app/config/config.h"

namespace outcrop {

/// Wires the platform together, prints `ready http://HOST:PORT` on standard output once it answers,
/// and runs until SIGINT or SIGTERM. Writes <data>/server.json (admin/client.h) so that `outcrop
/// env` knows the address. `config` has passed check_for_serving(): what can still fail is the
/// outside (the port, the lock, a model). Gives the exit code of cli/exit.h; what went wrong has
/// been reported on standard error.
int serve(const config::Config& config);

}  // namespace outcrop
