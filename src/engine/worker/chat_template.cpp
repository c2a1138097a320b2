#include "engine/worker/chat_template.h"

#include <chat.h>
#include <chrono>
#include <ctime>

namespace outcrop::engine {

struct ChatTemplate::Impl {
  common_chat_template program;
};

ChatTemplate::ChatTemplate(const Vocabulary& vocabulary) : vocabulary_(vocabulary) {}
ChatTemplate::~ChatTemplate() = default;

Result<std::unique_ptr<ChatTemplate>> ChatTemplate::make(const std::string& source,
                                                         const Vocabulary& vocabulary) {
  std::unique_ptr<ChatTemplate> made(new ChatTemplate(vocabulary));
  try {
    made->impl_.reset(
        new Impl{common_chat_template(source, vocabulary.bos_text(), vocabulary.eos_text())});
  } catch (const std::exception& e) {
    return fail(Code::validation, "the model's chat template cannot be parsed: {}", e.what());
  }
  made->system_role_ = made->impl_->program.original_caps().supports_system_role;
  if (source.find("<think>") != std::string::npos) {
    made->think_start_ = "<think>";
    made->think_end_ = "</think>";
  }
  const std::string probe = "probe" + vocabulary.some_control() + "probe";
  try {
    made->traces_input_ = true;
    int seen = 0;
    for (const auto& piece : made->run({{"system", probe, ""},
                                        {"user", probe, ""},
                                        {"assistant", probe, ""},
                                        {"user", probe, ""}})) {
      for (auto at = piece.text.find(probe); at != std::string::npos;
           at = piece.text.find(probe, at + 1)) {
        ++seen;
        if (piece.trusted) made->traces_input_ = false;
      }
    }
    if (seen < 4) made->traces_input_ = false;
  } catch (const std::exception&) {
    made->traces_input_ = false;
  }
  return made;
}

std::vector<Piece> ChatTemplate::run(const std::vector<TemplateMessage>& messages) const {
  const auto& caps = impl_->program.original_caps();
  const bool typed = caps.supports_typed_content && !caps.supports_string_content;
  std::vector<common_json> list;
  std::string system;  // waits for the first user turn where the template has no system role
  for (const auto& message : messages) {
    std::string content =
        traces_input_ ? message.content : vocabulary_.without_controls(message.content);
    if (message.role == "system" && !system_role_) {
      system = std::move(content) + "\n\n";
      continue;
    }
    if (message.role == "user" && !system.empty()) content.insert(0, std::exchange(system, {}));
    common_json item;
    item["role"] = message.role;
    if (typed) {
      common_json part;
      part["type"] = "text";
      part["text"] = content;
      common_json parts = common_json::array();
      parts.push_back(part);
      item["content"] = parts;
    } else {
      item["content"] = content;
    }
    if (!message.reasoning.empty())
      item["reasoning_content"] =
          traces_input_ ? message.reasoning : vocabulary_.without_controls(message.reasoning);
    list.push_back(item);
  }
  common_json array = common_json::array();
  for (const auto& item : list) array.push_back(item);
  common_json input;
  input["messages"] = array;

  char date[32] = {};
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  std::tm utc{};
  gmtime_r(&now, &utc);
  std::strftime(date, sizeof date, "%d %b %Y", &utc);
  common_json ours;
  ours["bos_token"] = impl_->program.bos_token();
  ours["eos_token"] = impl_->program.eos_token();
  ours["add_generation_prompt"] = true;
  ours["enable_thinking"] = true;
  ours["date_string"] = std::string(date);

  jinja::context context(impl_->program.source());
  jinja::global_from_json(context, input, true);
  jinja::global_from_json(context, ours, false);
  jinja::runtime runtime(context);
  const auto results = runtime.execute(impl_->program.prog);
  const auto parts = jinja::runtime::gather_string_parts(results);
  std::vector<Piece> pieces;
  for (auto& part : parts->val_str.parts)
    pieces.push_back(Piece{std::move(part.val), !part.is_input});
  // BOS is put in front by the tokenizer; a template that writes it too must not double it.
  const std::string& bos = impl_->program.bos_token();
  if (vocabulary_.adds_bos() && !bos.empty() && !pieces.empty() && pieces.front().trusted &&
      pieces.front().text.starts_with(bos))
    pieces.front().text.erase(0, bos.size());
  return pieces;
}

Result<std::vector<Piece>> ChatTemplate::render(
    const std::vector<TemplateMessage>& messages) const {
  try {
    return run(messages);
  } catch (const std::exception& e) {
    // The interpreter shows the source first; its own sentence, or the template's, comes last.
    std::string_view said = e.what();
    while (!said.empty() && said.back() == '\n') said.remove_suffix(1);
    said.remove_prefix(said.rfind('\n') + 1);
    for (const std::string_view prefix : {"Error: ", "Jinja Exception: "}) {
      if (said.starts_with(prefix)) said.remove_prefix(prefix.size());
    }
    return fail(Code::validation, "The model's chat template does not take this conversation: {}",
                said);
  }
}

}  // namespace outcrop::engine
