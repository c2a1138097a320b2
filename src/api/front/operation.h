#pragma once
/// What an operation's code is handed and what it gives back. The front has verified, routed,
/// decoded and validated before; it encodes, counts and logs after. Threads: the loop's.

#include "base/cancel.h"
#include "base/result.h"
#include "base/task.h"
#include "base/time.h"
#include "contract/contract.h"
#include "identity/identity.h"
#include "json/json.h"
#include "wire/server.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace outcrop::api {

/// One request on its way through. Lives as long as its operation runs.
struct Request {
  std::string id;  // x-amzn-RequestId
  identity::Principal principal;
  std::string region;     // of the signature, or the configured one; echoed in ARNs
  contract::Input input;  // checked
  const wire::RequestHead* head = nullptr;
  CancelToken closed;  // the caller went away, or the server stops
  Instant arrived{};

  /// A member that the contract requires, or that has been looked for before.
  std::string_view text(std::string_view member) const {
    return json::find_string(input.document, member).value_or(std::string_view());
  }
};

/// A plain answer: a document with all members by name, or a blob that is the whole body.
struct Answer {
  json::Object document;
  std::string blob;
  wire::Headers headers;  // beyond the contract's: x-outcrop-..., token counts
};

/// The answer of a streaming operation. The head goes out with the first event, so that an error
/// before it is an ordinary HTTP error.
class EventWriter {
 public:
  virtual ~EventWriter() = default;
  /// Headers beyond the contract's; before the first event only. `document`: members bound to
  /// headers.
  virtual void describe(json::Object document, wire::Headers headers) = 0;
  /// Waits while the reader is slow. Errors: cancelled.
  virtual Task<Result<void>> event(std::string_view member, json::Value payload) = 0;
  virtual bool started() const = 0;
};

using PlainOperation = std::function<Task<Result<Answer>>(const Request&)>;
using StreamOperation = std::function<Task<Result<void>>(const Request&, EventWriter&)>;

}  // namespace outcrop::api
