#pragma once
/// Every command of the program, as data. docs/command-line.md is made from here.

#include "app/cli/arguments.h"
#include "app/config/config.h"

#include <functional>
#include <string>
#include <vector>

namespace outcrop::commands {

/// What the commands need of the program around them.
struct Program {
  std::function<int(const config::Config&)> serve;
  std::string self;  // path of the program, to be run as `self engine --describe`
};

cli::Commands all(const Program& program);
/// docs/command-line.md.
std::string page(const cli::Commands& commands);

}  // namespace outcrop::commands
