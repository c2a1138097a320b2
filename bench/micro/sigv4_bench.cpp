// What a request pays before anything else happens: verifying its signature, by size of its body,
// and the other ways of saying who one is.
#include "base/text.h"
#include "identity/identity.h"
#include "identity/sealing.h"
#include "wire/sign.h"

#include <benchmark/benchmark.h>

#include <map>

namespace outcrop::identity {
namespace {

/// One access key and one API key, as quick to find as the real ones.
class OneKey final : public Keys {
 public:
  OneKey() {
    access_.id = "AKIAIOSFODNN7EXAMPLE";
    access_.name = "bench";
    api_.kind = Key::Kind::api_key;
    api_.id = "BedrockAPIKey-0123456789ab";
    api_.name = "bench";
    token = "ABSK" + base64(api_.id + ":" + std::string(44, 's'));
    hash_ = sha256(salt_ + token);
  }
  Task<Result<NewKey>> create(Key::Kind, std::string, bool, std::optional<WallTime>) override {
    co_return fail(Code::internal, "not here");
  }
  std::vector<Key> list() const override { return {}; }
  Task<Result<void>> revoke(std::string) override { co_return Result<void>(); }
  const Key* find(std::string_view id) const override {
    return id == access_.id ? &access_ : id == api_.id ? &api_ : nullptr;
  }
  std::optional<std::string_view> secret(std::string_view id) const override {
    if (id != access_.id) return std::nullopt;
    return access_secret;
  }
  bool verify_api_key(std::string_view, std::string_view given) const override {
    return equal_constant_time(sha256(salt_ + std::string(given)), hash_);
  }
  Result<TemporaryCredentials> mint_session(std::string_view, std::chrono::seconds,
                                            WallTime) const override {
    return fail(Code::internal, "not here");
  }
  Result<Session> session(std::string_view, std::string_view) const override {
    return fail(Code::unrecognized_client, "not here");
  }
  void used(std::string_view, WallTime) override {}
  Task<Result<void>> flush() override { co_return Result<void>(); }

  const std::string access_secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
  std::string token;

 private:
  Key access_, api_;
  std::string salt_ = std::string(16, 'x'), hash_;
};

const WallTime noon = parse_basic_iso8601("20240101T120000Z").value();

wire::RequestHead boto3_request(const std::string& body, const OneKey& keys) {
  wire::RequestHead head;
  head.method = "POST";
  head.target = "/model/anthropic.claude-3-5-haiku-20241022-v1%3A0/converse";
  head.authority = "127.0.0.1:8080";
  head.headers = {
      {"host", "127.0.0.1:8080"},
      {"accept-encoding", "identity"},
      {"content-type", "application/json"},
      {"user-agent", "Boto3/1.44.5 md/Botocore#1.44.8 ua/2.1 os/linux lang/python#3.11.2"},
      {"amz-sdk-invocation-id", "5c2f4f4e-8f2f-4a57-9f0e-2f7f6c3c2b1a"},
      {"amz-sdk-request", "attempt=1"},
      {"content-length", std::to_string(body.size())}};
  wire::sigv4::sign(head, body, {"AKIAIOSFODNN7EXAMPLE", keys.access_secret, {}}, "us-east-1",
                    "bedrock", noon);
  return head;
}

void verify_header(benchmark::State& state) {
  OneKey keys;
  std::string body(static_cast<std::size_t>(state.range(0)), 'b');
  auto head = boto3_request(body, keys);
  Authenticator authenticator(keys, {});
  for (auto _ : state) {
    auto principal = authenticator.authenticate(head, body, noon);
    if (!principal) state.SkipWithError(principal.error().message.c_str());
    benchmark::DoNotOptimize(principal);
  }
}
BENCHMARK(verify_header)->Arg(0)->Arg(1'024)->Arg(16 * 1'024)->Arg(1'024 * 1'024);

void verify_header_without_cached_key(benchmark::State& state) {
  OneKey keys;
  std::string body(1'024, 'b');
  auto head = boto3_request(body, keys);
  Options options;
  options.derived_keys = 0;
  Authenticator authenticator(keys, options);
  for (auto _ : state) benchmark::DoNotOptimize(authenticator.authenticate(head, body, noon));
}
BENCHMARK(verify_header_without_cached_key);

void refuse_wrong_signature(benchmark::State& state) {
  OneKey keys;
  std::string body(1'024, 'b');
  auto head = boto3_request(body, keys);
  head.target += "x";
  Authenticator authenticator(keys, {});
  for (auto _ : state) benchmark::DoNotOptimize(authenticator.authenticate(head, body, noon));
}
BENCHMARK(refuse_wrong_signature);

void verify_key(benchmark::State& state, const std::string& token, OneKey& keys) {
  wire::RequestHead head;
  head.method = "POST";
  head.target = "/model/m/converse";
  head.headers = {{"authorization", "Bearer " + token}};
  Authenticator authenticator(keys, {});
  for (auto _ : state) {
    auto principal = authenticator.authenticate(head, "{}", noon);
    if (!principal) state.SkipWithError(principal.error().message.c_str());
    benchmark::DoNotOptimize(principal);
  }
}
void verify_long_term_key(benchmark::State& state) {
  OneKey keys;
  verify_key(state, keys.token, keys);
}
BENCHMARK(verify_long_term_key);
void verify_short_term_key(benchmark::State& state) {
  OneKey keys;
  verify_key(state,
             mint_short_term_key("AKIAIOSFODNN7EXAMPLE", keys.access_secret, "us-east-1", noon),
             keys);
}
BENCHMARK(verify_short_term_key);

void unseal_session_token(benchmark::State& state) {
  auto key = SealingKey::random();
  auto sealed = key.seal(std::string(80, 's'), "session:ASIA");
  for (auto _ : state) benchmark::DoNotOptimize(key.unseal(sealed, "session:ASIA"));
}
BENCHMARK(unseal_session_token);

}  // namespace
}  // namespace outcrop::identity
