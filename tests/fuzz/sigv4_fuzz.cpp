// Reads the input as lines: method, target, Authorization, then headers. Reading a signature and
// building the canonical request must come through anything.
#include "base/text.h"
#include "identity/signed_request.h"
#include "wire/sigv4.h"

#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace outcrop;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  auto lines = split(text, '\n');
  wire::RequestHead head;
  head.method = lines[0];
  head.target = lines.size() > 1 ? lines[1] : "/";
  for (std::size_t i = 3; i < lines.size(); ++i) {
    auto colon = lines[i].find(':');
    if (colon != std::string_view::npos) {
      head.headers.add(lines[i].substr(0, colon), lines[i].substr(colon + 1));
    }
  }
  if (lines.size() > 2) {
    auto request = identity::read_header(head, lines[2]);
    auto presigned = identity::read_query(head, head.query(), std::chrono::seconds(604'800));
    static_cast<void>(request);
    static_cast<void>(presigned);
  }
  for (auto style : {wire::sigv4::PathStyle::encode_again, wire::sigv4::PathStyle::as_sent,
                     wire::sigv4::PathStyle::normalize_encode_again}) {
    wire::sigv4::CanonicalInput input{.method = head.method,
                                      .path = head.path(),
                                      .query = head.query(),
                                      .headers = {},
                                      .payload_hash = wire::sigv4::empty_payload_hash,
                                      .path_style = style};
    for (const auto& [name, value] : head.headers.all()) input.headers.emplace_back(name, value);
    wire::sigv4::canonical_request(input);
  }
  wire::sigv4::is_normal(head.path());
  return 0;
}
