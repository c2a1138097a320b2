#pragma once
/// Identifiers from the system's random source.

#include <string>
#include <string_view>

namespace outcrop {

std::string random_bytes(std::size_t count);
/// RFC 9562 version 4, lower case.
std::string uuid4();
/// `count` characters drawn evenly from `alphabet`.
std::string random_text(std::size_t count, std::string_view alphabet);
/// [a-z0-9]{12}, as AWS names resources.
std::string resource_id();
/// tooluse_<22 base64url characters>.
std::string tool_use_id();

}  // namespace outcrop
