#include "identity/keys.h"

#include "base/ids.h"
#include "base/text.h"
#include "identity/sealing.h"

#include <algorithm>
#include <filesystem>
#include <functional>
#include <unordered_map>
#include <unordered_set>

namespace outcrop::identity {
namespace {

using store::Cell;
using store::Params;

constexpr std::string_view base32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
constexpr std::string_view base62 =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
constexpr std::string_view secret_alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

// Bytes are kept as text and times as microseconds since 1970, so that the statements are the same
// for SQLite and PostgreSQL. `secret` is the sealed secret in base64, or an API key's salted hash
// in hex.
constexpr const char* schema = R"(CREATE TABLE identity_keys (
  id TEXT PRIMARY KEY,
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  admin BIGINT NOT NULL,
  salt TEXT NOT NULL,
  secret TEXT NOT NULL,
  created BIGINT NOT NULL,
  expires BIGINT,
  revoked BIGINT,
  last_used BIGINT
))";

struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const {
    return std::hash<std::string_view>{}(text);
  }
};

struct Entry {
  Key key;
  std::string salt;    // of an API key
  std::string secret;  // in the clear for an access key, the raw hash for an API key
};
using Entries = std::unordered_map<std::string, Entry, TextHash, std::equal_to<>>;

std::int64_t micros(WallTime time) { return time.time_since_epoch().count(); }
Cell cell(const std::optional<WallTime>& time) {
  return time ? Cell(micros(*time)) : Cell(std::monostate{});
}
std::optional<WallTime> time_at(const store::Row& row, std::size_t column) {
  if (row.null(column)) return std::nullopt;
  return WallTime(std::chrono::microseconds(row.integer(column)));
}

std::string_view kind_name(Key::Kind kind) {
  return kind == Key::Kind::access_key ? "access_key" : "api_key";
}
/// What a sealed secret belongs to.
std::string secret_context(std::string_view id) { return "access-key:" + std::string(id); }
std::string session_context(std::string_view id) { return "session:" + std::string(id); }

bool is_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 &&
         name.find_first_not_of(
             "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
             "+=,.@_-") == std::string_view::npos;
}

/// Everything a write in flight needs; it may outlast the StoredKeys that began it.
struct State {
  store::Records& records;
  KeysOptions options;
  Entries entries;
  std::unordered_set<std::string> touched;  // last_used newer than in the store
  WallTime written{};
  bool writing = false;
};
using StatePtr = std::shared_ptr<State>;

/// A coroutine takes its own share of the state.
Task<Result<void>> write_last_used(StatePtr state) {
  if (state->touched.empty()) co_return Result<void>();
  std::vector<std::pair<std::string, std::int64_t>> batch;
  for (const auto& id : state->touched) {
    auto at = state->entries.find(id);
    if (at != state->entries.end() && at->second.key.last_used) {
      batch.emplace_back(id, micros(*at->second.key.last_used));
    }
  }
  state->touched.clear();
  std::function<Result<void>(store::Transaction&)> work =
      [batch](store::Transaction& transaction) -> Result<void> {
    for (const auto& [id, when] : batch) {
      CHECK(transaction.execute("UPDATE identity_keys SET last_used = ? WHERE id = ?", {when, id}));
    }
    return {};
  };
  state->writing = true;
  auto outcome = co_await state->records.transaction(std::move(work));
  state->writing = false;
  if (!outcome) {
    for (auto& [id, when] : batch) state->touched.insert(id);  // next time
  }
  co_return outcome;
}

/// Also waits for a write that is under way: the store answers in order.
Task<Result<void>> write_all(StatePtr state) {
  if (state->writing) CO_CHECK(co_await state->records.query("SELECT 1"));
  co_return co_await write_last_used(std::move(state));
}

Task<void> write_in_background(StatePtr state) {
  // A failure keeps the notes for the next write, and flush() reports it if it lasts.
  auto outcome = co_await write_last_used(std::move(state));
  static_cast<void>(outcome);
}

class StoredKeys final : public Keys {
 public:
  StoredKeys(StatePtr state, SealingKey sealing)
      : state_(std::move(state)), sealing_(std::move(sealing)) {}

  Task<Result<NewKey>> create(Key::Kind kind, std::string name, bool admin,
                              std::optional<WallTime> expires) override {
    if (!is_name(name)) {
      co_return fail(Code::validation,
                     "name has {} characters; 1 to 64 of A-Z a-z 0-9 + = , . @ _ - are allowed",
                     name.size());
    }
    WallTime now = wall_now();
    if (expires && *expires <= now) {
      co_return fail(Code::validation, "expires {} has passed already", iso8601(*expires));
    }
    if (state_->entries.size() >= state_->options.keys) {
      co_return fail(Code::quota_exceeded,
                     "there are {} keys already, revoked ones included; at most {} are allowed",
                     state_->entries.size(), state_->options.keys);
    }
    Entry entry;
    NewKey made;
    std::string id, stored;
    if (kind == Key::Kind::access_key) {
      id = "AKIA" + random_text(16, base32);
      entry.secret = random_text(40, secret_alphabet);
      made.secret = entry.secret;
      stored = base64(sealing_.seal(entry.secret, secret_context(id)));
    } else {
      id = "BedrockAPIKey-" + resource_id();
      entry.salt = random_bytes(16);
      made.secret = "ABSK" + base64(id + ":" + random_text(44, base62));
      entry.secret = sha256(entry.salt + made.secret);
      stored = hex(entry.secret);
    }
    entry.key = {kind, std::move(id), std::move(name), admin, now, expires, {}, {}};
    made.key = entry.key;
    auto state = state_;
    Params row{entry.key.id,    std::string(kind_name(kind)),
               entry.key.name,  std::int64_t{admin},
               hex(entry.salt), std::move(stored),
               micros(now),     cell(expires)};
    auto inserted = co_await state->records.execute(
        "INSERT INTO identity_keys (id, kind, name, admin, salt, secret, created, expires) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        std::move(row));
    if (!inserted) co_return Failure(std::move(inserted.error()));
    state->entries.emplace(made.key.id, std::move(entry));
    co_return made;
  }

  std::vector<Key> list() const override {
    std::vector<Key> keys;
    for (const auto& [id, entry] : state_->entries) keys.push_back(entry.key);
    std::sort(keys.begin(), keys.end(), [](const Key& a, const Key& b) {
      return std::tie(a.created, a.id) < std::tie(b.created, b.id);
    });
    return keys;
  }

  Task<Result<void>> revoke(std::string id) override {
    auto state = state_;
    auto at = state->entries.find(id);
    if (at == state->entries.end()) co_return fail(Code::not_found, "there is no key {}", id);
    if (!at->second.key.revoked) at->second.key.revoked = wall_now();
    Params row{micros(*at->second.key.revoked), id};
    // Written even when it was revoked before: that write may be the one that failed.
    auto updated = co_await state->records.execute(
        "UPDATE identity_keys SET revoked = ? WHERE id = ?", std::move(row));
    if (!updated) {
      auto error = std::move(updated.error());
      error.message = fmt::format(
          "the key {} is revoked until the next start, but that could not be stored; revoke it "
          "again ({})",
          id, error.message);
      co_return Failure(std::move(error));
    }
    co_return Result<void>();
  }

  const Key* find(std::string_view id) const override {
    auto at = state_->entries.find(id);
    return at == state_->entries.end() ? nullptr : &at->second.key;
  }

  std::optional<std::string_view> secret(std::string_view access_key_id) const override {
    auto at = state_->entries.find(access_key_id);
    if (at == state_->entries.end() || at->second.key.kind != Key::Kind::access_key) {
      return std::nullopt;
    }
    return at->second.secret;
  }

  bool verify_api_key(std::string_view id, std::string_view token) const override {
    auto at = state_->entries.find(id);
    if (at == state_->entries.end() || at->second.key.kind != Key::Kind::api_key) return false;
    return equal_constant_time(sha256(at->second.salt + std::string(token)), at->second.secret);
  }

  Result<TemporaryCredentials> mint_session(std::string_view parent, std::chrono::seconds duration,
                                            WallTime now) const override {
    const Key* key = find(parent);
    if (key == nullptr) return fail(Code::not_found, "there is no key {}", parent);
    if (key->kind != Key::Kind::access_key || !key->usable(now)) {
      return fail(Code::validation,
                  "the key {} gives no temporary credentials: it must be an access key that is "
                  "neither revoked nor expired",
                  parent);
    }
    if (duration < std::chrono::minutes(15) || duration > std::chrono::hours(36)) {
      return fail(Code::validation, "DurationSeconds is {}; 900 to 129600 seconds are allowed",
                  duration.count());
    }
    TemporaryCredentials made;
    made.access_key_id = "ASIA" + random_text(16, base32);
    made.secret = random_text(40, secret_alphabet);
    made.expires = now + duration;
    made.session_token =
        base64(sealing_.seal(fmt::format("{}\n{}\n{}", parent, made.secret, micros(made.expires)),
                             session_context(made.access_key_id)));
    return made;
  }

  Result<Session> session(std::string_view access_key_id, std::string_view token) const override {
    auto refused = [](std::string detail) {
      return fail(Error{.code = Code::unrecognized_client,
                        .message = "The security token included in the request is invalid.",
                        .detail = std::move(detail)});
    };
    auto sealed = unbase64(token);
    if (!sealed) return refused("the session token is not base64");
    auto opened = sealing_.unseal(*sealed, session_context(access_key_id));
    if (!opened) return refused("the session token does not open: " + opened.error().message);
    auto parts = split(*opened, '\n');
    std::int64_t expires = 0;
    if (parts.size() != 3) return refused("the session token has an unknown form");
    for (char c : parts[2]) expires = expires * 10 + (c - '0');
    return Session{std::string(parts[0]), std::string(parts[1]),
                   WallTime(std::chrono::microseconds(expires))};
  }

  void used(std::string_view id, WallTime when) override {
    auto at = state_->entries.find(id);
    if (at == state_->entries.end()) return;
    auto& last = at->second.key.last_used;
    if (last && *last >= when) return;
    // Once a second is exact enough, and keeps the note off the path of a busy key.
    if (last && when - *last < std::chrono::seconds(1)) return;
    last = when;
    state_->touched.insert(at->first);
    if (state_->writing || when - state_->written < state_->options.last_used_write) return;
    state_->written = when;
    detach(write_in_background(state_));
  }

  Task<Result<void>> flush() override { return write_all(state_); }

 private:
  StatePtr state_;
  SealingKey sealing_;
};

}  // namespace

Task<Result<std::unique_ptr<Keys>>> Keys::open(store::Records& records,
                                               std::string sealing_key_file, KeysOptions options) {
  std::vector<store::Migration> migrations;
  migrations.push_back({"identity/1-keys", schema});
  CO_CHECK(co_await records.migrate(std::move(migrations)));
  CO_TRY(rows, co_await records.query(
                   "SELECT id, kind, name, admin, salt, secret, created, expires, revoked, "
                   "last_used FROM identity_keys ORDER BY created, id"));
  bool sealed = std::any_of(rows.begin(), rows.end(),
                            [](const store::Row& row) { return row.text(1) == "access_key"; });
  auto sealing = SealingKey::open(sealing_key_file, !sealed);
  if (!sealing && sealing.error().code == Code::not_found) {
    co_return fail(
        Code::not_found,
        "the sealing key file {} is not there, but the records hold access keys sealed with "
        "it; restore the file from a backup, or name the right one",
        sealing_key_file);
  }
  if (!sealing) co_return Failure(std::move(sealing.error()));
  auto state = std::make_shared<State>(State{records, options, {}, {}, wall_now(), false});
  for (const auto& row : rows) {
    Entry entry;
    entry.key = {.kind = row.text(1) == "access_key" ? Key::Kind::access_key : Key::Kind::api_key,
                 .id = row.text(0),
                 .name = row.text(2),
                 .admin = row.integer(3) != 0,
                 .created = *time_at(row, 6),
                 .expires = time_at(row, 7),
                 .revoked = time_at(row, 8),
                 .last_used = time_at(row, 9)};
    if (entry.key.kind == Key::Kind::access_key) {
      auto bytes = unbase64(row.text(5));
      auto opened = bytes ? sealing->unseal(*bytes, secret_context(entry.key.id))
                          : Result<std::string>(fail(Code::corrupt, "it is not base64"));
      if (!opened) {
        co_return fail(
            Code::corrupt,
            "the secret of access key {} ({}) cannot be opened with {}: {}. Restore the records "
            "and the key file from one backup",
            entry.key.id, entry.key.name, sealing_key_file, opened.error().message);
      }
      entry.secret = std::move(*opened);
    } else {
      auto salt = unhex(row.text(4)), hash = unhex(row.text(5));
      if (!salt || !hash) {
        co_return fail(Code::corrupt, "the hash of API key {} ({}) is damaged", entry.key.id,
                       entry.key.name);
      }
      entry.salt = std::move(*salt);
      entry.secret = std::move(*hash);
    }
    std::string id = entry.key.id;
    state->entries.emplace(std::move(id), std::move(entry));
  }
  std::unique_ptr<Keys> keys = std::make_unique<StoredKeys>(std::move(state), std::move(*sealing));
  co_return keys;
}

}  // namespace outcrop::identity
