#pragma once
/// The checker in front of the schema-to-grammar converter, which skips in silence what it does not
/// know: whatever a grammar cannot hold is refused here by name, so that a reply under a schema is
/// under all of it. Errors: validation, with the place in the schema, the keyword and what to do
/// instead.

#include "base/result.h"
#include "json/json.h"

#include <string>

namespace outcrop::engine {

enum class SchemaRules : std::uint8_t {
  held,        // all that the grammar can hold: bounds of integers, lengths, item counts, recursion
  documented,  // what the service documents for strict tools and output schemas
};

/// The schema made ready for the converter (formats that it lacks become patterns). `place` names
/// the schema in messages, for example "toolConfig.tools[0].inputSchema".
Result<json::Value> checked_schema(const json::Value& schema, SchemaRules rules,
                                   const std::string& place);

}  // namespace outcrop::engine
