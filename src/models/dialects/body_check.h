#pragma once
/// Checks a native body as the service's own schema check does, in its words, all violations in one
/// message: "Malformed input request: #: required key [prompt] not found#: extraneous key [x] is
/// not permitted, please reformat your input and try again."

#include "base/result.h"
#include "json/json.h"

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace outcrop::models {

class BodyCheck {
 public:
  explicit BodyCheck(const json::Object& body) : object_(&body), path_("#"), errors_(&own_) {}
  BodyCheck(const json::Object& object, std::string path, std::vector<std::string>& errors)
      : object_(&object), path_(std::move(path)), errors_(&errors) {}
  BodyCheck(const BodyCheck&) = delete;

  void required(std::initializer_list<std::string_view> keys);
  void only(std::initializer_list<std::string_view> keys);

  // What stands under the key, when it is there and as it should be; null counts as absent.
  std::optional<std::string> text(std::string_view key, std::size_t least = 0,
                                  std::size_t most = SIZE_MAX);
  std::optional<std::int64_t> integer(std::string_view key, std::int64_t least, std::int64_t most);
  std::optional<double> number(std::string_view key, double least, double most);
  std::optional<bool> boolean(std::string_view key);
  std::optional<std::string> one_of(std::string_view key,
                                    std::initializer_list<std::string_view> allowed);
  const json::Object* object(std::string_view key);
  const json::Array* array(std::string_view key, std::size_t least = 0,
                           std::size_t most = SIZE_MAX);
  std::vector<std::string> texts(std::string_view key, std::size_t least, std::size_t most,
                                 std::size_t text_most = SIZE_MAX);
  const json::Value* find(std::string_view key) const;

  void error(std::string_view below, std::string_view what);  // below: "/texts/0", or empty
  std::vector<std::string>& errors() { return *errors_; }
  std::string path(std::string_view key) const { return path_ + "/" + std::string(key); }
  /// Errors: validation.
  Result<void> done() const;

 private:
  void wrong_type(std::string_view key, std::string_view expected, const json::Value& found);
  const json::Object* object_;
  std::string path_;
  std::vector<std::string> own_;
  std::vector<std::string>* errors_;
};

Failure malformed(std::string_view what);

}  // namespace outcrop::models
