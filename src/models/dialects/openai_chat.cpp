// OpenAI's chat body, as gpt-oss, Qwen, DeepSeek V3 and most open weights have it on Bedrock, and
// Mistral's chat, which differs in what it calls the end ("stop_reason", and "message" in chunks
// too).
#include "models/dialects/openai_chat.h"

#include "base/ids.h"
#include "base/text.h"
#include "models/dialects/body_check.h"
#include "models/dialects/dialects.h"
#include "models/dialects/text_stream.h"

#include <algorithm>

namespace outcrop::models {
namespace openai {
namespace {

json::Value text_value(std::string_view text) {
  return json::Value(boost::json::string_view(text.data(), text.size()));
}

/// "data:image/png;base64,..."
std::optional<ImageBlock> data_url(std::string_view url) {
  constexpr std::string_view begin = "data:image/";
  const auto comma = url.find(";base64,");
  if (!url.starts_with(begin) || comma == std::string_view::npos) return std::nullopt;
  std::string format(url.substr(begin.size(), comma - begin.size()));
  if (format == "jpg") format = "jpeg";
  if (format != "png" && format != "jpeg" && format != "gif" && format != "webp")
    return std::nullopt;
  auto bytes = unbase64(url.substr(comma + 8));
  if (!bytes || bytes->empty()) return std::nullopt;
  return ImageBlock{format, std::make_shared<const std::string>(std::move(*bytes))};
}

class Decode {
 public:
  explicit Decode(const json::Object& body) : check_(body) {}

  Result<Conversation> run() {
    check_.required({"messages"});
    inference();
    if (const auto* tools = check_.array("tools", 0, 1000)) {
      for (std::size_t i = 0; i < tools->size(); ++i) tool((*tools)[i], i);
    }
    choice();
    format();
    if (const auto* messages = check_.array("messages", 1)) {
      for (std::size_t m = 0; m < messages->size(); ++m) message((*messages)[m], m);
    }
    CHECK(check_.done());
    if (out_.messages.empty())
      return malformed("#/messages: expected at least one message of the user");
    return std::move(out_);
  }

 private:
  void inference() {
    auto most = check_.integer("max_completion_tokens", 1, 2'147'483'647);
    if (!most) most = check_.integer("max_tokens", 1, 2'147'483'647);
    if (most) out_.inference.max_tokens = static_cast<int>(*most);
    out_.inference.temperature = check_.number("temperature", 0, 2);
    // Our scale ends at 1: what lies above asks for no more than the most.
    if (out_.inference.temperature)
      out_.inference.temperature = std::min(*out_.inference.temperature, 1.0);
    out_.inference.top_p = check_.number("top_p", 0, 1);
    if (auto top_k = check_.integer("top_k", 0, 1'000'000))
      out_.inference.top_k = static_cast<int>(*top_k);
    if (auto seed = check_.integer("seed", 0, INT64_MAX))
      out_.inference.seed = static_cast<std::uint64_t>(*seed);
    if (const auto* stop = check_.find("stop")) {
      if (stop->is_string()) {
        out_.inference.stop_sequences = {std::string(json::view(stop->get_string()))};
      } else {
        out_.inference.stop_sequences = check_.texts("stop", 0, 16);
      }
    }
    if (auto effort = check_.one_of("reasoning_effort",
                                    {"none", "minimal", "low", "medium", "high", "xhigh", "max"})) {
      out_.effort = *effort;
      out_.additional_fields["reasoning_effort"] = *effort;
    }
  }

  void tool(const json::Value& value, std::size_t i) {
    const auto* object = value.if_object();
    const auto* function = object ? json::find(*object, "function") : nullptr;
    const auto* inner = function ? function->if_object() : nullptr;
    auto name = inner ? json::find_string(*inner, "name") : std::nullopt;
    if (!name || name->empty()) {
      check_.error(fmt::format("/tools/{}/function", i), "required key [name] not found");
      return;
    }
    ToolSpec spec;
    spec.name = *name;
    spec.description = json::find_string(*inner, "description").value_or("");
    spec.strict = json::find_bool(*inner, "strict").value_or(false);
    const auto* parameters = json::find(*inner, "parameters");
    spec.input_schema =
        parameters && parameters->is_object()
            ? *parameters
            : json::Value(json::Object{{"type", "object"}, {"properties", json::Object{}}});
    out_.tools.emplace_back(std::move(spec));
  }

  void choice() {
    const auto* value = check_.find("tool_choice");
    if (!value) return;
    using Kind = ToolChoice::Kind;
    if (const auto* object = value->if_object()) {
      const auto* function = json::find(*object, "function");
      auto name = function && function->is_object()
                      ? json::find_string(function->get_object(), "name")
                      : std::nullopt;
      const bool known =
          name && std::any_of(out_.tools.begin(), out_.tools.end(), [&](const auto& tool) {
            const auto* spec = std::get_if<ToolSpec>(&tool);
            return spec && spec->name == *name;
          });
      if (!known) return check_.error("/tool_choice", "the named function is not in tools");
      out_.tool_choice = {Kind::tool, std::string(*name)};
      return;
    }
    auto text = check_.one_of("tool_choice", {"auto", "none", "required", "any"});
    if (text == "none") out_.tool_choice.kind = Kind::none;
    if (text == "required" || text == "any") out_.tool_choice.kind = Kind::any;
  }

  void format() {
    const auto* object = check_.object("response_format");
    if (!object) return;
    auto type = json::find_string(*object, "type").value_or("");
    if (type == "text") return;
    if (type == "json_object") {
      out_.output_schema = OutputSchema{{}, {}, json::Object{{"type", "object"}}};
      return;
    }
    const auto* definition = json::find(*object, "json_schema");
    const auto* inner = definition ? definition->if_object() : nullptr;
    const auto* schema = inner ? json::find(*inner, "schema") : nullptr;
    if (type != "json_schema" || !schema || !schema->is_object()) {
      return check_.error(
          "/response_format",
          "expected type text, json_object, or json_schema with json_schema.schema");
    }
    out_.output_schema =
        OutputSchema{std::string(json::find_string(*inner, "name").value_or("")),
                     std::string(json::find_string(*inner, "description").value_or("")), *schema};
  }

  /// Texts and images of a message's content; what else stands there is an error.
  std::vector<Block> content(const json::Object& object, std::size_t m) {
    std::vector<Block> blocks;
    const auto* value = json::find(object, "content");
    if (!value || value->is_null()) return blocks;
    if (const auto* text = value->if_string()) {
      if (!text->empty()) blocks.emplace_back(TextBlock{std::string(json::view(*text))});
      return blocks;
    }
    const auto* parts = value->if_array();
    const std::string place = fmt::format("/messages/{}/content", m);
    if (!parts) {
      check_.error(place, "expected type: String or JSONArray");
      return blocks;
    }
    for (std::size_t p = 0; p < parts->size(); ++p) {
      const auto* part = (*parts)[p].if_object();
      auto type = part ? json::find_string(*part, "type") : std::nullopt;
      if (type == "text" || type == "refusal") {
        auto text = json::find_string(*part, *type);
        if (!text) check_.error(fmt::format("{}/{}", place, p), "required key [text] not found");
        if (text && !text->empty()) blocks.emplace_back(TextBlock{std::string(*text)});
      } else if (type == "image_url") {
        const auto* inner = json::find(*part, "image_url");
        auto url = inner && inner->is_object() ? json::find_string(inner->get_object(), "url")
                                               : json::find_string(*part, "image_url");
        auto image = url ? data_url(*url) : std::nullopt;
        if (image) {
          blocks.emplace_back(std::move(*image));
        } else {
          check_.error(fmt::format("{}/{}/image_url", place, p),
                       "expected a data URL with base64 of a png, jpeg, gif or webp");
        }
      } else {
        check_.error(fmt::format("{}/{}/type", place, p),
                     fmt::format("{} is not a valid enum value", type.value_or("null")));
      }
    }
    return blocks;
  }

  void message(const json::Value& value, std::size_t m) {
    const auto* object = value.if_object();
    auto role = object ? json::find_string(*object, "role") : std::nullopt;
    if (!role) return check_.error(fmt::format("/messages/{}", m), "required key [role] not found");
    auto blocks = content(*object, m);
    if (*role == "system" || *role == "developer") {
      for (auto& block : blocks) {
        if (auto* text = std::get_if<TextBlock>(&block)) out_.system.emplace_back(std::move(*text));
      }
      return;
    }
    Role to = Role::user;
    if (*role == "assistant") {
      to = Role::assistant;
      calls(*object, m, blocks);
    } else if (*role == "tool") {
      ToolResultBlock result;
      auto id = json::find_string(*object, "tool_call_id");
      if (!id)
        check_.error(fmt::format("/messages/{}", m), "required key [tool_call_id] not found");
      result.tool_use_id = id.value_or("");
      for (auto& block : blocks) {
        if (auto* text = std::get_if<TextBlock>(&block))
          result.content.emplace_back(std::move(*text));
        if (auto* image = std::get_if<ImageBlock>(&block))
          result.content.emplace_back(std::move(*image));
      }
      blocks.clear();
      blocks.emplace_back(std::move(result));
    } else if (*role != "user") {
      return check_.error(fmt::format("/messages/{}/role", m),
                          fmt::format("{} is not a valid enum value", *role));
    }
    if (blocks.empty()) return;
    if (!out_.messages.empty() && out_.messages.back().role == to) {
      for (auto& block : blocks) out_.messages.back().content.push_back(std::move(block));
    } else {
      out_.messages.push_back({to, std::move(blocks)});
    }
  }

  void calls(const json::Object& object, std::size_t m, std::vector<Block>& blocks) {
    const auto* list = json::find(object, "tool_calls");
    if (!list || !list->is_array()) return;
    for (std::size_t c = 0; c < list->get_array().size(); ++c) {
      const auto* call = list->get_array()[c].if_object();
      const auto* function = call ? json::find(*call, "function") : nullptr;
      const auto* inner = function ? function->if_object() : nullptr;
      auto name = inner ? json::find_string(*inner, "name") : std::nullopt;
      const std::string place = fmt::format("/messages/{}/tool_calls/{}", m, c);
      if (!name) {
        check_.error(place + "/function", "required key [name] not found");
        continue;
      }
      ToolUseBlock use{std::string(json::find_string(*call, "id").value_or("")), std::string(*name),
                       json::Object{}};
      const auto* arguments = json::find(*inner, "arguments");
      if (arguments && arguments->is_object()) use.input = *arguments;
      if (arguments && arguments->is_string() && !arguments->get_string().empty()) {
        auto parsed = json::read(json::view(arguments->get_string()));
        if (parsed && parsed->is_object()) {
          use.input = std::move(*parsed);
        } else {
          check_.error(place + "/function/arguments", "expected a JSON object as text");
        }
      }
      blocks.emplace_back(std::move(use));
    }
  }

  BodyCheck check_;
  Conversation out_;
};

json::Object call_of(const ToolUseBlock& use) {
  return {{"id", text_value(use.id)},
          {"type", "function"},
          {"function",
           json::Object{{"name", text_value(use.name)}, {"arguments", json::write(use.input)}}}};
}

std::int64_t seconds_now() {
  return std::chrono::duration_cast<std::chrono::seconds>(wall_now().time_since_epoch()).count();
}

class Stream : public NativeStream {
 public:
  Stream(std::string_view model, const Style& style) : model_(model), style_(style) {}

  void add(const Event& event, std::vector<std::string>& chunks) override {
    out_ = &chunks;
    if (std::holds_alternative<MessageStart>(event)) {
      say({{"role", "assistant"}, {"content", ""}});
    } else if (const auto* text = std::get_if<TextDelta>(&event)) {
      say({{"content", text_value((thinking_ ? "</reasoning>" : "") + text->text)}});
      thinking_ = false;
    } else if (const auto* reasoning = std::get_if<ReasoningDelta>(&event)) {
      if (style_.reasoning_content) {
        say({{"reasoning_content", text_value(reasoning->text)}});
      } else {
        say({{"content", text_value((thinking_ ? "" : "<reasoning>") + reasoning->text)}});
        thinking_ = true;
      }
    } else if (const auto* use = std::get_if<ToolUseStart>(&event)) {
      end_thinking();
      ++call_;
      tool({{"index", call_},
            {"id", text_value(use->id)},
            {"type", "function"},
            {"function", json::Object{{"name", text_value(use->name)}, {"arguments", ""}}}});
    } else if (const auto* input = std::get_if<ToolInputDelta>(&event)) {
      tool({{"index", call_}, {"function", json::Object{{"arguments", text_value(input->json)}}}});
    } else if (const auto* stop = std::get_if<MessageStop>(&event)) {
      end_thinking();
      stop_ = *stop;
    } else if (const auto* metadata = std::get_if<Metadata>(&event)) {
      json::Object last = chunk({}, finish_reason(stop_.reason));
      if (style_.usage_in_last) last["usage"] = usage_object(metadata->usage);
      if (style_.metrics) last["amazon-bedrock-invocationMetrics"] = metrics(*metadata);
      first_byte();
      out_->push_back(json::write(last));
      if (style_.usage_apart) {
        json::Object apart = chunk({}, nullptr);
        apart["choices"] = json::Array{};
        apart["usage"] = usage_object(metadata->usage);
        out_->push_back(json::write(apart));
      }
    }
  }

 private:
  json::Object chunk(json::Object delta, const json::Value& finish) {
    json::Object choice{{"index", 0}};
    choice[style_.mistral ? "message" : "delta"] = std::move(delta);
    choice["finish_reason"] = finish;
    if (style_.mistral) choice["stop_reason"] = finish;
    json::Array choices;
    choices.push_back(std::move(choice));
    return {{"id", id_},
            {"object", "chat.completion.chunk"},
            {"created", created_},
            {"model", model_},
            {"choices", std::move(choices)}};
  }
  void say(json::Object delta) {
    first_byte();
    out_->push_back(json::write(chunk(std::move(delta), nullptr)));
  }
  void tool(json::Object call) {
    json::Array calls;
    calls.push_back(std::move(call));
    say({{"tool_calls", std::move(calls)}});
  }
  void end_thinking() {
    if (thinking_) say({{"content", "</reasoning>"}});
    thinking_ = false;
  }

  std::string model_;
  Style style_;
  std::string id_ = completion_id();
  std::int64_t created_ = seconds_now();
  bool thinking_ = false;
  int call_ = -1;
  MessageStop stop_;
  std::vector<std::string>* out_ = nullptr;
};

}  // namespace

std::string completion_id() { return "chatcmpl-" + uuid4(); }

json::Value finish_reason(StopReason reason) {
  switch (reason) {
    case StopReason::max_tokens:
    case StopReason::model_context_window_exceeded:
      return "length";
    case StopReason::tool_use:
      return "tool_calls";
    case StopReason::content_filtered:
    case StopReason::guardrail_intervened:
      return "content_filter";
    case StopReason::end_turn:
    case StopReason::stop_sequence:
    case StopReason::malformed_model_output:
    case StopReason::malformed_tool_use:
      break;
  }
  return "stop";
}

json::Object usage_object(const Usage& usage) {
  const auto prompt = usage.input_tokens + usage.cache_read_tokens + usage.cache_write_5m_tokens +
                      usage.cache_write_1h_tokens;
  return {
      {"prompt_tokens", prompt},
      {"completion_tokens", usage.output_tokens},
      {"total_tokens", prompt + usage.output_tokens},
      {"prompt_tokens_details", json::Object{{"cached_tokens", usage.cache_read_tokens}}},
      {"completion_tokens_details", json::Object{{"reasoning_tokens", usage.reasoning_tokens}}}};
}

Result<Conversation> decode(const json::Object& body) { return Decode(body).run(); }

json::Object encode_reply(const Reply& reply, std::string_view model, const Style& style) {
  json::Array calls;
  std::string reasoning;
  for (const auto& block : reply.message.content) {
    if (const auto* use = std::get_if<ToolUseBlock>(&block)) calls.push_back(call_of(*use));
    if (const auto* part = std::get_if<ReasoningBlock>(&block)) reasoning += part->text;
  }
  std::string text = style.reasoning_content ? reply_text(reply) : reply_text_with_reasoning(reply);
  json::Object message{{"role", "assistant"}};
  message["content"] = text.empty() && !calls.empty() ? json::Value(nullptr) : text_value(text);
  if (style.reasoning_content && !reasoning.empty())
    message["reasoning_content"] = text_value(reasoning);
  if (!calls.empty()) message["tool_calls"] = std::move(calls);
  json::Object choice{
      {"index", 0}, {"message", std::move(message)}, {"finish_reason", finish_reason(reply.stop)}};
  if (style.mistral) choice["stop_reason"] = finish_reason(reply.stop);
  json::Array choices;
  choices.push_back(std::move(choice));
  return {{"id", completion_id()},         {"object", "chat.completion"},
          {"created", seconds_now()},      {"model", text_value(model)},
          {"choices", std::move(choices)}, {"usage", usage_object(reply.usage)}};
}

std::unique_ptr<NativeStream> encode_stream(std::string_view model, const Style& style) {
  return std::make_unique<Stream>(model, style);
}

}  // namespace openai

namespace {

class OpenaiChat : public Dialect {
 public:
  OpenaiChat(std::string_view name, bool mistral) : name_(name) { style_.mistral = mistral; }
  std::string_view name() const override { return name_; }

  Result<NativeRequest> decode_request(const json::Object& body) const override {
    TRY(conversation, openai::decode(body));
    return NativeRequest{std::move(conversation), {}};
  }
  json::Value encode_reply(const Reply& reply, const json::Object&,
                           std::string_view asked) const override {
    return openai::encode_reply(reply, asked, style_);
  }
  std::unique_ptr<NativeStream> encode_stream(const json::Object&,
                                              std::string_view asked) const override {
    return openai::encode_stream(asked, style_);
  }

 private:
  std::string_view name_;
  openai::Style style_;
};

}  // namespace

const Dialect& openai_chat() {
  static const OpenaiChat dialect("openai.chat", false);
  return dialect;
}
const Dialect& mistral_chat() {
  static const OpenaiChat dialect("mistral.chat", true);
  return dialect;
}

}  // namespace outcrop::models
