#pragma once
/// What a schema for structured output may say: the subset of JSON Schema 2020-12 that the service
/// documents. Basic types, enum, const, anyOf, allOf, references inside the document; no recursion,
/// no bounds on numbers or lengths, additionalProperties only false, minItems only 0 or 1.

#include "base/result.h"
#include "json/json.h"

#include <string>

namespace outcrop::models {

/// Errors: validation, naming the place by JSON Pointer below `at`.
Result<void> check_output_schema(const json::Value& schema, const std::string& at);

}  // namespace outcrop::models
