#include "contract/embedded.h"

#define OUTCROP_EMBEDDED(label)                     \
  extern "C" const char outcrop_contract_##label[]; \
  extern "C" const char outcrop_contract_##label##_end[]
OUTCROP_EMBEDDED(bedrock);
OUTCROP_EMBEDDED(bedrock_runtime);
OUTCROP_EMBEDDED(bedrock_agent);
OUTCROP_EMBEDDED(bedrock_agent_runtime);
OUTCROP_EMBEDDED(sagemaker_runtime);
#undef OUTCROP_EMBEDDED

namespace outcrop::contract {
namespace {

std::string_view between(const char* from, const char* to) {
  return {from, static_cast<std::size_t>(to - from)};
}

}  // namespace

std::vector<std::string_view> embedded_texts() {
  return {
      between(outcrop_contract_bedrock, outcrop_contract_bedrock_end),
      between(outcrop_contract_bedrock_runtime, outcrop_contract_bedrock_runtime_end),
      between(outcrop_contract_bedrock_agent, outcrop_contract_bedrock_agent_end),
      between(outcrop_contract_bedrock_agent_runtime, outcrop_contract_bedrock_agent_runtime_end),
      between(outcrop_contract_sagemaker_runtime, outcrop_contract_sagemaker_runtime_end)};
}

}  // namespace outcrop::contract
