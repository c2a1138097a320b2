#pragma once
/// Texts in the format of contracts/ become operations and shapes.
/// Units:  one service a text. Limits: 64 members a structure; the texts are ours, so a breach is
/// an error.

#include "base/result.h"
#include "contract/contract.h"
#include "contract/shape.h"

#include <deque>
#include <memory>
#include <memory_resource>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace outcrop::contract {

struct Service {
  std::string_view name;
  std::string_view signing;
  std::string_view api;
  std::unordered_map<std::string_view, const Shape*> exceptions;
};

/// Everything that was loaded; views and pointers inside point into `arena` and into the texts.
struct Model {
  std::pmr::monotonic_buffer_resource arena{64 * 1024};
  std::deque<Pattern> patterns;
  std::deque<Service> services;
  std::vector<std::unique_ptr<Operation>> operations;

  const Service* service(std::string_view name) const;
};

/// Adds the service that `text` describes. `text` must outlive the model. Errors: internal.
Result<void> load_service(std::string_view text, Model& model);

}  // namespace outcrop::contract
