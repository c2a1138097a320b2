#pragma once
/// The families, for the registry alone; everybody else asks dialect_for().

#include "models/dialects/dialect.h"

namespace outcrop::models {

const Dialect& anthropic_messages();
const Dialect& anthropic_text();  // "\n\nHuman: ...", of Claude 2 and before
const Dialect& titan_text();
const Dialect& llama();
const Dialect& mistral_text();
const Dialect& mistral_chat();
const Dialect& openai_chat();    // gpt-oss, Qwen, DeepSeek V3 and most open weights
const Dialect& deepseek_text();  // DeepSeek R1
const Dialect& command_r();
const Dialect& nova();
const Dialect& titan_embed_v1();
const Dialect& titan_embed_v2();
const Dialect& titan_embed_image();
const Dialect& cohere_embed();  // v3
const Dialect& cohere_embed_v4();
const Dialect& nova_embed();
const Dialect& rerank();  // Cohere and Amazon

}  // namespace outcrop::models
