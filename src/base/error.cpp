#include "base/error.h"

#include <array>

namespace outcrop {
namespace {

using enum LogLevel;
constexpr std::array<CodeFacts, code_count> table{{
    {"validation", "ValidationException", 400, false, info},
    {"access_denied", "AccessDeniedException", 403, false, warn},
    {"not_found", "ResourceNotFoundException", 404, false, info},
    {"throttled", "ThrottlingException", 429, true, warn},
    {"model_not_ready", "ModelNotReadyException", 429, true, warn},
    {"model_timeout", "ModelTimeoutException", 408, false, warn},
    {"model_error", "ModelErrorException", 424, false, warn},
    {"model_stream_error", "ModelStreamErrorException", 424, false, warn},
    {"quota_exceeded", "ServiceQuotaExceededException", 400, false, warn},
    {"conflict", "ConflictException", 400, false, info},
    {"internal", "InternalServerException", 500, true, error},
    {"unavailable", "ServiceUnavailableException", 503, true, warn},
    {"resource_in_use", "ResourceInUseException", 400, false, info},
    {"too_many_tags", "TooManyTagsException", 400, false, info},
    {"bad_gateway", "BadGatewayException", 502, true, warn},
    {"dependency_failed", "DependencyFailedException", 424, false, warn},
    {"unknown_operation", "UnknownOperationException", 404, false, info},
    {"not_implemented", "NotImplementedException", 501, false, info},
    {"serialization", "SerializationException", 400, false, info},
    {"missing_authentication", "MissingAuthenticationTokenException", 403, false, warn},
    {"unrecognized_client", "UnrecognizedClientException", 403, false, warn},
    {"invalid_signature", "InvalidSignatureException", 403, false, warn},
    {"incomplete_signature", "IncompleteSignatureException", 400, false, warn},
    {"expired_token", "ExpiredTokenException", 403, false, warn},
    {"unknown_service", "UnknownService", 400, false, warn},
    {"too_large", "RequestEntityTooLargeException", 413, false, warn},
    {"cancelled", "InternalServerException", 499, false, info},
    {"deadline", "ModelTimeoutException", 408, true, warn},
    {"corrupt", "InternalServerException", 500, false, error},
    {"io", "InternalServerException", 500, true, error},
}};

}  // namespace

const CodeFacts& facts(Code code) { return table[static_cast<std::size_t>(code)]; }

}  // namespace outcrop
