#include "engine/protocol.h"

#include <bit>
#include <cstring>

namespace outcrop::engine {
namespace {

constexpr std::size_t header_bytes = 4 + 1 + 4;
static_assert(std::endian::native == std::endian::little,
              "vectors travel as this machine's floats");

std::uint32_t u32_at(const char* bytes) {
  std::uint32_t value = 0;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

bool known(std::uint8_t type) { return (type >= 1 && type <= 9) || (type >= 64 && type <= 71); }

}  // namespace

std::string encode_u32(std::uint32_t value) {
  std::string bytes(4, '\0');
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

std::optional<std::uint32_t> decode_u32(std::string_view payload) {
  if (payload.size() != 4) return std::nullopt;
  return u32_at(payload.data());
}

Result<std::string> encode(const Frame& frame) {
  const std::size_t length = frame.payload.size() + header_bytes - 4;
  if (length > frame_bytes_max)
    return fail(Code::too_large,
                "a request of {} bytes does not fit the {} bytes of one engine frame",
                frame.payload.size(), frame_bytes_max);
  std::string bytes = encode_u32(static_cast<std::uint32_t>(length));
  bytes.reserve(length + 4);
  bytes.push_back(static_cast<char>(frame.type));
  bytes += encode_u32(frame.stream);
  bytes += frame.payload;
  return bytes;
}

Result<std::optional<Frame>> FrameReader::next() {
  const std::size_t available = buffer_.size() - read_;
  if (available < 4) return std::optional<Frame>();
  const char* at = buffer_.data() + read_;
  const std::size_t length = u32_at(at);
  if (length < header_bytes - 4 || length > limit_bytes_)
    return fail(Code::corrupt,
                "an engine frame says it has {} bytes; between {} and {} are allowed", length,
                header_bytes - 4, limit_bytes_);
  if (available < length + 4) {
    if (read_ > 0) {
      buffer_.erase(0, read_);
      read_ = 0;
    }
    return std::optional<Frame>();
  }
  const auto type = static_cast<std::uint8_t>(at[4]);
  if (!known(type)) return fail(Code::corrupt, "an engine frame has the unknown type {}", type);
  Frame frame{static_cast<FrameType>(type), u32_at(at + 5),
              std::string(at + header_bytes, length + 4 - header_bytes)};
  read_ += length + 4;
  if (read_ == buffer_.size()) {
    buffer_.clear();
    read_ = 0;
  }
  return std::optional<Frame>(std::move(frame));
}

json::Object Description::to_json() const {
  return json::Object{{"name", name},
                      {"architecture", architecture},
                      {"quantization", quantization},
                      {"embedding", embedding},
                      {"parameters", parameters},
                      {"file_bytes", file_bytes},
                      {"context_tokens", context_tokens},
                      {"embedding_width", embedding_width},
                      {"vocabulary", vocabulary},
                      {"layers", layers},
                      {"chat_template", chat_template},
                      {"template_tools", template_tools},
                      {"reasoning", reasoning},
                      {"digest", digest}};
}

Result<Description> Description::from_json(const json::Value& value) {
  if (!value.is_object()) return fail(Code::corrupt, "an engine's description is no JSON object");
  const auto& object = value.get_object();
  Description d;
  auto text = [&](std::string_view key, std::string& into) {
    if (auto found = json::find_string(object, key)) into = *found;
  };
  auto number = [&](std::string_view key, std::int64_t& into) {
    into = json::find_int(object, key).value_or(0);
  };
  auto flag = [&](std::string_view key, bool& into) {
    into = json::find_bool(object, key).value_or(false);
  };
  text("name", d.name);
  text("architecture", d.architecture);
  text("quantization", d.quantization);
  flag("embedding", d.embedding);
  number("parameters", d.parameters);
  number("file_bytes", d.file_bytes);
  number("context_tokens", d.context_tokens);
  number("embedding_width", d.embedding_width);
  number("vocabulary", d.vocabulary);
  number("layers", d.layers);
  flag("chat_template", d.chat_template);
  flag("template_tools", d.template_tools);
  flag("reasoning", d.reasoning);
  text("digest", d.digest);
  if (d.architecture.empty() || d.context_tokens <= 0)
    return fail(Code::corrupt, "an engine's description lacks its architecture or context");
  return d;
}

std::string encode_embeddings(const EmbeddingsPayload& payload) {
  const std::size_t width = payload.vectors.empty() ? 0 : payload.vectors.front().size();
  json::Array tokens(payload.tokens.begin(), payload.tokens.end());
  json::Array truncated;
  for (const bool cut : payload.truncated) truncated.emplace_back(cut);
  const std::string head = json::write(json::Object{
      {"width", width}, {"tokens", std::move(tokens)}, {"truncated", std::move(truncated)}});
  std::string bytes = encode_u32(static_cast<std::uint32_t>(head.size())) + head;
  for (const auto& vector : payload.vectors)
    bytes.append(reinterpret_cast<const char*>(vector.data()), vector.size() * sizeof(float));
  return bytes;
}

Result<EmbeddingsPayload> decode_embeddings(std::string_view payload) {
  const auto bad = [] {
    return fail(Code::corrupt, "an engine's embeddings do not hold together");
  };
  if (payload.size() < 4) return bad();
  const std::size_t head_bytes = u32_at(payload.data());
  if (payload.size() - 4 < head_bytes) return bad();
  TRY(head, json::read(payload.substr(4, head_bytes)));
  if (!head.is_object()) return bad();
  const auto& object = head.get_object();
  const auto width = json::find_int(object, "width");
  const auto* tokens = json::find(object, "tokens");
  const auto* truncated = json::find(object, "truncated");
  if (!width || *width < 0 || *width > 1 << 20 || !tokens || !tokens->is_array() || !truncated ||
      !truncated->is_array())
    return bad();
  const std::size_t count = tokens->get_array().size();
  const std::size_t row_bytes = static_cast<std::size_t>(*width) * sizeof(float);
  if (truncated->get_array().size() != count) return bad();
  std::string_view rows = payload.substr(4 + head_bytes);
  if (rows.size() != count * row_bytes) return bad();
  EmbeddingsPayload out;
  for (std::size_t i = 0; i < count; ++i) {
    const auto token_count = json::as_int(tokens->get_array()[i]);
    const auto& cut = truncated->get_array()[i];
    if (!token_count || !cut.is_bool()) return bad();
    out.tokens.push_back(*token_count);
    out.truncated.push_back(cut.get_bool());
    std::vector<float> vector(static_cast<std::size_t>(*width));
    if (row_bytes > 0) std::memcpy(vector.data(), rows.data() + i * row_bytes, row_bytes);
    out.vectors.push_back(std::move(vector));
  }
  return out;
}

std::optional<Code> code_named(std::string_view name) {
  for (int i = 0; i < code_count; ++i) {
    if (facts(static_cast<Code>(i)).name == name) return static_cast<Code>(i);
  }
  return std::nullopt;
}

std::string encode_error(const Error& error) {
  return json::write(json::Object{{"code", facts(error.code).name}, {"message", error.message}});
}

Error decode_error(std::string_view payload) {
  if (auto value = json::read(payload); value && value->is_object()) {
    const auto code = code_named(json::find_string(value->get_object(), "code").value_or(""));
    const auto message = json::find_string(value->get_object(), "message");
    if (code && message) return Error{.code = *code, .message = std::string(*message)};
  }
  return Error{.code = Code::internal,
               .message = "the engine reported an error that cannot be read"};
}

}  // namespace outcrop::engine
