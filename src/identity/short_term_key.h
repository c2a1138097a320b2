#pragma once
/// The form of a short-term Bedrock API key: "bedrock-api-key-" and the base64 of a presigned
/// `POST https://bedrock.amazonaws.com/?Action=CallWithBearerToken`, scheme left off, "&Version=1"
/// added after signing. As AWS's token generators (aws-bedrock-token-generator 1.1.0) make it.

#include "identity/signed_request.h"

#include <string>
#include <string_view>

namespace outcrop::identity {

inline constexpr std::string_view short_term_prefix = "bedrock-api-key-";
inline constexpr std::chrono::seconds short_term_lifetime_max{43'200};

struct ShortTermKey {
  SignedRequest request;
  std::string query;
  std::string canonical_request() const;
};
/// Errors: access_denied, saying what is wrong with the form; nothing of the key is repeated.
Result<ShortTermKey> read_short_term_key(std::string_view token);

}  // namespace outcrop::identity
