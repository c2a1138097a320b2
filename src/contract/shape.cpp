#include "contract/shape.h"

#include <re2/re2.h>

#include <array>
#include <mutex>
#include <string>

namespace outcrop::contract {
namespace {

/// One lock for all patterns: it is taken once per pattern in the life of the program.
std::mutex& compile_lock() {
  static std::mutex lock;
  return lock;
}

}  // namespace

Pattern::~Pattern() { delete compiled_.load(); }

const re2::RE2& Pattern::compiled() const {
  if (const auto* ready = compiled_.load(std::memory_order_acquire)) return *ready;
  std::lock_guard guard(compile_lock());
  if (const auto* ready = compiled_.load(std::memory_order_acquire)) return *ready;
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_never_capture(true);
  options.set_max_mem(4 << 20);  // bytes; bounds the cache of states that a pattern gathers
  const auto* made = new re2::RE2(re2::StringPiece(re2_.data(), re2_.size()), options);
  compiled_.store(made, std::memory_order_release);
  return *made;
}

bool Pattern::usable() const { return compiled().ok(); }

bool Pattern::matches(std::string_view value) const {
  const auto& expression = compiled();
  // A pattern that cannot be compiled is a fault of the contract, caught by its tests; a caller's
  // value is not refused for it.
  if (!expression.ok()) return true;
  return re2::RE2::FullMatch(re2::StringPiece(value.data(), value.size()), expression);
}

const Member* Shape::find(std::string_view member) const {
  for (const auto& candidate : members) {
    if (candidate.name == member) return &candidate;
  }
  return nullptr;
}

std::string_view name_of(Kind kind) {
  static constexpr std::array<std::string_view, 13> names{
      "structure", "union",  "list",    "map",  "string",    "integer", "long",
      "float",     "double", "boolean", "blob", "timestamp", "document"};
  return names[static_cast<std::size_t>(kind)];
}

}  // namespace outcrop::contract
