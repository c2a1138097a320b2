#pragma once
/// The paths that are not AWS's: health, metrics, and the administration over the Unix socket.

#include "api/front/front.h"
#include "app/admin/admin.h"
#include "observe/metrics.h"
#include "wire/server.h"

#include <functional>

namespace outcrop::app {

struct Readiness {
  std::function<bool()> ready;
  std::function<void()> refresh_metrics;  // gauges that are read when asked for
};

void add_doors(api::Front& front, admin::AdminApi& administration, observe::Registry& metrics,
               Readiness readiness);

}  // namespace outcrop::app
