#pragma once
/// A TOML document as a tree with positions; toml.cpp alone knows the library.

#include "base/result.h"
#include "json/json.h"

#include <string>
#include <string_view>
#include <vector>

namespace outcrop::config {

struct Member;

struct Node {
  enum class Kind { value, table, tables } kind = Kind::value;
  int line = 0;
  json::Value value;  // of a value: also arrays and inline tables that stand in arrays, as JSON
  std::vector<Member> members;  // of a table, in order of the document
  std::vector<Node> items;      // of an array of tables
};

struct Member {
  std::string key;
  Node node;
};

/// Dates and times become their text. Errors: validation, "NAME:LINE: what is wrong".
/// Limits: 1 MiB.
Result<Node> read_toml(std::string_view text, const std::string& name);
/// A table with everything in it.
json::Value to_json(const Node& node);

}  // namespace outcrop::config
