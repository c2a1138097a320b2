#pragma once
/// Whether a document is what a shape allows, in the words of the services.
/// Shape:   values() and members() walk; message() tells what was found. A wrong type ends the
/// walk: the
///          services refuse such a body while reading it, before any constraint.
/// Paths:   a.b for members, a.1.member for the first element of a list, a.key.member for a map's
/// value. Limits:  quoted values and keys are cut, and reported violations are counted beyond a
/// number, so that
///          neither a prompt nor a megabyte of errors comes back.
/// Threads: one.

#include "base/error.h"
#include "contract/shape.h"
#include "json/json.h"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace outcrop::contract {

struct CheckLimits {
  std::size_t value_bytes = 64;  // of a quoted value or key
  std::size_t violations = 16;   // reported one by one; the rest is a number
  std::size_t pattern_bytes =
      1 << 16;  // a string that breaks its length limit and is longer is not matched
};

class Checker {
 public:
  explicit Checker(CheckLimits limits = {}) : limits_(limits) {}

  /// All members of a structure. An event stream or a blob that is the whole body is no part of the
  /// document and is not asked for.
  void members(const Shape& structure, const json::Object& object, bool hidden = false);
  void value(const Shape& shape, const json::Value& value, bool hidden = false);
  /// A blob that is no part of the document.
  void blob(const Member& member, std::size_t bytes);

  void enter(std::string_view member) { path_.push_back({member, 0}); }
  void leave() { path_.pop_back(); }
  void wrong_type(std::string_view found, const Shape& shape);

  bool failed() const { return type_error_ || count_ > 0; }
  bool stopped() const { return type_error_.has_value(); }
  std::size_t violations() const { return count_; }
  /// serialization or validation, with the message of the service.
  Error error() const;

 private:
  struct Step {
    std::string_view name;  // a member or a map's key
    std::size_t index;      // from 1, of a list; 0 for a name
    bool key = false;
  };
  std::string path() const;
  void violation(const json::Value* value, const Shape& shape, bool hidden,
                 std::string_view constraint);
  void report(std::string_view shown, std::string_view constraint);
  void scalar(const Shape& shape, const json::Value& value, bool hidden);
  void sizes(const Shape& shape, std::size_t size, const json::Value* value, bool hidden);
  void list(const Shape& shape, const json::Value& value, bool hidden);
  void map(const Shape& shape, const json::Value& value, bool hidden);
  void union_(const Shape& shape, const json::Object& object, bool hidden);

  CheckLimits limits_;
  std::vector<Step> path_;
  std::vector<std::string> reported_;
  std::size_t count_ = 0;
  std::optional<std::string> type_error_;
};

/// Bytes that a base64 text stands for; nothing when it is none (padded, nothing else inside).
std::optional<std::size_t> base64_bytes(std::string_view text);

/// Takes out what the services read as absent: null members, null elements and null values of maps.
/// Documents stay as they are.
void drop_nulls(const Shape& shape, json::Value& value);
void drop_nulls(const Shape& structure, json::Object& object);

}  // namespace outcrop::contract
