// Every native dialect's request decoder on arbitrary bytes, and what follows from a body that is
// taken: the reply, the stream, the embeddings. The first byte chooses the dialect.
#include "models/dialects/converse.h"
#include "models/dialects/dialect.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>

using namespace outcrop;
using namespace outcrop::models;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view body(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto& all = all_dialects();
  const std::size_t choice = data[0] % (all.size() + 1);
  if (choice == all.size()) {
    auto document = json::read(body);
    if (!document || !document->is_object()) return 0;
    auto conversation = decode_converse_request(document->get_object());
    // What was taken once is taken again in our own writing.
    if (conversation && !decode_converse_request(encode_converse_request(*conversation)))
      std::abort();
    return 0;
  }
  const Dialect& dialect = *all[choice];
  auto request = decode_native(dialect, body);
  if (!request) {
    if (request.error().message.empty()) std::abort();
    return 0;
  }
  if (const auto* embed = std::get_if<EmbedRequest>(&request->content)) {
    Embeddings embeddings;
    for (std::size_t i = 0; i < embed->texts.size(); ++i) {
      embeddings.vectors.push_back({0.6f, -0.8f});
      embeddings.tokens.push_back(1);
      embeddings.truncated.push_back(false);
    }
    if (auto reply = dialect.encode_embeddings(embeddings, request->shape))
      (void)json::write(*reply);
    return 0;
  }
  if (std::holds_alternative<RerankRequest>(request->content)) return 0;
  Reply reply;
  reply.message.content = {TextBlock{"x"}};
  (void)json::write(dialect.encode_reply(reply, request->shape, "vendor.model-v1:0"));
  std::vector<std::string> chunks;
  auto stream = dialect.encode_stream(request->shape, "vendor.model-v1:0");
  for (const Event& event : {Event{MessageStart{}}, Event{TextDelta{0, "x"}}, Event{BlockStop{0}},
                             Event{MessageStop{}}, Event{Metadata{}}})
    stream->add(event, chunks);
  if (chunks.empty()) std::abort();
  return 0;
}
