#include "engine/chat.h"

#include "engine/protocol.h"

#include <array>

namespace outcrop::engine {
namespace {

constexpr std::array<std::string_view, 4> choice_names{"auto", "any", "tool", "none"};
constexpr std::array<std::string_view, 3> truncate_names{"refuse", "start", "end"};

void put_terms(const Terms& terms, json::Object& out) {
  if (terms.priority == Class::batch) out["class"] = "batch";
  if (terms.deadline_ms > 0) out["deadline_ms"] = terms.deadline_ms;
  if (terms.credits > 0) out["credits"] = std::int64_t{terms.credits};
  if (!terms.domain.empty()) out["domain"] = terms.domain;
}

Result<Terms> take_terms(const json::Object& object) {
  Terms terms;
  const auto priority = json::find_string(object, "class").value_or("interactive");
  if (priority != "interactive" && priority != "batch")
    return fail(Code::validation, "class is '{}'; allowed are interactive and batch", priority);
  terms.priority = priority == "batch" ? Class::batch : Class::interactive;
  terms.deadline_ms = json::find_int(object, "deadline_ms").value_or(0);
  const auto credits = json::find_int(object, "credits").value_or(credits_default);
  if (credits < 1 || credits > 1'000'000)
    return fail(Code::validation, "credits is {}; allowed are 1 to 1000000", credits);
  terms.credits = static_cast<std::uint32_t>(credits);
  terms.domain = json::find_string(object, "domain").value_or("");
  return terms;
}

json::Object part_json(const Part& part) {
  if (const auto* text = std::get_if<TextPart>(&part)) return {{"text", text->text}};
  if (const auto* reasoning = std::get_if<ReasoningPart>(&part))
    return {{"reasoning", reasoning->text}};
  if (const auto* use = std::get_if<ToolUsePart>(&part))
    return {
        {"tool_use", json::Object{{"id", use->id}, {"name", use->name}, {"input", use->input}}}};
  const auto& result = std::get<ToolResultPart>(part);
  return {{"tool_result",
           json::Object{{"id", result.id}, {"text", result.text}, {"error", result.error}}}};
}

Result<Part> part_from(const json::Value& value) {
  if (value.is_object()) {
    const auto& object = value.get_object();
    if (auto text = json::find_string(object, "text")) return TextPart{std::string(*text)};
    if (auto text = json::find_string(object, "reasoning"))
      return ReasoningPart{std::string(*text)};
    if (const auto* use = json::find(object, "tool_use"); use && use->is_object()) {
      const auto& members = use->get_object();
      const auto* input = json::find(members, "input");
      return ToolUsePart{std::string(json::find_string(members, "id").value_or("")),
                         std::string(json::find_string(members, "name").value_or("")),
                         input ? *input : json::Value(json::Object{})};
    }
    if (const auto* result = json::find(object, "tool_result"); result && result->is_object()) {
      const auto& members = result->get_object();
      return ToolResultPart{std::string(json::find_string(members, "id").value_or("")),
                            std::string(json::find_string(members, "text").value_or("")),
                            json::find_bool(members, "error").value_or(false)};
    }
  }
  return fail(Code::validation,
              "a part of a turn is none of text, reasoning, tool_use and tool_result");
}

Result<Turn> turn_from(const json::Value& value) {
  Turn turn;
  if (!value.is_object()) return fail(Code::validation, "a turn must be an object");
  turn.assistant = json::find_string(value.get_object(), "role") == "assistant";
  const auto* parts = json::find(value, "parts");
  if (!parts || !parts->is_array())
    return fail(Code::validation, "a turn's parts must be an array");
  for (const auto& item : parts->get_array()) {
    TRY(part, part_from(item));
    turn.parts.push_back(std::move(part));
  }
  return turn;
}

Result<Sampling> sampling_from(const json::Object& object) {
  Sampling sampling;
  if (auto n = json::find_int(object, "max_tokens")) {
    if (*n < 1) return fail(Code::validation, "max_tokens is {}; at least 1 is needed", *n);
    sampling.max_tokens = static_cast<int>(std::min<std::int64_t>(*n, 1 << 30));
  }
  if (auto t = json::find_double(object, "temperature")) {
    if (!(*t >= 0 && *t <= 2))
      return fail(Code::validation, "temperature is {}; allowed are 0 to 2", *t);
    sampling.temperature = *t;
  }
  if (auto p = json::find_double(object, "top_p")) {
    if (!(*p >= 0 && *p <= 1)) return fail(Code::validation, "top_p is {}; allowed are 0 to 1", *p);
    sampling.top_p = *p;
  }
  if (auto k = json::find_int(object, "top_k")) {
    if (*k < 0) return fail(Code::validation, "top_k is {}; it cannot be negative", *k);
    sampling.top_k = static_cast<int>(std::min<std::int64_t>(*k, 1 << 30));
  }
  if (auto seed = json::find_int(object, "seed")) sampling.seed = static_cast<std::uint64_t>(*seed);
  if (const auto* stop = json::find(object, "stop")) {
    if (!stop->is_array()) return fail(Code::validation, "stop must be an array of texts");
    for (const auto& item : stop->get_array()) {
      if (!item.is_string() || item.get_string().empty())
        return fail(Code::validation, "a stop sequence must be a text of at least one character");
      sampling.stop.emplace_back(json::view(item.get_string()));
    }
  }
  return sampling;
}

}  // namespace

json::Object Chat::to_json() const {
  json::Object out;
  put_terms(terms, out);
  if (prompt) out["prompt"] = *prompt;
  if (!system.empty()) out["system"] = system;
  if (!prompt) {
    json::Array list;
    for (const auto& turn : turns) {
      json::Array parts;
      for (const auto& part : turn.parts) parts.emplace_back(part_json(part));
      list.emplace_back(json::Object{{"role", turn.assistant ? "assistant" : "user"},
                                     {"parts", std::move(parts)}});
    }
    out["turns"] = std::move(list);
  }
  if (!tools.empty()) {
    json::Array list;
    for (const auto& tool : tools)
      list.emplace_back(json::Object{{"name", tool.name},
                                     {"description", tool.description},
                                     {"schema", tool.schema},
                                     {"strict", tool.strict}});
    out["tools"] = std::move(list);
    out["tool_choice"] = choice_names[static_cast<std::size_t>(tool_choice)];
    if (!tool_name.empty()) out["tool_name"] = tool_name;
  }
  if (schema) out["schema"] = *schema;
  if (sampling.max_tokens) out["max_tokens"] = *sampling.max_tokens;
  if (sampling.temperature) out["temperature"] = *sampling.temperature;
  if (sampling.top_p) out["top_p"] = *sampling.top_p;
  if (sampling.top_k) out["top_k"] = *sampling.top_k;
  if (sampling.seed) out["seed"] = static_cast<std::int64_t>(*sampling.seed);
  if (!sampling.stop.empty()) out["stop"] = json::Array(sampling.stop.begin(), sampling.stop.end());
  return out;
}

Result<Chat> Chat::from_json(const json::Value& value) {
  if (!value.is_object()) return fail(Code::validation, "a chat request must be an object");
  const auto& object = value.get_object();
  Chat chat;
  TRY(terms, take_terms(object));
  chat.terms = std::move(terms);
  TRY(sampling, sampling_from(object));
  chat.sampling = std::move(sampling);
  if (auto prompt = json::find_string(object, "prompt")) chat.prompt = std::string(*prompt);
  chat.system = json::find_string(object, "system").value_or("");
  if (const auto* turns = json::find(object, "turns")) {
    if (!turns->is_array()) return fail(Code::validation, "turns must be an array");
    for (const auto& item : turns->get_array()) {
      TRY(turn, turn_from(item));
      chat.turns.push_back(std::move(turn));
    }
  }
  if (!chat.prompt && chat.turns.empty())
    return fail(Code::validation, "a chat needs turns or a prompt");
  if (const auto* tools = json::find(object, "tools")) {
    if (!tools->is_array()) return fail(Code::validation, "tools must be an array");
    for (const auto& item : tools->get_array()) {
      const auto* schema = json::find(item, "schema");
      if (!item.is_object() || !json::find_string(item.get_object(), "name"))
        return fail(Code::validation, "a tool needs a name");
      chat.tools.push_back(
          Tool{std::string(*json::find_string(item.get_object(), "name")),
               std::string(json::find_string(item.get_object(), "description").value_or("")),
               schema ? *schema : json::Value(json::Object{}),
               json::find_bool(item.get_object(), "strict").value_or(false)});
    }
    const auto choice = json::find_string(object, "tool_choice").value_or("auto");
    bool found = false;
    for (std::size_t i = 0; i < choice_names.size(); ++i) {
      if (choice_names[i] == choice) {
        chat.tool_choice = static_cast<ToolChoice>(i);
        found = true;
      }
    }
    if (!found)
      return fail(Code::validation, "tool_choice is '{}'; allowed are auto, any, tool and none",
                  choice);
    chat.tool_name = json::find_string(object, "tool_name").value_or("");
  }
  if (const auto* schema = json::find(object, "schema")) chat.schema = *schema;
  return chat;
}

json::Object Embed::to_json() const {
  json::Object out;
  put_terms(terms, out);
  out["texts"] = json::Array(texts.begin(), texts.end());
  out["truncate"] = truncate_names[static_cast<std::size_t>(truncate)];
  return out;
}

Result<Embed> Embed::from_json(const json::Value& value) {
  if (!value.is_object()) return fail(Code::validation, "an embedding request must be an object");
  const auto& object = value.get_object();
  Embed embed;
  TRY(terms, take_terms(object));
  embed.terms = std::move(terms);
  const auto* texts = json::find(object, "texts");
  if (!texts || !texts->is_array())
    return fail(Code::validation, "texts must be an array of texts");
  for (const auto& item : texts->get_array()) {
    if (!item.is_string()) return fail(Code::validation, "texts must be an array of texts");
    embed.texts.emplace_back(json::view(item.get_string()));
  }
  const auto policy = json::find_string(object, "truncate").value_or("refuse");
  bool found = false;
  for (std::size_t i = 0; i < truncate_names.size(); ++i) {
    if (truncate_names[i] == policy) {
      embed.truncate = static_cast<Truncate>(i);
      found = true;
    }
  }
  if (!found)
    return fail(Code::validation, "truncate is '{}'; allowed are refuse, start and end", policy);
  return embed;
}

std::string encode_events(const ChatEvents& batch) {
  json::Array list;
  for (const auto& event : batch.events) {
    if (const auto* text = std::get_if<TextEvent>(&event)) {
      list.emplace_back(json::Object{{"t", "text"}, {"i", text->index}, {"s", text->text}});
    } else if (const auto* reasoning = std::get_if<ReasoningEvent>(&event)) {
      list.emplace_back(
          json::Object{{"t", "reasoning"}, {"i", reasoning->index}, {"s", reasoning->text}});
    } else if (const auto* start = std::get_if<ToolStartEvent>(&event)) {
      list.emplace_back(json::Object{{"t", "tool"}, {"i", start->index}, {"s", start->name}});
    } else if (const auto* input = std::get_if<ToolInputEvent>(&event)) {
      list.emplace_back(json::Object{{"t", "input"}, {"i", input->index}, {"s", input->json}});
    } else {
      list.emplace_back(json::Object{{"t", "end"}, {"i", std::get<BlockEndEvent>(event).index}});
    }
  }
  return json::write(json::Object{
      {"events", std::move(list)}, {"input", batch.input_tokens}, {"output", batch.output_tokens}});
}

Result<ChatEvents> decode_events(std::string_view payload) {
  const auto bad = [](std::string_view what) {
    return fail(Code::corrupt, "an engine's events cannot be read: {}", what);
  };
  auto value = json::read(payload);
  if (!value || !value->is_object()) return bad("no object");
  const auto* list = json::find(*value, "events");
  if (!list || !list->is_array()) return bad("no array of events");
  ChatEvents batch;
  batch.input_tokens = json::find_int(value->get_object(), "input").value_or(0);
  batch.output_tokens = json::find_int(value->get_object(), "output").value_or(0);
  for (const auto& item : list->get_array()) {
    if (!item.is_object()) return bad("an event is no object");
    const auto& object = item.get_object();
    const auto type = json::find_string(object, "t").value_or("");
    const int index = static_cast<int>(json::find_int(object, "i").value_or(0));
    std::string text(json::find_string(object, "s").value_or(""));
    if (type == "text") {
      batch.events.emplace_back(TextEvent{index, std::move(text)});
    } else if (type == "reasoning") {
      batch.events.emplace_back(ReasoningEvent{index, std::move(text)});
    } else if (type == "tool") {
      batch.events.emplace_back(ToolStartEvent{index, std::move(text)});
    } else if (type == "input") {
      batch.events.emplace_back(ToolInputEvent{index, std::move(text)});
    } else if (type == "end") {
      batch.events.emplace_back(BlockEndEvent{index});
    } else {
      return bad("an event has an unknown type");
    }
  }
  return batch;
}

json::Object Done::to_json() const {
  return json::Object{{"stop", stop},
                      {"stop_sequence", stop_sequence},
                      {"input_tokens", input_tokens},
                      {"output_tokens", output_tokens},
                      {"reasoning_tokens", reasoning_tokens},
                      {"reused_tokens", reused_tokens},
                      {"queue_ms", queue_ms},
                      {"prefill_ms", prefill_ms},
                      {"total_ms", total_ms}};
}

Result<Done> Done::from_json(const json::Value& value) {
  if (!value.is_object()) return fail(Code::corrupt, "an engine's end of a stream is no object");
  const auto& object = value.get_object();
  auto number = [&](std::string_view key) { return json::find_int(object, key).value_or(0); };
  Done done;
  done.stop = json::find_string(object, "stop").value_or("");
  done.stop_sequence = json::find_string(object, "stop_sequence").value_or("");
  done.input_tokens = number("input_tokens");
  done.output_tokens = number("output_tokens");
  done.reasoning_tokens = number("reasoning_tokens");
  done.reused_tokens = number("reused_tokens");
  done.queue_ms = number("queue_ms");
  done.prefill_ms = number("prefill_ms");
  done.total_ms = number("total_ms");
  if (done.stop.empty())
    return fail(Code::corrupt, "an engine's end of a stream lacks its stop reason");
  return done;
}

}  // namespace outcrop::engine
