#include "models/catalogue/gguf.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <fstream>
#include <map>

static_assert(std::endian::native == std::endian::little, "GGUF is read in its own byte order");

namespace outcrop::models {
namespace {

enum class Type : std::uint32_t {
  u8,
  i8,
  u16,
  i16,
  u32,
  i32,
  f32,
  boolean,
  string,
  array,
  u64,
  i64,
  f64
};

std::uint64_t width(Type type) {
  switch (type) {
    case Type::u8:
    case Type::i8:
    case Type::boolean:
      return 1;
    case Type::u16:
    case Type::i16:
      return 2;
    case Type::u32:
    case Type::i32:
    case Type::f32:
      return 4;
    case Type::u64:
    case Type::i64:
    case Type::f64:
      return 8;
    case Type::string:
    case Type::array:
      break;
  }
  return 0;
}

std::string quantisation_name(std::int64_t file_type) {
  static const std::map<std::int64_t, const char*> names{
      {0, "F32"},      {1, "F16"},      {2, "Q4_0"},    {3, "Q4_1"},    {7, "Q8_0"},
      {8, "Q5_0"},     {9, "Q5_1"},     {10, "Q2_K"},   {11, "Q3_K_S"}, {12, "Q3_K_M"},
      {13, "Q3_K_L"},  {14, "Q4_K_S"},  {15, "Q4_K_M"}, {16, "Q5_K_S"}, {17, "Q5_K_M"},
      {18, "Q6_K"},    {19, "IQ2_XXS"}, {20, "IQ2_XS"}, {21, "Q2_K_S"}, {22, "IQ3_XS"},
      {23, "IQ3_XXS"}, {24, "IQ1_S"},   {25, "IQ4_NL"}, {26, "IQ3_S"},  {27, "IQ3_M"},
      {28, "IQ2_S"},   {29, "IQ2_M"},   {30, "IQ4_XS"}, {31, "IQ1_M"},  {32, "BF16"},
      {36, "TQ1_0"},   {37, "TQ2_0"},   {38, "MXFP4"},  {39, "NVFP4"}};
  auto found = names.find(file_type);
  return found == names.end() ? "unknown" : found->second;
}

/// Reads forward and counts, so that no length that a file claims costs more than the limit.
class Reader {
 public:
  Reader(std::istream& in, const GgufLimits& limits) : in_(in), limits_(limits) {}

  Result<void> bytes(void* to, std::uint64_t count) {
    CHECK(spend(count));
    in_.read(static_cast<char*>(to), static_cast<std::streamsize>(count));
    if (static_cast<std::uint64_t>(in_.gcount()) != count)
      return fail(Code::corrupt, "the GGUF header ends early, after {} bytes", read_);
    return {};
  }
  Result<void> skip(std::uint64_t count) {
    CHECK(spend(count));
    in_.ignore(static_cast<std::streamsize>(count));
    if (static_cast<std::uint64_t>(in_.gcount()) != count)
      return fail(Code::corrupt, "the GGUF header ends early, after {} bytes", read_);
    return {};
  }
  template <class Number>
  Result<Number> number() {
    Number value{};
    CHECK(bytes(&value, sizeof value));
    return value;
  }
  Result<std::string> string(std::uint64_t limit) {
    TRY(length, number<std::uint64_t>());
    if (length > limit)
      return fail(Code::corrupt,
                  "a string in the GGUF header claims {} bytes, at most {} are taken", length,
                  limit);
    std::string text(length, '\0');
    CHECK(bytes(text.data(), length));
    return text;
  }
  Result<void> skip_string() {
    TRY(length, number<std::uint64_t>());
    if (length > limits_.string_bytes)
      return fail(Code::corrupt,
                  "a string in the GGUF header claims {} bytes, at most {} are taken", length,
                  limits_.string_bytes);
    return skip(length);
  }

 private:
  Result<void> spend(std::uint64_t count) {
    if (count > limits_.header_bytes - read_)
      return fail(Code::corrupt, "the GGUF header is longer than {} bytes", limits_.header_bytes);
    read_ += count;
    return {};
  }
  std::istream& in_;
  const GgufLimits& limits_;
  std::uint64_t read_ = 0;
};

Result<Type> read_type(Reader& reader) {
  TRY(raw, reader.number<std::uint32_t>());
  if (raw > static_cast<std::uint32_t>(Type::f64))
    return fail(Code::corrupt, "the GGUF header has a value of the unknown type {}", raw);
  return static_cast<Type>(raw);
}

Result<void> skip_array(Reader& reader, const GgufLimits& limits) {
  TRY(type, read_type(reader));
  TRY(items, reader.number<std::uint64_t>());
  if (items > limits.array_items)
    return fail(Code::corrupt, "an array in the GGUF header claims {} items, at most {} are taken",
                items, limits.array_items);
  if (type == Type::array) return fail(Code::corrupt, "the GGUF header has an array of arrays");
  if (type != Type::string) return reader.skip(items * width(type));
  for (std::uint64_t i = 0; i < items; ++i) CHECK(reader.skip_string());
  return {};
}

/// Integers as they are, anything else as nothing.
Result<std::int64_t> read_integer(Reader& reader, Type type) {
  std::array<char, 8> raw{};
  CHECK(reader.bytes(raw.data(), width(type)));
  auto as = [&]<class N>(N value) {
    std::memcpy(&value, raw.data(), sizeof value);
    return static_cast<std::int64_t>(value);
  };
  switch (type) {
    case Type::u8:
    case Type::boolean:
      return as(std::uint8_t{});
    case Type::i8:
      return as(std::int8_t{});
    case Type::u16:
      return as(std::uint16_t{});
    case Type::i16:
      return as(std::int16_t{});
    case Type::u32:
      return as(std::uint32_t{});
    case Type::i32:
      return as(std::int32_t{});
    case Type::u64:
    case Type::i64:
      return as(std::int64_t{});
    case Type::f32:
    case Type::f64:
    case Type::string:
    case Type::array:
      break;
  }
  return 0;
}

std::int64_t positive(std::int64_t value) {
  return std::clamp<std::int64_t>(value, 0, std::int64_t{1} << 40);
}

}  // namespace

Result<GgufFacts> read_gguf(std::istream& in, const GgufLimits& limits) {
  Reader reader(in, limits);
  std::array<char, 4> magic{};
  CHECK(reader.bytes(magic.data(), magic.size()));
  if (std::string_view(magic.data(), magic.size()) != "GGUF")
    return fail(Code::corrupt, "this is no GGUF file: it does not begin with 'GGUF'");
  TRY(version, reader.number<std::uint32_t>());
  if (version != 2 && version != 3)
    return fail(Code::corrupt, "the GGUF version is {}; 2 and 3 can be read", version);
  TRY(tensors, reader.number<std::uint64_t>());
  TRY(entries, reader.number<std::uint64_t>());
  if (tensors > limits.tensors)
    return fail(Code::corrupt, "the GGUF file claims {} tensors, at most {} are taken", tensors,
                limits.tensors);
  if (entries > limits.entries)
    return fail(Code::corrupt, "the GGUF file claims {} metadata entries, at most {} are taken",
                entries, limits.entries);

  GgufFacts facts;
  std::map<std::string, std::int64_t> integers;  // those that are asked for below
  for (std::uint64_t i = 0; i < entries; ++i) {
    TRY(key, reader.string(limits.key_bytes));
    TRY(type, read_type(reader));
    if (type == Type::array) {
      CHECK(skip_array(reader, limits));
    } else if (type == Type::string) {
      std::string* wanted = key == "general.architecture" ? &facts.architecture
                            : key == "general.name"       ? &facts.name
                            : key == "general.license"    ? &facts.licence
                            : key == "general.size_label" ? &facts.size_label
                                                          : nullptr;
      if (wanted) {
        TRY(text, reader.string(4096));
        *wanted = std::move(text);
      } else {
        facts.chat_template = facts.chat_template || key == "tokenizer.chat_template";
        CHECK(reader.skip_string());
      }
    } else {
      TRY(value, read_integer(reader, type));
      const std::string_view name = key;
      if (name == "general.file_type" || name.ends_with(".context_length") ||
          name.ends_with(".embedding_length") || name.ends_with(".block_count") ||
          name.ends_with(".pooling_type")) {
        integers[key] = value;
      }
    }
  }
  for (std::uint64_t i = 0; i < tensors; ++i) {
    CHECK(reader.skip_string());
    TRY(dimensions, reader.number<std::uint32_t>());
    if (dimensions > 8)
      return fail(Code::corrupt, "a tensor in the GGUF file claims {} dimensions", dimensions);
    std::uint64_t elements = 1;
    for (std::uint32_t d = 0; d < dimensions; ++d) {
      TRY(size, reader.number<std::uint64_t>());
      if (size != 0 && elements > (std::uint64_t{1} << 50) / size)
        return fail(Code::corrupt, "a tensor in the GGUF file claims more than 2^50 elements");
      elements *= size;
    }
    facts.parameters += elements;
    CHECK(reader.skip(4 + 8));  // its type and where it lies
  }

  if (facts.architecture.empty())
    return fail(Code::corrupt, "the GGUF file does not say its architecture");
  auto integer = [&](const std::string& key) {
    auto found = integers.find(key);
    return found == integers.end() ? std::int64_t{-1} : found->second;
  };
  facts.context_tokens = positive(integer(facts.architecture + ".context_length"));
  facts.embedding_length = positive(integer(facts.architecture + ".embedding_length"));
  facts.layers = positive(integer(facts.architecture + ".block_count"));
  facts.quantisation = quantisation_name(integer("general.file_type"));
  static constexpr std::array<const char*, 5> poolings{"none", "mean", "cls", "last", "rank"};
  const auto pooling = integer(facts.architecture + ".pooling_type");
  if (pooling >= 0 && pooling < static_cast<std::int64_t>(poolings.size()))
    facts.pooling = poolings[static_cast<std::size_t>(pooling)];
  const bool encoder = facts.architecture.find("bert") != std::string::npos ||
                       facts.architecture == "t5encoder" || facts.architecture == "gemma-embedding";
  if (facts.pooling == "rank") {
    facts.kind = Kind::rerank;
  } else if (encoder || (!facts.pooling.empty() && facts.pooling != "none")) {
    facts.kind = Kind::embedding;
  }
  return facts;
}

Result<GgufFacts> read_gguf_file(const std::string& path, const GgufLimits& limits) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail(Code::io, "the model file {} cannot be opened", path);
  auto facts = read_gguf(file, limits);
  if (!facts) return fail(facts.error().code, "{}: {}", path, facts.error().message);
  return facts;
}

}  // namespace outcrop::models
