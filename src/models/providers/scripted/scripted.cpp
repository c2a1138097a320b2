#include "models/providers/scripted/scripted.h"

#include "base/ids.h"
#include "base/text.h"

#include <re2/re2.h>

#include <algorithm>
#include <set>

namespace outcrop::models::scripted {
namespace {

void append(std::string& out, std::string_view text) {
  if (!out.empty() && !text.empty()) out += '\n';
  out += text;
}

/// What the user said last, tool results included.
std::string last_user_text(const Conversation& conversation) {
  std::string out;
  for (auto message = conversation.messages.rbegin(); message != conversation.messages.rend();
       ++message) {
    if (message->role != Role::user) continue;
    for (const auto& block : message->content) {
      if (const auto* text = std::get_if<TextBlock>(&block)) append(out, text->text);
      if (const auto* guard = std::get_if<GuardContentBlock>(&block)) {
        if (const auto* text = std::get_if<TextBlock>(&guard->content)) append(out, text->text);
      }
      if (const auto* result = std::get_if<ToolResultBlock>(&block)) {
        for (const auto& part : result->content) {
          if (const auto* text = std::get_if<TextBlock>(&part)) append(out, text->text);
          if (const auto* value = std::get_if<json::Value>(&part)) append(out, json::write(*value));
        }
      }
    }
    return out;
  }
  if (conversation.raw_prompt) out = *conversation.raw_prompt;
  return out;
}

std::int64_t input_tokens(const Conversation& conversation) {
  std::int64_t tokens = 0;
  for (const auto& block : conversation.system) {
    if (const auto* text = std::get_if<TextBlock>(&block)) tokens += estimated_tokens(text->text);
  }
  for (const auto& message : conversation.messages) {
    for (const auto& block : message.content) {
      if (const auto* text = std::get_if<TextBlock>(&block)) tokens += estimated_tokens(text->text);
      if (const auto* use = std::get_if<ToolUseBlock>(&block))
        tokens += estimated_tokens(json::write(use->input));
      if (const auto* result = std::get_if<ToolResultBlock>(&block)) {
        for (const auto& part : result->content) {
          if (const auto* text = std::get_if<TextBlock>(&part))
            tokens += estimated_tokens(text->text);
        }
      }
    }
  }
  if (conversation.raw_prompt) tokens += estimated_tokens(*conversation.raw_prompt);
  return tokens;
}

/// Words with the space after them; their concatenation is the text.
std::vector<std::string> words(std::string_view text) {
  std::vector<std::string> out;
  std::size_t begin = 0;
  while (begin < text.size()) {
    std::size_t end = text.find(' ', begin);
    end = end == std::string_view::npos ? text.size() : end + 1;
    out.emplace_back(text.substr(begin, end - begin));
    begin = end;
  }
  return out;
}

/// The reply as it will be said: cut at a stop sequence or at max_tokens, as a model would.
struct Plan {
  std::vector<std::string> chunks;
  StopReason stop = StopReason::end_turn;
  std::string stop_sequence;
};

Plan plan_of(const Rule* rule, const std::string& said, const Inference& inference) {
  Plan plan;
  const bool echo = !rule || rule->echo ||
                    (rule->reply.empty() && rule->chunks.empty() && rule->tools.empty() &&
                     rule->reasoning.empty());
  plan.chunks = rule && !rule->chunks.empty() ? rule->chunks : words(echo ? said : rule->reply);
  std::string whole;
  for (const auto& chunk : plan.chunks) whole += chunk;
  std::size_t end = whole.size();
  for (const auto& stop : inference.stop_sequences) {
    if (auto at = whole.find(stop); at < end) {
      end = at;
      plan.stop = StopReason::stop_sequence;
      plan.stop_sequence = stop;
    }
  }
  if (inference.max_tokens && end > static_cast<std::size_t>(*inference.max_tokens) * 4) {
    end = static_cast<std::size_t>(*inference.max_tokens) * 4;
    end = whole_utf8(std::string_view(whole).substr(0, end));
    plan.stop = StopReason::max_tokens;
    plan.stop_sequence.clear();
  }
  for (std::size_t i = 0, at = 0; i < plan.chunks.size(); ++i) {
    const std::size_t keep = end > at ? end - at : 0;
    at += plan.chunks[i].size();
    if (plan.chunks[i].size() > keep) {
      plan.chunks[i].resize(keep);
      plan.chunks.resize(i + (keep > 0 ? 1 : 0));
      break;
    }
  }
  if (plan.stop == StopReason::end_turn && rule && !rule->tools.empty())
    plan.stop = StopReason::tool_use;
  if (rule && rule->stop) {
    plan.stop = *rule->stop;
    plan.stop_sequence = rule->stop_sequence;
  }
  return plan;
}

Error error_of(const Failure& failure) {
  Error error{.code = failure.code, .message = failure.message};
  error.original_status = failure.original_status;
  error.original_message = failure.original_message;
  error.resource_name = failure.resource_name;
  return error;
}

std::int64_t millis_since(Instant begin) {
  return std::chrono::duration_cast<Millis>(now() - begin).count();
}

class Scripted : public Model {
 public:
  Scripted(Script script, Sleep sleep)
      : script_(std::move(script)), sleep_(std::move(sleep)), counts_(script_.rules.size(), 0) {}

  Task<Result<Outcome>> converse(CallPtr call, SinkPtr sink) override {
    const std::string said = last_user_text(call->conversation);
    const Rule* rule = choose("converse", call->asked, call->target, said);
    Outcome outcome;
    outcome.served_by = "scripted:" + call->target;
    const Instant begin = now();
    CO_CHECK(co_await before(rule, call->context));
    const Plan plan = plan_of(rule, said, call->conversation.inference);
    outcome.stop = plan.stop;
    outcome.first_event_ms = millis_since(begin);
    CO_CHECK(co_await sink->put(MessageStart{}));
    std::size_t done = 0;  // chunks, over all blocks
    int index = 0;
    std::int64_t output = 0;
    if (rule && !rule->reasoning.empty()) {
      for (const auto& word : words(rule->reasoning)) {
        CO_CHECK(co_await between(rule, done++, call->context));
        CO_CHECK(co_await sink->put(ReasoningDelta{index, word}));
        output += estimated_tokens(word);
      }
      outcome.usage.reasoning_tokens = output;
      CO_CHECK(co_await sink->put(BlockStop{index++}));
    }
    if (!plan.chunks.empty() || !rule || rule->tools.empty()) {
      std::size_t bytes = 0;
      for (const auto& chunk : plan.chunks) {
        if (!quiet(rule, call->context)) CO_CHECK(co_await between(rule, done, call->context));
        ++done;
        bytes += chunk.size();
        CO_CHECK(co_await sink->put(TextDelta{index, chunk}));
      }
      output += static_cast<std::int64_t>((bytes + 3) / 4);
      CO_CHECK(co_await sink->put(BlockStop{index++}));
    }
    if (rule) {
      for (const auto& tool : rule->tools) {
        CO_CHECK(co_await between(rule, done++, call->context));
        const std::string input = json::write(tool.input);
        CO_CHECK(co_await sink->put(
            ToolUseStart{index, tool.id.empty() ? tool_use_id() : tool.id, tool.name}));
        CO_CHECK(co_await sink->put(ToolInputDelta{index, input}));
        CO_CHECK(co_await sink->put(BlockStop{index++}));
        output += estimated_tokens(input);
      }
    }
    CO_CHECK(co_await between(rule, SIZE_MAX,
                              call->context));  // a mishap after more chunks than there were
    outcome.usage.input_tokens = input_tokens(call->conversation);
    outcome.usage.output_tokens = output;
    if (rule && rule->usage) outcome.usage = *rule->usage;
    outcome.total_ms = millis_since(begin);
    CO_CHECK(co_await sink->put(MessageStop{plan.stop, plan.stop_sequence, nullptr}));
    CO_CHECK(co_await sink->put(Metadata{outcome.usage, outcome.total_ms, nullptr}));
    co_return outcome;
  }

  Task<Result<Outcome>> invoke(CallPtr call, SinkPtr sink) override {
    const Rule* rule =
        choose("invoke", call->asked, call->target, last_user_text(call->conversation));
    if (!rule || (rule->native.empty() && !rule->mishap)) {
      co_return outcrop::fail(
          Code::not_implemented,
          "The script has no native body for this call. Give its rule `native`, or use converse.");
    }
    Outcome outcome;
    outcome.served_by = "scripted:" + call->target;
    const Instant begin = now();
    CO_CHECK(co_await before(rule, call->context));
    outcome.first_event_ms = millis_since(begin);
    std::size_t done = 0;
    for (const auto& piece : rule->native) {
      CO_CHECK(co_await between(rule, done++, call->context));
      CO_CHECK(co_await sink->put(NativeChunk{piece}));
    }
    CO_CHECK(co_await between(rule, SIZE_MAX, call->context));
    if (rule->usage) outcome.usage = *rule->usage;
    outcome.total_ms = millis_since(begin);
    co_return outcome;
  }

  Task<Result<Embeddings>> embed(EmbedCallPtr call) override {
    std::string all;
    for (const auto& text : call->texts) append(all, text);
    const Rule* rule = choose("embed", call->asked, call->target, all);
    CO_CHECK(co_await before(rule, call->context));
    CO_CHECK(co_await between(rule, SIZE_MAX, call->context));
    Embeddings out;
    for (const auto& text : call->texts) {
      out.vectors.push_back(rule && !rule->vector.empty()
                                ? rule->vector
                                : text_vector(text, rule ? rule->dimensions : 256));
      out.tokens.push_back(estimated_tokens(text));
      out.truncated.push_back(false);
    }
    co_return out;
  }

  Task<Result<Ranking>> rerank(RerankCallPtr call) override {
    const Rule* rule = choose("rerank", call->asked, call->target, call->query);
    CO_CHECK(co_await before(rule, call->context));
    CO_CHECK(co_await between(rule, SIZE_MAX, call->context));
    Ranking out;
    // By the cosine of the words' vectors, scaled to 0..1.
    const auto query = text_vector(call->query, 256);
    for (std::size_t i = 0; i < call->documents.size(); ++i) {
      const auto document = text_vector(call->documents[i], 256);
      double cosine = 0;
      for (std::size_t d = 0; d < query.size(); ++d)
        cosine += static_cast<double>(query[d]) * static_cast<double>(document[d]);
      out.entries.push_back({static_cast<int>(i), std::clamp((cosine + 1) / 2, 0.0, 1.0)});
    }
    std::sort(out.entries.begin(), out.entries.end(), [](const auto& a, const auto& b) {
      return a.score != b.score ? a.score > b.score : a.index < b.index;
    });
    if (call->top_n > 0 && static_cast<std::size_t>(call->top_n) < out.entries.size())
      out.entries.resize(static_cast<std::size_t>(call->top_n));
    co_return out;
  }

  Task<Result<TokenCount>> count(CallPtr call) override {
    const Rule* rule =
        choose("count", call->asked, call->target, last_user_text(call->conversation));
    CO_CHECK(co_await before(rule, call->context));
    CO_CHECK(co_await between(rule, SIZE_MAX, call->context));
    co_return TokenCount{rule && rule->usage ? rule->usage->input_tokens
                                             : input_tokens(call->conversation)};
  }

 private:
  const Rule* choose(std::string_view operation, const std::string& asked,
                     const std::string& target, const std::string& said) {
    for (std::size_t i = 0; i < script_.rules.size(); ++i) {
      const Rule& rule = script_.rules[i];
      if (!rule.operation.empty() && rule.operation != operation) continue;
      if (!rule.model.empty() && !glob_match(rule.model, target) && !glob_match(rule.model, asked))
        continue;
      if (!rule.text.empty() && said.find(rule.text) == std::string::npos) continue;
      if (rule.regex && !RE2::PartialMatch(said, *rule.regex)) continue;
      const auto number = ++counts_[i];
      if (number >= rule.calls_from && number <= rule.calls_to) return &rule;
    }
    return nullptr;
  }

  // The context belongs to the call, which outlives all of these.
  Task<Result<void>> wait(std::chrono::nanoseconds duration, const Context& context) {
    if (context.cancel.cancelled())
      co_return outcrop::fail(Code::cancelled, "The caller went away.");
    if (duration.count() <= 0) co_return Result<void>();
    // A deadline that comes first is what a caller would see of a slow model.
    bool late = false;
    if (!context.deadline.never()) {
      const auto left = context.deadline.at() - now();
      if (left < duration) {
        duration = std::max<std::chrono::nanoseconds>(left, std::chrono::nanoseconds(0));
        late = true;
      }
    }
    if (!co_await sleep_(duration, context.cancel))
      co_return outcrop::fail(Code::cancelled, "The caller went away.");
    if (late) co_return outcrop::fail(Code::model_timeout, "The model did not answer in time.");
    co_return Result<void>();
  }

  Task<Result<void>> before(const Rule* rule, const Context& context) {
    CO_CHECK(co_await wait(rule ? rule->delay : Millis(0), context));
    if (rule && rule->mishap && !rule->mishap->after_chunks)
      CO_CHECK(co_await happen(*rule->mishap, context));
    co_return Result<void>();
  }

  /// Nothing can happen between two chunks: most rules, and worth a coroutine less a chunk.
  static bool quiet(const Rule* rule, const Context& context) {
    return !context.cancel.cancelled() &&
           (!rule || (!rule->mishap && rule->chunk_delay.count() == 0));
  }

  /// Before the chunk of that number; `done` SIZE_MAX stands for the end.
  Task<Result<void>> between(const Rule* rule, std::size_t done, const Context& context) {
    if (!rule) {
      if (context.cancel.cancelled())
        co_return outcrop::fail(Code::cancelled, "The caller went away.");
      co_return Result<void>();
    }
    if (rule->mishap && rule->mishap->after_chunks && *rule->mishap->after_chunks <= done)
      CO_CHECK(co_await happen(*rule->mishap, context));
    if (done > 0 && done != SIZE_MAX) CO_CHECK(co_await wait(rule->chunk_delay, context));
    co_return Result<void>();
  }

  Task<Result<void>> happen(Mishap mishap, const Context& context) {
    switch (mishap.what) {
      case Mishap::What::fail:
        co_return outcrop::fail(error_of(mishap.failure));
      case Mishap::What::cut:
        co_return outcrop::fail(Code::io, "The connection to the model was cut.");
      case Mishap::What::hang:
        break;
    }
    for (;;) CO_CHECK(co_await wait(std::chrono::hours(1), context));
  }

  Script script_;
  Sleep sleep_;
  std::vector<std::uint64_t> counts_;  // matching calls so far, by rule
};

}  // namespace

ModelPtr make(Script script, Sleep sleep) {
  return std::make_shared<Scripted>(std::move(script), std::move(sleep));
}

}  // namespace outcrop::models::scripted
