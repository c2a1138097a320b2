#pragma once
/// Signing keys by access key and scope: four HMACs saved a request.
/// Limits:  `limit` keys; the one unused for longest goes first. 0 keeps none.
/// Threads: one at a time.

#include <functional>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace outcrop::identity {

class DerivedKeys {
 public:
  explicit DerivedKeys(std::size_t limit) : limit_(limit) {}

  template <class Derive>
  std::string get(const std::string& name, const Derive& derive) {
    if (auto at = index_.find(name); at != index_.end()) {
      order_.splice(order_.begin(), order_, at->second);
      return at->second->second;
    }
    std::string key = derive();
    if (limit_ == 0) return key;
    if (index_.size() >= limit_) {
      index_.erase(order_.back().first);
      order_.pop_back();
    }
    order_.emplace_front(name, key);
    index_.emplace(order_.front().first, order_.begin());
    return key;
  }
  std::size_t size() const { return index_.size(); }

 private:
  std::size_t limit_;
  std::list<std::pair<std::string, std::string>> order_;  // the latest first
  std::unordered_map<std::string_view, std::list<std::pair<std::string, std::string>>::iterator>
      index_;
};

}  // namespace outcrop::identity
