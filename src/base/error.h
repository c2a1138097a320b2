#pragma once
/// What can go wrong, as values. Each code maps once, here, to the name that AWS gives it, its HTTP
/// status, whether a client may retry, and how loudly it is logged.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace outcrop {

enum class Code : std::uint8_t {
  // Modelled by the Bedrock services.
  validation,
  access_denied,
  not_found,
  throttled,
  model_not_ready,
  model_timeout,
  model_error,
  model_stream_error,
  quota_exceeded,
  conflict,
  internal,
  unavailable,
  resource_in_use,
  too_many_tags,
  bad_gateway,
  dependency_failed,
  // The front door, outside the service models.
  unknown_operation,
  not_implemented,
  serialization,
  missing_authentication,
  unrecognized_client,
  invalid_signature,
  incomplete_signature,
  expired_token,
  unknown_service,
  too_large,
  // Inside only; an edge that meets one answers with what it means there.
  cancelled,  // the caller went away, or the process stops
  deadline,   // a deadline of ours passed
  corrupt,    // bytes that do not hold together (a checksum, a frame)
  io,         // the operating system or the network refused
};
inline constexpr int code_count = static_cast<int>(Code::io) + 1;

enum class LogLevel : std::uint8_t { debug, info, warn, error };

struct CodeFacts {
  std::string_view name;       // ours, for logs and metrics: "not_found"
  std::string_view exception;  // AWS's: "ResourceNotFoundException"
  int status;                  // HTTP, where the service model does not say otherwise
  bool retryable;
  LogLevel level;
};
const CodeFacts& facts(Code code);

struct FieldError {
  std::string name;
  std::string message;
};

/// message is for the caller: it names the field, the value's size or type and what is allowed,
/// never a secret or a prompt. detail is for the log alone.
struct Error {
  Code code = Code::internal;
  std::string message;
  std::string detail{};
  std::optional<int> original_status{};  // of the model behind us: originalStatusCode
  std::string original_message{};        // likewise: originalMessage
  std::string resource_name{};           // resourceName
  std::vector<FieldError> fields{};      // fieldList, where the service has one
};

}  // namespace outcrop
