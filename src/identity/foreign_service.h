#pragma once
/// AWS_ENDPOINT_URL sends every service's calls here, also those that Outcrop does not have. They
/// get a refusal that the client of that service can read, so that its user sees a sentence instead
/// of a parse error. Threads: any; no state.

#include "wire/http.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace outcrop::identity {

/// How a client reads errors.
enum class ErrorProtocol : std::uint8_t {
  json_1_0,  // {"__type", "message"}, application/x-amz-json-1.0
  json_1_1,
  query,      // <ErrorResponse><Error>
  ec2,        // <Response><Errors><Error>
  s3,         // <Error>
  rest_xml,   // as query, without its XML in the request
  rest_json,  // x-amzn-ErrorType and {"message"}
  cbor,       // Smithy RPC v2: a CBOR map
};

struct ForeignService {
  std::string name;  // for people: "DynamoDB"; the signing name where we know no better
  ErrorProtocol protocol = ErrorProtocol::rest_json;
};
/// The request's own marks (smithy-protocol, X-Amz-Target, a form as body) go before the table:
/// several services share a signing name and a client may speak any protocol its service has.
ForeignService foreign_service(std::string_view signing_name, const wire::RequestHead& head);

struct Refusal {
  wire::ResponseHead head;  // status 400: clients do not retry it
  std::string body;         // empty for HEAD
};
/// Code UnknownService, with the request id where the protocol has a place for it.
Refusal refuse_foreign_service(std::string_view signing_name, const wire::RequestHead& head,
                               std::string_view request_id);

}  // namespace outcrop::identity
