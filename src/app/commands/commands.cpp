#include "app/commands/commands.h"

#include "app/commands/context.h"

namespace outcrop::commands {
namespace {

using cli::Arguments;
using cli::Command;
using cli::Console;
using cli::Flag;

std::vector<Flag> common_flags() {
  return {{"--data", "DIR", "the installation's folder (OUTCROP_DATA)"},
          {"--config", "FILE", "the configuration (OUTCROP_CONFIG)"},
          {"--set", "KEY=VALUE", "an option of the configuration", true},
          {"--json", "", "results as JSON on standard output, failures as JSON on standard error"},
          {"--help", "", "this text"}};
}

std::vector<Command> server_commands(const Program& program) {
  return {
      {.name = "serve",
       .summary = "Run the server in the foreground",
       .details = "Prints `ready http://HOST:PORT` on standard output once it answers, logs on "
                  "standard error, and stops "
                  "at Ctrl-C or SIGTERM once open requests have ended.",
       .flags = {{"--listen", "HOST:PORT", "where to answer; port 0 picks one (OUTCROP_LISTEN)"},
                 {"--models", "DIR", "a folder of *.gguf files (OUTCROP_MODELS)"}},
       .examples = {{"outcrop serve", "on 127.0.0.1:8177, without a configuration"},
                    {"outcrop serve --listen 127.0.0.1:0 --data ./try",
                     "on a free port, in a folder of its own"},
                    {"outcrop serve --config outcrop.toml --set log.level=debug",
                     "as configured, with more to read"}},
       .run = [program](const Console& c, const Arguments& a) { return run_serve(c, a, program); }},
      {.name = "status",
       .summary = "Ask the running server how it is",
       .examples = {{"outcrop status --json", "for scripts; exit code 3 when no server answers"}},
       .run = run_status},
      {.name = "stop",
       .summary = "Stop the running server and wait until it has",
       .examples = {{"outcrop stop",
                     "open requests may end first, for at most server.drain_timeout"}},
       .run = run_stop},
      {.name = "env",
       .summary = "Print the variables that lead SDKs here",
       .details = "For eval in a shell: the endpoint of each service that is built, the region "
                  "under both of its names, "
                  "the access key \"default\" (made at the first call) and, with TLS, who is to be "
                  "trusted.",
       .flags = {{"--all", "", "lead every AWS service here, with AWS_ENDPOINT_URL"},
                 {"--profile", "NAME", "write a profile of the AWS configuration files instead"}},
       .examples = {{"eval \"$(outcrop env)\"", "then run a Bedrock program in this shell"},
                    {"outcrop env --profile outcrop", "then AWS_PROFILE=outcrop, in any shell"}},
       .run = run_env},
      {.name = "chat",
       .summary = "Talk to a model here",
       .details = "A reply streams as it is written; then come its tokens and their rate. Ctrl-C "
                  "stops a reply, Ctrl-D "
                  "ends. In a pipe, standard input is one question.",
       .flags = {{"--model", "NAME",
                  "a model of this installation, or any id that one stands in for"},
                 {"--system", "TEXT", "what the model is told about its role"},
                 {"--once", "TEXT", "one question, one reply"},
                 {"--max-tokens", "N", "the longest reply"},
                 {"--temperature", "T", "0 to 1"}},
       .examples = {{"outcrop chat", ""},
                    {"outcrop chat --once \"Which city is the depot in?\" --json",
                     "one document with text and figures"},
                    {"git diff | outcrop chat --system \"Review this change.\"", ""}},
       .run = run_chat},
  };
}

std::vector<Command> store_commands(const Program& program) {
  return {
      {.name = "models",
       .summary = "List the models of this installation",
       .examples = {{"outcrop models", ""},
                    {"outcrop models --json", "with checksums and descriptions"}},
       .run = run_models},
      {.name = "models add",
       .summary = "Add a model: a file, a folder or a URL",
       .details = "A file stays where it is unless --copy or --link says otherwise. A download "
                  "goes on where an earlier "
                  "one stopped. The file is looked at before it is added; a broken one is refused.",
       .flags = {{"--name", "NAME", "how it is called here; made from the file's name otherwise"},
                 {"--stands-in-for", "PATTERN",
                  "model ids that it answers for: \"anthropic.claude-*\"", true},
                 {"--kind",
                  "KIND",
                  "what it is for; the file says otherwise",
                  false,
                  {"chat", "embedding", "rerank"}},
                 {"--sha256", "HEX", "refuse another file than the one with this checksum"},
                 {"--copy", "", "copy the file into the installation"},
                 {"--link", "", "link it there, so that deleting the original does no harm"}},
       .words = {{"SOURCE", "a GGUF file, a folder of them, or an http or https URL"}},
       .examples =
           {{"outcrop models add ./qwen3-4b-q4_k_m.gguf --stands-in-for \"anthropic.claude-*\"",
             ""},
            {"outcrop models add https://models.example/qwen3.gguf --sha256 9f86d0...",
             "fetched, checked, added"}},
       .run = [program](const Console& c,
                        const Arguments& a) { return run_models_add(c, a, program); }},
      {.name = "models find",
       .summary = "Find the GGUF files that other programs keep on this machine",
       .words = {{"FOLDER", "the home folder to look in; yours otherwise", false}},
       .examples = {{"outcrop models find", ""}},
       .run = run_models_find},
      {.name = "models remove",
       .summary = "Remove a model that was added; its file goes only if it was copied or fetched",
       .words = {{"NAME", "as outcrop models shows it"}},
       .examples = {{"outcrop models remove qwen3-4b-q4-k-m", ""}},
       .run = run_models_remove},
      {.name = "keys",
       .summary = "List the keys that requests may be signed with",
       .flags = {{"--all", "", "revoked and expired ones too"}},
       .examples = {{"outcrop keys", ""}},
       .run = run_keys},
      {.name = "keys create",
       .summary = "Make a key and show its secret this once",
       .flags = {{"--api-key", "",
                  "a bearer token (AWS_BEARER_TOKEN_BEDROCK) instead of an access key"},
                 {"--admin", "", "it may also see the metrics from elsewhere"},
                 {"--expires", "WHEN", "30d, 12h or a time such as 2027-01-31T00:00:00Z"}},
       .words = {{"NAME", "who or what it is for"}},
       .examples = {{"outcrop keys create ci --expires 30d", ""},
                    {"eval \"$(outcrop keys create ana --api-key)\"", ""}},
       .run = run_keys_create},
      {.name = "keys revoke",
       .summary = "Revoke a key at once",
       .words = {{"KEY", "its id, or its name where only one key in use has it"}},
       .examples = {{"outcrop keys revoke ci", ""}},
       .run = run_keys_revoke},
      {.name = "config",
       .summary = "Print every option in effect and where it comes from",
       .flags = {{"--check", "", "check also what only a server needs: files, addresses"},
                 {"--markdown", "", "print the page of the documentation instead"}},
       .examples = {{"outcrop config", "as TOML that can be read again"},
                    {"outcrop config --check --config outcrop.toml",
                     "before a restart; exit code 2 with the mistakes"}},
       .run = run_config},
      {.name = "doctor",
       .summary = "Check what a server needs, and say what to do where something is missing",
       .flags = {{"--quick", "", "without looking into the model files"}},
       .examples = {{"outcrop doctor", "exit code 1 when something fails"}},
       .run = [program](const Console& c,
                        const Arguments& a) { return run_doctor(c, a, program); }},
      {.name = "version",
       .summary = "Print the version",
       .examples = {{"outcrop version", ""}},
       .run = run_version},
  };
}

}  // namespace

cli::Commands all(const Program& program) {
  auto commands = server_commands(program);
  for (auto& command : store_commands(program)) commands.push_back(std::move(command));
  return cli::Commands(
      "outcrop",
      "Outcrop speaks the APIs of Amazon Bedrock and answers with models of this machine.\n"
      "Start with: outcrop serve, and in another shell: eval \"$(outcrop env)\"",
      common_flags(), std::move(commands));
}

std::string page(const cli::Commands& commands) {
  return "# The command line\n\n"
         "<!-- Made from src/app/commands/commands.cpp: change that, not this. -->\n\n"
         "Results go to standard output, everything else to standard error. A terminal gets "
         "colour, aligned tables and\n"
         "progress; a pipe gets plain text; `--json` gets one document. `NO_COLOR` is heard. A "
         "command talks to the\n"
         "running server through its Unix socket (`outcrop.sock` in the data folder); where none "
         "runs, those about keys,\n"
         "models and the environment open the store themselves, under its lock.\n\n"
         "A failure says what happened, why, and what to do next, and ends with one of these "
         "codes, which stay as they\n"
         "are:\n\n"
         "| Code | Meaning |\n|---|---|\n"
         "| 0 | done |\n"
         "| 1 | it was tried and did not work; `doctor`: something fails |\n"
         "| 2 | the command line or the configuration is wrong |\n"
         "| 3 | no server answers |\n"
         "| 4 | refused: not allowed, already there, in use, or over a limit |\n"
         "| 5 | what was named is not there |\n"
         "| 130 | stopped with Ctrl-C |\n\n"
         "`outcrop engine` is the process of one model, started by the server; it is not for "
         "people.\n\n" +
         commands.markdown();
}

}  // namespace outcrop::commands
