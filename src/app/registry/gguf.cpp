#include "app/registry/gguf.h"

#include "base/text.h"
#include "base/time.h"

#include <openssl/evp.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <memory>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace outcrop::registry {
namespace {

constexpr Millis describe_timeout{60'000};
constexpr std::size_t describe_bytes_limit = 1024 * 1024;

std::string_view looks_like(std::string_view head) {
  std::string begin = lower(head.substr(0, 64));
  if (head.empty()) return "it is empty";
  if (begin.find("<html") != std::string::npos || begin.starts_with("<!doctype"))
    return "it is a web page";
  if (begin.starts_with("version https://git-lfs"))
    return "it is a pointer of Git LFS; fetch the file itself";
  if (head.starts_with("PK\x03\x04")) return "it is a zip archive (or a PyTorch checkpoint)";
  if (head.starts_with("\x1f\x8b")) return "it is compressed with gzip";
  if (head.starts_with("ggml") || head.starts_with("lmgg") || head.starts_with("tjgg"))
    return "it is of the older GGML format";
  if (head.size() > 9 && head[8] == '{')
    return "it looks like safetensors; convert it to GGUF first";
  if (head.front() == '{') return "it is JSON";
  return "its first bytes are not those of GGUF";
}

struct Pipe {
  int read = -1, write = -1;
  ~Pipe() { shut(read), shut(write); }
  static void shut(int& fd) {
    if (fd >= 0) ::close(std::exchange(fd, -1));
  }
};

std::string last_line(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.remove_suffix(1);
  auto at = text.rfind('\n');
  return std::string(at == std::string_view::npos ? text : text.substr(at + 1));
}

}  // namespace

Result<void> check_gguf(const std::string& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error))
    return fail(Code::validation, "{} is a folder, a GGUF file is wanted", path);
  std::ifstream in(path, std::ios::binary);
  if (!in) return fail(Code::validation, "{} cannot be read: {}", path, std::strerror(errno));
  char bytes[64]{};
  in.read(bytes, sizeof bytes);
  std::string_view head(bytes, static_cast<std::size_t>(in.gcount()));
  if (!head.starts_with("GGUF"))
    return fail(Code::validation, "{} is no GGUF file: {}", path, looks_like(head));
  if (head.size() < 24)
    return fail(Code::validation, "{} is cut short: it has {} bytes, not even a GGUF header", path,
                head.size());
  std::uint32_t version = 0;
  for (int i = 3; i >= 0; --i)
    version = version << 8 | static_cast<unsigned char>(head[static_cast<std::size_t>(4 + i)]);
  if (version > 0xFFFF)
    return fail(Code::validation, "{} is a big-endian GGUF file, a little-endian one is wanted",
                path);
  if (version < 2 || version > 3)
    return fail(Code::validation, "{} has GGUF version {}, 2 and 3 are read", path, version);
  return {};
}

Result<json::Value> describe(const std::string& program, const std::string& path) {
  Pipe out, err;
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC) != 0) return fail(Code::io, "no pipe: {}", std::strerror(errno));
  out.read = fds[0], out.write = fds[1];
  if (::pipe2(fds, O_CLOEXEC) != 0) return fail(Code::io, "no pipe: {}", std::strerror(errno));
  err.read = fds[0], err.write = fds[1];
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, out.write, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, err.write, STDERR_FILENO);
  std::vector<std::string> words{program, "engine", "--model", path, "--describe"};
  std::vector<char*> argv;
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  pid_t child = 0;
  int spawned = ::posix_spawn(&child, program.c_str(), &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (spawned != 0)
    return fail(Code::io, "{} could not be started: {}", program, std::strerror(spawned));
  Pipe::shut(out.write);
  Pipe::shut(err.write);

  std::string answer, words_of_error;
  Deadline deadline = Deadline::in(describe_timeout);
  bool late = false, flooded = false;
  while ((out.read >= 0 || err.read >= 0) && !late && !flooded) {
    pollfd waiting[2] = {{out.read, POLLIN, 0}, {err.read, POLLIN, 0}};
    int ready = ::poll(waiting, 2, 100);
    late = deadline.passed();
    if (ready <= 0) continue;
    for (int i = 0; i < 2; ++i) {
      if (!waiting[i].revents) continue;
      int& fd = i == 0 ? out.read : err.read;
      std::string& into = i == 0 ? answer : words_of_error;
      char buffer[4096];
      auto count = ::read(fd, buffer, sizeof buffer);
      if (count > 0) {
        into.append(buffer, static_cast<std::size_t>(count));
      } else if (count == 0 || errno != EINTR) {
        Pipe::shut(fd);
      }
    }
    flooded = answer.size() > describe_bytes_limit || words_of_error.size() > describe_bytes_limit;
  }
  if (late || flooded) ::kill(child, SIGKILL);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (late)
    return fail(Code::deadline, "{} was not described within {} s", path,
                describe_timeout.count() / 1000);
  if (flooded)
    return fail(Code::too_large, "the description of {} has more than {} bytes", path,
                describe_bytes_limit);
  if (WIFSIGNALED(status)) {
    return fail(Code::validation, "{} made its reader crash ({}): the file is broken", path,
                ::strsignal(WTERMSIG(status)));
  }
  if (WEXITSTATUS(status) != 0) {
    std::string why = last_line(words_of_error);
    // An engine logs JSON lines; what it says is what we pass on.
    if (auto logged = json::read(why); logged && logged->is_object()) {
      for (auto key : {"error", "message", "reason"}) {
        if (auto text = json::find_string(logged->get_object(), key)) {
          why = *text;
          break;
        }
      }
    }
    return fail(Code::validation, "{}",
                why.empty() ? path + " cannot be used: the engine did not say why" : why);
  }
  auto value = json::read(answer);
  if (!value || !value->is_object())
    return fail(Code::corrupt, "the description of {} is no JSON object", path);
  return *value;
}

Result<std::string> sha256_of_file(const std::string& path,
                                   const std::function<void(std::int64_t)>& progress) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return fail(Code::io, "{} cannot be read: {}", path, std::strerror(errno));
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                  EVP_MD_CTX_free);
  EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr);
  std::string buffer(1 << 20, '\0');
  std::int64_t done = 0;
  while (in.read(buffer.data(), static_cast<std::streamsize>(buffer.size())), in.gcount() > 0) {
    EVP_DigestUpdate(context.get(), buffer.data(), static_cast<std::size_t>(in.gcount()));
    done += in.gcount();
    if (progress) progress(done);
  }
  if (in.bad())
    return fail(Code::io, "{} could not be read to its end: {}", path, std::strerror(errno));
  unsigned char digest[32];
  unsigned size = 0;
  EVP_DigestFinal_ex(context.get(), digest, &size);
  return hex({reinterpret_cast<const char*>(digest), size});
}

std::vector<std::string> gguf_files(const std::string& folder, std::size_t entries_limit) {
  std::vector<std::string> out;
  std::error_code error;
  std::filesystem::directory_iterator entries(
      folder, std::filesystem::directory_options::skip_permission_denied, error);
  if (error) return out;
  for (const auto& entry : entries) {
    if (entries_limit-- == 0) break;
    std::string name = lower(entry.path().filename().string());
    if (!name.ends_with(".gguf") || name.starts_with('.') || !entry.is_regular_file(error))
      continue;
    auto of = name.rfind("-of-");  // model-00001-of-00003.gguf
    if (of != std::string::npos && of >= 6 && name.size() == of + 4 + 5 + 5 &&
        name.substr(of - 6, 6) != "-00001")
      continue;
    out.push_back(entry.path().string());
  }
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace outcrop::registry
