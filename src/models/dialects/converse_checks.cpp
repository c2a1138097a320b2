// What a conversation must be beyond its shape. The order follows the service's as far as reports
// show: turns and blocks first, then documents and images, tools, and cache points last.
#include "base/text.h"
#include "models/dialects/converse.h"

#include <set>

namespace outcrop::models {
namespace {

bool blank(std::string_view text) {
  return text.find_first_not_of(" \t\r\n\f\v") == std::string_view::npos;
}

/// Letters, digits, single spaces, '-', '(', ')', '[' and ']'. The service takes '_' too, though
/// its message does not say so.
bool document_name(std::string_view name) {
  for (std::size_t i = 0; i < name.size(); ++i) {
    const char c = name[i];
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (c == ' ' && i + 1 < name.size() && name[i + 1] == ' ') return false;
    if (!plain && std::string_view(" -()[]_").find(c) == std::string_view::npos) return false;
  }
  return !name.empty() && code_points(name) <= 200;
}

class Check {
 public:
  Check(const Conversation& conversation, const ConverseRules& rules)
      : conversation_(conversation), rules_(rules) {}

  Result<void> run() {
    CHECK(turns());
    CHECK(tools());
    CHECK(system());
    for (std::size_t m = 0; m < conversation_.messages.size(); ++m) CHECK(message(m));
    CHECK(tool_results());
    CHECK(totals());
    return {};
  }

 private:
  Result<void> turns() {
    const auto& messages = conversation_.messages;
    const Message* last = nullptr;
    for (const auto& message : messages) {
      if (message.role == Role::system) continue;  // tools that come and go between turns
      if (!last && message.role != Role::user) return no_user();
      if (last && rules_.alternate && last->role == message.role) {
        return fail(Code::validation,
                    "A conversation must alternate between user and assistant roles. Make sure the "
                    "conversation "
                    "alternates between user and assistant roles and try again.");
      }
      last = &message;
    }
    if (!last && rules_.messages_required) return no_user();
    return {};
  }

  static Failure no_user() {
    return fail(Code::validation,
                "A conversation must start with a user message. Try again with a conversation that "
                "starts with a user "
                "message.");
  }

  Result<void> tools() {
    std::set<std::string_view> names;
    for (std::size_t i = 0; i < conversation_.tools.size(); ++i) {
      const auto& tool = conversation_.tools[i];
      if (const auto* spec = std::get_if<ToolSpec>(&tool)) {
        if (!names.insert(spec->name).second) {
          return fail(Code::validation,
                      "Tool names must be unique. toolConfig.tools has more than one tool with the "
                      "name {}.",
                      spec->name);
        }
      } else if (const auto* point = std::get_if<CachePointBlock>(&tool)) {
        CHECK(cache_point(*point, fmt::format("toolConfig.tools.{}", i), i == 0));
      }
    }
    if (conversation_.tool_choice.kind == ToolChoice::Kind::tool &&
        !names.contains(conversation_.tool_choice.name)) {
      return fail(Code::validation,
                  "The tool {} of toolConfig.toolChoice is not in toolConfig.tools.",
                  conversation_.tool_choice.name);
    }
    return {};
  }

  Result<void> system() {
    for (std::size_t i = 0; i < conversation_.system.size(); ++i) {
      const std::string at = fmt::format("system.{}", i);
      const auto& block = conversation_.system[i];
      if (const auto* text = std::get_if<TextBlock>(&block); text && blank(text->text)) {
        return fail(Code::validation,
                    "The text field in the SystemContentBlock object at {} is blank. Add text to "
                    "the text field, and try again.",
                    at);
      }
      if (const auto* point = std::get_if<CachePointBlock>(&block))
        CHECK(cache_point(*point, at, i == 0));
    }
    return {};
  }

  Result<void> message(std::size_t m) {
    const auto& message = conversation_.messages[m];
    if (message.content.empty()) {
      return fail(Code::validation,
                  "The content field in the Message object at messages.{} is empty. Add a "
                  "ContentBlock object to the "
                  "content field and try again.",
                  m);
    }
    bool text_beside = false;
    bool document = false;
    for (std::size_t b = 0; b < message.content.size(); ++b) {
      const auto& block = message.content[b];
      const std::string at = fmt::format("messages.{}.content.{}", m, b);
      if (const auto* text = std::get_if<TextBlock>(&block)) {
        if (blank(text->text)) {
          return fail(Code::validation,
                      "The text field in the ContentBlock object at {} is blank. Add text to the "
                      "text field, and try again.",
                      at);
        }
        text_beside = true;
      } else if (const auto* guard = std::get_if<GuardContentBlock>(&block)) {
        if (const auto* inner = std::get_if<TextBlock>(&guard->content)) {
          if (blank(inner->text)) {
            return fail(Code::validation,
                        "The text field in the GuardrailConverseTextBlock object at {} is blank. "
                        "Add text to the text field, and try again.",
                        at);
          }
          text_beside = true;
        } else {
          CHECK(image(std::get<ImageBlock>(guard->content), message.role, at));
        }
      } else if (const auto* picture = std::get_if<ImageBlock>(&block)) {
        CHECK(image(*picture, message.role, at));
      } else if (const auto* file = std::get_if<DocumentBlock>(&block)) {
        if (message.role != Role::user) return wrong_role("document", "user", at);
        CHECK(document_block(*file, at));
        document = true;
      } else if (std::holds_alternative<ToolUseBlock>(block)) {
        if (message.role != Role::assistant) return wrong_role("toolUse", "assistant", at);
        tool_blocks_ = true;
      } else if (const auto* result = std::get_if<ToolResultBlock>(&block)) {
        if (message.role != Role::user) return wrong_role("toolResult", "user", at);
        tool_blocks_ = true;
        for (const auto& part : result->content) {
          if (const auto* inner = std::get_if<ImageBlock>(&part))
            CHECK(image(*inner, message.role, at));
          if (const auto* inner = std::get_if<DocumentBlock>(&part))
            CHECK(document_block(*inner, at));
        }
      } else if (std::holds_alternative<ReasoningBlock>(block)) {
        if (message.role != Role::assistant) return wrong_role("reasoningContent", "assistant", at);
      } else if (const auto* point = std::get_if<CachePointBlock>(&block)) {
        CHECK(cache_point(*point, at, b == 0));
      }
    }
    if (document && !text_beside)
      return fail(Code::validation, "A text block must be included when using documents.");
    return {};
  }

  Result<void> tool_results() {
    if (tool_blocks_ && conversation_.tools.empty()) {
      return fail(
          Code::validation,
          "The toolConfig field must be defined when using toolUse and toolResult content blocks.");
    }
    std::vector<std::string_view> asked;  // of the turn before, in order
    const auto& messages = conversation_.messages;
    for (std::size_t m = 0; m <= messages.size(); ++m) {
      if (m < messages.size() && messages[m].role == Role::system) continue;
      std::multiset<std::string_view> answered;
      std::vector<std::string_view> asks;
      if (m < messages.size()) {
        for (const auto& block : messages[m].content) {
          if (const auto* result = std::get_if<ToolResultBlock>(&block))
            answered.insert(result->tool_use_id);
          if (const auto* use = std::get_if<ToolUseBlock>(&block)) asks.push_back(use->id);
        }
      }
      if (answered.size() > asked.size()) {
        return fail(Code::validation,
                    "The number of toolResult blocks at messages.{}.content exceeds the number of "
                    "toolUse blocks of previous turn.",
                    m);
      }
      std::string missing;
      for (auto id : asked) {
        if (answered.contains(id)) continue;
        if (!missing.empty()) missing += ", ";
        missing += id;
      }
      if (!missing.empty()) {
        return fail(Code::validation,
                    "Expected toolResult blocks at messages.{}.content for the following Ids: {}",
                    m, missing);
      }
      asked = std::move(asks);
    }
    return {};
  }

  Result<void> totals() {
    if (documents_ > rules_.documents) {
      return fail(Code::validation, "You can't include more than {} documents in a request.",
                  rules_.documents);
    }
    if (images_ > rules_.images) {
      return fail(Code::validation,
                  "The model returned the following errors: messages: too many images: {} > {}",
                  images_, rules_.images);
    }
    if (cache_points_ > rules_.cache_points) {
      return fail(Code::validation,
                  "The model returned the following errors: A maximum of {} blocks with "
                  "cache_control may be provided. Found {}.",
                  rules_.cache_points, cache_points_);
    }
    if (citations_ && conversation_.output_schema) {
      return fail(Code::validation,
                  "outputConfig.textFormat cannot be used with documents whose citations are "
                  "enabled. Leave out one of the two.");
    }
    return {};
  }

  Result<void> image(const ImageBlock& picture, Role role, const std::string& at) {
    if (role != Role::user) return wrong_role("image", "user", at);
    ++images_;
    const auto* bytes = std::get_if<Bytes>(&picture.source);
    if (bytes && *bytes && (*bytes)->size() > rules_.image_bytes) {
      return fail(Code::validation, "The image at {} has {} bytes. At most {} are allowed.", at,
                  (*bytes)->size(), rules_.image_bytes);
    }
    return {};
  }

  Result<void> document_block(const DocumentBlock& file, const std::string& at) {
    ++documents_;
    citations_ = citations_ || file.citations;
    if (!document_name(file.name)) {
      return fail(Code::validation,
                  "The document file name can only contain alphanumeric characters, whitespace "
                  "characters, hyphens, "
                  "parentheses, and square brackets. The name can't contain more than one "
                  "consecutive whitespace "
                  "character. Check that the file name conforms to these restrictions and retry "
                  "your request.");
    }
    if (!names_.insert(file.name).second) {
      return fail(Code::validation,
                  "Messages can't contain duplicate document names. Rename the document and retry "
                  "your request.");
    }
    const auto* bytes = std::get_if<Bytes>(&file.source);
    const auto* text = std::get_if<std::string>(&file.source);
    const std::size_t size = bytes && *bytes ? (*bytes)->size() : text ? text->size() : 0;
    if (size > rules_.document_bytes) {
      return fail(Code::validation, "The document at {} has {} bytes. At most {} are allowed.", at,
                  size, rules_.document_bytes);
    }
    return {};
  }

  /// Order of the prefix: tools, system, messages; that is the order of these checks.
  Result<void> cache_point(const CachePointBlock& point, const std::string& at, bool first) {
    if (first)
      return fail(Code::validation,
                  "The cachePoint at {} has nothing before it. Put it after the content to cache.",
                  at);
    ++cache_points_;
    if (point.ttl == "1h" && short_point_) {
      return fail(Code::validation,
                  "The model returned the following errors: {}.cache_control.ttl: a ttl='1h' "
                  "cache_control block must "
                  "not come after a ttl='5m' cache_control block. Note that blocks are processed "
                  "in the following "
                  "order: `tools`, `system`, `messages`.",
                  at);
    }
    short_point_ = short_point_ || point.ttl != "1h";
    return {};
  }

  static Failure wrong_role(std::string_view what, std::string_view role, const std::string& at) {
    return fail(Code::validation,
                "The {} block at {} is only allowed in messages with the {} role.", what, at, role);
  }

  const Conversation& conversation_;
  const ConverseRules& rules_;
  std::set<std::string_view> names_;
  std::size_t documents_ = 0;
  std::size_t images_ = 0;
  std::size_t cache_points_ = 0;
  bool short_point_ = false;
  bool citations_ = false;
  bool tool_blocks_ = false;
};

}  // namespace

Result<void> check_conversation(const Conversation& conversation, const ConverseRules& rules) {
  return Check(conversation, rules).run();
}

}  // namespace outcrop::models
