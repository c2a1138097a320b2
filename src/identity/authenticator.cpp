#include "base/text.h"
#include "identity/checks.h"
#include "identity/derived_keys.h"
#include "identity/identity.h"
#include "identity/short_term_key.h"
#include "identity/signed_request.h"
#include "wire/sigv4.h"

#include <algorithm>

namespace outcrop::identity {
namespace {

using namespace std::chrono_literals;
namespace sigv4 = wire::sigv4;

constexpr auto presigned_lifetime_max = std::chrono::seconds(7 * 24h);
constexpr std::string_view token_invalid = "The security token included in the request is invalid.";
constexpr std::string_view token_expired = "The security token included in the request is expired";
constexpr std::string_view api_key_invalid =
    "Authentication failed: Please make sure your API Key is valid.";
constexpr std::string_view api_key_expired = "Bearer Token has expired";

/// Scheme and the rest of an Authorization header.
std::pair<std::string_view, std::string_view> split_scheme(std::string_view value) {
  value = trim(value);
  auto space = value.find(' ');
  if (space == std::string_view::npos) return {value, {}};
  return {value.substr(0, space), trim(value.substr(space + 1))};
}

}  // namespace

struct Authenticator::Impl {
  Keys& keys;
  Options options;
  DerivedKeys derived;

  // ---- what every way in ends with ----

  Principal principal(const Key& key, Principal::How how, std::string_view key_id) const {
    Principal out{.how = how,
                  .account = options.account,
                  .arn = {},
                  .key_id = std::string(key_id),
                  .name = key.name,
                  .admin = key.admin};
    out.arn = "arn:aws:iam::" + options.account + ":user/" + key.name;
    return out;
  }
  Principal nobody(Principal::How how, std::string_view name, std::string_view key_id = {}) const {
    return {.how = how,
            .account = options.account,
            .arn = "arn:aws:iam::" + options.account + ":user/" + std::string(name),
            .key_id = std::string(key_id),
            .name = std::string(name)};
  }

  // ---- SigV4 ----

  struct Signer {
    const Key* key;
    std::string secret;
    bool session;
  };
  /// Nothing when the key id, or its token, is not known to us at all.
  Result<std::optional<Signer>> signer(const std::string& key_id, const std::string& token,
                                       WallTime now) const {
    if (token.empty()) {
      const Key* key = keys.find(key_id);
      auto secret = keys.secret(key_id);
      if (key == nullptr || !secret) return std::nullopt;
      if (key->revoked) {
        return refuse(Code::unrecognized_client, token_invalid,
                      "access key " + key_id + " is revoked");
      }
      if (!key->usable(now)) {
        return refuse(Code::expired_token, token_expired, "access key " + key_id + " has expired");
      }
      return Signer{key, std::string(*secret), false};
    }
    auto session = keys.session(key_id, token);
    if (!session) {
      // A long-lived key sends no token: one that does is a mistake, not a stranger.
      if (keys.find(key_id) != nullptr) return Failure(std::move(session.error()));
      return std::nullopt;
    }
    if (session->expires <= now) {
      return refuse(Code::expired_token, token_expired,
                    "the session of " + session->parent + " ended at " + iso8601(session->expires));
    }
    const Key* parent = keys.find(session->parent);
    if (parent == nullptr || !parent->usable(now)) {
      return refuse(
          Code::unrecognized_client, token_invalid,
          "the access key " + session->parent + " behind the session is revoked or expired");
    }
    return Signer{parent, std::move(session->secret), true};
  }

  Result<Principal> verify(const wire::RequestHead& head, const SignedRequest& request,
                           std::string_view body, WallTime now) {
    CHECK(check_scope(request));
    const auto& credential = request.credential;
    TRY(who, signer(credential.key_id, request.token, now));
    if (!who) {
      if (options.open) return nobody(Principal::How::open, "open", credential.key_id);
      return refuse(Code::unrecognized_client, token_invalid,
                    "access key " + shown(credential.key_id) +
                        (request.token.empty() ? " is not known here"
                                               : " came with a session token that is not ours"));
    }
    CHECK(check_time(request, options, now));
    TRY(hash, payload_hash(request, body));
    std::string key = derived.get(credential.key_id + "/" + credential.scope.text(), [&] {
      return sigv4::signing_key(who->secret, credential.scope);
    });
    CHECK(check_signature(head, request, hash, key));
    keys.used(who->key->id, now);
    auto out = principal(*who->key, Principal::How::sigv4, credential.key_id);
    out.body_signed = !is_payload_literal(hash);
    return out;
  }

  // ---- Bedrock API keys ----

  Result<Principal> api_key(std::string_view token, WallTime now) {
    if (token.size() > token_bytes_max) {
      return refuse(Code::access_denied, "Authentication failed: the API key has " +
                                             std::to_string(token.size()) + " bytes; at most " +
                                             std::to_string(token_bytes_max) + " are allowed.");
    }
    if (token.starts_with(short_term_prefix)) return short_term(token, now);
    if (token.starts_with("ABSK")) return long_term(token, now);
    if (options.open) return nobody(Principal::How::open, "open");
    return refuse(Code::access_denied, "Invalid API Key format: Must start with pre-defined prefix",
                  "an API key begins with ABSK or bedrock-api-key-");
  }

  Result<Principal> long_term(std::string_view token, WallTime now) {
    auto text = unbase64(token.substr(4));
    std::string_view id = text ? std::string_view(*text).substr(0, text->find(':')) : "";
    const Key* key = keys.find(id);
    if (key == nullptr || key->kind != Key::Kind::api_key) {
      if (options.open) return nobody(Principal::How::open, "open");
      return refuse(Code::access_denied, api_key_invalid, "there is no such API key");
    }
    if (!keys.verify_api_key(id, token)) {
      return refuse(Code::access_denied, api_key_invalid,
                    "the secret of API key " + key->id + " differs");
    }
    if (key->revoked) {
      return refuse(Code::access_denied, api_key_invalid, "API key " + key->id + " is revoked");
    }
    if (!key->usable(now)) {
      return refuse(Code::access_denied, api_key_expired, "API key " + key->id + " has expired");
    }
    keys.used(key->id, now);
    return principal(*key, Principal::How::long_term_key, key->id);
  }

  Result<Principal> short_term(std::string_view token, WallTime now) {
    auto parsed = read_short_term_key(token);
    if (!parsed) return refuse(Code::access_denied, api_key_invalid, parsed.error().message);
    const auto& request = parsed->request;
    const auto& credential = request.credential;
    auto found = signer(credential.key_id, request.token, now);
    if (!found) {
      auto message = found.error().code == Code::expired_token ? api_key_expired : api_key_invalid;
      return refuse(Code::access_denied, message, found.error().detail);
    }
    auto& who = *found;
    if (!who) {
      if (options.open) return nobody(Principal::How::open, "open", credential.key_id);
      return refuse(Code::access_denied, api_key_invalid,
                    "access key " + shown(credential.key_id) + " is not known here");
    }
    std::string key = derived.get(credential.key_id + "/" + credential.scope.text(), [&] {
      return sigv4::signing_key(who->secret, credential.scope);
    });
    auto canonical = parsed->canonical_request();
    auto text = sigv4::string_to_sign(request.amz_date, credential.scope, canonical);
    if (!equal_constant_time(sigv4::signature(key, text), request.signature)) {
      return refuse(Code::access_denied, api_key_invalid,
                    "the signature of the short-term key differs; canonical request sha256 " +
                        hex(sha256(canonical)));
    }
    WallTime at = std::chrono::floor<std::chrono::seconds>(now);
    if (request.date + request.expires < at) {
      return refuse(Code::access_denied, api_key_expired,
                    "the short-term key ended at " + iso8601(request.date + request.expires));
    }
    if (request.date - options.clock_window > at) {
      return refuse(Code::access_denied, api_key_invalid,
                    "the short-term key begins in the future, at " + request.amz_date);
    }
    keys.used(who->key->id, now);
    return principal(*who->key, Principal::How::short_term_key, credential.key_id);
  }

  // ---- the door ----

  Result<Principal> authenticate(const wire::RequestHead& head, std::string_view body,
                                 WallTime now) {
    if (auto authorization = head.headers.find("authorization")) {
      if (authorization->starts_with("AWS4-")) {
        TRY(request, read_header(head, *authorization));
        return verify(head, request, body, now);
      }
      auto [scheme, rest] = split_scheme(*authorization);
      if (equals_ignoring_case(scheme, "bearer")) return api_key(rest, now);
      return refuse(Code::incomplete_signature,
                    "Authorization begins with '" + shown(scheme) +
                        "'; it must be an AWS4-HMAC-SHA256 signature or 'Bearer' and an API key.");
    }
    if (auto key = head.headers.find("x-api-key")) return api_key(trim(*key), now);
    if (is_presigned(head.query())) {
      TRY(request, read_query(head, head.query(), presigned_lifetime_max));
      return verify(head, request, body, now);
    }
    if (options.open) return nobody(Principal::How::open, "open");
    return refuse(Code::missing_authentication, "Missing Authentication Token");
  }
};

Authenticator::Authenticator(Keys& keys, Options options)
    : impl_(std::make_unique<Impl>(Impl{keys, options, DerivedKeys(options.derived_keys)})) {}
Authenticator::~Authenticator() = default;

Result<Principal> Authenticator::authenticate(const wire::RequestHead& head, std::string_view body,
                                              WallTime now) const {
  return impl_->authenticate(head, body, now);
}

Scope Authenticator::scope(const wire::RequestHead& head) const {
  Scope out{.service = {}, .region = impl_->options.region};
  auto take = [&out](std::string_view text) {
    if (auto credential = parse_credential(text)) {
      out.service = std::move(credential->scope.service);
      out.region = std::move(credential->scope.region);
    }
  };
  auto region_of_key = [&out](std::string_view token) {
    if (!token.starts_with(short_term_prefix) || token.size() > token_bytes_max) return;
    auto parsed = read_short_term_key(token);
    if (parsed) out.region = parsed->request.credential.scope.region;
  };
  if (auto authorization = head.headers.find("authorization")) {
    constexpr std::string_view mark = "Credential=";
    auto at = authorization->find(mark);
    if (authorization->starts_with("AWS4-") && at != std::string_view::npos) {
      auto text = authorization->substr(at + mark.size());
      take(trim(text.substr(0, text.find_first_of(", "))));
    } else {
      region_of_key(split_scheme(*authorization).second);
    }
  } else if (auto key = head.headers.find("x-api-key")) {
    region_of_key(trim(*key));
  } else if (is_presigned(head.query())) {
    if (auto pairs = wire::parse_query(head.query())) {
      for (const auto& [name, value] : *pairs) {
        if (name == "X-Amz-Credential") take(value);
      }
    }
  }
  return out;
}

}  // namespace outcrop::identity
