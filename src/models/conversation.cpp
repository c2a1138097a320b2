#include "models/conversation.h"

#include <array>

namespace outcrop::models {
namespace {

constexpr std::array<std::string_view, 9> stop_texts{"end_turn",
                                                     "tool_use",
                                                     "max_tokens",
                                                     "stop_sequence",
                                                     "guardrail_intervened",
                                                     "content_filtered",
                                                     "malformed_model_output",
                                                     "malformed_tool_use",
                                                     "model_context_window_exceeded"};

}  // namespace

std::string_view to_text(Role role) {
  switch (role) {
    case Role::user:
      return "user";
    case Role::assistant:
      return "assistant";
    case Role::system:
      return "system";
  }
  return "user";
}

std::string_view to_text(StopReason reason) { return stop_texts[static_cast<std::size_t>(reason)]; }

std::optional<StopReason> stop_reason(std::string_view text) {
  for (std::size_t i = 0; i < stop_texts.size(); ++i) {
    if (stop_texts[i] == text) return static_cast<StopReason>(i);
  }
  return std::nullopt;
}

Result<void> ReplyBuilder::add(const Event& event) {
  auto& blocks = reply_.message.content;
  auto open_as = [&]<class B>(int index, B block) -> Result<B*> {
    if (open_ != index) {
      if (open_ != -1 || index != static_cast<int>(blocks.size()))
        return fail(Code::model_error, "the model's reply has block {} out of order", index);
      open_ = index;
      blocks.emplace_back(std::move(block));
    }
    auto* held = std::get_if<B>(&blocks.back());
    if (!held)
      return fail(Code::model_error, "block {} of the model's reply changes its kind", index);
    return held;
  };
  if (const auto* served = std::get_if<Served>(&event)) {
    reply_.served = *served;
  } else if (const auto* e = std::get_if<TextDelta>(&event)) {
    TRY(block, open_as(e->index, TextBlock{}));
    block->text += e->text;
  } else if (const auto* start = std::get_if<ToolUseStart>(&event)) {
    TRY(block, open_as(start->index, ToolUseBlock{start->id, start->name, json::Object{}}));
    (void)block;
    tool_input_.clear();
  } else if (const auto* input = std::get_if<ToolInputDelta>(&event)) {
    TRY(block, open_as(input->index, ToolUseBlock{}));
    (void)block;
    tool_input_ += input->json;
  } else if (const auto* reasoning = std::get_if<ReasoningDelta>(&event)) {
    TRY(block, open_as(reasoning->index, ReasoningBlock{}));
    block->text += reasoning->text;
  } else if (const auto* signature = std::get_if<ReasoningSignature>(&event)) {
    TRY(block, open_as(signature->index, ReasoningBlock{}));
    block->signature += signature->signature;
  } else if (const auto* redacted = std::get_if<RedactedReasoning>(&event)) {
    TRY(block, open_as(redacted->index, ReasoningBlock{}));
    block->redacted = std::make_shared<const std::string>(redacted->bytes);
  } else if (const auto* stop = std::get_if<BlockStop>(&event)) {
    // An empty text block has a stop and no delta.
    if (open_ == -1 && stop->index == static_cast<int>(blocks.size()))
      blocks.emplace_back(TextBlock{});
    if (!blocks.empty()) {
      if (auto* tool = std::get_if<ToolUseBlock>(&blocks.back()); tool && !tool_input_.empty()) {
        auto parsed = json::read(tool_input_);
        if (!parsed || !parsed->is_object()) {
          cut_tool_ = tool->name;  // the stop reason tells whether it was cut or is wrong
        } else {
          tool->input = std::move(*parsed);
        }
      }
    }
    tool_input_.clear();
    open_ = -1;
  } else if (const auto* end = std::get_if<MessageStop>(&event)) {
    bool cut = end->reason == StopReason::max_tokens ||
               end->reason == StopReason::model_context_window_exceeded ||
               end->reason == StopReason::malformed_tool_use;
    if (!cut_tool_.empty() && !cut)
      return fail(Code::model_error, "the input that the model gave tool '{}' is no JSON object",
                  cut_tool_);
    reply_.stop = end->reason;
    reply_.stop_sequence = end->stop_sequence;
    reply_.additional_fields = end->additional_fields;
    stopped_ = true;
  } else if (const auto* metadata = std::get_if<Metadata>(&event)) {
    reply_.usage = metadata->usage;
    reply_.latency_ms = metadata->latency_ms;
    reply_.trace = metadata->trace;
  }
  return {};
}

}  // namespace outcrop::models
