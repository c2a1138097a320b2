#include "store/fixture.h"

namespace outcrop::store {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class MigrationsTest : public StoreTest {
 protected:
  void SetUp() override { open(); }
  Result<void> migrate(std::vector<Migration> migrations) {
    return run(loop_, records_->migrate(std::move(migrations)));
  }
};

const Migration first{
    "identity/1-keys",
    "CREATE TABLE keys (id TEXT PRIMARY KEY); -- one\nCREATE INDEX k ON keys (id);"};
const Migration second{"identity/2-names", "ALTER TABLE keys ADD COLUMN name TEXT"};
const Migration other{"batch/1-jobs", "CREATE TABLE jobs (id TEXT PRIMARY KEY)"};

TEST_F(MigrationsTest, EachIsAppliedOnceInOrderAndRemembered) {
  ASSERT_TRUE(migrate({first}));
  ASSERT_TRUE(migrate({first, second}));
  ASSERT_TRUE(migrate({other}));
  open();
  ASSERT_TRUE(migrate({first, second, other}));
  must("INSERT INTO keys (id, name) VALUES ('a', 'b')");
  auto applied =
      rows("SELECT name, length(checksum), applied_at FROM outcrop_migrations ORDER BY name");
  ASSERT_EQ(applied.size(), 3u);
  EXPECT_EQ(applied[1].text(0), "identity/1-keys");
  EXPECT_EQ(applied[1].integer(1), 64);
}

TEST_F(MigrationsTest, OneThatWasEditedAfterwardsIsRefusedByName) {
  ASSERT_TRUE(migrate({first}));
  auto edited = first;
  edited.sql += " ";
  auto outcome = migrate({edited, second});
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, Code::conflict);
  EXPECT_THAT(outcome.error().message, HasSubstr("identity/1-keys"));
  EXPECT_FALSE(run(loop_, records_->query("SELECT name FROM keys"))) << "nothing was applied";
}

TEST_F(MigrationsTest, AFailingOneLeavesNothingBehindAndIsNamed) {
  Migration broken{"identity/2-broken",
                   "CREATE TABLE half (id TEXT); INSERT INTO nowhere VALUES (1);"};
  auto outcome = migrate({first, broken});
  ASSERT_FALSE(outcome);
  EXPECT_THAT(outcome.error().message, HasSubstr("identity/2-broken"));
  EXPECT_THAT(outcome.error().detail, HasSubstr("nowhere"));
  EXPECT_EQ(rows("SELECT name FROM sqlite_schema WHERE name = 'half'").size(), 0u);
  EXPECT_EQ(count("keys"), 0);  // the one before it stands
  ASSERT_TRUE(migrate({first, second}));
}

TEST_F(MigrationsTest, AFileOfANewerVersionIsRefused) {
  ASSERT_TRUE(migrate({first, second}));
  auto outcome = migrate({first});
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, Code::conflict);
  EXPECT_THAT(outcome.error().message,
              AllOf(HasSubstr("newer version"), HasSubstr("identity/2-names")));
}

TEST_F(MigrationsTest, OneThatWasSlippedInBeforeAnAppliedOneIsRefused) {
  ASSERT_TRUE(
      migrate({second.name == first.name ? second
                                         : Migration{"identity/2-x", "CREATE TABLE x (id TEXT)"}}));
  auto outcome = migrate({first, {"identity/2-x", "CREATE TABLE x (id TEXT)"}});
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, Code::conflict);
  EXPECT_THAT(outcome.error().message, HasSubstr("identity/1-keys"));
}

TEST_F(MigrationsTest, OneThatIsGoneIsMissed) {
  ASSERT_TRUE(migrate({first, second}));
  auto outcome = migrate({second});
  ASSERT_FALSE(outcome);
  EXPECT_THAT(outcome.error().message, HasSubstr("identity/1-keys"));
}

TEST_F(MigrationsTest, NamesMustCarryFolderNumberAndPurpose) {
  for (const char* name :
       {"", "1-keys", "/1-keys", "identity/keys", "identity/1", "identity/1-", "identity/-1-x"}) {
    auto outcome = migrate({{name, "SELECT 1"}});
    ASSERT_FALSE(outcome) << name;
    EXPECT_EQ(outcome.error().code, Code::validation) << name;
  }
  EXPECT_EQ(migrate({first, first}).error().code, Code::validation);
  EXPECT_EQ(migrate({second, first}).error().code, Code::validation);
}

TEST_F(MigrationsTest, OneCannotEndItsTransaction) {
  auto outcome = migrate({{"identity/1-sly", "CREATE TABLE sly (id TEXT); COMMIT;"}});
  ASSERT_FALSE(outcome);
  EXPECT_THAT(outcome.error().detail, HasSubstr("not authorized"));
  EXPECT_EQ(rows("SELECT name FROM sqlite_schema WHERE name = 'sly'").size(), 0u);
}

}  // namespace
}  // namespace outcrop::store
