#pragma once
/// Result<T>: a value or an Error. Foreseeable failures travel as values; exceptions are left to
/// allocation, libraries and constructors.

#include "base/error.h"

#include <fmt/format.h>
#include <tl/expected.hpp>

#include <string>
#include <utility>

namespace outcrop {

template <class T = void>
using Result = tl::expected<T, Error>;

using Failure = tl::unexpected<Error>;

inline Failure fail(Error error) { return Failure(std::move(error)); }
inline Failure fail(Code code, std::string message) {
  return Failure(Error{.code = code, .message = std::move(message)});
}
template <class... Args>
  requires(sizeof...(Args) > 0)
Failure fail(Code code, fmt::format_string<Args...> format, Args&&... args) {
  return fail(code, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace outcrop

// TRY(name, expression): the value under that name, or return with the error.
// CO_TRY is the same inside a coroutine; the expression may co_await.
// CHECK / CO_CHECK: the same for an expression whose value is not wanted.
#define OUTCROP_CONCAT_(a, b) a##b
#define OUTCROP_CONCAT(a, b) OUTCROP_CONCAT_(a, b)
#define OUTCROP_TRY_(result, name, expression, leave)                               \
  auto result = (expression);                                                       \
  if (!result) leave ::tl::unexpected<::outcrop::Error>(std::move(result.error())); \
  auto name = std::move(*result)
#define TRY(name, ...) OUTCROP_TRY_(OUTCROP_CONCAT(try_, __LINE__), name, (__VA_ARGS__), return)
#define CO_TRY(name, ...) \
  OUTCROP_TRY_(OUTCROP_CONCAT(try_, __LINE__), name, (__VA_ARGS__), co_return)
#define OUTCROP_CHECK_(result, expression, leave) \
  if (auto result = (expression); !result)        \
  leave ::tl::unexpected<::outcrop::Error>(std::move(result.error()))
#define CHECK(...) OUTCROP_CHECK_(OUTCROP_CONCAT(check_, __LINE__), (__VA_ARGS__), return)
#define CO_CHECK(...) OUTCROP_CHECK_(OUTCROP_CONCAT(check_, __LINE__), (__VA_ARGS__), co_return)
