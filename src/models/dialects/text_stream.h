#pragma once
/// What the dialects with a single text share: the reply's text, and a stream whose chunks differ
/// only in how one is written.

#include "models/dialects/dialect.h"

#include <functional>

namespace outcrop::models {

/// All text blocks, one after the other; reasoning and tool use are not text.
std::string reply_text(const Reply& reply);

/// One piece of a stream: some text, or with `end` the last one.
struct TextChunk {
  std::string_view text;
  std::int64_t pieces = 0;  // how many came before, as an estimate of tokens while none are known
  const MessageStop* end = nullptr;
  const Metadata* metadata = nullptr;  // with end
};
using WriteChunk = std::function<json::Object(const TextChunk&)>;

/// A chunk for each text, and a last one without text that has the reason and the metrics.
std::unique_ptr<NativeStream> text_stream(WriteChunk write);

/// Reasoning before the text as "<reasoning>...</reasoning>", where a format has no place of its
/// own.
std::string reply_text_with_reasoning(const Reply& reply);

}  // namespace outcrop::models
