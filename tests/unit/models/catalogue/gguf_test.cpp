// Headers are made here byte by byte, then broken in every way that a file can be.
#include "models/catalogue/gguf.h"

#include "base/ids.h"

#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace outcrop::models {
namespace {

template <class N>
std::string raw(N number) {
  std::string out(sizeof number, '\0');
  std::memcpy(out.data(), &number, sizeof number);
  return out;
}
std::string text(std::string_view s) { return raw<std::uint64_t>(s.size()) + std::string(s); }
std::string text_entry(std::string_view key, std::string_view value) {
  return text(key) + raw<std::uint32_t>(8) + text(value);
}
std::string u32_entry(std::string_view key, std::uint32_t value) {
  return text(key) + raw<std::uint32_t>(4) + raw(value);
}

std::string header(std::uint64_t tensors, std::uint64_t entries) {
  return "GGUF" + raw<std::uint32_t>(3) + raw(tensors) + raw(entries);
}

std::string chat_file() {
  std::string tokens = text("tokenizer.ggml.tokens") + raw<std::uint32_t>(9) +
                       raw<std::uint32_t>(8) + raw<std::uint64_t>(2) + text("<s>") + text("a");
  return header(2, 8) + text_entry("general.architecture", "llama") +
         text_entry("general.name", "Tiny") + text_entry("general.license", "apache-2.0") +
         u32_entry("general.file_type", 15) + u32_entry("llama.context_length", 8192) +
         u32_entry("llama.embedding_length", 576) + tokens +
         text_entry("tokenizer.chat_template", "{{ messages }}") + text("a.weight") +
         raw<std::uint32_t>(2) + raw<std::uint64_t>(10) + raw<std::uint64_t>(20) +
         raw<std::uint32_t>(0) + raw<std::uint64_t>(0) + text("b.bias") + raw<std::uint32_t>(1) +
         raw<std::uint64_t>(5) + raw<std::uint32_t>(0) + raw<std::uint64_t>(0);
}

Result<GgufFacts> read(const std::string& bytes, const GgufLimits& limits = {}) {
  std::istringstream in(bytes);
  return read_gguf(in, limits);
}

TEST(Gguf, SaysWhatTheFileIs) {
  auto facts = read(chat_file());
  ASSERT_TRUE(facts) << facts.error().message;
  EXPECT_EQ(facts->architecture, "llama");
  EXPECT_EQ(facts->name, "Tiny");
  EXPECT_EQ(facts->licence, "apache-2.0");
  EXPECT_EQ(facts->quantisation, "Q4_K_M");
  EXPECT_EQ(facts->context_tokens, 8192);
  EXPECT_EQ(facts->embedding_length, 576);
  EXPECT_EQ(facts->parameters, 205u);
  EXPECT_TRUE(facts->chat_template);
  EXPECT_EQ(facts->kind, Kind::chat);
}

TEST(Gguf, PoolingTellsEmbeddersAndRerankers) {
  for (auto [pooling, kind, name] :
       {std::tuple{1u, Kind::embedding, "mean"}, std::tuple{4u, Kind::rerank, "rank"}}) {
    auto facts = read(header(0, 2) + text_entry("general.architecture", "bert") +
                      u32_entry("bert.pooling_type", pooling));
    ASSERT_TRUE(facts);
    EXPECT_EQ(facts->kind, kind);
    EXPECT_EQ(facts->pooling, name);
  }
}

TEST(Gguf, EveryCutIsCorruptNeverACrash) {
  const std::string whole = chat_file();
  for (std::size_t cut = 0; cut < whole.size(); ++cut) {
    auto facts = read(whole.substr(0, cut));
    ASSERT_FALSE(facts) << cut;
    EXPECT_EQ(facts.error().code, Code::corrupt);
  }
}

TEST(Gguf, ClaimsAreHeldAgainstTheLimits) {
  GgufLimits limits;
  EXPECT_FALSE(read(header(limits.tensors + 1, 0)));
  EXPECT_FALSE(read(header(0, limits.entries + 1)));
  EXPECT_FALSE(read(header(0, 1) + raw<std::uint64_t>(limits.key_bytes + 1)));
  EXPECT_FALSE(read(header(0, 1) + text("k") + raw<std::uint32_t>(8) + raw<std::uint64_t>(~0ull)));
  EXPECT_FALSE(read(header(0, 1) + text("k") + raw<std::uint32_t>(9) + raw<std::uint32_t>(0) +
                    raw<std::uint64_t>(limits.array_items + 1)));
  EXPECT_FALSE(read(header(0, 1) + text("k") + raw<std::uint32_t>(9) + raw<std::uint32_t>(9) +
                    raw<std::uint64_t>(1)));
  EXPECT_FALSE(read(header(0, 1) + text("k") + raw<std::uint32_t>(13)));
  EXPECT_FALSE(read("GGUF" + raw<std::uint32_t>(1)));
  limits.header_bytes = chat_file().size() - 1;
  EXPECT_FALSE(read(chat_file(), limits));
  limits.header_bytes = chat_file().size();
  EXPECT_TRUE(read(chat_file(), limits));
}

TEST(Gguf, ModelsOfOtherProgramsAreFound) {
  namespace fs = std::filesystem;
  const fs::path home = fs::temp_directory_path() / ("outcrop-find-" + resource_id());
  auto write = [&](const fs::path& path, const std::string& bytes) {
    fs::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << bytes;
  };
  write(home / ".ollama/models/blobs/sha256-abc", chat_file());
  write(
      home / ".ollama/models/manifests/registry.ollama.ai/library/llama3.2/1b",
      R"({"layers":[{"mediaType":"application/vnd.ollama.image.model","digest":"sha256:abc"},{"mediaType":"application/vnd.ollama.image.license","digest":"sha256:def"}]})");
  const fs::path hub = home / ".cache/huggingface/hub/models--org--repo";
  write(hub / "blobs/123", chat_file());
  fs::create_directories(hub / "snapshots/rev");
  fs::create_symlink("../../blobs/123", hub / "snapshots/rev/tiny.gguf");
  write(home / ".lmstudio/models/org/repo/a-00001-of-00002.gguf", chat_file());
  write(home / ".lmstudio/models/org/repo/a-00002-of-00002.gguf", chat_file());
  write(home / ".lmstudio/models/org/repo/mmproj-a.gguf", chat_file());
  auto found = find_models(home.string());
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[0].name, "org/repo/tiny.gguf");
  EXPECT_EQ(found[1].name, "org/repo/a-00001-of-00002.gguf");
  EXPECT_EQ(found[2].name, "llama3.2:1b");
  EXPECT_EQ(found[2].bytes, chat_file().size());
  EXPECT_TRUE(read_gguf_file(found[2].path));
  EXPECT_EQ(find_models(home.string(), 1).size(), 1u);
  fs::remove_all(home);
  EXPECT_TRUE(find_models(home.string()).empty());
}

}  // namespace
}  // namespace outcrop::models
