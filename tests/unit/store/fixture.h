#pragma once
/// A folder of its own for each test, a loop, and tasks run to their end on it.

#include "base/result.h"
#include "base/task.h"
#include "store/records.h"
#include "wire/loop.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <optional>
#include <stdlib.h>
#include <string>
#include <utility>

namespace outcrop::store {

class TempFolder {
 public:
  TempFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "outcrop-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  ~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string file(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

template <class T>
Task<void> keep(Task<T> task, std::optional<T>& out) {
  out.emplace(co_await std::move(task));
}
template <class T>
T run(Loop& loop, Task<T> task) {
  std::optional<T> out;
  loop.run(keep(std::move(task), out));
  return std::move(*out);
}

class StoreTest : public ::testing::Test {
 protected:
  Result<std::unique_ptr<Records>> try_open(RecordsOptions options = {}) {
    return Records::open(loop_, path(), options);
  }
  void open(RecordsOptions options = {}) {
    records_.reset();
    auto opened = try_open(options);
    ASSERT_TRUE(opened) << opened.error().message << " " << opened.error().detail;
    records_ = std::move(*opened);
  }
  std::string path() const { return folder_.file("data.db"); }
  /// For statements whose success the test takes for granted.
  Rows rows(const std::string& sql, Params params = {}) {
    auto answer = run(loop_, records_->query(sql, std::move(params)));
    EXPECT_TRUE(answer) << sql << ": " << answer.error().message << " " << answer.error().detail;
    return answer ? std::move(*answer) : Rows();
  }
  std::int64_t must(const std::string& sql, Params params = {}) {
    auto answer = run(loop_, records_->execute(sql, std::move(params)));
    EXPECT_TRUE(answer) << sql << ": " << answer.error().message << " " << answer.error().detail;
    return answer.value_or(-1);
  }
  /// The error of a statement that must fail.
  Error refused(const std::string& sql, Params params = {}) {
    auto answer = run(loop_, records_->execute(sql, std::move(params)));
    EXPECT_FALSE(answer) << sql;
    return answer ? Error{} : answer.error();
  }
  std::int64_t count(const std::string& table) {
    return rows("SELECT count(*) FROM " + table)[0].integer(0);
  }

  TempFolder folder_;
  Loop loop_{1};
  std::unique_ptr<Records> records_;
};

}  // namespace outcrop::store
