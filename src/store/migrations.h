#pragma once
/// Which steps of the schema a file has seen: one row each in outcrop_migrations, with the SHA-256
/// of the text that was applied.

#include "store/records.h"
#include "store/sqlite.h"

#include <vector>

namespace outcrop::store {

/// Applies what is missing, each in a transaction. No transaction may be open.
Result<void> apply_migrations(Sqlite& db, const std::vector<Migration>& migrations);

}  // namespace outcrop::store
