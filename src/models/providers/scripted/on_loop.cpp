#include "models/providers/scripted/scripted.h"
#include "wire/loop.h"

namespace outcrop::models::scripted {

ModelPtr make(Script script, Loop& loop) {
  return make(std::move(script), [&loop](std::chrono::nanoseconds duration, CancelToken cancel) {
    return loop.sleep(duration, std::move(cancel));
  });
}

}  // namespace outcrop::models::scripted
