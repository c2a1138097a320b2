#include "app/cli/table.h"
#include "app/commands/context.h"
#include "app/commands/memory_fit.h"
#include "base/text.h"
#include "models/catalogue/gguf.h"

#include <cstdlib>
#include <sys/statvfs.h>

namespace outcrop::commands {
namespace {

std::string text_of(const json::Object& object, std::string_view key) {
  return cli::printable(json::find_string(object, key).value_or(""));
}

std::string stands_in_text(const json::Object& model) {
  std::string out;
  if (const auto* list = json::find(model, "stands_in_for"); list && list->is_array()) {
    for (const auto& item : list->get_array())
      out += (out.empty() ? "" : ", ") + cli::printable(json::view(item.as_string()));
  }
  return out;
}

std::string_view fit_text(Fit fit) {
  switch (fit) {
    case Fit::fits:
      return "fits";
    case Fit::tight:
      return "tight";
    case Fit::no:
      return "too large";
  }
  return "";
}

}  // namespace

int run_models(const cli::Console& console, const cli::Arguments& arguments) {
  auto reached = reach(console, arguments);
  if (!reached.admin) return reached.exit;
  auto answer = reached.admin->call("GET", std::string(admin::prefix) + "models?rescan=true");
  if (!answer) return report(console, answer.error(), "the models could not be listed");
  if (console.json) return console.document(*answer), cli::done;
  const auto& list = answer->at("models").as_array();
  if (list.empty()) {
    console.print("No model is here yet.\n");
    console.error(fmt::format(
        "next  outcrop models find, outcrop models add FILE, or put a .gguf file into {}\n",
        short_path(reached.loaded.config.models_folder())));
    return cli::done;
  }
  cli::Table table({{"name", false, true},
                    {"kind"},
                    {"size", true},
                    {"from"},
                    {"stands in for", false, true},
                    {"file", false, true}});
  std::string problems;
  for (const auto& entry : list) {
    const auto& model = entry.as_object();
    std::string kind = text_of(model, "kind");
    bool broken = model.contains("problem");
    // Where nobody said what a model is for, its file does.
    if (kind == "auto" && !broken) {
      if (auto facts = models::read_gguf_file(text_of(model, "path")))
        kind = models::to_text(facts->kind);
    }
    table.row(
        {text_of(model, "name"), broken ? console.paint(cli::Style::red, "broken") : kind,
         cli::bytes_text(static_cast<double>(json::find_int(model, "size_bytes").value_or(0))),
         text_of(model, "source"), stands_in_text(model), short_path(text_of(model, "path"))});
    if (broken) problems += "  " + text_of(model, "name") + ": " + text_of(model, "problem") + "\n";
  }
  table.print(console);
  if (!problems.empty()) console.error("\n" + problems);
  return cli::done;
}

int run_models_remove(const cli::Console& console, const cli::Arguments& arguments) {
  auto reached = reach(console, arguments);
  if (!reached.admin) return reached.exit;
  std::string name = arguments.word(0);
  auto answer =
      reached.admin->call("DELETE", std::string(admin::prefix) + "models/" + percent_encode(name));
  if (!answer)
    return report(console, answer.error(), fmt::format("{} was not removed", cli::printable(name)),
                  "outcrop models");
  if (console.json) return console.document(*answer), cli::done;
  const auto& model = answer->as_object();
  bool owned = json::find_bool(model, "owned").value_or(false);
  console.print(
      fmt::format("{} is removed{}\n", text_of(model, "name"),
                  owned ? ", its file too."
                        : fmt::format("; its file stays: {}", short_path(text_of(model, "path")))));
  return cli::done;
}

int run_models_find(const cli::Console& console, const cli::Arguments& arguments) {
  std::string home = arguments.word(0);
  if (home.empty()) home = std::getenv("HOME") ? std::getenv("HOME") : "";
  if (home.empty()) {
    return cli::report(console, {.exit = cli::usage,
                                 .what = "there is no folder to look in",
                                 .why = "HOME is not set",
                                 .next = "outcrop models find FOLDER"});
  }
  auto found = models::find_models(home);
  std::int64_t memory = available_memory_bytes();
  if (console.json) {
    json::Array list;
    for (const auto& each : found) {
      json::Object out;
      out["name"] = each.name;
      out["path"] = each.path;
      out["where"] = each.where;
      out["size_bytes"] = static_cast<std::int64_t>(each.bytes);
      list.push_back(std::move(out));
    }
    json::Object out;
    out["found"] = std::move(list);
    console.document(json::Value(std::move(out)));
    return cli::done;
  }
  if (found.empty()) {
    console.print(
        "No GGUF file was found where Ollama, LM Studio, llama.cpp and the Hugging Face cache keep "
        "theirs.\n");
    console.error("next  outcrop models add FILE or URL\n");
    return cli::done;
  }
  cli::Table table({{"where"},
                    {"model", false, true},
                    {"kind"},
                    {"size", true},
                    {"memory"},
                    {"to add it", false, true}});
  for (const auto& each : found) {
    auto facts = models::read_gguf_file(each.path);
    std::string kind = facts ? std::string(models::to_text(facts->kind)) : "broken";
    std::string memory_text;
    if (facts) {
      memory_text = fit_text(memory_fit({.weights_bytes = static_cast<std::int64_t>(each.bytes),
                                         .layers = facts->layers,
                                         .width = facts->embedding_length,
                                         .context_tokens = facts->context_tokens},
                                        memory)
                                 .fit);
    }
    table.row({cli::printable(each.where), cli::printable(each.name), kind,
               cli::bytes_text(static_cast<double>(each.bytes)), memory_text,
               "outcrop models add " + shell_word(short_path(cli::printable(each.path)))});
  }
  table.print(console);
  console.error(fmt::format("{} of memory are free for models.\n",
                            cli::bytes_text(static_cast<double>(memory))));
  return cli::done;
}

}  // namespace outcrop::commands
