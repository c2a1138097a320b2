// Calls that fail, as a program with the JavaScript client meets them (HTTP/2): one line of JSON for each.
// Arguments: names of our errors, comma-separated; the numbers of chunks after which a stream is cut.
import * as runtime from "@aws-sdk/client-bedrock-runtime";
const [, , errors, cuts] = process.argv;
const client = new runtime.BedrockRuntimeClient({ maxAttempts: 1 });
const modelId = "anthropic.claude-3-haiku-20240307-v1:0";

function request(operation, text) {
  const messages = [{ role: "user", content: [{ text }] }];
  const body = JSON.stringify({ anthropic_version: "bedrock-2023-05-31", max_tokens: 100, messages: [{ role: "user", content: text }] });
  switch (operation) {
    case "Converse": return new runtime.ConverseCommand({ modelId, messages });
    case "ConverseStream": return new runtime.ConverseStreamCommand({ modelId, messages });
    case "InvokeModel": return new runtime.InvokeModelCommand({ modelId, body });
    case "InvokeModelWithResponseStream": return new runtime.InvokeModelWithResponseStreamCommand({ modelId, body });
    case "CountTokens": return new runtime.CountTokensCommand({ modelId, input: { converse: { messages } } });
  }
}

async function tell(operation, text) {
  let text_events = 0, opened = false;
  const told = { operation, text };
  try {
    const answer = await client.send(request(operation, text));
    opened = true;
    for await (const event of answer.stream ?? (Symbol.asyncIterator in (answer.body ?? {}) ? answer.body : [])) {
      if (event.contentBlockDelta) text_events++;
      if (event.chunk && JSON.parse(new TextDecoder().decode(event.chunk.bytes)).type === "content_block_delta") text_events++;
    }
  } catch (error) {
    Object.assign(told, { name: error.name, message: error.message, status: error.$metadata?.httpStatusCode,
      request_id: error.$metadata?.requestId, modelled: error instanceof runtime.BedrockRuntimeServiceException
      && error.constructor.name === error.name, originalStatusCode: error.originalStatusCode, resourceName: error.resourceName,
      originalMessage: error.originalMessage });
  }
  console.log(JSON.stringify({ ...told, opened, text_events }));
}

const streams = ["ConverseStream", "InvokeModelWithResponseStream"];
for (const operation of ["Converse", "InvokeModel", "CountTokens", ...streams])
  for (const error of errors.split(",")) await tell(operation, `<before ${error}>`);
for (const operation of streams) {
  for (const error of errors.split(",")) await tell(operation, `<inside ${error}>`);
  for (const count of cuts.split(",")) await tell(operation, `<cut ${count}>`);
}
client.destroy();
