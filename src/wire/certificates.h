#pragma once
/// Certificates of our own: a CA made on first start, and a server certificate for the names in
/// use.

#include "base/result.h"
#include "wire/server.h"

#include <string>
#include <vector>

namespace outcrop::wire {

struct Authority {
  std::string certificate;  // PEM, what clients are told to trust
  std::string private_key;  // PEM
};

Result<Authority> make_authority(const std::string& common_name);
/// For DNS names and IP addresses; ECDSA P-256, valid `days` from an hour ago.
Result<TlsIdentity> issue(const Authority& authority, const std::vector<std::string>& names,
                          int days = 397);

}  // namespace outcrop::wire
