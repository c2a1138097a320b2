// The life of keys over real records: made, used, revoked, read again after a restart; and what
// happens when the sealed secret or the key file is not what it was.
#include "identity/keys.h"

#include "base/text.h"
#include "identity/identity.h"
#include "identity/sealing.h"
#include "identity/support.h"
#include "wire/loop.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <sys/stat.h>

namespace outcrop::identity {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::MatchesRegex;

template <class T>
Task<void> keep(Task<T> task, std::optional<T>& out) {
  out.emplace(co_await std::move(task));
}

class KeysTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/outcrop-keys-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    folder = name;
    restart();
    ASSERT_TRUE(opened) << opened.error().message;
  }
  void TearDown() override {
    close();
    std::filesystem::remove_all(folder);
  }
  template <class T>
  T wait(Task<T> task) {
    std::optional<T> out;
    loop->run(keep(std::move(task), out));
    return std::move(*out);
  }
  void close() {
    keys.reset();
    records.reset();
    loop.reset();
  }
  /// A new process: loop, records and keys from their files.
  void restart(KeysOptions options = {}) {
    close();
    loop = std::make_unique<Loop>(1);
    auto store = store::Records::open(*loop, folder + "/outcrop.db");
    ASSERT_TRUE(store) << store.error().message;
    records = std::move(*store);
    opened = Result<void>();
    auto outcome = wait(Keys::open(*records, key_file(), options));
    if (outcome) {
      keys = std::move(*outcome);
    } else {
      opened = Failure(std::move(outcome.error()));
    }
  }
  std::string key_file() const { return folder + "/sealing.key"; }
  NewKey make(Key::Kind kind = Key::Kind::access_key, std::string name = "ada") {
    return wait(keys->create(kind, std::move(name), false, std::nullopt)).value();
  }

  std::string folder;
  std::unique_ptr<Loop> loop;
  std::unique_ptr<store::Records> records;
  std::unique_ptr<Keys> keys;
  Result<void> opened;
};

TEST_F(KeysTest, KeysHaveTheFormOfAws) {
  auto access = make();
  EXPECT_THAT(access.key.id, MatchesRegex("AKIA[A-Z2-7]{16}"));
  EXPECT_THAT(access.secret, MatchesRegex("[A-Za-z0-9+/]{40}"));
  auto api = make(Key::Kind::api_key);
  EXPECT_THAT(api.key.id, MatchesRegex("BedrockAPIKey-[a-z0-9]{12}"));
  ASSERT_TRUE(api.secret.starts_with("ABSK"));
  EXPECT_THAT(unbase64(api.secret.substr(4)).value(), HasSubstr(api.key.id + ":"));
}

TEST_F(KeysTest, KeysOutliveARestart) {
  auto expires = wall_now() + 24h;
  auto access = wait(keys->create(Key::Kind::access_key, "ada", true, expires)).value();
  auto api = make(Key::Kind::api_key, "ci");
  restart();
  ASSERT_NE(keys, nullptr) << opened.error().message;
  EXPECT_EQ(keys->secret(access.key.id), access.secret);
  const Key* found = keys->find(access.key.id);
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->name, "ada");
  EXPECT_TRUE(found->admin);
  EXPECT_EQ(found->created, access.key.created);
  EXPECT_EQ(found->expires, expires);
  EXPECT_TRUE(keys->verify_api_key(api.key.id, api.secret));
  EXPECT_FALSE(keys->verify_api_key(api.key.id, api.secret + "x"));
  EXPECT_FALSE(keys->verify_api_key(access.key.id, access.secret));
  EXPECT_EQ(keys->secret(api.key.id), std::nullopt);
  auto all = keys->list();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].id, access.key.id);
}

TEST_F(KeysTest, AKeyThatWasMadeIsAcceptedUntilItIsRevoked) {
  auto access = make();
  auto api = make(Key::Kind::api_key, "ci");
  Authenticator authenticator(*keys, {});
  WallTime now = wall_now();
  auto by_signature = signed_request("{}", now, "bedrock", {access.key.id, access.secret, {}});
  auto by_token = request();
  by_token.headers.add("authorization", "Bearer " + api.secret);
  auto short_term = request();
  short_term.headers.add("x-api-key",
                         mint_short_term_key(access.key.id, access.secret, "us-east-1", now));
  EXPECT_TRUE(authenticator.authenticate(by_signature, "{}", now));
  EXPECT_TRUE(authenticator.authenticate(by_token, "{}", now));
  EXPECT_TRUE(authenticator.authenticate(short_term, "{}", now));

  ASSERT_TRUE(wait(keys->revoke(access.key.id)));
  ASSERT_TRUE(wait(keys->revoke(api.key.id)));
  EXPECT_EQ(authenticator.authenticate(by_signature, "{}", now).error().code,
            Code::unrecognized_client);
  EXPECT_EQ(authenticator.authenticate(by_token, "{}", now).error().code, Code::access_denied);
  EXPECT_EQ(authenticator.authenticate(short_term, "{}", now).error().code, Code::access_denied);

  restart();
  ASSERT_NE(keys, nullptr);
  EXPECT_TRUE(keys->find(access.key.id)->revoked);
  EXPECT_TRUE(keys->find(api.key.id)->revoked);
}

TEST_F(KeysTest, RevokingTwiceKeepsTheFirstTimeAndAnUnknownKeyIsNotFound) {
  auto access = make();
  ASSERT_TRUE(wait(keys->revoke(access.key.id)));
  auto first = keys->find(access.key.id)->revoked;
  ASSERT_TRUE(wait(keys->revoke(access.key.id)));
  EXPECT_EQ(keys->find(access.key.id)->revoked, first);
  EXPECT_EQ(wait(keys->revoke("AKIANOBODY")).error().code, Code::not_found);
}

TEST_F(KeysTest, NamesAndExpiriesAreChecked) {
  auto refused = [this](std::string name, std::optional<WallTime> expires = {}) {
    auto outcome = wait(keys->create(Key::Kind::access_key, std::move(name), false, expires));
    return outcome ? Code::internal : outcome.error().code;
  };
  EXPECT_EQ(refused(""), Code::validation);
  EXPECT_EQ(refused("a b"), Code::validation);
  EXPECT_EQ(refused(std::string(65, 'n')), Code::validation);
  EXPECT_EQ(refused("ada", wall_now() - 1s), Code::validation);
  EXPECT_TRUE(wait(keys->create(Key::Kind::access_key, std::string(64, 'n'), false, {})));
}

TEST_F(KeysTest, TheNumberOfKeysIsLimited) {
  restart({.keys = 2});
  make();
  make(Key::Kind::api_key);
  auto third = wait(keys->create(Key::Kind::api_key, "one-too-many", false, {}));
  ASSERT_FALSE(third);
  EXPECT_EQ(third.error().code, Code::quota_exceeded);
  EXPECT_EQ(keys->list().size(), 2u);
}

TEST_F(KeysTest, NothingSecretIsReadableInTheRecords) {
  auto access = make();
  auto api = make(Key::Kind::api_key);
  auto rows = records->query_now("SELECT * FROM identity_keys").value();
  ASSERT_EQ(rows.size(), 2u);
  for (const auto& row : rows) {
    for (const auto& cell : row.cells) {
      auto* text = std::get_if<std::string>(&cell);
      if (text == nullptr) continue;
      EXPECT_EQ(text->find(access.secret), std::string::npos);
      EXPECT_EQ(text->find(api.secret), std::string::npos);
      EXPECT_EQ(text->find(base64(access.secret)), std::string::npos);
    }
  }
  struct stat facts{};
  ASSERT_EQ(::stat(key_file().c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777, 0600u);
}

TEST_F(KeysTest, ATamperedSecretIsRefusedByName) {
  auto access = make();
  auto sealed =
      unbase64(records->query_now("SELECT secret FROM identity_keys").value()[0].text(0)).value();
  sealed[20] = static_cast<char>(sealed[20] ^ 1);
  ASSERT_TRUE(records->execute_now("UPDATE identity_keys SET secret = ?", {base64(sealed)}));
  restart();
  ASSERT_EQ(keys, nullptr);
  EXPECT_EQ(opened.error().code, Code::corrupt);
  EXPECT_THAT(opened.error().message, HasSubstr(access.key.id));
  EXPECT_THAT(opened.error().message, HasSubstr("changed since it was sealed"));
}

TEST_F(KeysTest, ASecretMovedToAnotherKeyIsRefused) {
  auto first = make(), second = make();
  ASSERT_TRUE(
      records->execute_now("UPDATE identity_keys SET secret = (SELECT secret FROM identity_keys "
                           "WHERE id = ?) WHERE id = ?",
                           {first.key.id, second.key.id}));
  restart();
  EXPECT_EQ(keys, nullptr);
  EXPECT_EQ(opened.error().code, Code::corrupt);
}

TEST_F(KeysTest, ALostKeyFileIsNotReplacedInSilence) {
  make();
  std::filesystem::remove(key_file());
  restart();
  ASSERT_EQ(keys, nullptr);
  EXPECT_EQ(opened.error().code, Code::not_found);
  EXPECT_THAT(opened.error().message, HasSubstr("restore the file"));
  EXPECT_FALSE(std::filesystem::exists(key_file()));
}

TEST_F(KeysTest, AKeyFileThatOthersCanReadIsRefused) {
  std::filesystem::permissions(key_file(), std::filesystem::perms::group_read,
                               std::filesystem::perm_options::add);
  restart();
  ASSERT_EQ(keys, nullptr);
  EXPECT_EQ(opened.error().code, Code::validation);
  EXPECT_THAT(opened.error().message, HasSubstr("chmod 600"));
}

TEST_F(KeysTest, AKeyFileWithSomethingElseInItIsRefused) {
  std::ofstream(key_file()) << "hunter2\n";
  restart();
  ASSERT_EQ(keys, nullptr);
  EXPECT_EQ(opened.error().code, Code::corrupt);
}

TEST_F(KeysTest, TemporaryCredentialsWorkThroughARestartAndEndWithTheirParent) {
  auto access = make();
  WallTime now = wall_now();
  auto made = keys->mint_session(access.key.id, 1h, now).value();
  EXPECT_THAT(made.access_key_id, MatchesRegex("ASIA[A-Z2-7]{16}"));
  restart();
  ASSERT_NE(keys, nullptr);
  Authenticator authenticator(*keys, {});
  auto head =
      signed_request("{}", now, "bedrock", {made.access_key_id, made.secret, made.session_token});
  auto principal = authenticator.authenticate(head, "{}", now);
  ASSERT_TRUE(principal) << principal.error().detail;
  EXPECT_EQ(principal->name, "ada");
  // The token belongs to its key id, and to the bytes it was made of.
  EXPECT_EQ(keys->session("ASIAOTHER", made.session_token).error().code, Code::unrecognized_client);
  auto damaged = made.session_token;
  damaged[30] = damaged[30] == 'A' ? 'B' : 'A';
  EXPECT_EQ(keys->session(made.access_key_id, damaged).error().code, Code::unrecognized_client);
  auto late = signed_request("{}", now + 1h, "bedrock",
                             {made.access_key_id, made.secret, made.session_token});
  EXPECT_EQ(authenticator.authenticate(late, "{}", now + 1h).error().code, Code::expired_token);
  ASSERT_TRUE(wait(keys->revoke(access.key.id)));
  EXPECT_EQ(authenticator.authenticate(head, "{}", now).error().code, Code::unrecognized_client);
}

TEST_F(KeysTest, TemporaryCredentialsNeedAUsableParentAndAnAllowedDuration) {
  auto access = make();
  auto api = make(Key::Kind::api_key);
  auto code = [&](std::string_view parent, std::chrono::seconds duration) {
    auto outcome = keys->mint_session(parent, duration, wall_now());
    return outcome ? Code::internal : outcome.error().code;
  };
  EXPECT_EQ(code("AKIANOBODY", 1h), Code::not_found);
  EXPECT_EQ(code(api.key.id, 1h), Code::validation);
  EXPECT_EQ(code(access.key.id, 899s), Code::validation);
  EXPECT_EQ(code(access.key.id, 36h + 1s), Code::validation);
  EXPECT_TRUE(keys->mint_session(access.key.id, 900s, wall_now()));
}

TEST_F(KeysTest, LastUsedIsWrittenByFlushAndNowAndThen) {
  auto stored = [this](std::string_view id) {
    auto rows =
        records->query_now("SELECT last_used FROM identity_keys WHERE id = ?", {std::string(id)})
            .value();
    return !rows.at(0).null(0);
  };
  auto first = make(), second = make();
  WallTime now = wall_now();
  keys->used(first.key.id, now);
  EXPECT_EQ(keys->find(first.key.id)->last_used, now);
  EXPECT_FALSE(stored(first.key.id));  // not on the path of a request
  ASSERT_TRUE(wait(keys->flush()));
  EXPECT_TRUE(stored(first.key.id));

  keys->used(second.key.id, now + 61s);  // a minute later the note is written without being asked
  for (int i = 0; i < 200 && !stored(second.key.id); ++i) wait(records->query("SELECT 1"));
  EXPECT_TRUE(stored(second.key.id));
  keys->used("AKIANOBODY", now);     // unknown: nothing happens
  ASSERT_TRUE(wait(keys->flush()));  // waits for the write that is under way
}

TEST(SealingKey, SealsDifferentlyEachTimeAndOpensOnlyItsOwn) {
  auto key = SealingKey::random();
  auto sealed = key.seal("secret", "context");
  EXPECT_NE(sealed, key.seal("secret", "context"));
  EXPECT_EQ(key.unseal(sealed, "context").value(), "secret");
  EXPECT_EQ(key.unseal(sealed, "other").error().code, Code::corrupt);
  EXPECT_EQ(SealingKey::random().unseal(sealed, "context").error().code, Code::corrupt);
  EXPECT_EQ(key.unseal("", "context").error().code, Code::corrupt);
  for (std::size_t at = 0; at < sealed.size(); ++at) {
    auto damaged = sealed;
    damaged[at] = static_cast<char>(damaged[at] ^ 1);
    EXPECT_FALSE(key.unseal(damaged, "context").has_value()) << at;
  }
  EXPECT_EQ(key.unseal(key.seal("", ""), "").value(), "");
}

}  // namespace
}  // namespace outcrop::identity
