#include "app/config/options.h"

#include "app/config/option_builders.h"
#include "base/text.h"

namespace outcrop::config {
namespace {

bool all_digits(std::string_view text) {
  return text.find_first_not_of("0123456789") == std::string_view::npos;
}

bool is_region(std::string_view text) {
  auto parts = split(text, '-');
  return parts.size() >= 3 && all_digits(parts.back()) && !parts.back().empty() &&
         text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string_view::npos;
}

bool is_model_name(std::string_view text) {
  return !text.empty() && text.size() <= 63 && text.front() != '-' && text.front() != '.' &&
         text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-.") == std::string_view::npos;
}

void add_top(std::vector<Option<Config>>& out) {
  using C = Config;
  out.push_back(string_option<C>(
      {.key = "data_dir",
       .kind = Kind::path,
       .summary = "Everything an installation remembers: keys, records, models, the socket of the "
                  "command line. Made "
                  "with mode 0700 when it is not there.",
       .example = "\"/var/lib/outcrop\"",
       .default_words = "`$XDG_DATA_HOME/outcrop`, or else `~/.local/share/outcrop`"},
      FIELD(data_dir)));
  out.push_back(string_option<C>({.key = "models_dir",
                                  .kind = Kind::path,
                                  .summary = "Every `*.gguf` in this folder is offered as a model.",
                                  .example = "\"/srv/models\"",
                                  .default_words = "`models` in the data folder"},
                                 FIELD(models_dir)));
  out.push_back(
      string_option<C>({.key = "region",
                        .summary = "The region in ARNs, and of requests that name none (API keys).",
                        .example = "\"eu-central-1\"",
                        .pattern = "the name of a region",
                        .accepts = is_region},
                       FIELD(region)));
  out.push_back(string_option<C>(
      {.key = "account",
       .summary = "The account number in ARNs.",
       .example = "\"123456789012\"",
       .pattern = "a text of 12 digits",
       .accepts = [](std::string_view text) { return text.size() == 12 && all_digits(text); }},
      FIELD(account)));
  out.push_back(
      choice_option<C>({.key = "auth",
                        .summary = "`keys`: a request must be signed with a key of `outcrop keys`, "
                                   "or carry an API key. `open`: unsigned "
                                   "requests are taken too; allowed only while every address "
                                   "listened on is a loopback one.",
                        .allowed = {"keys", "open"}},
                       FIELD(auth)));
  out.push_back(choice_option<C>(
      {.key = "stand_ins",
       .summary = "`on`: a Bedrock model id that nothing here is configured for is answered by a "
                  "local model of the same "
                  "kind, named in the `x-outcrop-served-by` header. `off`: it is refused.",
       .allowed = {"off", "on"}},
      FIELD(stand_ins)));
}

void add_log(std::vector<Option<Config>>& out) {
  using C = Config;
  out.push_back(choice_option<C>({.key = "log.level",
                                  .summary = "The least that is logged, on standard error.",
                                  .allowed = {"debug", "info", "warn", "error"}},
                                 FIELD(log.level)));
  out.push_back(choice_option<C>(
      {.key = "log.format",
       .summary = "`json`: one object a line. `text`: a line for people. `auto`: text on a "
                  "terminal, otherwise json.",
       .allowed = {"auto", "json", "text"}},
      FIELD(log.format)));
  out.push_back(toggle_option<C>(
      {.key = "log.prompts",
       .summary =
           "Logs what users write and models answer. Without it, only the length is logged."},
      FIELD(log.prompts)));
}

}  // namespace

const std::vector<Option<Config>>& options() {
  static const std::vector<Option<Config>> table = [] {
    std::vector<Option<Config>> out;
    add_top(out);
    add_server(out);
    add_log(out);
    add_engine(out);
    return out;
  }();
  return table;
}

const std::vector<Option<ModelEntry>>& model_options() {
  using M = ModelEntry;
  static const std::vector<Option<M>> table{
      string_option<M>(
          {.key = "name",
           .summary = "How this model is called here; the part after `local:` in ids and headers.",
           .example = "\"qwen3-4b\"",
           .pattern = "a name of at most 63 of a-z, 0-9, '-' and '.'",
           .accepts = is_model_name,
           .required = true},
          FIELD(name)),
      string_option<M>({.key = "path",
                        .kind = Kind::path,
                        .summary = "The GGUF file.",
                        .example = "\"/srv/models/qwen3-4b-q4_k_m.gguf\"",
                        .required = true},
                       FIELD(path)),
      choice_option<M>({.key = "kind",
                        .summary = "What the model is for. `auto`: the file says.",
                        .allowed = {"auto", "chat", "embedding", "rerank"}},
                       FIELD(kind)),
      list_option<M>(
          {.key = "stands_in_for",
           .summary =
               "Patterns of model ids that this model answers for, before any other stand-in.",
           .example = "[\"anthropic.claude-*\"]"},
          FIELD(stands_in_for)),
      number_option<M>(
          {.key = "context_tokens",
           .kind = Kind::whole,
           .summary = "As `engine.context_tokens`, for this model alone. 0: as configured there.",
           .unit = "tokens",
           .maximum = 10'000'000,
           .example = "16384"},
          FIELD(context_tokens)),
  };
  return table;
}

const std::vector<Option<ScriptedEntry>>& scripted_options() {
  using S = ScriptedEntry;
  static const std::vector<Option<S>> table{
      {{.key = "kind",
        .kind = Kind::choice,
        .summary = "What the model poses as.",
        .allowed = {"chat", "embedding", "rerank"}},
       [](S& entry, const json::Value& value) {
         auto text = json::view(value.get_string());
         entry.kind = text == "chat"        ? ModelKind::chat
                      : text == "embedding" ? ModelKind::embedding
                                            : ModelKind::rerank;
       },
       [](const S& entry) { return json::Value(json::String(to_text(entry.kind))); }},
      list_option<S>({.key = "stands_in_for",
                      .summary = "As in `[[model]]`.",
                      .example = "[\"anthropic.claude-*\"]"},
                     FIELD(stands_in_for)),
  };
  return table;
}

const std::vector<Override>& overrides() {
  static const std::vector<Override> table{
      {"OUTCROP_DATA", "--data", "data_dir"},
      {"OUTCROP_MODELS", "--models", "models_dir"},
      {"OUTCROP_LISTEN", "--listen", "server.listen"},
  };
  return table;
}

}  // namespace outcrop::config
