#include "contract/route.h"

#include "base/text.h"
#include "contract/shape.h"

#include <algorithm>
#include <array>

namespace outcrop::contract {
namespace {

constexpr std::size_t segments_max =
    24;  // of a path; the longest modelled one has 9, an ARN adds a few
constexpr std::size_t target_max = 16384;  // bytes of path and query

/// Operations that share method and path, told apart by more than the path.
enum class Collision { none, agents, tags };

Collision collision_of(std::string_view path) {
  if (path.starts_with("/agents/")) return Collision::agents;
  if (path.starts_with("/tags/")) return Collision::tags;
  return Collision::none;
}

/// Sessions and flow executions belong to bedrock-agent-runtime, every other ARN to bedrock-agent.
bool is_runtime_arn(std::string_view arn) {
  if (arn.find(":session/") != std::string_view::npos) return true;
  auto flow = arn.find(":flow/");
  return flow != std::string_view::npos && arn.find("/execution/", flow) != std::string_view::npos;
}

bool begins_arn(std::string_view segment) {
  return segment.starts_with("arn:") || segment.starts_with("arn%3A") ||
         segment.starts_with("arn%3a");
}

bool signing_fits(std::string_view signing_name, std::string_view operation_signing) {
  if (signing_name.empty() || signing_name == operation_signing) return true;
  return signing_name == "bedrock-mantle" && operation_signing == "bedrock";
}

Error unknown(std::string_view method, std::string_view path) {
  constexpr std::size_t shown = 128;
  return Error{.code = Code::unknown_operation,
               .message = fmt::format("No operation is bound to {} {}{}", method.substr(0, 16),
                                      path.substr(0, shown), path.size() > shown ? "..." : "")};
}

}  // namespace

struct Router::Asked {
  std::string_view method;
  std::string_view query;
  std::string_view signing_name;
  bool body_empty = false;
  bool trailing_slash = false;
  bool spread_arns = false;  // a label may take several segments
  std::array<std::string_view, segments_max> segments{};
  std::size_t count = 0;
  std::array<std::string_view, segments_max> labels{};  // as on the wire
  std::size_t label_count = 0;
  const Leaf* leaf = nullptr;
};

Result<void> Router::add(Operation& operation) {
  std::string_view uri = operation.uri;
  Leaf leaf{&operation, false, {}};
  if (auto mark = uri.find('?'); mark != std::string_view::npos) {
    for (auto pair : split(uri.substr(mark + 1), '&')) {
      auto equals = pair.find('=');
      leaf.query.emplace_back(pair.substr(0, equals),
                              equals == std::string_view::npos ? "" : pair.substr(equals + 1));
    }
    uri = uri.substr(0, mark);
  }
  if (uri.empty() || uri[0] != '/')
    return fail(Code::internal, "{}: the URI {} does not begin with '/'", operation.name,
                operation.uri);
  uri.remove_prefix(1);
  leaf.trailing_slash = uri.ends_with('/');
  if (leaf.trailing_slash) uri.remove_suffix(1);

  std::size_t at = 0;
  for (auto segment : split(uri, '/')) {
    if (segment.starts_with('{') && segment.ends_with('}')) {
      auto name = segment.substr(1, segment.size() - 2);
      // A greedy label would take '/' too; none of the services has one, and load refuses what is
      // not served.
      if (name.ends_with('+'))
        return fail(Code::internal, "{}: greedy labels are not routed: {}", operation.name,
                    operation.uri);
      const Member* member = nullptr;
      for (const auto& candidate : operation.input->members) {
        if (candidate.place == Place::path && candidate.wire_name == name) member = &candidate;
      }
      if (!member)
        return fail(Code::internal, "{}: no member for the label {}", operation.name, name);
      operation.labels.emplace_back(member->name);
      if (nodes_[at].label < 0) {
        nodes_[at].label = static_cast<int>(nodes_.size());
        nodes_.emplace_back();
      }
      at = static_cast<std::size_t>(nodes_[at].label);
      continue;
    }
    auto& literals = nodes_[at].literals;
    auto place = std::lower_bound(literals.begin(), literals.end(), segment,
                                  [](const auto& a, std::string_view b) { return a.first < b; });
    if (place == literals.end() || place->first != segment) {
      int fresh = static_cast<int>(nodes_.size());
      literals.emplace(place, std::string(segment), fresh);
      nodes_.emplace_back();
      at = static_cast<std::size_t>(fresh);
    } else {
      at = static_cast<std::size_t>(place->second);
    }
  }
  nodes_[at].leaves.push_back(std::move(leaf));
  return {};
}

Result<void> Router::check() const {
  for (const auto& node : nodes_) {
    for (std::size_t i = 0; i < node.leaves.size(); ++i) {
      for (std::size_t j = i + 1; j < node.leaves.size(); ++j) {
        const auto &a = *node.leaves[i].operation, &b = *node.leaves[j].operation;
        if (a.method != b.method || a.signing != b.signing ||
            node.leaves[i].query != node.leaves[j].query)
          continue;
        if (collision_of(a.uri) == Collision::none)
          return fail(Code::internal, "{} and {} share {} {} and no rule tells them apart", a.name,
                      b.name, a.method, a.uri);
      }
    }
  }
  return {};
}

const Router::Leaf* Router::choose(const Node& node, const Asked& asked) const {
  const Leaf* best = nullptr;
  for (const auto& leaf : node.leaves) {
    if (leaf.operation->method != asked.method ||
        !signing_fits(asked.signing_name, leaf.operation->signing))
      continue;
    bool literals = true;
    for (const auto& [name, value] : leaf.query) {
      bool present = false;
      for (auto pair : split(asked.query, '&')) {
        auto equals = std::min(pair.find('='), pair.size());
        present =
            present || (pair.substr(0, equals) == name &&
                        (value.empty() || pair.substr(std::min(equals + 1, pair.size())) == value));
      }
      literals = literals && present;
    }
    if (!literals) continue;
    if (!best || leaf.query.size() > best->query.size()) {
      best = &leaf;
      continue;
    }
    if (leaf.query.size() < best->query.size()) continue;
    switch (collision_of(leaf.operation->uri)) {
      case Collision::agents:
        // PrepareAgent ends in '/' and has no body. Without the slash, an empty body still says it:
        // a proxy took the slash away, and InvokeInlineAgent cannot do without its body.
        if (leaf.trailing_slash == (asked.trailing_slash || asked.body_empty)) best = &leaf;
        break;
      case Collision::tags: {
        auto arn = percent_decode(asked.labels[0]);
        if ((leaf.operation->service == "bedrock-agent-runtime") == (arn && is_runtime_arn(*arn)))
          best = &leaf;
        break;
      }
      case Collision::none:
        break;
    }
  }
  return best;
}

const Router::Node* Router::walk(int index, std::size_t at, Asked& asked) const {
  const auto& node = nodes_[static_cast<std::size_t>(index)];
  if (at == asked.count) {
    asked.leaf = choose(node, asked);
    return asked.leaf ? &node : nullptr;
  }
  auto segment = asked.segments[at];
  auto place = std::lower_bound(node.literals.begin(), node.literals.end(), segment,
                                [](const auto& a, std::string_view b) { return a.first < b; });
  if (place != node.literals.end() && place->first == segment) {
    if (const auto* found = walk(place->second, at + 1, asked)) return found;
  }
  if (node.label < 0 || segment.empty()) return nullptr;
  std::size_t most = asked.spread_arns && begins_arn(segment) ? asked.count - at : 1;
  auto label = asked.label_count++;
  for (std::size_t taken = 1; taken <= most; ++taken) {
    auto last = asked.segments[at + taken - 1];
    asked.labels[label] = {segment.data(),
                           static_cast<std::size_t>(last.data() + last.size() - segment.data())};
    if (const auto* found = walk(node.label, at + taken, asked)) return found;
  }
  asked.label_count = label;
  return nullptr;
}

Result<Route> Router::find(std::string_view method, std::string_view target,
                           std::string_view signing_name, bool body_empty) const {
  Asked asked;
  asked.method = method;
  asked.signing_name = signing_name;
  asked.body_empty = body_empty;
  auto mark = std::min(target.find('?'), target.size());
  auto path = target.substr(0, mark);
  if (mark < target.size()) asked.query = target.substr(mark + 1);
  if (path.empty() || path[0] != '/' || target.size() > target_max)
    return fail(unknown(method, path));

  auto rest = path.substr(1);
  asked.trailing_slash = rest.ends_with('/');
  if (asked.trailing_slash) rest.remove_suffix(1);
  while (true) {
    if (asked.count == segments_max) return fail(unknown(method, path));
    auto slash = std::min(rest.find('/'), rest.size());
    asked.segments[asked.count++] = rest.substr(0, slash);
    if (slash == rest.size()) break;
    rest.remove_prefix(slash + 1);
  }

  if (!walk(0, 0, asked)) {
    asked.spread_arns =
        std::any_of(asked.segments.begin(),
                    asked.segments.begin() + static_cast<std::ptrdiff_t>(asked.count), begins_arn);
    asked.label_count = 0;
    if (!asked.spread_arns || !walk(0, 0, asked)) return fail(unknown(method, path));
  }

  Route route{asked.leaf->operation, {}};
  route.labels.reserve(asked.label_count);
  for (std::size_t i = 0; i < asked.label_count; ++i) {
    auto decoded = percent_decode(asked.labels[i]);
    const auto& name = route.operation->labels[i];
    if (!decoded || !is_utf8(*decoded))
      return fail(
          Code::validation,
          "The path holds no valid text for '{}': '%' must be followed by two hex digits of UTF-8",
          name);
    route.labels.emplace_back(name, std::move(*decoded));
  }
  return route;
}

}  // namespace outcrop::contract
