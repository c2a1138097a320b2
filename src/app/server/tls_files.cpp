#include "app/server/tls_files.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sys/stat.h>
#include <unistd.h>

namespace outcrop::app {
namespace {

Result<std::string> read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return fail(Code::io, "{} cannot be read: {}", path, std::strerror(errno));
  return std::string(std::istreambuf_iterator<char>(in), {});
}

/// In one step, readable by its owner alone where it is a secret.
Result<void> write_file(const std::string& path, const std::string& text, mode_t mode) {
  std::string fresh = path + ".new";
  int fd = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
  if (fd < 0) return fail(Code::io, "{} cannot be written: {}", fresh, std::strerror(errno));
  bool whole = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
               ::fsync(fd) == 0;
  ::close(fd);
  if (!whole || ::rename(fresh.c_str(), path.c_str()) != 0)
    return fail(Code::io, "{} cannot be written: {}", path, std::strerror(errno));
  return {};
}

Result<wire::Authority> authority(const config::Config& config) {
  if (std::filesystem::exists(config.ca_file()) && std::filesystem::exists(config.ca_key_file())) {
    TRY(certificate, read_file(config.ca_file()));
    TRY(private_key, read_file(config.ca_key_file()));
    return wire::Authority{std::move(certificate), std::move(private_key)};
  }
  TRY(made, wire::make_authority("Outcrop local authority"));
  std::filesystem::create_directories(std::filesystem::path(config.ca_file()).parent_path());
  CHECK(write_file(config.ca_key_file(), made.private_key, 0600));
  CHECK(write_file(config.ca_file(), made.certificate, 0644));
  return made;
}

}  // namespace

Result<std::optional<TlsFiles>> tls_identity(const config::Config& config) {
  const auto& server = config.server;
  if (server.tls == config::Tls::off) return std::optional<TlsFiles>();
  if (server.tls == config::Tls::files) {
    TRY(chain, read_file(server.tls_certificate));
    TRY(key, read_file(server.tls_private_key));
    return std::optional<TlsFiles>({{std::move(chain), std::move(key)}, ""});
  }
  TRY(ca, authority(config));
  std::vector<std::string> names{"localhost", "127.0.0.1", "::1"};
  if (auto address = config::parse_host_port(server.listen);
      address && address->host != "0.0.0.0" && address->host != "::")
    names.push_back(address->host);
  names.insert(names.end(), server.tls_names.begin(), server.tls_names.end());
  TRY(identity, wire::issue(ca, names));
  return std::optional<TlsFiles>({std::move(identity), config.ca_file()});
}

}  // namespace outcrop::app
