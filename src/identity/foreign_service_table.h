#pragma once
/// The AWS services by signing name, sorted: facts generated from botocore
/// (tools/foreign_services.py).

#include "identity/foreign_service.h"

#include <span>
#include <string_view>

namespace outcrop::identity {

struct KnownService {
  std::string_view signing_name;  // "dynamodb"
  std::string_view name;          // "DynamoDB"
  ErrorProtocol protocol;         // where the request itself gives no better clue
};
std::span<const KnownService> known_services();

}  // namespace outcrop::identity
