#pragma once
#include <string_view>

namespace outcrop::cli {

/// Of the project, as CMakeLists.txt has it: "0.1.0".
std::string_view version();

}  // namespace outcrop::cli
