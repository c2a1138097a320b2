#pragma once
/// Prompts with a vendor's chat template already applied, taken back into turns, so that another
/// model's own template can be applied instead.

#include "models/conversation.h"

#include <string_view>

namespace outcrop::models {

/// Each fills `into`: system and messages, or raw_prompt when the family's markers are there but
/// make no conversation, or a single user turn when there are none. A last assistant turn that has
/// text already stays as the beginning of the reply.
void decode_llama_prompt(std::string_view prompt, Conversation& into);    // Llama 2, 3 and 4
void decode_mistral_prompt(std::string_view prompt, Conversation& into);  // <s>[INST] ... [/INST]
void decode_titan_prompt(std::string_view prompt, Conversation& into);    // User: ... Bot:
void decode_anthropic_prompt(std::string_view prompt,
                             Conversation& into);  // \n\nHuman: ... \n\nAssistant:
void decode_deepseek_prompt(std::string_view prompt,
                            Conversation& into);  // <｜User｜> ... <｜Assistant｜>

}  // namespace outcrop::models
