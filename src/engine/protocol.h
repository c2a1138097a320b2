#pragma once
/// What a parent and its engine say to one another, over a socket pair or TCP: frames of
///   u32 length (of what follows) | u8 type | u32 stream | payload
/// in little-endian order. Payloads are JSON, except credit (u32) and embeddings (see there).
///
/// The parent opens with hello and the engine answers hello_ok or, when it cannot serve, error on
/// stream 0. A request names a stream of the parent's choice (not 0, not one in use) and gets
/// either events and one done, or one reply frame, or one error; after done, reply or error the
/// stream is closed. Each events frame costs a credit; a request brings its first credits, the
/// parent sends more as it consumes. A stream out of credit generates nothing, so a slow reader
/// slows its own model. Errors: corrupt, for bytes that are no frame; the connection is then of no
/// more use.

#include "base/result.h"
#include "json/json.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace outcrop::engine {

inline constexpr int protocol_version = 1;
inline constexpr std::size_t frame_bytes_max =
    64u << 20;  // length field; a longer frame ends the connection
inline constexpr std::uint32_t credits_default = 64;  // events frames in flight a stream

enum class FrameType : std::uint8_t {
  // from the parent
  hello = 1,     // {"protocol":1}
  chat = 2,      // a conversation, see chat.h
  complete = 3,  // {"prompt":"...", inference members}
  embed = 4,     // {"texts":[...],"truncate":"refuse|start|end"}
  count = 5,     // as chat, or {"prompt":"..."}: how many tokens would be fed
  describe = 6,  // {}
  cancel = 7,    // empty; names the stream to end; no answer but the stream's own end
  credit = 8,    // u32: that many more events frames may be sent on this stream
  ping = 9,      // any payload
  // from the engine
  hello_ok = 64,  // {"protocol":1,"model":Description}
  events = 65,    // {"events":[{"t":"text","i":0,"s":"..."}, ...],"input":37,"output":2}
  done = 66,      // {"stop":"end_turn","usage":{...},...}
  embeddings =
      67,        // u32 length | JSON {"width":384,"tokens":[..],"truncated":[..]} | float32 vectors
  counted = 68,  // {"input_tokens":12}
  described = 69,  // Description
  error = 70,      // {"code":"validation","message":"..."}
  pong = 71,       // ping's payload
};

struct Frame {
  FrameType type = FrameType::ping;
  std::uint32_t stream = 0;
  std::string payload;
};

/// Errors: too_large, when the payload does not fit a frame.
Result<std::string> encode(const Frame& frame);

/// Takes bytes as they arrive and gives frames. It buffers no more than one frame and one feed().
class FrameReader {
 public:
  explicit FrameReader(std::size_t limit_bytes = frame_bytes_max) : limit_bytes_(limit_bytes) {}
  void feed(std::string_view bytes) { buffer_.append(bytes); }
  /// Nothing when the next frame is not complete. Errors: corrupt (length or type out of range).
  Result<std::optional<Frame>> next();

 private:
  std::size_t limit_bytes_;
  std::string buffer_;
  std::size_t read_ = 0;
};

/// What a model file holds, known without loading its weights.
struct Description {
  std::string name;          // general.name, or the file's stem
  std::string architecture;  // "llama", "bert", ...
  std::string quantization;  // "Q4_1", "F16", ...
  bool embedding = false;    // makes vectors rather than text
  std::int64_t parameters = 0;
  std::int64_t file_bytes = 0;
  std::int64_t context_tokens =
      0;  // that the model was made for; for a running engine, what a sequence may use
  std::int64_t embedding_width = 0;
  std::int64_t vocabulary = 0;
  std::int64_t layers = 0;
  bool chat_template = false;  // without one, messages are refused and only raw prompts taken
  bool template_tools =
      false;               // the template renders tools itself (we use our own form either way)
  bool reasoning = false;  // the template marks thinking
  /// "sampled-sha256:<hex>": over the size, all metadata and tensor descriptions, and 64 kB at each
  /// of 16 evenly spaced places of the weights. Hashing gigabytes at every start would cost
  /// seconds.
  std::string digest;

  json::Object to_json() const;
  static Result<Description> from_json(const json::Value& value);
};

struct EmbeddingsPayload {
  std::vector<std::vector<float>> vectors;  // unit length
  std::vector<std::int64_t> tokens;
  std::vector<bool> truncated;
};
std::string encode_embeddings(const EmbeddingsPayload& payload);
Result<EmbeddingsPayload> decode_embeddings(std::string_view payload);

std::string encode_error(const Error& error);  // code name and message; detail stays where it is
/// Bytes that are no error become one of code internal.
Error decode_error(std::string_view payload);
std::optional<Code> code_named(std::string_view name);

std::string encode_u32(std::uint32_t value);
std::optional<std::uint32_t> decode_u32(std::string_view payload);

}  // namespace outcrop::engine
