#pragma once
/// From method and path to an operation: one trie of path segments over all services, built once.
/// Rules:   a label takes one segment, decoded after the split, so that %2F inside an id stays
/// inside.
///          Where no operation fits so, a label that begins an ARN may take several segments (a
///          proxy decoded %2F): the fewest that let the rest of the path match. A trailing '/'
///          counts only where two operations differ in nothing else. Literals win over labels.
/// Threads: immutable once built.

#include "base/result.h"
#include "contract/contract.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace outcrop::contract {

class Router {
 public:
  /// Fills `labels` of the operation and remembers it. Errors: internal, for a URI that cannot be.
  Result<void> add(Operation& operation);
  /// Two operations of one method and path must be told apart by a rule here. Errors: internal.
  Result<void> check() const;

  Result<Route> find(std::string_view method, std::string_view target,
                     std::string_view signing_name, bool body_empty) const;

 private:
  struct Leaf {
    const Operation* operation;
    bool trailing_slash;
    std::vector<std::pair<std::string, std::string>> query;  // literals of the URI
  };
  struct Node {
    std::vector<std::pair<std::string, int>> literals;  // sorted
    int label = -1;
    std::vector<Leaf> leaves;
  };
  struct Asked;

  const Node* walk(int node, std::size_t at, Asked& asked) const;
  const Leaf* choose(const Node& node, const Asked& asked) const;

  std::vector<Node> nodes_{1};
};

}  // namespace outcrop::contract
