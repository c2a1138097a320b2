#pragma once
/// What a signed request has to satisfy, one question a function, with AWS's words where it fails.

#include "base/result.h"
#include "identity/identity.h"
#include "identity/signed_request.h"

#include <string>
#include <string_view>

namespace outcrop::identity {

Failure refuse(Code code, std::string_view message, std::string detail = {});

/// The scope agrees with the date and names the right terminator; the host is signed. Which service
/// and region it names is the front's affair. Errors: invalid_signature.
Result<void> check_scope(const SignedRequest& request);
/// Within the window, to the second, both edges included; a presigned one from its date until it
/// runs out. Errors: invalid_signature; access_denied for S3's presigned URLs.
Result<void> check_time(const SignedRequest& request, const Options& options, WallTime now);

/// Hashes that stand for a body which is not hashed as a whole.
bool is_payload_literal(std::string_view hash);
/// The hash that stands in the canonical request; a declared one is held against the body.
/// Errors: invalid_signature, incomplete_signature.
Result<std::string> payload_hash(const SignedRequest& request, std::string_view body);

/// Errors: invalid_signature; its detail says what was hashed.
Result<void> check_signature(const wire::RequestHead& head, const SignedRequest& request,
                             std::string_view payload_hash, std::string_view signing_key);

}  // namespace outcrop::identity
