#include "app/server/signals.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

namespace outcrop::app {
namespace {

sigset_t stop_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGUSR2);  // our own: the waiter is to end
  return set;
}

}  // namespace

StopSignals::StopSignals() {
  auto set = stop_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signal(SIGPIPE, SIG_IGN);  // a peer that is gone is an error of write(), not our end
}

void StopSignals::listen(Loop& loop, std::function<void()> stop) {
  waiter_ = std::thread([&loop, stop = std::move(stop)] {
    auto set = stop_signals();
    int signal_number = 0;
    bool asked = false;
    while (sigwait(&set, &signal_number) == 0) {
      if (signal_number == SIGUSR2) return;
      if (asked) _exit(130);
      asked = true;
      loop.post(stop);
    }
  });
}

StopSignals::~StopSignals() {
  if (!waiter_.joinable()) return;
  pthread_kill(waiter_.native_handle(), SIGUSR2);
  waiter_.join();
}

}  // namespace outcrop::app
