#include "engine/worker/prompt.h"

#include <map>

namespace outcrop::engine {
namespace {

// Turns of one role in a row become one: many templates insist on taking turns.
std::vector<TemplateMessage> messages_of(const Chat& chat) {
  std::vector<TemplateMessage> messages;
  std::string system = chat.system;
  if (const auto more = instructions(chat); !more.empty())
    system += (system.empty() ? "" : "\n\n") + more;
  if (!system.empty()) messages.push_back({"system", system, ""});
  std::map<std::string, std::string> tool_names;  // of the calls seen, by id
  for (const auto& turn : chat.turns) {
    const std::string role = turn.assistant ? "assistant" : "user";
    if (messages.empty() || messages.back().role != role) messages.push_back({role, "", ""});
    auto& message = messages.back();
    const auto add = [&](const std::string& text) {
      if (!message.content.empty()) message.content += "\n";
      message.content += text;
    };
    for (const auto& part : turn.parts) {
      if (const auto* text = std::get_if<TextPart>(&part)) {
        add(text->text);
      } else if (const auto* reasoning = std::get_if<ReasoningPart>(&part)) {
        message.reasoning += reasoning->text;
      } else if (const auto* use = std::get_if<ToolUsePart>(&part)) {
        tool_names[use->id] = use->name;
        add(call_text(*use));
      } else {
        const auto& result = std::get<ToolResultPart>(part);
        add(result_text(result, tool_names[result.id]));
      }
    }
  }
  return messages;
}

}  // namespace

Result<Prompt> make_prompt(const LocalModel& model, const Chat& chat) {
  Prompt prompt;
  if (chat.prompt) {
    prompt.tokens = model.vocabulary().tokenize({Piece{*chat.prompt, false}});
    return prompt;
  }
  const auto* chat_template = model.chat_template();
  if (!chat_template)
    return fail(Code::validation,
                "The model {} has no chat template and takes raw prompts alone; use InvokeModel "
                "with a prompt body, or a chat model.",
                model.description().name);
  auto messages = messages_of(chat);
  // A last turn of the assistant's is the beginning of the reply.
  std::string begun;
  if (!messages.empty() && messages.back().role == "assistant") {
    begun = std::move(messages.back().content);
    messages.pop_back();
  }
  if (messages.empty() || (messages.size() == 1 && messages.front().role == "system"))
    return fail(Code::validation, "A conversation must start with a user message.");
  TRY(pieces, chat_template->render(messages));
  if (!chat_template->think_start().empty()) {
    std::string end;
    for (const auto& piece : pieces) end = piece.trusted ? end + piece.text : std::string();
    const auto opened = end.rfind(chat_template->think_start());
    prompt.thinking = opened != std::string::npos &&
                      end.find(chat_template->think_end(), opened) == std::string::npos;
  }
  if (!begun.empty())
    pieces.push_back(Piece{
        model.chat_template()->traces_input() ? begun : model.vocabulary().without_controls(begun),
        false});
  prompt.tokens = model.vocabulary().tokenize(pieces);
  return prompt;
}

Result<Prepared> prepare(const LocalModel& model, std::uint32_t stream, Chat chat) {
  TRY(prompt, make_prompt(model, chat));
  const auto context = static_cast<std::size_t>(model.context_tokens());
  if (prompt.tokens.empty()) return fail(Code::validation, "The prompt is empty.");
  if (prompt.tokens.size() >= context)
    return fail(Code::validation,
                "Input is too long for requested model: {} tokens, and its context holds {} with "
                "the reply.",
                prompt.tokens.size(), context);
  Prepared ready;
  TRY(constraint, make_constraint(chat));
  TRY(sampler,
      Sampler::make(model.model(), chat.sampling, constraint.grammar, constraint.from_start));
  ready.stream = stream;
  ready.terms = std::move(chat.terms);
  ready.sampling = std::move(chat.sampling);
  ready.tokens = std::move(prompt.tokens);
  ready.form.tools = constraint.tools;
  ready.form.only_tools = constraint.tools && constraint.from_start;
  // A grammar from the first token leaves no room for thoughts.
  if (const auto* chat_template = model.chat_template();
      chat_template && !constraint.from_start && !chat.prompt) {
    ready.form.think_start = chat_template->think_start();
    ready.form.think_end = chat_template->think_end();
    ready.form.thinking = prompt.thinking;
  }
  ready.constraint = std::move(constraint);
  ready.sampler = std::move(sampler);
  return ready;
}

}  // namespace outcrop::engine
