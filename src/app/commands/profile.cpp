#include "app/commands/profile.h"

#include "base/text.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <sys/stat.h>
#include <unistd.h>

namespace outcrop::commands {
namespace {

constexpr std::string_view mark = "# made by outcrop env --profile; it may replace this section";

std::string file_at(const char* variable, const char* name) {
  if (const char* path = std::getenv(variable); path && *path) return path;
  const char* home = std::getenv("HOME");
  return std::string(home ? home : "") + "/.aws/" + name;
}

Result<std::string> contents(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in && errno != ENOENT)
    return fail(Code::io, "{} cannot be read: {}", path, std::strerror(errno));
  return std::string(std::istreambuf_iterator<char>(in), {});
}

Result<void> replace(const std::string& path, std::string_view text) {
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), error);
  // Through a link of the user's: the file it names is replaced, the link stays.
  std::string real = std::filesystem::weakly_canonical(path, error).string();
  if (error) real = path;
  std::string temporary = fmt::format("{}.{}", real, ::getpid());
  int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return fail(Code::io, "{} cannot be written: {}", temporary, std::strerror(errno));
  bool written = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  written = ::fsync(fd) == 0 && written;
  ::close(fd);
  if (!written || ::rename(temporary.c_str(), real.c_str()) != 0) {
    ::unlink(temporary.c_str());
    return fail(Code::io, "{} cannot be written", real);
  }
  return {};
}

}  // namespace

Result<std::string> with_section(std::string_view text, std::string_view header,
                                 std::string_view body) {
  std::string before, own, after;
  std::string* into = &before;
  bool found = false;
  while (!text.empty()) {
    auto end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    std::string_view bare = trim(line);
    if (bare.starts_with('[') && bare.ends_with(']')) {
      bool ours = trim(bare.substr(1, bare.size() - 2)) == header;
      found = found || ours;
      into = ours ? &own : found ? &after : &before;
    }
    *into += std::string(line) + "\n";
  }
  if (found && own.find(mark) == std::string::npos) {
    return fail(Code::conflict,
                "[{}] is there already and was not made by Outcrop: choose another name", header);
  }
  std::string section = fmt::format("[{}]\n{}\n{}", header, mark, body);
  if (!before.empty() && !before.ends_with("\n\n")) before += "\n";
  if (!after.empty()) section += "\n";
  return before + section + after;
}

Result<ProfileFiles> write_profile(const Profile& profile) {
  if (profile.name.empty() || profile.name.find_first_of("[]\n\r\t'\"# ") != std::string::npos) {
    return fail(Code::validation,
                "the name \"{}\" is no name of a profile: letters, digits, '-' and '_' are wanted",
                profile.name);
  }
  ProfileFiles files{file_at("AWS_CONFIG_FILE", "config"),
                     file_at("AWS_SHARED_CREDENTIALS_FILE", "credentials")};
  TRY(config, contents(files.config_file));
  TRY(credentials, contents(files.credentials_file));
  // Named by the files' own rules: [default] stands without the word.
  std::string header = profile.name == "default" ? "default" : "profile " + profile.name;
  std::string group = "outcrop-" + profile.name;
  std::string body = "region = " + profile.region + "\n";
  if (!profile.ca_bundle.empty()) body += "ca_bundle = " + profile.ca_bundle + "\n";
  body += profile.services.empty() ? "endpoint_url = " + profile.url + "\n"
                                   : "services = " + group + "\n";
  TRY(with_profile, with_section(config, header, body));
  config = std::move(with_profile);
  if (!profile.services.empty()) {
    std::string endpoints;
    for (const auto& service : profile.services)
      endpoints += service + " =\n  endpoint_url = " + profile.url + "\n";
    TRY(with_services, with_section(config, "services " + group, endpoints));
    config = std::move(with_services);
  }
  TRY(with_keys, with_section(credentials, profile.name,
                              "aws_access_key_id = " + profile.access_key +
                                  "\naws_secret_access_key = " + profile.secret + "\n"));
  CHECK(replace(files.credentials_file, with_keys));
  CHECK(replace(files.config_file, config));
  return files;
}

}  // namespace outcrop::commands
