#include "models/dialects/embedding_shape.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace outcrop::models {
namespace {

/// The double that prints like the float: 0.1f as 0.1 and not as 0.10000000149011612.
double printed(float value) {
  char buffer[32];
  auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
  double out = 0;
  std::from_chars(buffer, end, out);
  return out;
}

}  // namespace

std::vector<float> shape_embedding(const std::vector<float>& vector, std::size_t dimensions) {
  std::vector<float> out = vector;
  out.resize(dimensions, 0.0f);
  if (dimensions >= vector.size()) return out;
  double length = 0;
  for (float value : out) length += static_cast<double>(value) * static_cast<double>(value);
  if (length <= 0) return out;
  const double scale = 1.0 / std::sqrt(length);
  for (float& value : out) value = static_cast<float>(static_cast<double>(value) * scale);
  return out;
}

std::vector<std::int8_t> to_int8(const std::vector<float>& vector) {
  const double scale = std::sqrt(static_cast<double>(vector.size())) * 127.0 / 6.0;
  std::vector<std::int8_t> out;
  out.reserve(vector.size());
  for (float value : vector)
    out.push_back(static_cast<std::int8_t>(
        std::clamp(std::lround(static_cast<double>(value) * scale), -127L, 127L)));
  return out;
}

std::vector<std::uint8_t> to_bits(const std::vector<float>& vector) {
  std::vector<std::uint8_t> out((vector.size() + 7) / 8, 0);
  for (std::size_t i = 0; i < vector.size(); ++i) {
    if (vector[i] > 0) out[i / 8] = static_cast<std::uint8_t>(out[i / 8] | (0x80u >> (i % 8)));
  }
  return out;
}

json::Array float_array(const std::vector<float>& vector) {
  json::Array out;
  out.reserve(vector.size());
  for (float value : vector) out.emplace_back(std::isfinite(value) ? printed(value) : 0.0);
  return out;
}

json::Array int8_array(const std::vector<float>& vector) {
  json::Array out;
  for (auto value : to_int8(vector)) out.emplace_back(static_cast<std::int64_t>(value));
  return out;
}

json::Array uint8_array(const std::vector<float>& vector) {
  json::Array out;
  for (auto value : to_int8(vector)) out.emplace_back(static_cast<std::int64_t>(value) + 128);
  return out;
}

json::Array binary_array(const std::vector<float>& vector) {
  json::Array out;
  for (auto value : to_bits(vector)) out.emplace_back(static_cast<std::int64_t>(value) - 128);
  return out;
}

json::Array ubinary_array(const std::vector<float>& vector) {
  json::Array out;
  for (auto value : to_bits(vector)) out.emplace_back(static_cast<std::int64_t>(value));
  return out;
}

json::Array bit_array(const std::vector<float>& vector) {
  json::Array out;
  for (float value : vector) out.emplace_back(value > 0 ? 1 : 0);
  return out;
}

}  // namespace outcrop::models
