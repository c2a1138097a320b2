#include "app/cli/version.h"

namespace outcrop::cli {

std::string_view version() { return OUTCROP_VERSION; }

}  // namespace outcrop::cli
