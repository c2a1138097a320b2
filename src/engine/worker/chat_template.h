#pragma once
/// The model's own chat template, run by llama.cpp's Jinja interpreter, which remembers of every
/// character whether it came from the template or from the input. A template that loses that trace
/// (found out once, at load) gets the input with all control tokens' texts removed instead.
/// Threads: any; render() is const and shares nothing between calls.

#include "base/result.h"
#include "engine/worker/vocabulary.h"

#include <memory>
#include <string>
#include <vector>

namespace outcrop::engine {

struct TemplateMessage {
  std::string role;  // system, user, assistant
  std::string content;
  std::string reasoning;
};

class ChatTemplate {
 public:
  /// Errors: validation, when the template cannot be parsed.
  static Result<std::unique_ptr<ChatTemplate>> make(const std::string& source,
                                                    const Vocabulary& vocabulary);
  ~ChatTemplate();

  /// The prompt up to where the assistant is to speak. Errors: validation, with the template's own
  /// words when it refuses the conversation.
  Result<std::vector<Piece>> render(const std::vector<TemplateMessage>& messages) const;
  /// Whether input is told from template text (otherwise it is cleaned).
  bool traces_input() const { return traces_input_; }
  /// The texts around a reasoning model's thoughts; empty when it has none.
  const std::string& think_start() const { return think_start_; }
  const std::string& think_end() const { return think_end_; }

 private:
  struct Impl;
  explicit ChatTemplate(const Vocabulary& vocabulary);
  std::vector<Piece> run(
      const std::vector<TemplateMessage>& messages) const;  // throws what the interpreter throws

  const Vocabulary& vocabulary_;
  std::unique_ptr<Impl> impl_;
  bool traces_input_ = false;
  bool system_role_ = true;
  std::string think_start_;
  std::string think_end_;
};

}  // namespace outcrop::engine
