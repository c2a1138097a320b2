#include "app/commands/context.h"
#include "app/commands/converse.h"
#include "app/commands/interrupt.h"
#include "app/commands/line_editor.h"
#include "base/text.h"
#include "models/catalogue/gguf.h"

#include <charconv>
#include <cstdlib>

namespace outcrop::commands {
namespace {

constexpr std::size_t input_bytes_limit = 20'000'000;

json::Object message(std::string_view role, std::string_view text) {
  json::Object block;
  block["text"] = text;
  json::Array content;
  content.push_back(std::move(block));
  json::Object out;
  out["role"] = role;
  out["content"] = std::move(content);
  return out;
}

struct Chosen {
  std::string name;
  bool small = false;  // one of the kind that is for trying things out
};

/// The first model here that writes text, one that was configured or added before one that merely
/// lies in the folder.
Result<Chosen> default_model(admin::Admin& admin) {
  TRY(answer, admin.call("GET", std::string(admin::prefix) + "models"));
  const Chosen none;
  for (const auto& entry : answer.at("models").as_array()) {
    const auto& model = entry.as_object();
    if (model.contains("problem")) continue;
    auto kind = json::find_string(model, "kind").value_or("auto");
    if (kind != "auto" && kind != "chat") continue;
    auto facts = models::read_gguf_file(std::string(json::find_string(model, "path").value_or("")));
    if (!facts || facts->kind != models::Kind::chat) continue;
    return Chosen{std::string(json::find_string(model, "name").value_or("")),
                  facts->parameters < 1'000'000'000};
  }
  return fail(Code::not_found, "no model here writes text");
}

std::string statistics(const Reply& reply) {
  std::string out = fmt::format("{} → {} tokens", cli::grouped(reply.input_tokens),
                                cli::grouped(reply.output_tokens));
  if (reply.first_seconds > 0) out += ", first " + cli::time_text(reply.first_seconds);
  if (reply.tokens_per_second() > 0)
    out += fmt::format(", {:.0f} tokens/s", reply.tokens_per_second());
  out += ", " + cli::time_text(reply.total_seconds);
  if (!reply.stop_reason.empty() && reply.stop_reason != "end_turn")
    out += ", " + cli::printable(reply.stop_reason);
  if (!reply.served_by.empty()) out += ", " + cli::printable(reply.served_by);
  if (!reply.stand_in.empty()) out += " (stand-in)";
  return out;
}

json::Object document(const Reply& reply) {
  json::Object out;
  out["text"] = reply.text;
  if (!reply.stop_reason.empty()) out["stop_reason"] = reply.stop_reason;
  if (!reply.served_by.empty()) out["served_by"] = reply.served_by;
  if (!reply.stand_in.empty()) out["stand_in"] = reply.stand_in;
  out["input_tokens"] = reply.input_tokens;
  out["output_tokens"] = reply.output_tokens;
  out["first_ms"] = static_cast<std::int64_t>(reply.first_seconds * 1000);
  out["total_ms"] = static_cast<std::int64_t>(reply.total_seconds * 1000);
  out["tokens_per_second"] = reply.tokens_per_second();
  return out;
}

class Chat {
 public:
  Chat(const cli::Console& console, Turn turn, const Interrupt& interrupt)
      : console_(console), turn_(std::move(turn)) {
    turn_.interrupted = &interrupt.flag();
  }

  /// Gives the exit code of this turn.
  int say(const std::string& text) {
    turn_.messages.push_back(message("user", text));
    Reply reply;
    auto outcome = converse(
        turn_,
        [&](std::string_view piece) {
          if (!console_.json) console_.print(cli::printable(piece));
        },
        reply);
    bool cancelled = !outcome && outcome.error().code == Code::cancelled;
    if (!console_.json && !reply.text.empty() && !reply.text.ends_with('\n')) console_.print("\n");
    if (outcome || (cancelled && !reply.text.empty())) {
      // What was said before Ctrl-C belongs to the conversation.
      turn_.messages.push_back(
          message("assistant", reply.text.empty() ? std::string("…") : reply.text));
    } else {
      turn_.messages.pop_back();
    }
    if (cancelled) {
      if (!console_.json) console_.error(console_.paint_error(cli::Style::dim, "(stopped)") + "\n");
      return cli::interrupted;
    }
    if (!outcome) {
      const auto& error = outcome.error();
      bool model = error.code == Code::not_found ||
                   error.message.find("model identifier") != std::string::npos;
      return report(console_, error,
                    "there is no reply" + std::string(reply.text.empty() ? "" : " to its end"),
                    error.code == Code::unavailable ? "outcrop serve"
                    : model                         ? "outcrop models shows what is here"
                                                    : "");
    }
    if (console_.json) {
      console_.document(json::Value(document(reply)));
    } else {
      console_.error(console_.paint_error(cli::Style::dim, statistics(reply)) + "\n");
    }
    return cli::done;
  }

  void forget() { turn_.messages.clear(); }
  Turn& turn() { return turn_; }

 private:
  const cli::Console& console_;
  Turn turn_;
};

constexpr std::string_view chat_help =
    "  /new           begins a new conversation\n"
    "  /model NAME    asks another model from here on\n"
    "  /system TEXT   what the model is told about its role\n"
    "  /quit          ends, as Ctrl-D does\n"
    "A line that ends with \\ goes on in the next one. Ctrl-C stops a reply.\n";

/// Gives false when the chat is over.
bool command(const cli::Console& console, Chat& chat, const std::string& line) {
  auto space = line.find(' ');
  std::string name = line.substr(0, space);
  std::string rest =
      space == std::string::npos ? "" : std::string(trim(std::string_view(line).substr(space)));
  if (name == "/quit" || name == "/exit") return false;
  if (name == "/new") {
    chat.forget();
    console.error("A new conversation.\n");
  } else if (name == "/model" && !rest.empty()) {
    chat.turn().model = rest;
    console.error("From here on: " + cli::printable(rest) + "\n");
  } else if (name == "/system") {
    chat.turn().system = rest;
  } else {
    console.error(std::string(chat_help));
  }
  return true;
}

int interactive(const cli::Console& console, Chat& chat, Interrupt& interrupt) {
  LineEditor editor;
  bool asked_to_quit = false;
  std::string pending;
  for (;;) {
    auto read = read_line(console, editor, pending.empty() ? "> " : "… ");
    if (read.interrupted) {
      if (asked_to_quit) return cli::interrupted;
      asked_to_quit = true;
      pending.clear();
      interrupt.clear();
      console.error("Ctrl-C again ends; so does /quit.\n");
      continue;
    }
    if (!read.line) return cli::done;
    asked_to_quit = false;
    if (read.line->ends_with('\\')) {
      pending += read.line->substr(0, read.line->size() - 1) + "\n";
      continue;
    }
    std::string line = std::exchange(pending, {}) + *read.line;
    if (trim(line).empty()) continue;
    if (line[0] == '/') {
      if (!command(console, chat, line)) return cli::done;
      continue;
    }
    chat.say(line);
    interrupt.clear();
  }
}

}  // namespace

int run_chat(const cli::Console& console, const cli::Arguments& arguments) {
  Turn turn;
  if (auto text = arguments.value("--max-tokens")) {
    auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), turn.max_tokens);
    if (error != std::errc() || end != text->data() + text->size() || turn.max_tokens < 1) {
      return cli::report(console, {.exit = cli::usage,
                                   .what = "--max-tokens " + cli::printable(*text) +
                                           ": a whole number is wanted"});
    }
  }
  if (auto text = arguments.value("--temperature")) {
    auto [end, error] =
        std::from_chars(text->data(), text->data() + text->size(), turn.temperature);
    if (error != std::errc() || end != text->data() + text->size() || turn.temperature < 0 ||
        turn.temperature > 1) {
      return cli::report(console, {.exit = cli::usage,
                                   .what = "--temperature " + cli::printable(*text) +
                                           ": a number from 0 to 1 is wanted"});
    }
  }
  auto loaded = load(arguments);
  if (!loaded) return report_config(console, loaded.error());
  auto admin = admin::connect(loaded->config);
  if (!admin) {
    return report(console, admin.error(), "no server answers",
                  "outcrop serve" + (arguments.has("--data")
                                         ? " --data " + shell_word(loaded->config.data_dir)
                                         : std::string()));
  }
  turn.socket = loaded->config.socket_file();
  turn.system = arguments.value("--system").value_or("");
  turn.model = arguments.value("--model").value_or("");
  bool small = false;
  if (turn.model.empty()) {
    auto chosen = default_model(**admin);
    if (!chosen)
      return report(console, chosen.error(), "there is nobody to talk to",
                    "outcrop models add FILE or URL");
    turn.model = chosen->name;
    small = chosen->small;
  }
  Interrupt interrupt;
  Chat chat(console, turn, interrupt);
  auto once = arguments.value("--once");
  if (!once && !console.in_terminal && !console.json) {
    // A pipe is one question, however many lines it has.
    std::string text;
    char buffer[64 * 1024];
    for (std::size_t count = 0; (count = std::fread(buffer, 1, sizeof buffer, console.in)) > 0;) {
      text.append(buffer, count);
      if (text.size() > input_bytes_limit) {
        return cli::report(console, {.exit = cli::usage,
                                     .what = fmt::format("the question has more than {} bytes",
                                                         input_bytes_limit)});
      }
    }
    while (text.ends_with('\n')) text.pop_back();
    once = text;
  }
  if (once) {
    if (once->empty())
      return cli::report(console, {.exit = cli::usage, .what = "the question is empty"});
    return chat.say(*once);
  }
  if (!console.json) {
    console.error(
        fmt::format("{}   /help shows the commands, Ctrl-D ends\n", cli::printable(turn.model)));
    if (small) {
      console.error(
          "The default model is for plumbing, not for judgement: outcrop models add FILE or URL "
          "brings a better one.\n");
    }
  }
  return interactive(console, chat, interrupt);
}

}  // namespace outcrop::commands
