#pragma once
/// Shapes as the service models describe them: what a value may be, where it travels, what limits
/// it. All text points into the contract's own text and lives as long as its Contracts. Threads:
/// immutable once loaded; Pattern compiles itself on first use under a lock.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace re2 {
class RE2;
}

namespace outcrop::contract {

struct Shape;

enum class Kind : std::uint8_t {
  structure,
  union_,
  list,
  map,
  string,
  integer,
  long_,
  float_,
  double_,
  boolean,
  blob,
  timestamp,
  document,  // any JSON
};

/// Where a member of an operation's input or output travels.
enum class Place : std::uint8_t { body, path, query, header };

/// A regular expression of the model. `text` is what the service prints; `re2` says the same where
/// RE2 refuses the original.
class Pattern {
 public:
  Pattern(std::string_view text, std::string_view re2) : text_(text), re2_(re2) {}
  ~Pattern();
  Pattern(const Pattern&) = delete;
  Pattern& operator=(const Pattern&) = delete;
  /// Of the whole value, as the services do with and without anchors.
  bool matches(std::string_view value) const;
  std::string_view text() const { return text_; }
  /// Whether RE2 takes the expression.
  bool usable() const;

 private:
  const re2::RE2& compiled() const;
  std::string_view text_;
  std::string_view re2_;
  mutable std::atomic<const re2::RE2*> compiled_ = nullptr;
};

struct Member {
  std::string_view name;
  std::string_view wire_name;  // in path, query or header
  const Shape* shape = nullptr;
  Place place = Place::body;
  bool required = false;
  bool token = false;          // idempotency token
  bool event_payload = false;  // the whole payload of an event
};

struct Shape {
  std::string_view name;
  Kind kind = Kind::structure;
  bool defined = false;  // while loading: seen, not only named
  bool sensitive = false;
  bool event_stream = false;  // a union whose members are events and exceptions
  bool event = false;
  bool epoch = false;                 // a timestamp in seconds; ISO-8601 otherwise
  int exception_status = 0;           // HTTP status of an exception; 0 for what is none
  std::span<const Member> members{};  // structure and union, in the model's order; 64 at most
  const Member* payload = nullptr;    // the member that is the whole body
  const Shape* element = nullptr;     // of a list; the value of a map
  const Shape* key = nullptr;         // of a map
  const Pattern* pattern = nullptr;
  std::span<const std::string_view> values{};  // of an enum, in the model's order
  std::string_view min_text{}, max_text{};     // as the model writes them; empty when there is none
  double min = 0, max = 0;

  const Member* find(std::string_view member) const;
  bool has_min() const { return !min_text.empty(); }
  bool has_max() const { return !max_text.empty(); }
};

/// "structure", "long", …
std::string_view name_of(Kind kind);

}  // namespace outcrop::contract
