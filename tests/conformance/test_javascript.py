"""Goal: the AWS SDK for JavaScript: HTTP/2 with prior knowledge by default, HTTP/1.1 when asked, and over TLS."""
import json

import pytest

CONVERSE = """
import { BedrockRuntimeClient, ConverseCommand, ConverseStreamCommand, InvokeModelCommand } from "@aws-sdk/client-bedrock-runtime";
import { BedrockClient, ListFoundationModelsCommand } from "@aws-sdk/client-bedrock";
import { NodeHttpHandler } from "@smithy/node-http-handler";
const [, , how] = process.argv;
const options = how === "http1" ? { requestHandler: new NodeHttpHandler() } : {};
const client = new BedrockRuntimeClient(options);
const modelId = "anthropic.claude-3-haiku-20240307-v1:0";
const messages = [{ role: "user", content: [{ text: "The Larkspur depot is in Oslo. Which city is the depot in? Answer in one short sentence." }] }];
const inferenceConfig = { maxTokens: 40, temperature: 0 };
const whole = await client.send(new ConverseCommand({ modelId, messages, inferenceConfig }));
const streamed = await client.send(new ConverseStreamCommand({ modelId, messages, inferenceConfig }));
const names = [];
let text = "", usage;
for await (const event of streamed.stream) {
  const [name] = Object.keys(event);
  names.push(name);
  text += event.contentBlockDelta?.delta?.text ?? "";
  usage = event.metadata?.usage ?? usage;
}
const body = JSON.stringify({ anthropic_version: "bedrock-2023-05-31", max_tokens: 20, temperature: 0, messages: [{ role: "user", content: "Say hello." }] });
const native = await client.send(new InvokeModelCommand({ modelId, body, contentType: "application/json" }));
const models = await new BedrockClient({}).send(new ListFoundationModelsCommand({}));
console.log(JSON.stringify({ whole: whole.output.message.content[0].text, text, names, usage,
  native: JSON.parse(new TextDecoder().decode(native.body)).content[0].text, models: models.modelSummaries.length }));
client.destroy();
"""

REFUSED = """
import { BedrockRuntimeClient, ConverseCommand } from "@aws-sdk/client-bedrock-runtime";
const client = new BedrockRuntimeClient({ maxAttempts: 1 });
try {
  await client.send(new ConverseCommand({ modelId: "anthropic.claude-3-haiku-20240307-v1:0", inferenceConfig: { temperature: 1.5 },
    messages: [{ role: "user", content: [{ text: "a" }] }] }));
  console.log("answered");
} catch (error) {
  console.log(error.name + ": " + error.message + " " + error.$metadata.httpStatusCode);
}
"""


def check(shown):
    said = json.loads(shown)
    assert "Oslo" in said["text"] and said["text"] == said["whole"]
    assert said["names"][0] == "messageStart" and said["names"][-1] == "metadata"
    assert said["usage"]["totalTokens"] == said["usage"]["inputTokens"] + said["usage"]["outputTokens"]
    assert said["native"] and said["models"] > 50


@pytest.mark.operation("bedrock-runtime.Converse")
@pytest.mark.operation("bedrock-runtime.ConverseStream")
@pytest.mark.operation("bedrock-runtime.InvokeModel")
@pytest.mark.parametrize("how", ["http2", "http1"])
def test_the_javascript_client_streams(node, how):
    check(node(CONVERSE, how))


@pytest.mark.operation("bedrock-runtime.Converse")
@pytest.mark.operation("bedrock-runtime.ConverseStream")
@pytest.mark.parametrize("how", ["http2", "http1"])
def test_the_javascript_client_streams_over_tls(node, server, how):
    check(node(CONVERSE, how, of=server(tls=True)))


def test_an_error_has_its_name(node):
    shown = node(REFUSED)
    assert shown.startswith("ValidationException: 1 validation error detected: Value '1.5' at 'inferenceConfig.temperature'")
    assert shown.strip().endswith("400")


def test_boto3_over_tls(boto, server):
    secure = server(tls=True)
    assert boto("bedrock", of=secure).list_foundation_models()["modelSummaries"]
