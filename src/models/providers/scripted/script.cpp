#include "models/providers/scripted/script.h"

#include <re2/re2.h>

#include <cmath>
#include <initializer_list>

namespace outcrop::models::scripted {
namespace {

/// Reads the members of one object and remembers where it stands, for messages.
class Reader {
 public:
  Reader(const json::Object& object, std::string at) : object_(object), at_(std::move(at)) {}

  Result<void> only(std::initializer_list<std::string_view> known) const {
    for (const auto& [key, value] : object_) {
      bool found = false;
      for (auto name : known) found = found || name == std::string_view(key.data(), key.size());
      if (found) continue;
      std::string list;
      for (auto name : known) list += (list.empty() ? "" : ", ") + std::string(name);
      return outcrop::fail(Code::validation, "{}.{} is not known. Known here: {}.", at_,
                           std::string_view(key.data(), key.size()), list);
    }
    return {};
  }
  Result<void> text(std::string_view key, std::string& into) const {
    const auto* value = json::find(object_, key);
    if (!value) return {};
    if (!value->is_string()) return wrong(key, "a string");
    into = json::view(value->get_string());
    return {};
  }
  Result<void> flag(std::string_view key, bool& into) const {
    const auto* value = json::find(object_, key);
    if (!value) return {};
    if (!value->is_bool()) return wrong(key, "true or false");
    into = value->get_bool();
    return {};
  }
  template <class Number>
  Result<void> number(std::string_view key, Number& into, std::int64_t least,
                      std::int64_t most) const {
    const auto* value = json::find(object_, key);
    if (!value) return {};
    auto read = json::as_int(*value);
    if (!read || *read < least || *read > most)
      return wrong(key, fmt::format("an integer from {} to {}", least, most));
    into = static_cast<Number>(*read);
    return {};
  }
  Result<void> millis(std::string_view key, std::chrono::milliseconds& into,
                      std::chrono::milliseconds most) const {
    std::int64_t count = into.count();
    CHECK(number(key, count, 0, most.count()));
    into = std::chrono::milliseconds(count);
    return {};
  }
  const json::Value* find(std::string_view key) const { return json::find(object_, key); }
  Result<Reader> inside(std::string_view key) const {
    const auto* value = find(key);
    if (!value || !value->is_object()) return wrong(key, "an object");
    return Reader(value->get_object(), at_ + "." + std::string(key));
  }
  Result<const json::Array*> list(std::string_view key, std::size_t most) const {
    const auto* value = find(key);
    if (!value->is_array() || value->get_array().size() > most)
      return wrong(key, fmt::format("a list of at most {}", most));
    return &value->get_array();
  }
  outcrop::Failure wrong(std::string_view key, std::string_view expected) const {
    return outcrop::fail(Code::validation, "{}.{} must be {}.", at_, key, expected);
  }
  const std::string& at() const { return at_; }

 private:
  const json::Object& object_;
  std::string at_;
};

std::optional<Code> code_of(std::string_view name) {
  for (int i = 0; i < code_count; ++i) {
    const auto code = static_cast<Code>(i);
    if (facts(code).name == name || facts(code).exception == name) return code;
  }
  return std::nullopt;
}

Result<void> read_match(const Reader& match, Rule& rule) {
  CHECK(match.only({"model", "operation", "text", "regex", "calls_from", "calls_to", "call"}));
  CHECK(match.text("model", rule.model));
  CHECK(match.text("operation", rule.operation));
  if (!rule.operation.empty() && rule.operation != "converse" && rule.operation != "invoke" &&
      rule.operation != "embed" && rule.operation != "rerank" && rule.operation != "count") {
    return match.wrong("operation", "converse, invoke, embed, rerank or count");
  }
  CHECK(match.text("text", rule.text));
  std::string pattern;
  CHECK(match.text("regex", pattern));
  if (!pattern.empty()) {
    RE2::Options options;
    options.set_log_errors(false);
    options.set_max_mem(8 << 20);
    auto regex = std::make_shared<re2::RE2>(pattern, options);
    if (!regex->ok()) return match.wrong("regex", "a regular expression (" + regex->error() + ")");
    rule.regex = std::move(regex);
  }
  constexpr auto most = std::int64_t{1} << 53;
  CHECK(match.number("calls_from", rule.calls_from, 1, most));
  CHECK(match.number("calls_to", rule.calls_to, 1, most));
  if (match.find("call")) {
    CHECK(match.number("call", rule.calls_from, 1, most));
    rule.calls_to = rule.calls_from;
  }
  return {};
}

Result<void> read_mishap(const Reader& reader, std::string_view key, Mishap::What what,
                         Rule& rule) {
  if (!reader.find(key)) return {};
  if (rule.mishap)
    return outcrop::fail(Code::validation, "{} has more than one of fail, cut and hang. Give one.",
                         reader.at());
  TRY(inside, reader.inside(key));
  Mishap mishap;
  mishap.what = what;
  if (what == Mishap::What::fail) {
    CHECK(inside.only({"error", "message", "original_status", "original_message", "resource_name",
                       "after_chunks"}));
    std::string name;
    CHECK(inside.text("error", name));
    auto code = code_of(name);
    if (!code)
      return inside.wrong(
          "error",
          "the name of an error, such as throttled, model_timeout, model_error, model_not_ready, "
          "unavailable, internal, access_denied, validation or model_stream_error");
    mishap.failure.code = *code;
    mishap.failure.message = "The script says so.";
    CHECK(inside.text("message", mishap.failure.message));
    CHECK(inside.text("original_message", mishap.failure.original_message));
    CHECK(inside.text("resource_name", mishap.failure.resource_name));
    if (inside.find("original_status")) {
      int status = 0;
      CHECK(inside.number("original_status", status, 100, 599));
      mishap.failure.original_status = status;
    }
  } else {
    CHECK(inside.only({"after_chunks"}));
  }
  if (inside.find("after_chunks")) {
    std::size_t chunks = 0;
    CHECK(inside.number("after_chunks", chunks, 0, std::int64_t{1} << 31));
    mishap.after_chunks = chunks;
  }
  rule.mishap = std::move(mishap);
  return {};
}

Result<void> read_tools(const Reader& reader, Rule& rule) {
  if (!reader.find("tool_use")) return {};
  TRY(list, reader.list("tool_use", 100));
  for (const auto& item : *list) {
    if (!item.is_object()) return reader.wrong("tool_use", "a list of objects");
    Reader tool(item.get_object(), reader.at() + ".tool_use");
    CHECK(tool.only({"id", "name", "input"}));
    ToolCall call;
    CHECK(tool.text("id", call.id));
    CHECK(tool.text("name", call.name));
    if (call.name.empty()) return tool.wrong("name", "the name of a tool");
    const auto* input = tool.find("input");
    if (input && !input->is_object()) return tool.wrong("input", "an object");
    call.input = input ? *input : json::Value(json::Object{});
    rule.tools.push_back(std::move(call));
  }
  return {};
}

Result<void> read_usage(const Reader& reader, Rule& rule) {
  if (!reader.find("usage")) return {};
  TRY(inside, reader.inside("usage"));
  CHECK(inside.only({"input_tokens", "output_tokens", "cache_read_tokens", "cache_write_5m_tokens",
                     "cache_write_1h_tokens", "reasoning_tokens"}));
  constexpr auto most = std::int64_t{1} << 40;
  Usage usage;
  CHECK(inside.number("input_tokens", usage.input_tokens, 0, most));
  CHECK(inside.number("output_tokens", usage.output_tokens, 0, most));
  CHECK(inside.number("cache_read_tokens", usage.cache_read_tokens, 0, most));
  CHECK(inside.number("cache_write_5m_tokens", usage.cache_write_5m_tokens, 0, most));
  CHECK(inside.number("cache_write_1h_tokens", usage.cache_write_1h_tokens, 0, most));
  CHECK(inside.number("reasoning_tokens", usage.reasoning_tokens, 0, most));
  rule.usage = usage;
  return {};
}

Result<Rule> read_rule(const Reader& reader, const ScriptLimits& limits) {
  CHECK(reader.only({"match", "delay_ms", "chunk_delay_ms", "echo", "reply", "chunks", "reasoning",
                     "tool_use", "stop_reason", "stop_sequence", "usage", "native", "dimensions",
                     "vector", "fail", "cut", "hang"}));
  Rule rule;
  if (reader.find("match")) {
    TRY(match, reader.inside("match"));
    CHECK(read_match(match, rule));
  }
  CHECK(reader.millis("delay_ms", rule.delay, limits.delay));
  CHECK(reader.millis("chunk_delay_ms", rule.chunk_delay, limits.delay));
  CHECK(reader.flag("echo", rule.echo));
  CHECK(reader.text("reply", rule.reply));
  CHECK(reader.text("reasoning", rule.reasoning));
  CHECK(reader.text("stop_sequence", rule.stop_sequence));
  if (reader.find("chunks")) {
    TRY(list, reader.list("chunks", limits.chunks));
    for (const auto& chunk : *list) {
      if (!chunk.is_string()) return reader.wrong("chunks", "a list of strings");
      rule.chunks.emplace_back(json::view(chunk.get_string()));
    }
  }
  if (reader.find("native")) {
    TRY(list, reader.list("native", limits.chunks));
    for (const auto& piece : *list) rule.native.push_back(json::write(piece));
  }
  CHECK(read_tools(reader, rule));
  std::string stop;
  CHECK(reader.text("stop_reason", stop));
  if (!stop.empty()) {
    rule.stop = stop_reason(stop);
    if (!rule.stop)
      return reader.wrong(
          "stop_reason",
          "one of Converse's, such as end_turn, tool_use, max_tokens or guardrail_intervened");
  }
  CHECK(read_usage(reader, rule));
  CHECK(reader.number("dimensions", rule.dimensions, 1,
                      static_cast<std::int64_t>(limits.dimensions)));
  if (reader.find("vector")) {
    TRY(list, reader.list("vector", limits.dimensions));
    double length = 0;
    for (const auto& item : *list) {
      auto number = json::as_double(item);
      if (!number) return reader.wrong("vector", "a list of numbers");
      rule.vector.push_back(static_cast<float>(*number));
      length += *number * *number;
    }
    if (!(length > 0)) return reader.wrong("vector", "a vector with a length");
    for (float& value : rule.vector) value = static_cast<float>(value / std::sqrt(length));
  }
  CHECK(read_mishap(reader, "fail", Mishap::What::fail, rule));
  CHECK(read_mishap(reader, "cut", Mishap::What::cut, rule));
  CHECK(read_mishap(reader, "hang", Mishap::What::hang, rule));
  return rule;
}

}  // namespace

Result<Script> Script::read(const json::Value& document, const ScriptLimits& limits) {
  const auto* object = document.if_object();
  if (!object) return outcrop::fail(Code::validation, "A script must be an object with rules.");
  Reader reader(*object, "script");
  CHECK(reader.only({"rules"}));
  Script script;
  if (!reader.find("rules")) return script;
  TRY(list, reader.list("rules", limits.rules));
  for (std::size_t i = 0; i < list->size(); ++i) {
    const auto* rule = (*list)[i].if_object();
    if (!rule) return reader.wrong("rules", "a list of objects");
    TRY(read, read_rule(Reader(*rule, fmt::format("rules[{}]", i)), limits));
    script.rules.push_back(std::move(read));
  }
  return script;
}

}  // namespace outcrop::models::scripted
