// contracts/*.json as read-only data: no compile time, no copy, paged in when it is read. The folder is
// on the assembler's include path. embedded.cpp declares the labels.

#define EMBED(label, file)                 \
  .globl outcrop_contract_##label;         \
  .globl outcrop_contract_##label##_end;   \
  .balign 16;                              \
  outcrop_contract_##label: .incbin file;  \
  outcrop_contract_##label##_end: .byte 0

  .section .rodata
  EMBED(bedrock, "bedrock.json")
  EMBED(bedrock_runtime, "bedrock-runtime.json")
  EMBED(bedrock_agent, "bedrock-agent.json")
  EMBED(bedrock_agent_runtime, "bedrock-agent-runtime.json")
  EMBED(sagemaker_runtime, "sagemaker-runtime.json")

  .section .note.GNU-stack, "", %progbits
