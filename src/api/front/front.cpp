#include "api/front/front.h"

#include "api/front/event_writer.h"
#include "base/ids.h"
#include "base/text.h"
#include "identity/foreign_service.h"
#include "observe/log.h"

#include <cstdlib>
#include <utility>
#include <variant>

namespace outcrop::api {
namespace {

using observe::Field;

bool is_bedrock_signing_name(std::string_view name) {
  return name.empty() || name == "bedrock" || name == "bedrock-mantle" || name == "sagemaker";
}

/// Counts a request while it is inside, and its body.
struct Inside {
  std::size_t& requests;
  std::size_t& bytes;
  std::size_t mine = 0;
  Inside(std::size_t& in_flight, std::size_t& held) : requests(in_flight), bytes(held) {
    ++requests;
  }
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;
  ~Inside() {
    --requests;
    bytes -= mine;
  }
  void hold(std::size_t size) {
    mine += size;
    bytes += size;
  }
};

}  // namespace

struct Front::Impl {
  struct Handler {
    std::variant<PlainOperation, StreamOperation> run;
    observe::Counter* answered = nullptr;
    observe::Histogram* seconds = nullptr;
  };

  const contract::Contracts& contracts;
  const identity::Authenticator& authenticator;
  observe::Registry& metrics;
  FrontOptions options;
  std::unordered_map<const contract::Operation*, Handler> handlers;
  std::vector<std::pair<std::string, PlainDoor>> doors;
  std::vector<std::pair<std::string, wire::Handler>> raw_doors;
  std::size_t in_flight = 0;
  std::size_t in_flight_bytes = 0;

  const PlainDoor* door(std::string_view path) const {
    for (const auto& [prefix, found] : doors) {
      if (path.starts_with(prefix)) return &found;
    }
    return nullptr;
  }

  void count_error(const contract::Operation* operation, const Error& error) {
    metrics
        .counter("outcrop_request_errors_total",
                 "Requests answered with an error, by operation and error.",
                 {{"operation", operation ? operation->name : "none"},
                  {"error", std::string(facts(error.code).name)}})
        .add();
  }

  void log_error(const std::string& id, const contract::Operation* operation, const Error& error) {
    LogLevel level = facts(error.code).level;
    if (!observe::logs(level)) return;
    observe::log(level, "request failed",
                 {Field("request_id", id),
                  Field("operation",
                        operation ? std::string_view(operation->name) : std::string_view("none")),
                  Field("error", facts(error.code).exception), Field("message", error.message),
                  Field("detail", error.detail)});
  }

  Task<void> refuse(wire::Exchange& exchange, const std::string& id,
                    const contract::Operation* operation, const Error& error) {
    count_error(operation, error);
    log_error(id, operation, error);
    if (error.code == Code::cancelled) {
      exchange.abort();  // nobody is there to read it
      co_return;
    }
    auto [head, body] = contracts.encode_error(operation, error);
    head.headers.set("x-amzn-requestid", id);
    (void)co_await exchange.respond(std::move(head), std::move(body));
  }

  Task<void> run_door(wire::Exchange& exchange, const PlainDoor& found) {
    const auto& head = exchange.request();
    bool socket = head.peer.kind == wire::Peer::Kind::unix_socket;
    bool allowed = found.access == PlainDoor::Access::everyone || socket;
    auto body = co_await exchange.read_all(options.limits.body_bytes);
    if (!body) {
      co_await refuse(exchange, uuid4(), nullptr, body.error());
      co_return;
    }
    if (!allowed && found.access == PlainDoor::Access::local_or_admin) {
      allowed = head.peer.loopback;
      if (!allowed) {
        auto principal = authenticator.authenticate(head, *body, wall_now());
        if (!principal) {
          co_await refuse(exchange, uuid4(), nullptr, principal.error());
          co_return;
        }
        allowed = principal->admin;
      }
    }
    if (!allowed) {
      Error error{Code::access_denied,
                  "This path is for " + std::string(found.access == PlainDoor::Access::socket_only
                                                        ? "the server's own Unix socket"
                                                        : "keys made with --admin")};
      co_await refuse(exchange, uuid4(), nullptr, error);
      co_return;
    }
    co_await found.handle(exchange, std::move(*body));
  }

  /// A request of a service that is not here, in that service's own protocol.
  Task<void> refuse_service(wire::Exchange& exchange, const std::string& id, std::string service) {
    Error error{Code::unknown_service, "no " + service + " here"};
    count_error(nullptr, error);
    log_error(id, nullptr, error);
    auto [head, body] = identity::refuse_foreign_service(service, exchange.request(), id);
    (void)co_await exchange.respond(std::move(head), std::move(body));
  }

  Task<Result<identity::Principal>> verify(wire::Exchange& exchange, const std::string& body) {
    const auto& head = exchange.request();
    if (head.peer.kind == wire::Peer::Kind::unix_socket && !head.headers.has("authorization") &&
        !head.headers.has("x-api-key")) {
      // The socket file's mode is the check.
      identity::Principal local;
      local.how = identity::Principal::How::local_socket;
      local.account = options.account;
      local.arn = "arn:aws:iam::" + options.account + ":user/local";
      local.key_id = "local";
      local.name = "local";
      local.admin = true;
      co_return local;
    }
    co_return authenticator.authenticate(head, body, wall_now());
  }

  Task<void> run_plain(wire::Exchange& exchange, const Request& request, const Handler& handler) {
    auto answer = co_await std::get<PlainOperation>(handler.run)(request);
    const auto& operation = *request.input.operation;
    if (answer && options.check_answers) {
      if (auto held = contracts.check_output(operation, answer->document); !held)
        answer = fail(std::move(held.error()));
    }
    if (!answer) {
      co_await refuse(exchange, request.id, &operation, answer.error());
      co_return;
    }
    auto head = contracts.encode_head(operation, answer->document);
    for (const auto& [name, value] : answer->headers.all()) head.headers.set(name, value);
    head.headers.set("x-amzn-requestid", request.id);
    std::string body = answer->blob.empty()
                           ? contracts.encode_body(operation, std::move(answer->document))
                           : std::move(answer->blob);
    (void)co_await exchange.respond(std::move(head), std::move(body));
  }

  Task<void> run_stream(wire::Exchange& exchange, const Request& request, const Handler& handler) {
    const auto& operation = *request.input.operation;
    FrameWriter writer(contracts, operation, exchange, request.id);
    auto ended = co_await std::get<StreamOperation>(handler.run)(request, writer);
    if (!ended && !writer.started()) {
      co_await refuse(exchange, request.id, &operation, ended.error());
      co_return;
    }
    if (!ended) {
      count_error(&operation, ended.error());
      log_error(request.id, &operation, ended.error());
      if (ended.error().code == Code::cancelled) {
        exchange.abort();
        co_return;
      }
      (void)co_await exchange.write(contracts.encode_stream_error(operation, ended.error()));
    } else if (!writer.started()) {
      if (auto begun = co_await writer.begin(); !begun) co_return;
    }
    (void)co_await exchange.finish();
  }

  Task<void> handle(wire::Exchange& exchange) {
    const auto& head = exchange.request();
    for (const auto& [prefix, raw] : raw_doors) {
      if (head.path().starts_with(prefix)) {
        co_await raw(exchange);
        co_return;
      }
    }
    if (const auto* found = door(head.path())) {
      co_await run_door(exchange, *found);
      co_return;
    }
    Request request;
    request.arrived = now();
    request.id = uuid4();
    request.head = &head;
    request.closed = exchange.closed();

    if (in_flight >= options.limits.in_flight ||
        in_flight_bytes >= options.limits.in_flight_bytes) {
      Error error{Code::throttled, "Too many requests, please wait before trying again."};
      error.detail = "in-flight limit of the front";
      co_await refuse(exchange, request.id, nullptr, error);
      co_return;
    }
    Inside inside(in_flight, in_flight_bytes);

    auto scope = authenticator.scope(head);
    if (!is_bedrock_signing_name(scope.service)) {
      co_await refuse_service(exchange, request.id, scope.service);
      co_return;
    }
    auto body = co_await exchange.read_all(options.limits.body_bytes);
    if (!body) {
      co_await refuse(exchange, request.id, nullptr, body.error());
      co_return;
    }
    inside.hold(body->size());
    auto principal = co_await verify(exchange, *body);
    if (!principal) {
      co_await refuse(exchange, request.id, nullptr, principal.error());
      co_return;
    }
    request.principal = std::move(*principal);
    request.region = scope.region.empty() ? options.region : scope.region;

    auto route = contracts.route(head.method, head.target, scope.service, body->empty());
    if (!route) {
      co_await refuse(exchange, request.id, nullptr, route.error());
      co_return;
    }
    const auto* operation = route->operation;
    auto handler = handlers.find(operation);
    if (handler == handlers.end()) {
      Error error = contract::not_implemented(*operation);
      co_await refuse(exchange, request.id, operation, error);
      co_return;
    }
    auto input = contracts.decode(*route, head, std::move(*body));
    if (!input) {
      co_await refuse(exchange, request.id, operation, input.error());
      co_return;
    }
    request.input = std::move(*input);
    if (std::holds_alternative<PlainOperation>(handler->second.run)) {
      co_await run_plain(exchange, request, handler->second);
    } else {
      co_await run_stream(exchange, request, handler->second);
    }
    handler->second.answered->add();
    handler->second.seconds->observe(
        std::chrono::duration<double>(now() - request.arrived).count());
  }

  void add(std::string_view service, std::string_view name,
           std::variant<PlainOperation, StreamOperation> run) {
    const auto* operation = contracts.find(service, name);
    if (!operation) {
      observe::log(LogLevel::error, "an operation is registered that no contract has",
                   {Field("operation", name)});
      std::abort();
    }
    Handler handler{std::move(run), nullptr, nullptr};
    observe::Labels labels{{"operation", operation->name}};
    handler.answered = &metrics.counter("outcrop_requests_total",
                                        "Requests that reached their operation.", labels);
    handler.seconds = &metrics.histogram("outcrop_request_duration_seconds",
                                         "From the request's head to the answer's end.",
                                         {0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60}, labels);
    handlers.insert_or_assign(operation, std::move(handler));
  }
};

Front::Front(const contract::Contracts& contracts, const identity::Authenticator& authenticator,
             observe::Registry& metrics, FrontOptions options)
    : impl_(new Impl{contracts, authenticator, metrics, std::move(options), {}, {}, {}, 0, 0}) {}
Front::~Front() = default;

void Front::add(std::string_view service, std::string_view operation, PlainOperation run) {
  impl_->add(service, operation, std::move(run));
}
void Front::add(std::string_view service, std::string_view operation, StreamOperation run) {
  impl_->add(service, operation, std::move(run));
}
void Front::add_door(std::string prefix, PlainDoor door) {
  impl_->doors.emplace_back(std::move(prefix), std::move(door));
}
void Front::add_raw_door(std::string prefix, wire::Handler handle) {
  impl_->raw_doors.emplace_back(std::move(prefix), std::move(handle));
}
bool Front::has(const contract::Operation* operation) const {
  return impl_->handlers.contains(operation);
}
Task<void> Front::handle(wire::Exchange& exchange) { return impl_->handle(exchange); }

}  // namespace outcrop::api
