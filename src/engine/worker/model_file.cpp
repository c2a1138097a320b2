#include "engine/worker/model_file.h"

#include "base/text.h"

#include <llama.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <gguf.h>
#include <memory>
#include <sys/stat.h>

namespace outcrop::engine {
namespace {

struct GgufDeleter {
  void operator()(gguf_context* context) const { gguf_free(context); }
};
using Gguf = std::unique_ptr<gguf_context, GgufDeleter>;

std::string text_of(const gguf_context* file, const std::string& key) {
  const auto id = gguf_find_key(file, key.c_str());
  if (id < 0 || gguf_get_kv_type(file, id) != GGUF_TYPE_STRING) return {};
  return gguf_get_val_str(file, id);
}

// Integers appear in several widths; where a model has one value a layer, the largest counts.
std::int64_t number_of(const gguf_context* file, const std::string& key, std::int64_t absent) {
  const auto id = gguf_find_key(file, key.c_str());
  if (id < 0) return absent;
  switch (gguf_get_kv_type(file, id)) {
    case GGUF_TYPE_UINT32:
      return gguf_get_val_u32(file, id);
    case GGUF_TYPE_INT32:
      return gguf_get_val_i32(file, id);
    case GGUF_TYPE_UINT64:
      return static_cast<std::int64_t>(gguf_get_val_u64(file, id));
    case GGUF_TYPE_INT64:
      return gguf_get_val_i64(file, id);
    case GGUF_TYPE_UINT16:
      return gguf_get_val_u16(file, id);
    case GGUF_TYPE_BOOL:
      return gguf_get_val_bool(file, id) ? 1 : 0;
    case GGUF_TYPE_ARRAY: {
      const auto type = gguf_get_arr_type(file, id);
      if (type != GGUF_TYPE_INT32 && type != GGUF_TYPE_UINT32) return absent;
      const auto* values = static_cast<const std::int32_t*>(gguf_get_arr_data(file, id));
      std::int64_t most = absent;
      for (std::size_t i = 0; i < gguf_get_arr_n(file, id); ++i)
        most = std::max<std::int64_t>(most, values[i]);
      return most;
    }
    default:
      return absent;
  }
}

Result<Gguf> open_gguf(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0)
    return fail(Code::not_found, "the model file {} cannot be opened: {}", path,
                std::strerror(errno));
  if (!S_ISREG(status.st_mode)) return fail(Code::validation, "{} is no regular file", path);
  std::ifstream stream(path, std::ios::binary);
  char magic[4] = {};
  stream.read(magic, sizeof magic);
  if (!stream) {
    if (status.st_size >= 4)
      return fail(Code::validation, "the model file {} cannot be read: {}", path,
                  std::strerror(errno));
    return fail(Code::validation, "{} has {} bytes and is no GGUF model", path,
                static_cast<std::int64_t>(status.st_size));
  }
  if (std::memcmp(magic, "GGUF", 4) != 0)
    return fail(Code::validation, "{} is no GGUF model: it does not begin with 'GGUF'", path);
  Gguf file(gguf_init_from_file(path.c_str(), {.no_alloc = true, .ctx = nullptr}));
  if (!file)
    return fail(Code::validation,
                "{} is a broken or truncated GGUF model: its header cannot be read", path);
  return file;
}

Result<std::string> sampled_digest(const std::string& path, std::int64_t size,
                                   std::size_t data_offset) {
  constexpr std::int64_t sample_bytes = 64 << 10;
  constexpr std::int64_t samples = 16;
  std::ifstream stream(path, std::ios::binary);
  std::string bytes = std::to_string(size) + "\n";
  const auto append = [&](std::int64_t offset, std::int64_t count) {
    count = std::min(count, size - offset);
    if (count <= 0) return;
    const auto before = bytes.size();
    bytes.resize(before + static_cast<std::size_t>(count));
    stream.seekg(offset);
    stream.read(bytes.data() + before, count);
  };
  append(0, static_cast<std::int64_t>(data_offset));
  const std::int64_t data = size - static_cast<std::int64_t>(data_offset);
  for (std::int64_t i = 0; i < samples; ++i)
    append(static_cast<std::int64_t>(data_offset) + data / samples * i, sample_bytes);
  if (!stream)
    return fail(Code::io, "the model file {} cannot be read: {}", path, std::strerror(errno));
  return "sampled-sha256:" + hex(sha256(bytes));
}

}  // namespace

Result<ModelFile> ModelFile::open(const std::string& path) {
  TRY(file, open_gguf(path));
  const auto size = static_cast<std::int64_t>(std::filesystem::file_size(path));
  ModelFile model;
  auto& d = model.description;
  d.architecture = text_of(file.get(), "general.architecture");
  if (d.architecture.empty())
    return fail(Code::validation,
                "{} names no architecture (general.architecture) and cannot be run", path);
  if (text_of(file.get(), "general.type") == "adapter" || d.architecture == "clip")
    return fail(Code::validation,
                "{} is no model of its own but a part of one ({}); name the main model's file",
                path, d.architecture);

  const auto tensors = gguf_get_n_tensors(file.get());
  if (tensors == 0) return fail(Code::validation, "{} holds no weights", path);
  const auto data_offset = gguf_get_data_offset(file.get());
  std::int64_t end = 0;
  for (std::int64_t i = 0; i < tensors; ++i) {
    const auto bytes = static_cast<std::int64_t>(gguf_get_tensor_size(file.get(), i));
    model.weight_bytes += bytes;
    end = std::max(
        end,
        static_cast<std::int64_t>(data_offset + gguf_get_tensor_offset(file.get(), i)) + bytes);
    const auto* shape = gguf_get_tensor_ne(file.get(), i);
    std::int64_t elements = 1;
    for (int axis = 0; axis < GGML_MAX_DIMS; ++axis) elements *= shape[axis];
    d.parameters += elements;
  }
  if (end > size)
    return fail(Code::validation,
                "{} is truncated: it has {} bytes, and its tensors need {}; fetch it again", path,
                size, end);

  const std::string arch = d.architecture + ".";
  d.name = text_of(file.get(), "general.name");
  if (d.name.empty()) d.name = std::filesystem::path(path).stem();
  d.quantization = llama_ftype_name(
      static_cast<llama_ftype>(number_of(file.get(), "general.file_type", LLAMA_FTYPE_ALL_F32)));
  d.file_bytes = size;
  d.context_tokens = number_of(file.get(), arch + "context_length", 0);
  d.embedding_width = number_of(file.get(), arch + "embedding_length", 0);
  d.layers = number_of(file.get(), arch + "block_count", 0);
  if (d.context_tokens <= 0 || d.embedding_width <= 0 || d.layers <= 0)
    return fail(Code::validation,
                "{} lacks one of {}context_length, {}embedding_length and {}block_count", path,
                arch, arch, arch);
  if (const auto id = gguf_find_key(file.get(), "tokenizer.ggml.tokens");
      id >= 0 && gguf_get_kv_type(file.get(), id) == GGUF_TYPE_ARRAY)
    d.vocabulary = static_cast<std::int64_t>(gguf_get_arr_n(file.get(), id));
  // A model that pools makes vectors; so does an encoder that is not causal.
  d.embedding = number_of(file.get(), arch + "pooling_type", 0) > 0 ||
                number_of(file.get(), arch + "attention.causal", 1) == 0;
  const std::string chat = text_of(file.get(), "tokenizer.chat_template");
  d.chat_template = !chat.empty();
  d.template_tools = chat.find("tools") != std::string::npos;
  d.reasoning = chat.find("<think>") != std::string::npos;
  model.tokenizer = text_of(file.get(), "tokenizer.ggml.model");
  if (model.tokenizer.empty())
    return fail(Code::validation, "{} holds no tokenizer (tokenizer.ggml.model)", path);

  const auto heads =
      std::max<std::int64_t>(1, number_of(file.get(), arch + "attention.head_count", 1));
  const auto kv_heads = number_of(file.get(), arch + "attention.head_count_kv", heads);
  const auto head_width = d.embedding_width / heads;
  const auto key = number_of(file.get(), arch + "attention.key_length", head_width);
  const auto value = number_of(file.get(), arch + "attention.value_length", head_width);
  model.kv_values_per_token = d.layers * kv_heads * (key + value);
  TRY(digest, sampled_digest(path, size, data_offset));
  d.digest = std::move(digest);
  return model;
}

Result<WordPieceFile> read_wordpiece(const std::string& path) {
  TRY(file, open_gguf(path));
  WordPieceFile out;
  const auto tokens = gguf_find_key(file.get(), "tokenizer.ggml.tokens");
  if (text_of(file.get(), "tokenizer.ggml.model") != "bert" || tokens < 0 ||
      gguf_get_kv_type(file.get(), tokens) != GGUF_TYPE_ARRAY ||
      gguf_get_arr_type(file.get(), tokens) != GGUF_TYPE_STRING)
    return fail(Code::validation, "{} holds no WordPiece vocabulary", path);
  const auto count = gguf_get_arr_n(file.get(), tokens);
  for (std::size_t i = 0; i < count; ++i)
    out.tokens.emplace_back(gguf_get_arr_str(file.get(), tokens, i));
  out.special.assign(count, false);
  if (const auto types = gguf_find_key(file.get(), "tokenizer.ggml.token_type");
      types >= 0 && gguf_get_arr_n(file.get(), types) == count) {
    const auto* values = static_cast<const std::int32_t*>(gguf_get_arr_data(file.get(), types));
    for (std::size_t i = 0; i < count; ++i)
      out.special[i] =
          values[i] == LLAMA_TOKEN_TYPE_CONTROL || values[i] == LLAMA_TOKEN_TYPE_UNKNOWN;
  }
  const auto special = [&](const char* key, std::int64_t absent) {
    return static_cast<int>(number_of(file.get(), std::string("tokenizer.ggml.") + key, absent));
  };
  out.unknown = special("unknown_token_id", 100);
  out.cls = special("cls_token_id", special("bos_token_id", 101));
  out.sep = special("seperator_token_id", special("eos_token_id", 102));  // GGUF's own spelling
  const auto inside = [&](int id) { return id >= 0 && static_cast<std::size_t>(id) < count; };
  if (!inside(out.unknown) || !inside(out.cls) || !inside(out.sep))
    return fail(Code::validation, "{} names special tokens that its vocabulary does not have",
                path);
  out.lowercase = number_of(file.get(), "tokenizer.ggml.normalizer.lowercase", 1) != 0;
  out.strip_accents =
      number_of(file.get(), "tokenizer.ggml.normalizer.strip_accents", out.lowercase ? 1 : 0) != 0;
  return out;
}

}  // namespace outcrop::engine
