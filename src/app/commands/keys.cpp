#include "app/cli/table.h"
#include "app/commands/context.h"
#include "base/text.h"
#include "base/time.h"

namespace outcrop::commands {
namespace {

std::string keys_path(std::string_view id = {}) {
  std::string out = std::string(admin::prefix) + "keys";
  return id.empty() ? out : out + "/" + percent_encode(id);
}

std::string text_of(const json::Object& object, std::string_view key) {
  return cli::printable(json::find_string(object, key).value_or(""));
}

std::string day_of(const json::Object& object, std::string_view key) {
  std::string time = text_of(object, key);
  return time.size() >= 16 ? time.substr(0, 10) + " " + time.substr(11, 5) : time;
}

/// "30d", "12h" from now, or a time as it is.
Result<std::string> expiry(const std::string& text) {
  if (parse_iso8601(text)) return text;
  std::int64_t number = 0;
  std::size_t digits = text.find_first_not_of("0123456789");
  if (digits != std::string::npos && digits > 0 && digits <= 6 && digits + 1 == text.size()) {
    number = std::stoll(text.substr(0, digits));
    if (text[digits] == 'd') return iso8601(wall_now() + std::chrono::hours(24 * number));
    if (text[digits] == 'h') return iso8601(wall_now() + std::chrono::hours(number));
  }
  return fail(Code::validation,
              "--expires {}: 30d, 12h or a time is wanted, such as 2027-01-31T00:00:00Z", text);
}

}  // namespace

int run_keys(const cli::Console& console, const cli::Arguments& arguments) {
  auto reached = reach(console, arguments);
  if (!reached.admin) return reached.exit;
  auto answer = reached.admin->call("GET", keys_path());
  if (!answer) return report(console, answer.error(), "the keys could not be listed");
  if (console.json) return console.document(*answer), cli::done;
  cli::Table table(
      {{"id"}, {"name", false, true}, {"kind"}, {"admin"}, {"created"}, {"last used"}, {"state"}});
  bool all = arguments.has("--all");
  std::size_t hidden = 0;
  for (const auto& entry : answer->at("keys").as_array()) {
    const auto& key = entry.as_object();
    std::string state = "in use";
    if (key.contains("expires")) {
      auto until = parse_iso8601(text_of(key, "expires"));
      state = until && *until <= wall_now() ? "expired" : "until " + day_of(key, "expires");
    }
    if (key.contains("revoked")) state = "revoked";
    if (!all && (state == "revoked" || state == "expired")) {
      ++hidden;
      continue;
    }
    table.row({text_of(key, "id"), text_of(key, "name"),
               text_of(key, "kind") == "api_key" ? "API key" : "access key",
               json::find_bool(key, "admin").value_or(false) ? "yes" : "", day_of(key, "created"),
               day_of(key, "last_used"), state});
  }
  if (table.empty()) {
    console.print(
        "No key is in use. outcrop keys create NAME makes one; outcrop env makes and prints a "
        "default one.\n");
  } else {
    table.print(console);
  }
  if (hidden > 0)
    console.error(
        fmt::format("{} revoked or expired: outcrop keys --all shows them too.\n", hidden));
  return cli::done;
}

int run_keys_create(const cli::Console& console, const cli::Arguments& arguments) {
  json::Object body;
  bool api = arguments.has("--api-key");
  body["kind"] = api ? "api_key" : "access_key";
  body["name"] = arguments.word(0);
  body["admin"] = arguments.has("--admin");
  if (auto text = arguments.value("--expires")) {
    auto until = expiry(*text);
    if (!until)
      return report(console, until.error(), "the key was not made", "outcrop help keys create");
    body["expires"] = *until;
  }
  auto reached = reach(console, arguments);
  if (!reached.admin) return reached.exit;
  auto answer = reached.admin->call("POST", keys_path(), body);
  if (!answer) return report(console, answer.error(), "the key was not made");
  if (console.json) return console.document(*answer), cli::done;
  const auto& key = answer->as_object();
  // Two lines that a shell can take: what is for people goes to standard error.
  if (api) {
    console.print("export AWS_BEARER_TOKEN_BEDROCK=" + shell_word(text_of(key, "secret")) + "\n");
  } else {
    console.print("export AWS_ACCESS_KEY_ID=" + shell_word(text_of(key, "id")) + "\n");
    console.print("export AWS_SECRET_ACCESS_KEY=" + shell_word(text_of(key, "secret")) + "\n");
  }
  console.error(fmt::format("{} {} ({}). Its secret is shown this once.\n",
                            api ? "API key" : "Access key", text_of(key, "id"),
                            text_of(key, "name")));
  return cli::done;
}

int run_keys_revoke(const cli::Console& console, const cli::Arguments& arguments) {
  auto reached = reach(console, arguments);
  if (!reached.admin) return reached.exit;
  std::string asked = arguments.word(0);
  auto list = reached.admin->call("GET", keys_path());
  if (!list) return report(console, list.error(), "the keys could not be listed");
  // A name will do where only one key in use has it.
  std::vector<std::string> named;
  for (const auto& entry : list->at("keys").as_array()) {
    const auto& key = entry.as_object();
    if (text_of(key, "id") == asked) named = {asked};
    if (text_of(key, "id") == asked) break;
    if (text_of(key, "name") == asked && !key.contains("revoked"))
      named.push_back(text_of(key, "id"));
  }
  if (named.size() != 1) {
    std::string why = named.empty() ? "no key has this id or name"
                                    : fmt::format("{} keys have this name", named.size());
    return cli::report(console,
                       {.exit = named.empty() ? cli::not_found : cli::usage,
                        .what = fmt::format("the key {} was not revoked", cli::printable(asked)),
                        .why = why,
                        .next = "outcrop keys shows the ids"});
  }
  auto answer = reached.admin->call("DELETE", keys_path(named[0]));
  if (!answer)
    return report(console, answer.error(), fmt::format("the key {} was not revoked", named[0]));
  if (console.json) return console.document(*answer), cli::done;
  console.print(
      fmt::format("{} is revoked: requests signed with it are refused from now on.\n", named[0]));
  return cli::done;
}

}  // namespace outcrop::commands
