#pragma once
/// From tools and schemas to what holds the model to them: a section of the system prompt, and a
/// grammar. The form is ours, whatever the model's template knows: {"name": "...", "arguments":
/// {...}}, alone. Errors: validation, for schemas that the grammar cannot hold or that make too
/// large a grammar.

#include "base/result.h"
#include "engine/chat.h"

#include <string>
#include <vector>

namespace outcrop::engine {

/// How the reply is to be read and held.
struct Constraint {
  std::string grammar;  // GBNF; empty when nothing binds
  bool from_start =
      false;  // the grammar binds from the first token; otherwise from a tool call's beginning
  bool tools = false;  // a tool call may come
  bool json = false;   // the reply is one JSON document
};

Result<Constraint> make_constraint(const Chat& chat);

/// What is added to the system prompt; empty without tools and schema.
std::string instructions(const Chat& chat);

/// How a call and a result of the conversation's past are written.
std::string call_text(const ToolUsePart& use);
std::string result_text(const ToolResultPart& result, const std::string& tool_name);

}  // namespace outcrop::engine
