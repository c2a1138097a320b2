#pragma once
/// Brings a vector of one width to the width, scale and type that was asked for.
/// Wider:    zeros at the end; every cosine and dot product stays what it was.
/// Narrower: the vector's first components, scaled to unit length again. README.md has the
/// measurement
///           that chose this over a random projection.
/// Types:    fixed scales that depend on the width alone, so that quantised vectors can be compared
/// with
///           one another and not only with themselves.

#include "json/json.h"

#include <cstdint>
#include <vector>

namespace outcrop::models {

std::vector<float> shape_embedding(const std::vector<float>& vector, std::size_t dimensions);

/// Each component times sqrt(dimensions) * 127/6, rounded, kept within -127..127: six standard
/// deviations of a component of a unit vector fit.
std::vector<std::int8_t> to_int8(const std::vector<float>& vector);
/// One bit a component (positive), eight in a byte, the first in the highest bit.
std::vector<std::uint8_t> to_bits(const std::vector<float>& vector);

json::Array float_array(
    const std::vector<float>& vector);  // shortest text that reads back the same float
json::Array int8_array(const std::vector<float>& vector);     // -127..127
json::Array uint8_array(const std::vector<float>& vector);    // the same plus 128
json::Array binary_array(const std::vector<float>& vector);   // packed bits minus 128
json::Array ubinary_array(const std::vector<float>& vector);  // packed bits
json::Array bit_array(const std::vector<float>& vector);      // 0 or 1 for each component

}  // namespace outcrop::models
