#pragma once
/// A profile in the files that the AWS SDKs and the AWS CLI share (~/.aws/config and
/// ~/.aws/credentials, or AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE).

#include "base/result.h"

#include <string>
#include <string_view>
#include <vector>

namespace outcrop::commands {

struct Profile {
  std::string name;
  std::string url;
  std::string region;
  std::string access_key;
  std::string secret;
  std::string ca_bundle;              // empty: none
  std::vector<std::string> services;  // "bedrock_runtime"; empty: every service
};

struct ProfileFiles {
  std::string config_file;
  std::string credentials_file;
};

/// Replaces the profile if Outcrop made it; everything else in the files stays as it is.
/// Errors: conflict (a profile of that name that is not ours), validation (the name), io.
Result<ProfileFiles> write_profile(const Profile& profile);

/// `text` with the section [header] replaced by `body`, or appended. Errors: conflict, when the
/// section is there without our mark.
Result<std::string> with_section(std::string_view text, std::string_view header,
                                 std::string_view body);

}  // namespace outcrop::commands
