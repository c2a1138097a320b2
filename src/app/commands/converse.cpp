#include "app/commands/converse.h"

#include "app/admin/unix_http.h"
#include "base/text.h"

namespace outcrop::commands {
namespace {

constexpr Millis silence{300'000};  // a long prompt is read before the first piece comes
constexpr std::size_t refusal_bytes_limit = 256 * 1024;

std::string body_of(const Turn& turn) {
  json::Object body;
  body["messages"] = turn.messages;
  if (!turn.system.empty()) {
    json::Object block;
    block["text"] = turn.system;
    json::Array system;
    system.push_back(std::move(block));
    body["system"] = std::move(system);
  }
  json::Object inference;
  if (turn.max_tokens > 0) inference["maxTokens"] = turn.max_tokens;
  if (turn.temperature >= 0) inference["temperature"] = turn.temperature;
  if (!inference.empty()) body["inferenceConfig"] = std::move(inference);
  return json::write(json::Value(std::move(body)));
}

/// The member `message` of an error's body, as services write it.
std::string message_of(std::string_view body, std::string_view otherwise) {
  auto value = json::read(body);
  if (value && value->is_object()) {
    for (auto key : {"message", "Message"}) {
      if (auto text = json::find_string(value->get_object(), key)) return std::string(*text);
    }
  }
  return std::string(otherwise);
}

struct Reader {
  const std::function<void(std::string_view)>& text;
  Reply& reply;
  Instant begun;
  bool any = false;
  bool metadata = false;

  double seconds() const { return std::chrono::duration<double>(now() - begun).count(); }

  Result<void> take(const wire::EventMessage& message) {
    auto type = message.find(":message-type").value_or("");
    if (type == "exception" || type == "error") {
      auto name = message.find(type == "error" ? ":error-code" : ":exception-type").value_or("");
      std::string otherwise(message.find(":error-message").value_or(name));
      return fail(code_of_exception(name), message_of(message.payload, otherwise));
    }
    TRY(value, json::read(message.payload));
    if (!value.is_object()) return fail(Code::corrupt, "an event of the reply is no JSON object");
    const auto& object = value.get_object();
    auto event = message.find(":event-type").value_or("");
    if (event == "contentBlockDelta") {
      const auto* delta = json::find(object, "delta");
      auto piece = delta && delta->is_object() ? json::find_string(delta->get_object(), "text")
                                               : std::nullopt;
      if (!piece || piece->empty()) return {};
      if (!any) reply.first_seconds = seconds();
      any = true;
      reply.text += *piece;
      text(*piece);
    } else if (event == "messageStop") {
      reply.stop_reason = json::find_string(object, "stopReason").value_or("");
    } else if (event == "metadata") {
      metadata = true;
      if (const auto* usage = json::find(object, "usage"); usage && usage->is_object()) {
        reply.input_tokens = json::find_int(usage->get_object(), "inputTokens").value_or(0);
        reply.output_tokens = json::find_int(usage->get_object(), "outputTokens").value_or(0);
      }
    }
    return {};
  }
};

}  // namespace

double Reply::tokens_per_second() const {
  double writing = total_seconds - first_seconds;
  return writing > 0 && output_tokens > 1 ? static_cast<double>(output_tokens - 1) / writing : 0;
}

Code code_of_exception(std::string_view name) {
  for (int i = 0; i < code_count; ++i) {
    auto code = static_cast<Code>(i);
    if (!facts(code).exception.empty() && facts(code).exception == name) return code;
  }
  // In a stream the same names begin in lower case.
  for (int i = 0; i < code_count; ++i) {
    auto code = static_cast<Code>(i);
    if (!facts(code).exception.empty() && equals_ignoring_case(facts(code).exception, name))
      return code;
  }
  return Code::internal;
}

Result<void> converse(const Turn& turn, const std::function<void(std::string_view)>& text,
                      Reply& reply) {
  admin::UnixRequest asked;
  asked.socket = turn.socket;
  asked.method = "POST";
  asked.target = "/model/" + percent_encode(turn.model) + "/converse-stream";
  asked.headers.add("content-type", "application/json");
  asked.headers.add("accept", "application/vnd.amazon.eventstream");
  asked.body = body_of(turn);
  asked.silence = silence;
  asked.interrupted = turn.interrupted;

  Reader reader{text, reply, now()};
  wire::EventStreamDecoder decoder;
  int status = 0;
  std::string exception, refusal;
  auto outcome = admin::stream(
      asked,
      [&](int answered, const wire::Headers& headers) -> Result<void> {
        status = answered;
        exception = headers.find("x-amzn-errortype").value_or("");
        reply.served_by = headers.find("x-outcrop-served-by").value_or("");
        reply.stand_in = headers.find("x-outcrop-stand-in").value_or("");
        return {};
      },
      [&](std::string_view piece) -> Result<void> {
        if (status != 200) {
          if (refusal.size() < refusal_bytes_limit) refusal += piece;
          return {};
        }
        TRY(messages, decoder.feed(piece));
        for (const auto& message : messages) CHECK(reader.take(message));
        return {};
      });
  reply.total_seconds = reader.seconds();
  if (!outcome) return outcome;
  if (status != 200) {
    // The header may carry a link behind a colon: "ValidationException:http://..."
    return fail(code_of_exception(std::string_view(exception).substr(0, exception.find(':'))),
                message_of(refusal, fmt::format("the server answered {}", status)));
  }
  if (!decoder.at_boundary() || reply.stop_reason.empty())
    return fail(Code::corrupt, "the reply was cut off");
  return {};
}

}  // namespace outcrop::commands
