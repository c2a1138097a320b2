#pragma once
/// What a GGUF file says of itself: its header's metadata and its list of tensors, never the
/// weights. Shape:   reads forward, once; some tens of megabytes at most (a tokenizer's lists),
/// mostly skipped. Errors:  corrupt, with what does not hold; io. Hostile files are expected: every
/// count and length is
///          held against GgufLimits before it is believed.
/// Source:  GGUF specification, versions 2 and 3 (little-endian).

#include "base/result.h"
#include "models/catalogue/catalogue.h"

#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

namespace outcrop::models {

struct GgufLimits {
  std::uint64_t entries = 65'536;  // key-value pairs
  std::uint64_t tensors = 65'536;
  std::uint64_t key_bytes = 65'535;        // the specification's own limit
  std::uint64_t string_bytes = 16 << 20;   // one string
  std::uint64_t array_items = 8 << 20;     // one array
  std::uint64_t header_bytes = 512 << 20;  // all of the header
};

struct GgufFacts {
  std::string architecture;  // "llama", "bert"
  std::string name;          // general.name
  std::string licence;       // general.license
  std::string size_label;    // general.size_label: "135M"
  std::string quantisation;  // "Q4_K_M"; "unknown" when the file does not say
  std::int64_t context_tokens = 0;
  std::int64_t embedding_length = 0;
  std::int64_t layers = 0;
  std::uint64_t parameters = 0;  // summed over the tensors
  std::string pooling;           // none, mean, cls, last, rank; empty when the file does not say
  bool chat_template = false;
  Kind kind = Kind::chat;  // embedding and rerank by pooling and architecture
};

Result<GgufFacts> read_gguf(std::istream& in, const GgufLimits& limits = {});
Result<GgufFacts> read_gguf_file(const std::string& path, const GgufLimits& limits = {});

/// A model file that lies on this machine already.
struct FoundModel {
  std::string name;  // "llama3.2:1b", "org/repo/file.gguf"
  std::string path;
  std::string where;  // Ollama, Hugging Face, LM Studio, llama.cpp
  std::uint64_t bytes = 0;
};

/// Looks where other programs under `home` keep GGUF files; follows links, reads no weights. Later
/// parts of a split file, projectors (mmproj) and what cannot be read are left out. At most `limit`
/// are found.
std::vector<FoundModel> find_models(const std::string& home, std::size_t limit = 1000);

}  // namespace outcrop::models
