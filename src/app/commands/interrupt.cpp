#include "app/commands/interrupt.h"

#include <csignal>
#include <unistd.h>

namespace outcrop::commands {
namespace {

std::atomic<bool> raised_flag{false};
struct sigaction before;

void on_signal(int) {
  if (raised_flag.exchange(true)) ::_exit(130);
}

}  // namespace

Interrupt::Interrupt() {
  raised_flag = false;
  struct sigaction action{};
  action.sa_handler = on_signal;  // without SA_RESTART: a read of the keyboard ends
  sigemptyset(&action.sa_mask);
  ::sigaction(SIGINT, &action, &before);
}
Interrupt::~Interrupt() { ::sigaction(SIGINT, &before, nullptr); }
const std::atomic<bool>& Interrupt::flag() const { return raised_flag; }
void Interrupt::clear() { raised_flag = false; }

}  // namespace outcrop::commands
