#include "app/server/doors.h"

#include <utility>

namespace outcrop::app {
namespace {

using Access = api::PlainDoor::Access;

Task<void> plain(wire::Exchange& exchange, int status, std::string_view type, std::string body) {
  wire::ResponseHead head{status, {{"content-type", type}, {"cache-control", "no-store"}}};
  (void)co_await exchange.respond(std::move(head), std::move(body));
}

Task<void> health(wire::Exchange& exchange) {
  return plain(exchange, 200, "application/json", "{\"status\":\"ok\"}\n");
}

Task<void> ready(wire::Exchange& exchange, const Readiness& readiness) {
  bool yes = readiness.ready();
  return plain(exchange, yes ? 200 : 503, "application/json",
               yes ? "{\"status\":\"ready\"}\n" : "{\"status\":\"stopping\"}\n");
}

Task<void> show_metrics(wire::Exchange& exchange, observe::Registry& metrics,
                        const Readiness& readiness) {
  readiness.refresh_metrics();
  return plain(exchange, 200, "text/plain; version=0.0.4; charset=utf-8", metrics.text());
}

}  // namespace

void add_doors(api::Front& front, admin::AdminApi& administration, observe::Registry& metrics,
               Readiness readiness) {
  auto shared = std::make_shared<Readiness>(std::move(readiness));
  front.add_door("/healthz", {Access::everyone, [](wire::Exchange& exchange, std::string) {
                                return health(exchange);
                              }});
  front.add_door("/readyz", {Access::everyone, [shared](wire::Exchange& exchange, std::string) {
                               return ready(exchange, *shared);
                             }});
  front.add_door("/metrics", {Access::local_or_admin,
                              [shared, &metrics](wire::Exchange& exchange, std::string) {
                                return show_metrics(exchange, metrics, *shared);
                              }});
  front.add_raw_door(std::string(admin::prefix), [&administration](wire::Exchange& exchange) {
    return admin::serve(administration, exchange);
  });
}

}  // namespace outcrop::app
