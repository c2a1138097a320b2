#include "models/providers/local/translate.h"

#include "base/text.h"

namespace outcrop::models {
namespace {

Failure no_text(std::string_view place, std::string_view what) {
  return fail(
      Code::validation,
      "{}: this model reads text alone and cannot take {}; send its content as text, or use "
      "a model with that modality.",
      place, what);
}

// As sections with a name, so that the model can tell documents and question apart.
Result<std::string> document_text(const DocumentBlock& document, const std::string& place) {
  std::string text;
  if (const auto* plain = std::get_if<std::string>(&document.source)) {
    text = *plain;
  } else if (const auto* bytes = std::get_if<Bytes>(&document.source)) {
    const auto& format = document.format;
    if (format != "txt" && format != "md" && format != "csv" && format != "html")
      return fail(Code::validation,
                  "{}.document.format: '{}' documents cannot be read by this model; send txt, md, "
                  "csv or html.",
                  place, format);
    if (!*bytes || !is_utf8(**bytes))
      return fail(Code::validation, "{}.document.source.bytes: the document '{}' is no UTF-8 text.",
                  place, document.name);
    text = **bytes;
  } else {
    return fail(Code::validation,
                "{}.document.source.s3Location: documents are not fetched for this model; send "
                "their bytes.",
                place);
  }
  std::string out = "<document name=\"" + document.name + "\">\n";
  if (!document.context.empty()) out += document.context + "\n";
  return out + text + "\n</document>";
}

Result<std::string> guard_text(const GuardContentBlock& guard, const std::string& place) {
  if (const auto* text = std::get_if<TextBlock>(&guard.content)) return text->text;
  return no_text(place + ".guardContent", "images");
}

Result<engine::Part> result_part(const ToolResultBlock& result, const std::string& place) {
  engine::ToolResultPart part{result.tool_use_id, "", result.error};
  for (std::size_t i = 0; i < result.content.size(); ++i) {
    const std::string at = fmt::format("{}.toolResult.content[{}]", place, i);
    std::string text;
    const auto& content = result.content[i];
    if (const auto* plain = std::get_if<TextBlock>(&content)) {
      text = plain->text;
    } else if (const auto* value = std::get_if<json::Value>(&content)) {
      text = json::write(*value);
    } else if (const auto* document = std::get_if<DocumentBlock>(&content)) {
      TRY(written, document_text(*document, at));
      text = std::move(written);
    } else if (const auto* other = std::get_if<OtherBlock>(&content)) {
      return no_text(at, fmt::format("'{}'", other->member));
    } else {
      return no_text(at, "images");
    }
    part.text += (part.text.empty() ? "" : "\n") + text;
  }
  return engine::Part(std::move(part));
}

Result<void> add_block(const Block& block, const std::string& place, engine::Turn& turn,
                       int& cache_points) {
  if (const auto* text = std::get_if<TextBlock>(&block)) {
    turn.parts.emplace_back(engine::TextPart{text->text});
  } else if (const auto* document = std::get_if<DocumentBlock>(&block)) {
    TRY(written, document_text(*document, place));
    turn.parts.emplace_back(engine::TextPart{std::move(written)});
  } else if (const auto* use = std::get_if<ToolUseBlock>(&block)) {
    turn.parts.emplace_back(engine::ToolUsePart{use->id, use->name, use->input});
  } else if (const auto* result = std::get_if<ToolResultBlock>(&block)) {
    TRY(part, result_part(*result, place));
    turn.parts.push_back(std::move(part));
  } else if (std::holds_alternative<CachePointBlock>(block)) {
    ++cache_points;
  } else if (const auto* reasoning = std::get_if<ReasoningBlock>(&block)) {
    // Redacted thoughts are sealed for the model that had them; another one cannot read them.
    if (!reasoning->redacted) turn.parts.emplace_back(engine::ReasoningPart{reasoning->text});
  } else if (const auto* guard = std::get_if<GuardContentBlock>(&block)) {
    TRY(written, guard_text(*guard, place));
    turn.parts.emplace_back(engine::TextPart{std::move(written)});
  } else if (std::holds_alternative<ImageBlock>(block)) {
    return no_text(place + ".image", "images");
  } else if (const auto* other = std::get_if<OtherBlock>(&block)) {
    return no_text(place, fmt::format("'{}'", other->member));
  }
  return {};
}

Result<void> add_tools(const Conversation& conversation, Translation& out) {
  for (std::size_t i = 0; i < conversation.tools.size(); ++i) {
    const auto& tool = conversation.tools[i];
    if (const auto* spec = std::get_if<ToolSpec>(&tool)) {
      out.chat.tools.push_back({spec->name, spec->description, spec->input_schema, spec->strict});
    } else if (std::holds_alternative<CachePointBlock>(tool)) {
      ++out.cache_points;
    } else {
      return fail(
          Code::validation,
          "toolConfig.tools[{}]: '{}' is a tool of another model's vendor; this model takes "
          "toolSpec.",
          i, std::get<OtherBlock>(tool).member);
    }
  }
  switch (conversation.tool_choice.kind) {
    case ToolChoice::Kind::automatic:
      out.chat.tool_choice = engine::ToolChoice::automatic;
      break;
    case ToolChoice::Kind::any:
      out.chat.tool_choice = engine::ToolChoice::any;
      break;
    case ToolChoice::Kind::tool:
      out.chat.tool_choice = engine::ToolChoice::tool;
      out.chat.tool_name = conversation.tool_choice.name;
      break;
    case ToolChoice::Kind::none:
      out.chat.tool_choice = engine::ToolChoice::none;
      break;
  }
  return {};
}

}  // namespace

Result<Translation> to_engine(const Conversation& conversation) {
  Translation out;
  auto& chat = out.chat;
  chat.prompt = conversation.raw_prompt;
  for (std::size_t i = 0; i < conversation.system.size(); ++i) {
    const auto& block = conversation.system[i];
    std::string text;
    if (const auto* plain = std::get_if<TextBlock>(&block)) {
      text = plain->text;
    } else if (const auto* guard = std::get_if<GuardContentBlock>(&block)) {
      TRY(guarded, guard_text(*guard, fmt::format("system[{}]", i)));
      text = std::move(guarded);
    } else {
      ++out.cache_points;
      continue;
    }
    chat.system += (chat.system.empty() ? "" : "\n\n") + text;
  }
  for (std::size_t m = 0; m < conversation.messages.size(); ++m) {
    const auto& message = conversation.messages[m];
    engine::Turn turn;
    turn.assistant = message.role == Role::assistant;
    for (std::size_t b = 0; b < message.content.size(); ++b)
      CHECK(add_block(message.content[b], fmt::format("messages[{}].content[{}]", m, b), turn,
                      out.cache_points));
    chat.turns.push_back(std::move(turn));
  }
  CHECK(add_tools(conversation, out));
  if (conversation.output_schema) chat.schema = conversation.output_schema->schema;
  const auto& inference = conversation.inference;
  chat.sampling = {inference.max_tokens, inference.temperature, inference.top_p,
                   inference.top_k,      inference.seed,        inference.stop_sequences};
  return out;
}

engine::Terms terms_of(const Context& context) {
  engine::Terms terms;
  // Judges and agents have somebody waiting behind them.
  terms.priority = context.why == Why::batch || context.why == Why::ingest
                       ? engine::Class::batch
                       : engine::Class::interactive;
  terms.domain = context.account;
  return terms;
}

}  // namespace outcrop::models
