#include "app/commands/context.h"
#include "app/commands/profile.h"
#include "base/text.h"

#include <cstdlib>
#include <fstream>
#include <unistd.h>

namespace outcrop::commands {
namespace {

/// The services that are built, by the name that SDKs use in AWS_ENDPOINT_URL_<NAME>. A service
/// joins when its folder in src/api does: an endpoint that does not answer would be worse than
/// none.
constexpr std::string_view services[] = {"BEDROCK_RUNTIME", "BEDROCK"};

struct Where {
  std::string url;
  std::string ca_file;
  std::string region;
  std::string note;  // for standard error: what is not as it should be
};

/// An address that listens everywhere is none to connect to.
std::string reachable(std::string url) {
  for (auto [all, one] :
       {std::pair<std::string_view, std::string_view>{"://0.0.0.0:", "://127.0.0.1:"},
        {"://[::]:", "://[::1]:"}}) {
    if (auto at = url.find(all); at != std::string::npos) url.replace(at, all.size(), one);
  }
  return url;
}

Result<Where> where(const config::Config& config, admin::Admin& admin) {
  Where out;
  auto file = admin::read_server_file(config.server_file());
  std::string url;
  if (admin.running()) {
    TRY(status, admin.call("GET", std::string(admin::prefix) + "status"));
    url = json::find_string(status.as_object(), "url").value_or("");
  }
  if (file && (url.empty() || url == file->url)) {
    out.url = reachable(file->url);
    out.ca_file = file->ca_file;
    out.region = file->region.empty() ? config.region : file->region;
    if (url.empty())
      out.note =
          "no server is running; this is the address of the last one (" + file->started + ")";
    return out;
  }
  if (!url.empty()) {
    out.url = reachable(url);
    out.region = config.region;
    if (url.starts_with("https:") && config.server.tls == config::Tls::automatic)
      out.ca_file = config.ca_file();
    return out;
  }
  auto listen = config::parse_host_port(config.server.listen);
  if (!listen) return fail(listen.error());
  if (listen->port == 0)
    return fail(Code::unavailable,
                "no server is running, and server.listen = \"{}\" leaves its port open",
                config.server.listen);
  std::string host = listen->host;
  if (host.find(':') != std::string::npos) host = "[" + host + "]";
  bool tls = config.server.tls != config::Tls::off;
  out.url = reachable(fmt::format("{}://{}:{}", tls ? "https" : "http", host, listen->port));
  if (config.server.tls == config::Tls::automatic) out.ca_file = config.ca_file();
  out.region = config.region;
  out.note = "no server is running; this is the address it would have";
  return out;
}

/// The system's authorities with ours: the variables that replace the list must not take the rest
/// away.
Result<std::string> bundle(const config::Config& config, const std::string& ca_file) {
  std::ifstream own(ca_file, std::ios::binary);
  if (!own)
    return fail(Code::not_found, "{} is not there yet: the first start with TLS makes it", ca_file);
  std::string text(std::istreambuf_iterator<char>(own), {});
  for (const char* system :
       {"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
        "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"}) {
    std::ifstream in(system, std::ios::binary);
    if (!in) continue;
    text += "\n" + std::string(std::istreambuf_iterator<char>(in), {});
    break;
  }
  std::string path = config.data_dir + "/tls/bundle.pem";
  std::string temporary = fmt::format("{}.{}", path, ::getpid());
  std::ofstream out(temporary, std::ios::binary | std::ios::trunc);
  out << text;
  out.close();
  if (!out || std::rename(temporary.c_str(), path.c_str()) != 0)
    return fail(Code::io, "{} cannot be written", path);
  return path;
}

}  // namespace

int run_env(const cli::Console& console, const cli::Arguments& arguments) {
  auto reached = reach(console, arguments);
  if (!reached.admin) return reached.exit;
  const auto& config = reached.loaded.config;
  auto found = where(config, *reached.admin);
  if (!found)
    return report(console, found.error(), "the address of the server is not known",
                  "outcrop serve");
  auto answer =
      reached.admin->call("POST", std::string(admin::prefix) + "keys/default", json::Object());
  if (!answer) return report(console, answer.error(), "there is no key to print");
  const auto& key = answer->as_object();

  std::vector<std::pair<std::string, std::string>> variables;
  if (arguments.has("--all")) {
    variables.emplace_back("AWS_ENDPOINT_URL", found->url);
  } else {
    for (auto service : services)
      variables.emplace_back(fmt::format("AWS_ENDPOINT_URL_{}", service), found->url);
  }
  // Two names, since SDKs read one or the other.
  variables.emplace_back("AWS_REGION", found->region);
  variables.emplace_back("AWS_DEFAULT_REGION", found->region);
  variables.emplace_back("AWS_ACCESS_KEY_ID", json::find_string(key, "id").value_or(""));
  variables.emplace_back("AWS_SECRET_ACCESS_KEY", json::find_string(key, "secret").value_or(""));
  std::string trusted;
  if (!found->ca_file.empty()) {
    auto file = bundle(config, found->ca_file);
    if (file) {
      trusted = *file;
      variables.emplace_back("AWS_CA_BUNDLE", *file);
      variables.emplace_back("SSL_CERT_FILE", *file);
      variables.emplace_back("REQUESTS_CA_BUNDLE", *file);
      variables.emplace_back("NODE_EXTRA_CA_CERTS", found->ca_file);
    } else {
      console.error("note: " + file.error().message + "\n");
    }
  }
  if (!found->note.empty()) console.error("note: " + found->note + "\n  next  outcrop serve\n");

  if (auto name = arguments.value("--profile")) {
    Profile profile{.name = *name,
                    .url = found->url,
                    .region = found->region,
                    .access_key = std::string(json::find_string(key, "id").value_or("")),
                    .secret = std::string(json::find_string(key, "secret").value_or("")),
                    .ca_bundle = trusted,
                    .services = {}};
    for (auto service : services) {
      if (!arguments.has("--all")) profile.services.push_back(lower(service));
    }
    auto written = write_profile(profile);
    if (!written)
      return report(console, written.error(), "the profile " + *name + " was not written");
    if (console.json) {
      json::Object out;
      out["profile"] = *name;
      out["config_file"] = written->config_file;
      out["credentials_file"] = written->credentials_file;
      console.document(json::Value(std::move(out)));
      return cli::done;
    }
    console.print(
        fmt::format("The profile {} is in {} and {}. Use it with: export AWS_PROFILE={}\n", *name,
                    short_path(written->config_file), short_path(written->credentials_file),
                    shell_word(*name)));
    return cli::done;
  }
  if (console.json) {
    json::Object out;
    for (const auto& [name, value] : variables) out[name] = value;
    console.document(json::Value(std::move(out)));
    return cli::done;
  }
  for (const auto& [name, value] : variables)
    console.print("export " + name + "=" + shell_word(value) + "\n");
  // Left over from another login, these would win over the key above.
  console.print("unset AWS_SESSION_TOKEN AWS_BEARER_TOKEN_BEDROCK\n");
  if (console.out_terminal) console.error("# to use it in this shell: eval \"$(outcrop env)\"\n");
  return cli::done;
}

}  // namespace outcrop::commands
