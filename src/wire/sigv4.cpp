#include "wire/sigv4.h"

#include "base/text.h"

#include <algorithm>
#include <optional>

namespace outcrop::wire::sigv4 {
namespace {

constexpr std::array<bool, 256> unreserved = [] {
  std::array<bool, 256> table{};
  for (unsigned char c : std::string_view("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                          "0123456789-_.~")) {
    table[c] = true;
  }
  return table;
}();

constexpr bool is_hex(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}
constexpr bool blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

void append_escaped(std::string& out, unsigned char c) {
  constexpr char digits[] = "0123456789ABCDEF";
  out += {'%', digits[c >> 4], digits[c & 15]};
}

void append_path(std::string& out, std::string_view path, bool keep_escapes) {
  for (std::size_t i = 0; i < path.size(); ++i) {
    auto c = static_cast<unsigned char>(path[i]);
    bool escape = keep_escapes && c == '%' && i + 2 < path.size() && is_hex(path[i + 1]) &&
                  is_hex(path[i + 2]);
    if (unreserved[c] || c == '/' || escape) {
      out += path[i];
    } else {
      append_escaped(out, c);
    }
  }
}

std::string normalized(std::string_view path) {
  std::vector<std::string_view> kept;
  for (std::string_view segment : split(path, '/')) {
    if (segment.empty() || segment == ".") continue;
    if (segment != "..") {
      kept.push_back(segment);
    } else if (!kept.empty()) {
      kept.pop_back();
    }
  }
  std::string out;
  for (std::string_view segment : kept) (out += '/') += segment;
  if (out.empty() || path.ends_with('/')) out += '/';
  return out;
}

/// A parameter's name or value, decoded and encoded by the book. What holds a broken escape is
/// taken literally.
std::string recoded(std::string_view text) {
  if (std::all_of(text.begin(), text.end(), [](unsigned char c) { return unreserved[c]; })) {
    return std::string(text);
  }
  std::string spaced(text);
  std::replace(spaced.begin(), spaced.end(), '+', ' ');
  auto decoded = percent_decode(spaced);
  return percent_encode(decoded ? *decoded : spaced);
}

void append_query(std::string& out, const CanonicalInput& input) {
  if (input.query.empty()) return;
  std::vector<std::pair<std::string, std::string>> pairs;
  for (std::string_view part : split(input.query, '&')) {
    if (part.empty()) continue;
    auto equals = part.find('=');
    std::pair<std::string, std::string> pair(recoded(part.substr(0, equals)), std::string());
    if (std::find(input.omit_query.begin(), input.omit_query.end(), pair.first) !=
            input.omit_query.end() &&
        !pair.first.empty()) {
      continue;
    }
    if (equals != std::string_view::npos) pair.second = recoded(part.substr(equals + 1));
    pairs.push_back(std::move(pair));
  }
  std::sort(pairs.begin(), pairs.end());
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    if (i > 0) out += '&';
    out.append(pairs[i].first).append("=").append(pairs[i].second);
  }
}

void append_header_value(std::string& out, std::string_view value) {
  while (!value.empty() && blank(value.back())) value.remove_suffix(1);
  bool gap = false, begun = false;
  for (char c : value) {
    if (blank(c)) {
      gap = begun;
      continue;
    }
    if (gap) out += ' ';
    gap = false;
    begun = true;
    out += c;
  }
}

}  // namespace

bool is_normal(std::string_view path) {
  if (!path.starts_with('/')) return false;
  if (path.find("//") == std::string_view::npos && path.find("/.") == std::string_view::npos) {
    return true;
  }
  return normalized(path) == path;
}

std::string signing_key(std::string_view secret, const Scope& scope) {
  std::string key = "AWS4";
  key += secret;
  for (std::string_view step : {std::string_view(scope.date), std::string_view(scope.region),
                                std::string_view(scope.service), terminator}) {
    key = hmac_sha256(key, step);
  }
  return key;
}

std::string canonical_request(const CanonicalInput& input) {
  auto headers = input.headers;
  auto by_name = [](const auto& a, const auto& b) { return a.first < b.first; };
  // By insertion: stable, nearly always sorted already, and few.
  for (auto next = headers.begin(); next != headers.end(); ++next) {
    std::rotate(std::upper_bound(headers.begin(), next, *next, by_name), next, next + 1);
  }
  std::string out;
  out.reserve(1024);
  out.append(input.method) += '\n';
  std::string_view path = input.path;
  std::string resolved;
  if (input.path_style == PathStyle::normalize_encode_again) path = resolved = normalized(path);
  if (path.empty()) path = "/";
  append_path(out, path, input.path_style == PathStyle::as_sent);
  out += '\n';
  append_query(out, input);
  out += '\n';
  for (std::size_t i = 0; i < headers.size(); ++i) {
    if (i > 0 && headers[i].first == headers[i - 1].first) {
      out.back() = ',';
    } else {
      out.append(headers[i].first) += ':';
    }
    append_header_value(out, headers[i].second);
    out += '\n';
  }
  out += '\n';
  for (std::size_t i = 0; i < headers.size(); ++i) {
    if (i > 0 && headers[i].first == headers[i - 1].first) continue;
    if (i > 0) out += ';';
    out += headers[i].first;
  }
  out += '\n';
  out += input.payload_hash;
  return out;
}

std::string string_to_sign(std::string_view amz_date, const Scope& scope,
                           std::string_view canonical_request) {
  std::string out;
  out.reserve(256);
  out.append(algorithm) += '\n';
  out.append(amz_date) += '\n';
  out.append(scope.text()) += '\n';
  out += hex(sha256(canonical_request));
  return out;
}

std::string signature(std::string_view signing_key, std::string_view string_to_sign) {
  return hex(hmac_sha256(signing_key, string_to_sign));
}

std::string chunk_signature(std::string_view signing_key, std::string_view amz_date,
                            const Scope& scope, std::string_view prior_signature,
                            std::string_view headers, std::string_view payload) {
  std::string text = "AWS4-HMAC-SHA256-PAYLOAD\n";
  text.append(amz_date) += '\n';
  text.append(scope.text()) += '\n';
  text.append(prior_signature) += '\n';
  text.append(hex(sha256(headers))) += '\n';
  text += hex(sha256(payload));
  return signature(signing_key, text);
}

}  // namespace outcrop::wire::sigv4
