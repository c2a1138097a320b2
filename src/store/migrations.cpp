#include "store/migrations.h"

#include "base/text.h"
#include "base/time.h"

#include <charconv>
#include <map>
#include <set>

namespace outcrop::store {
namespace {

struct Place {
  std::string folder;
  std::int64_t number = 0;
};

/// "<folder>/<number>-<what>"
std::optional<Place> place_of(std::string_view name) {
  auto slash = name.rfind('/');
  if (slash == name.npos || slash == 0) return std::nullopt;
  std::string_view step = name.substr(slash + 1);
  Place place{std::string(name.substr(0, slash)), 0};
  auto [end, error] = std::from_chars(step.data(), step.data() + step.size(), place.number);
  std::string_view what = step.substr(static_cast<std::size_t>(end - step.data()));
  if (error != std::errc() || place.number < 0 || what.size() < 2 || what[0] != '-')
    return std::nullopt;
  return place;
}

struct Last {
  std::int64_t number = -1;
  std::string name;
};

Result<void> apply(Sqlite& db, const Migration& migration, const std::string& checksum) {
  CHECK(db.control("BEGIN IMMEDIATE"));
  auto done = [&]() -> Result<void> {
    CHECK(db.script(migration.sql));
    CHECK(db.execute("INSERT INTO outcrop_migrations (name, checksum, applied_at) VALUES (?, ?, ?)",
                     {migration.name, checksum, iso8601(wall_now())}));
    return db.control("COMMIT");
  }();
  if (done) return {};
  if (db.in_transaction()) CHECK(db.control("ROLLBACK"));
  done.error().message =
      fmt::format("Migration {} failed: {}", migration.name, done.error().message);
  return done;
}

}  // namespace

Result<void> apply_migrations(Sqlite& db, const std::vector<Migration>& migrations) {
  CHECK(
      db.script("CREATE TABLE IF NOT EXISTS outcrop_migrations (name TEXT PRIMARY KEY NOT NULL,"
                " checksum TEXT NOT NULL, applied_at TEXT NOT NULL)"));
  std::map<std::string, std::string> applied;
  TRY(rows, db.query("SELECT name, checksum FROM outcrop_migrations", {}));
  for (const Row& row : rows) applied.emplace(row.text(0), row.text(1));

  // All is checked before anything is applied.
  std::map<std::string, Last> known, done;  // by folder
  std::set<std::string> names;
  for (const auto& migration : migrations) {
    auto place = place_of(migration.name);
    if (!place) {
      return fail(Code::validation, "Migration '{}' must be named <folder>/<number>-<what>.",
                  migration.name);
    }
    Last& last = known[place->folder];
    if (!names.insert(migration.name).second || place->number <= last.number) {
      return fail(Code::validation, "Migration {} must have a higher number than {} before it.",
                  migration.name, last.name);
    }
    last = {place->number, migration.name};
    auto before = applied.find(migration.name);
    if (before != applied.end() && before->second != hex(sha256(migration.sql))) {
      return fail(Code::conflict,
                  "Migration {} was edited after it was applied to this file: restore its text and "
                  "put the change "
                  "into a new migration.",
                  migration.name);
    }
  }
  for (const auto& [name, checksum] : applied) {
    auto place = place_of(name);
    if (!place) continue;
    Last& last = done[place->folder];
    if (place->number > last.number) last = {place->number, name};
    auto folder = known.find(place->folder);
    if (folder == known.end() || names.contains(name)) continue;
    if (place->number > folder->second.number) {
      return fail(Code::conflict,
                  "The file was written by a newer version: it has migration {}, this program ends "
                  "at {}. Start the "
                  "newer version, or restore the backup made before it.",
                  name, folder->second.name);
    }
    return fail(Code::conflict,
                "Migration {} was applied to this file and is unknown to this program.", name);
  }

  for (const auto& migration : migrations) {
    if (applied.contains(migration.name)) continue;
    auto place = place_of(migration.name);
    if (const Last& last = done[place->folder]; place->number < last.number) {
      return fail(Code::conflict,
                  "Migration {} was never applied to this file, but the later {} was.",
                  migration.name, last.name);
    }
    CHECK(apply(db, migration, hex(sha256(migration.sql))));
  }
  return {};
}

}  // namespace outcrop::store
