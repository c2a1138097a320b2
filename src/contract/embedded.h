#pragma once
/// The texts of contracts/, put into the program by the assembler.

#include <string_view>
#include <vector>

namespace outcrop::contract {

std::vector<std::string_view> embedded_texts();

}  // namespace outcrop::contract
