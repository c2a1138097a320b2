#include "models/dialects/text_stream.h"

namespace outcrop::models {
namespace {

class TextStream : public NativeStream {
 public:
  explicit TextStream(WriteChunk write) : write_(std::move(write)) {}

  void add(const Event& event, std::vector<std::string>& chunks) override {
    if (const auto* text = std::get_if<TextDelta>(&event)) {
      first_byte();
      chunks.push_back(json::write(write_({.text = text->text, .pieces = ++pieces_})));
    } else if (const auto* stop = std::get_if<MessageStop>(&event)) {
      stop_ = *stop;
    } else if (const auto* metadata = std::get_if<Metadata>(&event)) {
      first_byte();
      json::Object last =
          write_({.text = {}, .pieces = pieces_, .end = &stop_, .metadata = metadata});
      last["amazon-bedrock-invocationMetrics"] = metrics(*metadata);
      chunks.push_back(json::write(last));
    }
  }

 private:
  WriteChunk write_;
  std::int64_t pieces_ = 0;
  MessageStop stop_;
};

}  // namespace

std::string reply_text(const Reply& reply) {
  std::string out;
  for (const auto& block : reply.message.content) {
    if (const auto* text = std::get_if<TextBlock>(&block)) out += text->text;
  }
  return out;
}

std::string reply_text_with_reasoning(const Reply& reply) {
  std::string reasoning;
  for (const auto& block : reply.message.content) {
    if (const auto* part = std::get_if<ReasoningBlock>(&block)) reasoning += part->text;
  }
  return reasoning.empty() ? reply_text(reply)
                           : "<reasoning>" + reasoning + "</reasoning>" + reply_text(reply);
}

std::unique_ptr<NativeStream> text_stream(WriteChunk write) {
  return std::make_unique<TextStream>(std::move(write));
}

}  // namespace outcrop::models
