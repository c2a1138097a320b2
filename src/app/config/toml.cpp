#include <algorithm>

#define TOML_HEADER_ONLY 1
#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
#include "app/config/document.h"

#include <toml++/toml.h>

#include <sstream>
#include <tuple>

namespace outcrop::config {
namespace {

constexpr std::size_t document_bytes_limit = 1024 * 1024;

json::Value plain(const toml::node& node);

json::Value plain_table(const toml::table& table) {
  json::Object out;
  for (auto&& [key, member] : table) out[std::string_view(key.str())] = plain(member);
  return out;
}

json::Value plain(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::string:
      return json::Value(json::String(node.as_string()->get()));
    case toml::node_type::integer:
      return node.as_integer()->get();
    case toml::node_type::floating_point:
      return node.as_floating_point()->get();
    case toml::node_type::boolean:
      return node.as_boolean()->get();
    case toml::node_type::table:
      return plain_table(*node.as_table());
    case toml::node_type::array: {
      json::Array out;
      for (auto&& item : *node.as_array()) out.push_back(plain(item));
      return out;
    }
    default: {
      std::ostringstream text;
      node.visit([&text](auto&& value) {
        if constexpr (toml::is_date<decltype(value)> || toml::is_time<decltype(value)> ||
                      toml::is_date_time<decltype(value)>) {
          text << value.get();
        }
      });
      return json::Value(json::String(text.str()));
    }
  }
}

Node tree(const toml::node& node, int parent_line) {
  Node out;
  out.line = node.source().begin ? static_cast<int>(node.source().begin.line) : parent_line;
  if (const auto* table = node.as_table()) {
    out.kind = Node::Kind::table;
    for (auto&& [key, member] : *table) {
      Node child = tree(member, out.line);
      // A key's own line: where a value begins can be lines further down.
      if (key.source().begin && child.kind == Node::Kind::value) {
        child.line = static_cast<int>(key.source().begin.line);
      }
      out.members.push_back({std::string(key.str()), std::move(child)});
    }
    std::sort(out.members.begin(), out.members.end(), [](const auto& a, const auto& b) {
      return std::tie(a.node.line, a.key) < std::tie(b.node.line, b.key);
    });
  } else if (const auto* array = node.as_array(); array && array->is_array_of_tables()) {
    out.kind = Node::Kind::tables;
    for (auto&& item : *array) out.items.push_back(tree(item, out.line));
  } else {
    out.value = plain(node);
  }
  return out;
}

}  // namespace

Result<Node> read_toml(std::string_view text, const std::string& name) {
  if (text.size() > document_bytes_limit) {
    return fail(Code::validation, "{}: the file has {} bytes, at most {} are read", name,
                text.size(), document_bytes_limit);
  }
  auto parsed = toml::parse(text, name);
  if (!parsed) {
    const auto& error = parsed.error();
    return fail(Code::validation, "{}:{}: {}", name, error.source().begin.line,
                error.description());
  }
  return tree(parsed.table(), 1);
}

json::Value to_json(const Node& node) {
  switch (node.kind) {
    case Node::Kind::value:
      return node.value;
    case Node::Kind::table: {
      json::Object out;
      for (const auto& [key, member] : node.members) out[key] = to_json(member);
      return out;
    }
    case Node::Kind::tables: {
      json::Array out;
      for (const auto& item : node.items) out.push_back(to_json(item));
      return out;
    }
  }
  return nullptr;
}

}  // namespace outcrop::config
