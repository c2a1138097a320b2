#pragma once
// Keys that live in memory alone, with secrets of the test's choosing, and requests signed with
// them.

#include "base/text.h"
#include "identity/identity.h"
#include "wire/sign.h"

#include <gtest/gtest.h>

#include <map>

namespace outcrop::identity {

class FakeKeys final : public Keys {
 public:
  struct Entry {
    Key key;
    std::string secret;
  };
  Key& add(Key key, std::string secret) {
    auto id = key.id;
    auto& entry = entries_[id];
    entry = {std::move(key), std::move(secret)};
    return entry.key;
  }
  Key& add_access_key(std::string id, std::string secret, std::string name = "ada") {
    Key key;
    key.id = std::move(id);
    key.name = std::move(name);
    return add(std::move(key), std::move(secret));
  }
  void add_session(std::string id, std::string token, Session session) {
    sessions_[{std::move(id), std::move(token)}] = std::move(session);
  }

  Task<Result<NewKey>> create(Key::Kind, std::string, bool, std::optional<WallTime>) override {
    co_return fail(Code::internal, "not in this test");
  }
  std::vector<Key> list() const override { return {}; }
  Task<Result<void>> revoke(std::string) override { co_return Result<void>(); }
  const Key* find(std::string_view id) const override {
    auto at = entries_.find(std::string(id));
    return at == entries_.end() ? nullptr : &at->second.key;
  }
  std::optional<std::string_view> secret(std::string_view id) const override {
    auto at = entries_.find(std::string(id));
    if (at == entries_.end() || at->second.key.kind != Key::Kind::access_key) return std::nullopt;
    return at->second.secret;
  }
  bool verify_api_key(std::string_view id, std::string_view token) const override {
    auto at = entries_.find(std::string(id));
    return at != entries_.end() && at->second.secret == token;
  }
  Result<TemporaryCredentials> mint_session(std::string_view, std::chrono::seconds,
                                            WallTime) const override {
    return fail(Code::internal, "not in this test");
  }
  Result<Session> session(std::string_view id, std::string_view token) const override {
    auto at = sessions_.find({std::string(id), std::string(token)});
    if (at == sessions_.end()) {
      return fail(Code::unrecognized_client,
                  "The security token included in the request is invalid.");
    }
    return at->second;
  }
  void used(std::string_view id, WallTime) override { used_.emplace_back(id); }
  Task<Result<void>> flush() override { co_return Result<void>(); }

  std::vector<std::string> used_;

 private:
  std::map<std::string, Entry> entries_;
  std::map<std::pair<std::string, std::string>, Session> sessions_;
};

inline const std::string example_id = "AKIDEXAMPLE";
inline const std::string example_secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

inline WallTime at(std::string_view basic) { return parse_basic_iso8601(basic).value(); }
inline const WallTime midnight = at("20240101T000000Z");

inline wire::RequestHead request(std::string_view method = "POST",
                                 std::string_view target = "/model/a%3A0/converse") {
  wire::RequestHead head;
  head.method = method;
  head.target = target;
  head.authority = "127.0.0.1:8080";
  return head;
}

inline wire::RequestHead signed_request(std::string_view body, WallTime when = midnight,
                                        std::string_view service = "bedrock",
                                        wire::sigv4::Credentials credentials = {
                                            example_id, example_secret, {}}) {
  auto head = request();
  head.headers.add("content-type", "application/json");
  wire::sigv4::sign(head, body, credentials, "us-east-1", service, when);
  return head;
}

}  // namespace outcrop::identity
