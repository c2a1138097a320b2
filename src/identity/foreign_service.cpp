#include "identity/foreign_service.h"

#include "identity/foreign_service_table.h"
#include "json/json.h"

#include <algorithm>
#include <optional>

namespace outcrop::identity {
namespace {

constexpr std::string_view code = "UnknownService";

std::string escaped_xml(std::string_view text) {
  std::string out;
  for (char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        // Control characters have no place in XML 1.0, escaped or not.
        out += static_cast<unsigned char>(c) < 0x20 ? '?' : c;
    }
  }
  return out;
}

std::string quoted_json(std::string_view text) {
  std::string out;
  json::write_string(text, out);
  return out;
}

/// A CBOR text string (RFC 8949, major type 3); 16 bits of length are enough for ours.
void append_cbor_text(std::string& out, std::string_view text) {
  std::size_t size = std::min<std::size_t>(text.size(), 0xFFFF);
  if (size < 24) {
    out += static_cast<char>(0x60 + size);
  } else {
    out += {'\x79', static_cast<char>(size >> 8), static_cast<char>(size & 0xFF)};
  }
  out += text.substr(0, size);
}

const KnownService* known(std::string_view signing_name) {
  auto all = known_services();
  auto at = std::lower_bound(all.begin(), all.end(), signing_name,
                             [](const KnownService& service, std::string_view name) {
                               return service.signing_name < name;
                             });
  return at != all.end() && at->signing_name == signing_name ? &*at : nullptr;
}

std::optional<ErrorProtocol> protocol_marked(const wire::RequestHead& head) {
  auto content_type = head.headers.find("content-type").value_or("");
  if (head.headers.find("smithy-protocol").value_or("") == "rpc-v2-cbor")
    return ErrorProtocol::cbor;
  if (content_type.starts_with("application/x-amz-json-1.0")) return ErrorProtocol::json_1_0;
  if (content_type.starts_with("application/x-amz-json-1.1") || head.headers.has("x-amz-target")) {
    return ErrorProtocol::json_1_1;
  }
  if (content_type.starts_with("application/x-www-form-urlencoded")) return ErrorProtocol::query;
  return std::nullopt;
}

/// What came off the wire as a service's name, fit to be shown.
std::string shown_name(std::string_view signing_name) {
  std::string out;
  for (char c : signing_name.substr(0, 64)) {
    bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                 c == '-' || c == '_' || c == '.';
    out += plain ? c : '?';
  }
  return out.empty() ? "such service" : out;
}

}  // namespace

ForeignService foreign_service(std::string_view signing_name, const wire::RequestHead& head) {
  const KnownService* service = known(signing_name);
  ForeignService out{service ? std::string(service->name) : shown_name(signing_name)};
  if (service) out.protocol = service->protocol;
  if (signing_name == "s3" || signing_name == "s3express") {
    out.protocol = ErrorProtocol::s3;
    return out;
  }
  bool calls_by_form = out.protocol == ErrorProtocol::query || out.protocol == ErrorProtocol::ec2;
  if (auto marked = protocol_marked(head)) {
    // EC2 sends the same form as the query services and reads another answer.
    bool ec2 = out.protocol == ErrorProtocol::ec2 && *marked == ErrorProtocol::query;
    if (!ec2) out.protocol = *marked;
  } else if (calls_by_form && head.query().find("Action=") == std::string_view::npos) {
    out.protocol = ErrorProtocol::rest_json;  // a younger API under the same name: SES v2
  }
  return out;
}

Refusal refuse_foreign_service(std::string_view signing_name, const wire::RequestHead& head,
                               std::string_view request_id) {
  ForeignService service = foreign_service(signing_name, head);
  std::string message = "this endpoint is Outcrop and has no " + service.name +
                        ". Unset AWS_ENDPOINT_URL and use: eval \"$(outcrop env)\"";
  Refusal out;
  out.head.status = 400;
  out.head.headers.add("x-amzn-RequestId", request_id);
  auto xml = [&](std::string body) {
    out.head.headers.add("Content-Type", "text/xml");
    out.body = std::move(body);
  };
  std::string inner =
      "<Code>" + std::string(code) + "</Code><Message>" + escaped_xml(message) + "</Message>";
  std::string id = escaped_xml(request_id);
  auto json_body = [&](std::string_view type) {
    out.head.headers.add("Content-Type", type);
    out.head.headers.add("x-amzn-ErrorType", code);
    out.body = "{\"__type\":" + quoted_json(code) + ",\"message\":" + quoted_json(message) + "}";
  };
  switch (service.protocol) {
    case ErrorProtocol::json_1_0:
      json_body("application/x-amz-json-1.0");
      break;
    case ErrorProtocol::json_1_1:
      json_body("application/x-amz-json-1.1");
      break;
    case ErrorProtocol::rest_json:
      json_body("application/json");
      break;
    case ErrorProtocol::query:
    case ErrorProtocol::rest_xml:
      xml("<ErrorResponse><Error><Type>Sender</Type>" + inner + "</Error><RequestId>" + id +
          "</RequestId></ErrorResponse>");
      break;
    case ErrorProtocol::ec2:
      xml("<Response><Errors><Error>" + inner + "</Error></Errors><RequestID>" + id +
          "</RequestID></Response>");
      break;
    case ErrorProtocol::s3:
      out.head.headers.add("x-amz-request-id", request_id);
      xml("<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error>" + inner + "<RequestId>" + id +
          "</RequestId></Error>");
      break;
    case ErrorProtocol::cbor:
      out.head.headers.add("Content-Type", "application/cbor");
      out.head.headers.add("smithy-protocol", "rpc-v2-cbor");
      out.body = '\xA2';  // a map of two
      append_cbor_text(out.body, "__type");
      append_cbor_text(out.body, code);
      append_cbor_text(out.body, "message");
      append_cbor_text(out.body, message);
      break;
  }
  if (head.method == "HEAD") out.body.clear();
  return out;
}

}  // namespace outcrop::identity
