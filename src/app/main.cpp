/// The program: `outcrop engine` is the child process of one model, everything else a command.

#include "app/commands/commands.h"
#include "app/server/serve.h"
#include "engine/worker/worker.h"

#include <climits>

#include <csignal>
#include <string>
#include <string_view>
#include <unistd.h>
#include <vector>

namespace outcrop {
namespace {

std::string own_path(const char* otherwise) {
  char buffer[PATH_MAX];
  auto count = ::readlink("/proc/self/exe", buffer, sizeof buffer);
  return count > 0 ? std::string(buffer, static_cast<std::size_t>(count)) : std::string(otherwise);
}

}  // namespace
}  // namespace outcrop

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);  // a reader that goes away is an error of write(), not our end
  if (argc > 1 && std::string_view(argv[1]) == "engine")
    return outcrop::engine::engine_main(argc, argv);
  std::vector<std::string> words(argv + 1, argv + argc);
  auto commands = outcrop::commands::all({outcrop::serve, outcrop::own_path(argv[0])});
  return commands.run(outcrop::cli::Console::of_process(), words);
}
