#include "engine/worker/memory.h"

#include "engine/worker/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <unistd.h>

namespace outcrop::engine {
namespace {

using ::testing::HasSubstr;

class MemoryTest : public ::testing::Test {
 protected:
  void SetUp() override {
    root = std::filesystem::temp_directory_path() /
           ("outcrop-memory-test-" + std::to_string(::getpid()));
    write("/proc/meminfo", "MemTotal: 16000000 kB\nMemAvailable: 8000000 kB\n");
  }
  void TearDown() override { std::filesystem::remove_all(root); }
  void write(const std::string& path, const std::string& text) {
    const std::filesystem::path file = root.string() + path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }
  std::filesystem::path root;
};

TEST_F(MemoryTest, IsTheMachinesWithoutAControlGroup) {
  EXPECT_EQ(available_bytes(root.string()), 8'000'000LL * 1024);
}

TEST_F(MemoryTest, IsWhatTheControlGroupLeavesWhenThatIsLess) {
  write("/proc/self/cgroup", "0::/box\n");
  write("/sys/fs/cgroup/box/memory.max", "1000000\n");
  write("/sys/fs/cgroup/box/memory.current", "700000\n");
  write("/sys/fs/cgroup/box/memory.stat", "anon 1\ninactive_file 200000\n");
  EXPECT_EQ(available_bytes(root.string()), 500'000);
  write("/sys/fs/cgroup/box/memory.max", "max\n");
  EXPECT_EQ(available_bytes(root.string()), 8'000'000LL * 1024);
}

TEST_F(MemoryTest, OfTheOlderControlGroupsIsReadToo) {
  write("/proc/self/cgroup", "5:cpu:/x\n7:memory:/box\n");
  write("/sys/fs/cgroup/memory/memory.limit_in_bytes", "900000\n");
  write("/sys/fs/cgroup/memory/memory.usage_in_bytes", "300000\n");
  EXPECT_EQ(available_bytes(root.string()), 600'000);
}

TEST(MemoryCheck, NamesBothFiguresWhenItDoesNotFit) {
  const MemoryNeed need{3LL << 30, 1LL << 30, 1LL << 29, 8192};
  EXPECT_TRUE(check_memory("m.gguf", need, 5LL << 30));
  const auto refused = check_memory("m.gguf", need, 4LL << 30);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::unavailable);
  EXPECT_THAT(refused.error().message,
              HasSubstr("needs about 4608 MiB of memory (weights 3072 MiB, context of 8192 tokens "
                        "1024 MiB, work 512 MiB) and 4096 MiB are available"));
  EXPECT_TRUE(check_memory("m.gguf", need, 0)) << "where nothing can be read, the system decides";
}

TEST(WorkerArguments, AreCheckedByName) {
  const auto parse = [](std::vector<std::string> words) {
    std::vector<char*> argv;
    for (auto& word : words) argv.push_back(word.data());
    return worker_options(static_cast<int>(argv.size()), argv.data());
  };
  const auto good =
      parse({"outcrop", "engine", "--model", "m.gguf", "--fd", "3", "--parallel", "240"});
  ASSERT_TRUE(good) << good.error().message;
  EXPECT_EQ(good->parallel + good->retained, 256) << "as many sequences as there can be";
  EXPECT_THAT(parse({"outcrop", "engine", "--fd", "3"}).error().message,
              HasSubstr("--model is missing"));
  EXPECT_THAT(parse({"outcrop", "engine", "--model", "m"}).error().message,
              HasSubstr("--fd is missing"));
  EXPECT_THAT(
      parse({"outcrop", "engine", "--model", "m", "--fd", "3", "--parallel", "0"}).error().message,
      HasSubstr("--parallel is '0'; allowed are whole numbers from 1 to 240"));
  EXPECT_THAT(parse({"outcrop", "engine", "--modle", "m"}).error().message,
              HasSubstr("--modle is no argument"));
  EXPECT_THAT(parse({"outcrop", "engine", "--model"}).error().message,
              HasSubstr("lacks its value"));
}

}  // namespace
}  // namespace outcrop::engine
