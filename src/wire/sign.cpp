#include "wire/sign.h"

#include "base/text.h"

#include <algorithm>
#include <vector>

namespace outcrop::wire::sigv4 {

void sign(RequestHead& head, std::string_view body, const Credentials& credentials,
          std::string_view region, std::string_view service, WallTime now) {
  std::string date = basic_iso8601(now);
  Scope scope{date.substr(0, 8), std::string(region), std::string(service)};
  head.headers.set("x-amz-date", date);
  if (!credentials.session_token.empty()) {
    head.headers.set("x-amz-security-token", credentials.session_token);
  }
  std::string hash;
  if (auto given = head.headers.find("x-amz-content-sha256")) {
    hash = *given;
  } else {
    hash = hex(sha256(body));
    if (service == "s3") head.headers.set("x-amz-content-sha256", hash);
  }
  CanonicalInput input{.method = head.method,
                       .path = head.path(),
                       .query = head.query(),
                       .headers = {{"host", head.authority}},
                       .payload_hash = hash,
                       .path_style = path_style(service)};
  for (const auto& [name, value] : head.headers.all()) {
    if (name == "content-type" || name.starts_with("x-amz"))
      input.headers.emplace_back(name, value);
  }
  std::vector<std::string_view> names;
  for (const auto& header : input.headers) names.push_back(header.first);
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  std::string value(algorithm);
  value.append(" Credential=").append(credentials.access_key_id) += '/';
  value.append(scope.text()).append(", SignedHeaders=");
  for (std::size_t i = 0; i < names.size(); ++i) value.append(i > 0 ? ";" : "").append(names[i]);
  value.append(", Signature=")
      .append(signature(signing_key(credentials.secret, scope),
                        string_to_sign(date, scope, canonical_request(input))));
  head.headers.set("authorization", value);
}

std::string presign(const Presign& request, const Credentials& credentials, WallTime now) {
  std::string date = basic_iso8601(now);
  Scope scope{date.substr(0, 8), std::string(request.region), std::string(request.service)};
  std::string query(request.query);
  auto add = [&query](std::string_view name, std::string_view value) {
    if (!query.empty()) query += '&';
    query.append(name).append("=").append(percent_encode(value));
  };
  add("X-Amz-Algorithm", algorithm);
  add("X-Amz-Credential", credentials.access_key_id + "/" + scope.text());
  add("X-Amz-Date", date);
  add("X-Amz-Expires", std::to_string(request.expires.count()));
  if (!credentials.session_token.empty()) add("X-Amz-Security-Token", credentials.session_token);
  add("X-Amz-SignedHeaders", "host");
  CanonicalInput input{.method = request.method,
                       .path = request.path,
                       .query = query,
                       .headers = {{"host", request.authority}},
                       .payload_hash = request.payload_hash,
                       .path_style = path_style(request.service)};
  std::string signed_with = signature(signing_key(credentials.secret, scope),
                                      string_to_sign(date, scope, canonical_request(input)));
  add("X-Amz-Signature", signed_with);
  return query;
}

}  // namespace outcrop::wire::sigv4
