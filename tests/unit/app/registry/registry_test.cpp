// Goal: what was configured, added and found stands in one list with unique names, and files that
// cannot be models are refused in one sentence. The store is a real one.
#include "app/registry/registry.h"

#include "app/registry/gguf.h"
#include "app/temp_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/stat.h>

namespace outcrop::registry {
namespace {

using ::testing::HasSubstr;

struct RegistryTest : ::testing::Test {
  TempFolder folder;
  Loop loop{1};
  config::Config config;
  std::unique_ptr<store::Records> records;
  std::unique_ptr<ModelRegistry> registry;

  RegistryTest() {
    config.data_dir = folder.path("data");
    folder.write("data/models/Tiny-Q4_0.gguf", gguf_bytes());
  }
  void open() {
    registry.reset();
    records.reset();
    auto opened = store::Records::open(loop, config.records_file());
    ASSERT_TRUE(opened) << opened.error().message;
    records = std::move(*opened);
    Result<std::unique_ptr<ModelRegistry>> result;
    loop.run(into(ModelRegistry::open(loop, *records, config), &result));
    ASSERT_TRUE(result) << result.error().message;
    registry = std::move(*result);
  }
  template <class T>
  static Task<void> into(Task<T> task, T* out) {
    *out = co_await std::move(task);
  }
  Result<Model> add(Addition addition) {
    Result<Model> out;
    loop.run(into(registry->add(std::move(addition)), &out));
    return out;
  }
  Result<Model> remove(std::string name) {
    Result<Model> out;
    loop.run(into(registry->remove(std::move(name)), &out));
    return out;
  }
  std::string names() const {
    std::string out;
    for (const auto& model : registry->list())
      out += model.name + ":" + std::string(to_text(model.source)) + " ";
    return out;
  }
};

TEST_F(RegistryTest, ListsConfiguredAddedAndFolder) {
  config.models.push_back({.name = "zeta",
                           .path = folder.write("z.gguf", gguf_bytes()),
                           .kind = {},
                           .stands_in_for = {"a.*"}});
  open();
  EXPECT_EQ(names(), "zeta:configured tiny-q4-0:folder ");
  ASSERT_TRUE(add({.name = "mine",
                   .path = folder.write("m.gguf", gguf_bytes(100)),
                   .stands_in_for = {"x.*", "y"},
                   .sha256 = "ab"}));
  EXPECT_EQ(names(), "zeta:configured mine:added tiny-q4-0:folder ");
  open();  // a new process
  const Model* mine = registry->find("mine");
  ASSERT_TRUE(mine);
  EXPECT_EQ(mine->stands_in_for, (std::vector<std::string>{"x.*", "y"}));
  EXPECT_EQ(mine->size_bytes, 124);
  EXPECT_EQ(mine->sha256, "ab");
  EXPECT_TRUE(mine->added);
  EXPECT_EQ(registry->find("zeta")->stands_in_for, std::vector<std::string>{"a.*"});
}

TEST_F(RegistryTest, AFileOfTheFolderThatIsAddedStandsThereOnce) {
  open();
  ASSERT_TRUE(add({.name = "better-name", .path = folder.path("data/models/Tiny-Q4_0.gguf")}));
  EXPECT_EQ(names(), "better-name:added ");
  ASSERT_TRUE(add({.name = "best-name", .path = folder.path("data/models/Tiny-Q4_0.gguf")}));
  EXPECT_EQ(names(), "best-name:added ");
}

TEST_F(RegistryTest, NamesAreUniqueAndRefusalsSayWhatToDo) {
  open();
  std::string path = folder.write("m.gguf", gguf_bytes());
  EXPECT_EQ(add({.name = "tiny-q4-0", .path = path}).error().message,
            "the name tiny-q4-0 is taken by " + folder.path("data/models/Tiny-Q4_0.gguf") +
                " (folder): choose another with --name");
  EXPECT_EQ(add({.name = "Not A Name", .path = path}).error().code, Code::validation);
  EXPECT_EQ(add({.name = "x", .path = "relative.gguf"}).error().code, Code::validation);
  EXPECT_THAT(add({.name = "x", .path = folder.path("none.gguf")}).error().message,
              HasSubstr("cannot be read"));
  EXPECT_EQ(remove("nobody").error().code, Code::not_found);
  EXPECT_THAT(remove("tiny-q4-0").error().message,
              HasSubstr("comes from the models folder: remove the file"));
}

TEST_F(RegistryTest, RemovingTakesOnlyAnOwnedFileAway) {
  open();
  std::string own = folder.write("own.gguf", gguf_bytes());
  std::string foreign = folder.write("foreign.gguf", gguf_bytes());
  ASSERT_TRUE(add({.path = own, .owned = true}));
  ASSERT_TRUE(add({.path = foreign}));
  ASSERT_TRUE(remove("own"));
  ASSERT_TRUE(remove("foreign"));
  EXPECT_FALSE(std::filesystem::exists(own));
  EXPECT_TRUE(std::filesystem::exists(foreign));
  EXPECT_EQ(names(), "tiny-q4-0:folder ");
}

TEST_F(RegistryTest, ARescanSeesNewAndBrokenFilesAndTellsOnce) {
  open();
  int changes = 0;
  registry->on_change([&] { ++changes; });
  Result<void> result;
  loop.run(into(registry->rescan(), &result));
  EXPECT_EQ(changes, 0);
  folder.write("data/models/new.gguf", gguf_bytes());
  folder.write("data/models/page.gguf", "<!DOCTYPE html><html>sign in</html>");
  loop.run(into(registry->rescan(), &result));
  EXPECT_EQ(changes, 1);
  EXPECT_EQ(names(), "new:folder page:folder tiny-q4-0:folder ");
  EXPECT_THAT(registry->find("page")->problem, HasSubstr("is no GGUF file: it is a web page"));
  EXPECT_EQ(registry->find("new")->problem, "");
}

TEST(Names, AreMadeFromFiles) {
  EXPECT_EQ(name_for("/x/Qwen3-4B-Q4_K_M.gguf"), "qwen3-4b-q4-k-m");
  EXPECT_EQ(name_for("SmolLM2-135M-Instruct.Q4_1.gguf"), "smollm2-135m-instruct.q4-1")
      << "with '_' beside the dot it would be no model id by Bedrock's pattern";
  EXPECT_EQ(name_for("Big-00001-of-00003.gguf"), "big");
  EXPECT_EQ(name_for("..gguf"), "model");
  EXPECT_EQ(name_for("a b/c d.GGUF"), "c-d");
  EXPECT_EQ(name_for(std::string(100, 'a') + ".gguf").size(), 63u);
  for (std::string path : {"Qwen3.gguf", "-x.gguf", "ä.gguf", "x.gguf.gguf"}) {
    std::string name = name_for(path);
    EXPECT_EQ(is_model_name(name), !name.ends_with(".gguf")) << name;
  }
}

TEST(Gguf, SaysWhatAFileIsInstead) {
  TempFolder folder;
  auto why = [&](std::string_view bytes) {
    auto checked = check_gguf(folder.write("f", bytes));
    return checked ? std::string() : checked.error().message.substr(folder.path("f").size() + 1);
  };
  EXPECT_EQ(why(gguf_bytes()), "");
  EXPECT_EQ(why(""), "is no GGUF file: it is empty");
  EXPECT_EQ(why("<html>"), "is no GGUF file: it is a web page");
  EXPECT_EQ(why("version https://git-lfs.github.com/spec/v1\n"),
            "is no GGUF file: it is a pointer of Git LFS; fetch the file itself");
  EXPECT_EQ(why(std::string("\x10\0\0\0\0\0\0\0{\"a\"", 12)),
            "is no GGUF file: it looks like safetensors; convert it to GGUF first");
  EXPECT_EQ(why("GGUF\3"), "is cut short: it has 5 bytes, not even a GGUF header");
  EXPECT_EQ(why("GGUF" + std::string("\1\0\0\0", 4) + std::string(16, '\0')),
            "has GGUF version 1, 2 and 3 are read");
  EXPECT_EQ(why("GGUF" + std::string("\0\0\0\3", 4) + std::string(16, '\0')),
            "is a big-endian GGUF file, a little-endian one is wanted");
  EXPECT_THAT(check_gguf(folder.path()).error().message, HasSubstr("is a folder"));
}

TEST(Gguf, ListsAFolderWithoutLaterPartsAndHiddenFiles) {
  TempFolder folder;
  for (auto name : {"b.gguf", "a.GGUF", ".hidden.gguf", "c.bin", "d-00001-of-00002.gguf",
                    "d-00002-of-00002.gguf", "sub/e.gguf"}) {
    folder.write(name, "x");
  }
  EXPECT_EQ(gguf_files(folder.path(), 100),
            (std::vector<std::string>{folder.path("a.GGUF"), folder.path("b.gguf"),
                                      folder.path("d-00001-of-00002.gguf")}));
  EXPECT_LE(gguf_files(folder.path(), 2).size(), 2u);
  EXPECT_TRUE(gguf_files(folder.path("none"), 100).empty());
}

TEST(Gguf, DescribeReadsTheEnginesAnswerAndItsRefusal) {
  TempFolder folder;
  auto program = [&](std::string_view script) {
    std::string path = folder.write("engine.sh", "#!/bin/sh\n" + std::string(script));
    ::chmod(path.c_str(), 0755);
    return path;
  };
  auto good = describe(program("echo \"{\\\"seen\\\":\\\"$*\\\"}\"\n"), "/m.gguf");
  ASSERT_TRUE(good) << good.error().message;
  EXPECT_EQ(good->at("seen"), json::Value("engine --model /m.gguf --describe"));
  auto refused =
      describe(program("echo noise >&2; echo 'the file is truncated' >&2; exit 1\n"), "/m.gguf");
  EXPECT_EQ(refused.error().message, "the file is truncated");
  auto crashed = describe(program("kill -SEGV $$\n"), "/m.gguf");
  EXPECT_THAT(crashed.error().message, HasSubstr("made its reader crash"));
  auto nonsense = describe(program("echo hello\n"), "/m.gguf");
  EXPECT_EQ(nonsense.error().code, Code::corrupt);
  auto flood = describe(program("yes 1234567890\n"), "/m.gguf");
  EXPECT_EQ(flood.error().code, Code::too_large);
  EXPECT_EQ(describe(folder.path("none"), "/m.gguf").error().code, Code::io);
}

TEST(Gguf, HashesAFile) {
  TempFolder folder;
  EXPECT_EQ(*sha256_of_file(folder.write("f", "abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_FALSE(sha256_of_file(folder.path("none")));
}

}  // namespace
}  // namespace outcrop::registry
