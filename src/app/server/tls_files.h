#pragma once
/// The server's certificate: the user's own files, or one issued by a CA that is made on first
/// start.

#include "app/config/config.h"
#include "base/result.h"
#include "wire/certificates.h"

#include <optional>
#include <string>

namespace outcrop::app {

struct TlsFiles {
  wire::TlsIdentity identity;
  std::string ca_file;  // PEM that clients have to trust; empty where the user's own files are used
};

/// Nothing when TLS is off. Errors: io, validation (a file that is no PEM).
Result<std::optional<TlsFiles>> tls_identity(const config::Config& config);

}  // namespace outcrop::app
