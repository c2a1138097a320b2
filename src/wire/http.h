#pragma once
/// HTTP messages as the rest of the program sees them, whichever version carried them.

#include <cstddef>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace outcrop::wire {

/// In order of arrival. Names are lower case on the way in; add() lowers them on the way out.
class Headers {
 public:
  Headers() = default;
  Headers(std::initializer_list<std::pair<std::string_view, std::string_view>> list) {
    for (auto [name, value] : list) add(name, value);
  }
  void add(std::string_view name, std::string_view value);
  void set(std::string_view name, std::string_view value);  // replaces all of that name
  void remove(std::string_view name);
  void clear() { list_.clear(); }
  std::size_t size() const { return list_.size(); }
  /// The first of that (lower-case) name.
  std::optional<std::string_view> find(std::string_view name) const;
  bool has(std::string_view name) const { return find(name).has_value(); }
  const std::vector<std::pair<std::string, std::string>>& all() const { return list_; }

 private:
  std::vector<std::pair<std::string, std::string>> list_;
};

struct Peer {
  enum class Kind { tcp, unix_socket } kind = Kind::tcp;
  std::string address;    // "127.0.0.1:52344"; empty for a Unix socket
  bool loopback = false;  // also true for a Unix socket
};

struct RequestHead {
  std::string method;
  std::string target;     // as on the wire: path and query, still encoded
  std::string authority;  // Host, or :authority over HTTP/2
  Headers headers;        // HTTP/2's pseudo headers are not among them
  int version = 11;       // 10, 11 or 20
  bool secure = false;    // came over TLS
  Peer peer;

  std::string_view path() const { return std::string_view(target).substr(0, target.find('?')); }
  std::string_view query() const {
    auto at = target.find('?');
    return at == std::string::npos ? std::string_view() : std::string_view(target).substr(at + 1);
  }
};

struct ResponseHead {
  int status = 200;
  Headers headers;
};

std::string_view reason_phrase(int status);

/// RFC 9110, 5.6.2: what a method and a header's name are made of; never empty.
bool is_token(std::string_view text);
/// RFC 9110, 5.5, and no control character but the tab: what cannot end a header line early.
bool is_header_value(std::string_view text);

/// name=value pairs of a query, decoded ('+' is a space here), in order; a pair without '=' has an
/// empty value. Nothing when an escape is broken.
std::optional<std::vector<std::pair<std::string, std::string>>> parse_query(std::string_view query);

}  // namespace outcrop::wire
