#include "app/config/options.h"

#include "base/text.h"

#include <algorithm>

namespace outcrop::config {
namespace {

// Each builder takes the facts and a generic lambda that names the field: for reading and for
// writing.

template <class T, class Field>
Option<T> string_option(Facts facts, Field field) {
  return {std::move(facts),
          [field](T& t, const json::Value& v) { field(t) = json::view(v.get_string()); },
          [field](const T& t) { return json::Value(json::String(field(t))); }};
}

template <class T, class Field>
Option<T> number_option(Facts facts, Field field) {  // whole numbers and sizes
  return {std::move(facts),
          [field](T& t, const json::Value& v) {
            auto& target = field(t);
            target =
                static_cast<std::remove_reference_t<decltype(target)>>(v.to_number<std::int64_t>());
          },
          [field](const T& t) { return json::Value(static_cast<std::int64_t>(field(t))); }};
}

template <class T, class Field>
Option<T> duration_option(Facts facts, Field field) {
  facts.kind = Kind::duration;
  return {std::move(facts),
          [field](T& t, const json::Value& v) { field(t) = Millis(v.to_number<std::int64_t>()); },
          [field](const T& t) { return json::Value(static_cast<std::int64_t>(field(t).count())); }};
}

template <class T, class Field>
Option<T> toggle_option(Facts facts, Field field) {
  facts.kind = Kind::toggle;
  return {std::move(facts), [field](T& t, const json::Value& v) { field(t) = v.get_bool(); },
          [field](const T& t) { return json::Value(field(t)); }};
}

template <class T, class Field>
Option<T> list_option(Facts facts, Field field) {
  facts.kind = Kind::list;
  return {std::move(facts),
          [field](T& t, const json::Value& v) {
            field(t).clear();
            for (const auto& item : v.get_array())
              field(t).emplace_back(json::view(item.get_string()));
          },
          [field](const T& t) {
            json::Array out;
            for (const auto& item : field(t)) out.emplace_back(json::String(item));
            return json::Value(std::move(out));
          }};
}

/// facts.allowed names the enumerators in their order.
template <class T, class Field>
Option<T> choice_option(Facts facts, Field field) {
  facts.kind = Kind::choice;
  auto names = facts.allowed;
  return {std::move(facts),
          [field, names](T& t, const json::Value& v) {
            auto& target = field(t);
            auto at =
                std::find(names.begin(), names.end(), json::view(v.get_string())) - names.begin();
            target = static_cast<std::remove_reference_t<decltype(target)>>(at);
          },
          [field, names](const T& t) {
            return json::Value(json::String(names[static_cast<std::size_t>(field(t))]));
          }};
}

#define FIELD(path) [](auto& c) -> auto& { return c.path; }

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
         text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-._") ==
             std::string_view::npos;
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

void add_server(std::vector<Option<Config>>& out) {
  using C = Config;
  out.push_back(string_option<C>(
      {.key = "server.listen",
       .kind = Kind::address,
       .summary = "The address of the API. Port 0 picks a free one, which `ready` prints.",
       .example = "\"0.0.0.0:8177\""},
      FIELD(server.listen)));
  out.push_back(string_option<C>(
      {.key = "server.socket",
       .kind = Kind::path,
       .summary = "The Unix socket that the command line talks to (mode 0600). Its path may "
                  "have 107 bytes.",
       .example = "\"/run/outcrop/outcrop.sock\"",
       .default_words = "`outcrop.sock` in the data folder"},
      FIELD(server.socket)));
  out.push_back(
      choice_option<C>({.key = "server.tls",
                        .summary = "`auto`: an authority of this installation's own (`tls/ca.pem` "
                                   "in the data folder) signs a "
                                   "certificate; `outcrop env` exports the variables that make "
                                   "SDKs trust it. `files`: the two files "
                                   "below. Plain text on the same port is then no longer answered.",
                        .allowed = {"off", "auto", "files"}},
                       FIELD(server.tls)));
  out.push_back(
      string_option<C>({.key = "server.tls_certificate",
                        .kind = Kind::path,
                        .summary = "PEM file: the certificate, then what leads to its authority.",
                        .default_words = "none"},
                       FIELD(server.tls_certificate)));
  out.push_back(string_option<C>({.key = "server.tls_private_key",
                                  .kind = Kind::path,
                                  .summary = "PEM file.",
                                  .default_words = "none"},
                                 FIELD(server.tls_private_key)));
  out.push_back(list_option<C>(
      {.key = "server.tls_names",
       .summary = "Names and addresses in the certificate of `auto`, besides localhost, the "
                  "loopback addresses and the host of `server.listen`.",
       .example = "[\"outcrop.internal\"]"},
      FIELD(server.tls_names)));
  out.push_back(duration_option<C>(
      {.key = "server.drain_timeout",
       .summary = "How long open requests may go on once the server is asked to stop.",
       .maximum = 3'600'000},
      FIELD(server.drain_timeout)));
  out.push_back(number_option<C>({.key = "server.connections",
                                  .kind = Kind::whole,
                                  .summary = "Open at once; the next is closed at once.",
                                  .unit = "connections",
                                  .minimum = 1,
                                  .maximum = 1'000'000,
                                  .example = "10000"},
                                 FIELD(server.limits.connections)));
  out.push_back(number_option<C>({.key = "server.header_bytes",
                                  .kind = Kind::size,
                                  .summary = "Request line and headers of one request; 431 beyond.",
                                  .minimum = 4'096,
                                  .maximum = 16 << 20},
                                 FIELD(server.limits.header_bytes)));
  out.push_back(number_option<C>({.key = "server.header_count",
                                  .kind = Kind::whole,
                                  .summary = "Headers of one request; 431 beyond.",
                                  .unit = "headers",
                                  .minimum = 16,
                                  .maximum = 10'000,
                                  .example = "128"},
                                 FIELD(server.limits.header_count)));
  out.push_back(number_option<C>(
      {.key = "server.body_bytes",
       .kind = Kind::size,
       .summary = "The body of one request; 413 beyond. Bedrock takes 25 MB of content, "
                  "which is a third more as base64.",
       .minimum = 1'024,
       .maximum = 1LL << 32},
      FIELD(server.limits.body_bytes)));
  out.push_back(number_option<C>(
      {.key = "server.body_window_bytes",
       .kind = Kind::size,
       .summary = "Of a request's body, held before its handler reads; more makes large uploads "
                  "faster and costs memory for each of them.",
       .minimum = 16'384,
       .maximum = 1 << 30},
      FIELD(server.limits.body_window_bytes)));
  out.push_back(number_option<C>(
      {.key = "server.write_window_bytes",
       .kind = Kind::size,
       .summary = "Of a response, held for a slow reader before the model behind it is slowed.",
       .minimum = 16'384,
       .maximum = 1 << 30},
      FIELD(server.limits.write_window_bytes)));
  out.push_back(number_option<C>({.key = "server.streams_per_connection",
                                  .kind = Kind::whole,
                                  .summary = "Requests at once on one HTTP/2 connection.",
                                  .unit = "streams",
                                  .minimum = 1,
                                  .maximum = 10'000,
                                  .example = "256"},
                                 FIELD(server.limits.streams_per_connection)));
  out.push_back(number_option<C>(
      {.key = "server.resets_per_connection",
       .kind = Kind::whole,
       .summary = "HTTP/2 streams that a client may reset before its connection is closed.",
       .unit = "resets",
       .minimum = 1,
       .maximum = 1'000'000,
       .example = "1000"},
      FIELD(server.limits.resets_per_connection)));
  constexpr std::int64_t day = 86'400'000;
  out.push_back(
      duration_option<C>({.key = "server.header_timeout",
                          .summary = "From the first byte of a request to the end of its headers.",
                          .minimum = 100,
                          .maximum = day},
                         FIELD(server.limits.header_timeout)));
  out.push_back(duration_option<C>(
      {.key = "server.idle_timeout",
       .summary = "A kept-alive connection without a request is closed after this time.",
       .minimum = 100,
       .maximum = day},
      FIELD(server.limits.idle_timeout)));
  out.push_back(duration_option<C>({.key = "server.body_timeout",
                                    .summary = "Between two pieces of a request's body.",
                                    .minimum = 100,
                                    .maximum = day},
                                   FIELD(server.limits.body_timeout)));
  out.push_back(
      duration_option<C>({.key = "server.write_timeout",
                          .summary = "A reader that takes nothing for so long is cut off.",
                          .minimum = 100,
                          .maximum = day},
                         FIELD(server.limits.write_timeout)));
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

void add_engine(std::vector<Option<Config>>& out) {
  using C = Config;
  out.push_back(number_option<C>({.key = "engine.threads",
                                  .kind = Kind::whole,
                                  .summary = "Threads that compute one model. 0: one a core.",
                                  .unit = "threads",
                                  .maximum = 1'024,
                                  .example = "8"},
                                 FIELD(engine.threads)));
  out.push_back(number_option<C>(
      {.key = "engine.context_tokens",
       .kind = Kind::whole,
       .summary = "Prompt and reply of one request. Memory grows with this times "
                  "`engine.sequences`. 0: what the model was made for, at most 8,192.",
       .unit = "tokens",
       .maximum = 10'000'000,
       .example = "8192"},
      FIELD(engine.context_tokens)));
  out.push_back(number_option<C>(
      {.key = "engine.sequences",
       .kind = Kind::whole,
       .summary = "Requests that one model answers at the same time; the next ones wait.",
       .unit = "sequences",
       .minimum = 1,
       .maximum = 256,
       .example = "4"},
      FIELD(engine.sequences)));
  out.push_back(choice_option<C>(
      {.key = "engine.kv_type",
       .summary = "How the attention state is kept. `q8_0` takes about half the memory of `f16`, "
                  "`q4_0` about a quarter, at a loss of quality.",
       .allowed = {"f16", "q8_0", "q4_0"}},
      FIELD(engine.kv_type)));
  out.push_back(number_option<C>(
      {.key = "engine.gpu_layers",
       .kind = Kind::whole,
       .summary = "Layers computed on a graphics card, where one is built in. -1: as many as fit.",
       .unit = "layers",
       .minimum = -1,
       .maximum = 10'000,
       .example = "0"},
      FIELD(engine.gpu_layers)));
  out.push_back(
      number_option<C>({.key = "engine.queue",
                        .kind = Kind::whole,
                        .summary = "Requests that wait for one model; the next is refused with "
                                   "ThrottlingException.",
                        .unit = "requests",
                        .minimum = 1,
                        .maximum = 100'000,
                        .example = "256"},
                       FIELD(engine.queue)));
  out.push_back(
      duration_option<C>({.key = "engine.start_timeout",
                          .summary = "A model that has not loaded by then counts as failed.",
                          .minimum = 1'000,
                          .maximum = 86'400'000},
                         FIELD(engine.start_timeout)));
  out.push_back(duration_option<C>(
      {.key = "engine.idle_timeout",
       .summary = "A model that nobody asked for so long is unloaded, and loaded again when "
                  "asked. 0 s: it stays.",
       .maximum = 30LL * 86'400'000},
      FIELD(engine.idle_timeout)));
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
           .pattern = "a name of at most 63 of a-z, 0-9, '-', '.' and '_'",
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

const std::vector<Override>& overrides() {
  static const std::vector<Override> table{
      {"OUTCROP_DATA", "--data", "data_dir"},
      {"OUTCROP_MODELS", "--models", "models_dir"},
      {"OUTCROP_LISTEN", "--listen", "server.listen"},
  };
  return table;
}

}  // namespace outcrop::config
