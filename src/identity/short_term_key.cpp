#include "identity/short_term_key.h"

#include "base/text.h"
#include "identity/identity.h"
#include "wire/sign.h"

#include <algorithm>

namespace outcrop::identity {
namespace {

constexpr std::string_view host = "bedrock.amazonaws.com";
constexpr std::string_view action = "Action=CallWithBearerToken";

}  // namespace

std::string ShortTermKey::canonical_request() const {
  wire::sigv4::CanonicalInput input{.method = "POST",
                                    .path = "/",
                                    .query = query,
                                    .headers = {{"host", host}},
                                    .payload_hash = wire::sigv4::empty_payload_hash};
  input.omit_query = {"X-Amz-Signature", "Version"};
  return wire::sigv4::canonical_request(input);
}

Result<ShortTermKey> read_short_term_key(std::string_view token) {
  auto url = unbase64(token.substr(short_term_prefix.size()));
  if (!url) return fail(Code::access_denied, "what follows bedrock-api-key- is not base64");
  auto question = url->find('?');
  auto where = std::string_view(*url).substr(0, question);
  if (question == std::string::npos || (where != "bedrock.amazonaws.com/" && where != host)) {
    return fail(Code::access_denied, "the key is no presigned call of bedrock.amazonaws.com");
  }
  ShortTermKey out;
  out.query = url->substr(question + 1);
  auto parts = split(out.query, '&');
  if (std::find(parts.begin(), parts.end(), action) == parts.end()) {
    return fail(Code::access_denied, "the key presigns another action than CallWithBearerToken");
  }
  auto request = read_query({}, out.query, short_term_lifetime_max);
  if (!request) return fail(Code::access_denied, request.error().message);
  out.request = std::move(*request);
  const auto& credential = out.request.credential;
  if (credential.scope.service != "bedrock" || credential.terminator != wire::sigv4::terminator ||
      out.request.signed_headers != "host" ||
      credential.scope.date != std::string_view(out.request.amz_date).substr(0, 8)) {
    return fail(
        Code::access_denied,
        "the key must be scoped to its own date, bedrock and aws4_request, and sign host alone");
  }
  return out;
}

std::string mint_short_term_key(std::string_view access_key_id, std::string_view secret,
                                std::string_view region, WallTime now, std::chrono::seconds expires,
                                std::string_view session_token) {
  std::string query = wire::sigv4::presign(
      {.method = "POST",
       .authority = host,
       .path = "/",
       .query = action,
       .region = region,
       .service = "bedrock",
       .expires = std::clamp(expires, std::chrono::seconds(1), short_term_lifetime_max)},
      {std::string(access_key_id), std::string(secret), std::string(session_token)}, now);
  return std::string(short_term_prefix) + base64(std::string(host) + "/?" + query + "&Version=1");
}

}  // namespace outcrop::identity
