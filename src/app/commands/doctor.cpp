#include "app/admin/unix_http.h"
#include "app/cli/version.h"
#include "app/commands/context.h"
#include "app/registry/gguf.h"
#include "base/text.h"
#include "base/time.h"

#include <arpa/inet.h>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <thread>
#include <unistd.h>

namespace outcrop::commands {
namespace {

enum class Verdict { ok, warn, fail };

struct Finding {
  std::string what;
  Verdict verdict = Verdict::ok;
  std::string detail;
  std::string next{};
};

Finding version_of_all() {
  utsname system{};
  ::uname(&system);
  return {"program", Verdict::ok,
          fmt::format("outcrop {} on {} {} ({})", cli::version(), system.sysname, system.release,
                      system.machine)};
}

Finding data_folder(const config::Config& config) {
  Finding out{"data folder", Verdict::ok, short_path(config.data_dir)};
  struct stat facts{};
  if (::stat(config.data_dir.c_str(), &facts) != 0) {
    if (errno != ENOENT) {
      out.verdict = Verdict::fail;
      out.detail += std::string(": ") + std::strerror(errno);
      out.next = "choose another with --data DIR";
      return out;
    }
    out.detail += " is not there yet; the first start makes it";
    return out;
  }
  if (::access(config.data_dir.c_str(), R_OK | W_OK | X_OK) != 0) {
    out.verdict = Verdict::fail;
    out.detail += std::string(" cannot be written: ") + std::strerror(errno);
    out.next = "choose another with --data DIR, or make it yours: chown $(id -u) " +
               shell_word(config.data_dir);
  } else if (facts.st_mode & 077) {
    out.verdict = Verdict::warn;
    out.detail += fmt::format(" can be entered by others (mode {:o})", facts.st_mode & 0777);
    out.next = "chmod 700 " + shell_word(config.data_dir);
  } else {
    out.detail += ", mode 700, yours";
  }
  return out;
}

Finding disk(const config::Config& config) {
  std::string folder = config.data_dir;
  struct statvfs facts{};
  while (::statvfs(folder.c_str(), &facts) != 0 && folder.size() > 1)
    folder.resize(std::max<std::size_t>(folder.rfind('/'), 1));
  auto left = static_cast<double>(facts.f_bavail) * static_cast<double>(facts.f_frsize);
  Finding out{"disk", Verdict::ok, cli::bytes_text(left) + " free at " + short_path(folder)};
  if (left < 1e9) {
    out.verdict = left < 1e8 ? Verdict::fail : Verdict::warn;
    out.next = "a model takes 0.1 to 10 GB: free some space, or use --data on another disk";
  }
  return out;
}

std::string url_of(admin::Admin& server) {
  auto status = server.call("GET", std::string(admin::prefix) + "status");
  if (!status || !status->is_object()) return {};
  return cli::printable(json::find_string(status->get_object(), "url").value_or(""));
}

Finding socket(const config::Config& config, const Result<std::unique_ptr<admin::Admin>>& server) {
  std::string path = config.socket_file();
  if (server) {
    std::string url = url_of(**server);
    return {"server", Verdict::ok, url.empty() ? "running" : "running at " + cli::printable(url)};
  }
  if (::access(path.c_str(), F_OK) != 0) return {"server", Verdict::ok, "not running"};
  if (admin::answers(path)) {
    return {"server", Verdict::fail,
            "something listens at " + short_path(path) +
                " but does not answer: " + server.error().message,
            "stop that process, or set server.socket to another path"};
  }
  return {"server", Verdict::warn,
          "not running; a socket was left behind at " + short_path(path) +
              ", which happens when it was killed",
          "nothing: the next start replaces it"};
}

/// `held` is the address of the running server, where one runs.
Finding port(const config::Config& config, const std::string& held) {
  auto listen = config::parse_host_port(config.server.listen);
  Finding out{"port", Verdict::ok, config.server.listen};
  if (!listen || listen->port == 0) return out.detail += ": picked at start", out;
  if (held.ends_with("//" + config.server.listen))
    return out.detail += ": held by the running server", out;
  addrinfo hints{}, *found = nullptr;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  std::string number = fmt::format("{}", listen->port);
  if (int error = ::getaddrinfo(listen->host.c_str(), number.c_str(), &hints, &found); error != 0) {
    return {"port", Verdict::fail,
            fmt::format("{}: {}", config.server.listen, ::gai_strerror(error)),
            "outcrop serve --listen HOST:PORT"};
  }
  int fd = ::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  bool bound = fd >= 0 && ::bind(fd, found->ai_addr, found->ai_addrlen) == 0;
  int error = errno;
  if (fd >= 0) ::close(fd);
  ::freeaddrinfo(found);
  if (bound) return out.detail += " is free", out;
  out.verdict = Verdict::fail;
  out.detail += fmt::format(" cannot be had: {}", std::strerror(error));
  out.next = error == EADDRINUSE
                 ? "outcrop serve --listen 127.0.0.1:0 takes a free one; `ss -ltnp` shows who "
                   "holds this one"
                 : "outcrop serve --listen HOST:PORT, with an address of this machine";
  return out;
}

Finding memory() {
  auto available = available_memory_bytes();
  Finding out{"memory", Verdict::ok,
              cli::bytes_text(static_cast<double>(available)) + " free for models"};
  if (available < 500'000'000) {
    out.verdict = Verdict::warn;
    out.next = "the default models need about 500 MB: end other programs";
  }
  return out;
}

Finding cores() {
  unsigned count = std::max(1U, std::thread::hardware_concurrency());
  Finding out{"cores", Verdict::ok, fmt::format("{}", count)};
#if defined(__x86_64__)
  if (!__builtin_cpu_supports("avx2")) {
    out.verdict = Verdict::warn;
    out.detail += ", without AVX2";
    out.next = "models run several times slower on this processor";
  } else {
    out.detail += __builtin_cpu_supports("avx512f") ? ", AVX2, AVX-512" : ", AVX2";
  }
#endif
  return out;
}

/// Signatures are held against the clock: five minutes and they fail. Without the network, what can
/// be seen is a clock that stands in the past of this installation's own files.
Finding wall_clock(const config::Config& config) {
  auto time = wall_now();
  Finding out{"clock", Verdict::ok, iso8601(time)};
  struct stat facts{};
  if (::stat(config.records_file().c_str(), &facts) == 0 &&
      std::chrono::system_clock::from_time_t(facts.st_mtime) > time + std::chrono::minutes(5)) {
    out.verdict = Verdict::fail;
    out.detail += ": the records of this installation were written later than that";
    out.next = "set the clock: signed requests more than 5 minutes off are refused";
  }
  return out;
}

Finding models(admin::Admin& admin, const config::Config& config, const Program& program,
               bool quick) {
  auto answer = admin.call("GET", std::string(admin::prefix) + "models?rescan=true");
  if (!answer) return {"models", Verdict::fail, answer.error().message, "outcrop models"};
  const auto& list = answer->at("models").as_array();
  if (list.empty()) {
    return {"models", Verdict::warn, "none in " + short_path(config.models_folder()),
            "outcrop models find, or outcrop models add FILE or URL"};
  }
  Finding out{"models", Verdict::ok, {}};
  std::size_t good = 0;
  for (const auto& entry : list) {
    const auto& model = entry.as_object();
    std::string problem = cli::printable(json::find_string(model, "problem").value_or(""));
    if (problem.empty() && !quick) {
      auto seen = registry::describe(program.self,
                                     std::string(json::find_string(model, "path").value_or("")));
      if (!seen) problem = cli::printable(seen.error().message);
    }
    if (problem.empty()) {
      ++good;
      continue;
    }
    out.verdict = Verdict::warn;
    out.detail += (out.detail.empty() ? "" : "; ") +
                  cli::printable(json::find_string(model, "name").value_or("")) + ": " + problem;
    out.next = "fetch the file again, or outcrop models remove NAME";
  }
  if (good == 0) out.verdict = Verdict::fail;
  std::string summary = fmt::format("{} of {} can be used", good, list.size());
  out.detail = out.detail.empty() ? summary : summary + "; " + out.detail;
  return out;
}

}  // namespace

int run_doctor(const cli::Console& console, const cli::Arguments& arguments,
               const Program& program) {
  std::vector<Finding> findings{version_of_all()};
  auto loaded = load(arguments);
  config::Config config;
  if (!loaded) {
    findings.push_back({"configuration", Verdict::fail, loaded.error().message,
                        "mend the lines named, then run outcrop doctor again"});
  } else {
    config = loaded->config;
    auto checked = config::check_for_serving(*loaded);
    std::string from = loaded->file.empty() ? "no file, defaults" : short_path(loaded->file);
    findings.push_back(checked ? Finding{"configuration", Verdict::ok, from}
                               : Finding{"configuration", Verdict::fail, checked.error().message,
                                         "mend the lines named"});
    findings.push_back(data_folder(config));
    findings.push_back(disk(config));
    auto server = admin::connect(config);
    findings.push_back(socket(config, server));
    findings.push_back(port(config, server ? url_of(**server) : std::string()));
    findings.push_back(memory());
    findings.push_back(cores());
    findings.push_back(wall_clock(config));
    bool there = ::access(config.data_dir.c_str(), W_OK) == 0;
    auto admin = server ? std::move(server) : there ? admin::open_store(config) : std::move(server);
    if (admin) {
      if (!(*admin)->running()) findings.push_back({"records", Verdict::ok, "opened and closed"});
      findings.push_back(models(**admin, config, program, arguments.has("--quick")));
    } else if (there) {
      findings.push_back({"records", Verdict::fail, admin.error().message,
                          admin.error().code == Code::conflict
                              ? "stop the process that holds the store"
                              : "restore the data folder from a copy"});
    } else {
      findings.push_back({"models", Verdict::warn, "none yet", "outcrop models add FILE or URL"});
    }
  }
  int exit = cli::done;
  json::Array list;
  for (const auto& finding : findings) {
    constexpr std::string_view names[] = {"ok", "warn", "fail"};
    constexpr cli::Style styles[] = {cli::Style::green, cli::Style::yellow, cli::Style::red};
    auto at = static_cast<std::size_t>(finding.verdict);
    if (finding.verdict == Verdict::fail) exit = cli::failed;
    json::Object row;
    row["check"] = finding.what;
    row["verdict"] = names[at];
    row["detail"] = finding.detail;
    if (!finding.next.empty()) row["next"] = finding.next;
    list.push_back(std::move(row));
    if (console.json) continue;
    std::string detail = finding.detail;
    for (std::size_t line = 0; (line = detail.find('\n', line)) != std::string::npos; line += 22)
      detail.insert(line + 1, 21, ' ');
    console.print(fmt::format("{}{}  {:<13}  {}\n", console.paint(styles[at], names[at]),
                              std::string(4 - names[at].size(), ' '), finding.what, detail));
    if (!finding.next.empty())
      console.print(fmt::format("                     {} {}\n",
                                console.paint(cli::Style::dim, "next"), finding.next));
  }
  if (console.json) {
    json::Object out;
    out["ok"] = exit == cli::done;
    out["checks"] = std::move(list);
    console.document(json::Value(std::move(out)));
  }
  return exit;
}

}  // namespace outcrop::commands
