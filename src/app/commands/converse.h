#pragma once
/// One turn of a conversation with the running server: ConverseStream over its Unix socket.
/// Threads: blocks its caller; `interrupted` may be set from a signal handler.

#include "base/result.h"
#include "base/time.h"
#include "json/json.h"
#include "wire/event_stream.h"

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace outcrop::commands {

struct Turn {
  std::string socket;
  std::string model;
  json::Array messages;  // as Converse has them
  std::string system{};
  std::int64_t max_tokens = 0;  // 0: what the model allows
  double temperature = -1;      // below 0: the model's own
  const std::atomic<bool>* interrupted = nullptr;
};

struct Reply {
  std::string text;
  std::string stop_reason;  // empty when the reply was cut off
  std::string served_by;
  std::string stand_in;  // why another model answered than was asked
  std::int64_t input_tokens = 0;
  std::int64_t output_tokens = 0;
  double first_seconds = 0;  // until the first piece of text
  double total_seconds = 0;
  /// Output tokens over the time from the first piece to the end; 0 when there was no time to
  /// measure.
  double tokens_per_second() const;
};

/// Hands each piece of text on as it comes. What had come before an error stays in `reply`.
/// Errors: cancelled, unavailable (no server), and what the service answered, under the code its
/// exception has.
Result<void> converse(const Turn& turn, const std::function<void(std::string_view)>& text,
                      Reply& reply);

/// A service's exception name ("ThrottlingException") as a code of ours; internal where it is none.
Code code_of_exception(std::string_view name);

}  // namespace outcrop::commands
