#pragma once
/// What a Contracts holds; shared by the files that implement it.

#include "contract/contract.h"
#include "contract/load.h"
#include "contract/route.h"

#include <string>
#include <vector>

namespace outcrop::contract {

struct Contracts::Impl {
  std::vector<std::string> texts;  // of load(); the embedded ones need no copy
  Model model;
  Router router;
};

}  // namespace outcrop::contract
