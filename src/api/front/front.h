#pragma once
/// The front door: joins wire, identity and contract, and hands checked input to the operations.
/// The way of a request: read the body, verify who signs, find the operation, decode and validate,
/// run, encode. Whatever fails on the way is answered as AWS answers it. Limits:  FrontLimits.
/// Threads: the loop's.

#include "api/front/operation.h"
#include "contract/contract.h"
#include "identity/identity.h"
#include "observe/metrics.h"
#include "wire/server.h"

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

namespace outcrop::api {

struct FrontLimits {
  std::size_t body_bytes = 40'000'000;  // of one request
  std::size_t in_flight = 10'000;       // requests at once; the next gets ThrottlingException
  std::size_t in_flight_bytes =
      512u * 1024 * 1024;  // bodies held at once; the next gets ThrottlingException
};

struct FrontOptions {
  FrontLimits limits;
  std::string region = "us-east-1";  // where a request names none
  std::string account = "000000000000";
  std::string version;         // for the Server header
  bool check_answers = false;  // tests: hold every answer against its contract
};

/// A door that is not in contracts/: matched by path before anything else.
struct PlainDoor {
  enum class Access : std::uint8_t {
    everyone,
    local_or_admin,
    socket_only
  } access = Access::local_or_admin;
  std::function<Task<void>(wire::Exchange&, std::string body)> handle;
};

class Front {
 public:
  Front(const contract::Contracts& contracts, const identity::Authenticator& authenticator,
        observe::Registry& metrics, FrontOptions options);
  ~Front();

  /// Errors in a name are our bug: they end the program at start.
  void add(std::string_view service, std::string_view operation, PlainOperation run);
  void add(std::string_view service, std::string_view operation, StreamOperation run);
  /// Every path that starts with `prefix`.
  void add_door(std::string prefix, PlainDoor door);
  /// The same for a door that reads its requests and checks its peers itself.
  void add_raw_door(std::string prefix, wire::Handler handle);
  /// What an operation that is not built answers is 501; this tells which are.
  bool has(const contract::Operation* operation) const;

  Task<void> handle(wire::Exchange& exchange);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace outcrop::api
