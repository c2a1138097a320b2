"""Goal: programs written for other models run unchanged in their native bodies, streams included."""
import json
import math

import botocore.exceptions
import pytest
from passages import city_question

CLAUDE = "anthropic.claude-3-haiku-20240307-v1:0"
INVOKE, STREAM = "bedrock-runtime.InvokeModel", "bedrock-runtime.InvokeModelWithResponseStream"


def anthropic(prompt):
    return {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 48, "temperature": 0, "messages": [{"role": "user", "content": prompt}]}


def nova(prompt):
    return {"schemaVersion": "messages-v1", "messages": [{"role": "user", "content": [{"text": prompt}]}],
            "inferenceConfig": {"maxTokens": 48, "temperature": 0}}


def titan(prompt):
    return {"inputText": prompt, "textGenerationConfig": {"maxTokenCount": 48, "temperature": 0}}


def llama(prompt):
    return {"prompt": f"<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\n{prompt}<|eot_id|>"
                      "<|start_header_id|>assistant<|end_header_id|>\n\n", "max_gen_len": 48, "temperature": 0}


def mistral(prompt):
    return {"prompt": f"<s>[INST] {prompt} [/INST]", "max_tokens": 48, "temperature": 0}


# model, body of a prompt, the text of a whole answer, the text of a chunk
FAMILIES = [
    (CLAUDE, anthropic, lambda a: a["content"][0]["text"],
     lambda c: c["delta"].get("text", "") if c["type"] == "content_block_delta" else ""),
    ("amazon.nova-lite-v1:0", nova, lambda a: a["output"]["message"]["content"][0]["text"],
     lambda c: c.get("contentBlockDelta", {}).get("delta", {}).get("text", "")),
    ("amazon.titan-text-express-v1", titan, lambda a: a["results"][0]["outputText"], lambda c: c.get("outputText", "")),
    ("meta.llama3-8b-instruct-v1:0", llama, lambda a: a["generation"], lambda c: c.get("generation") or ""),
    ("mistral.mistral-7b-instruct-v0:2", mistral, lambda a: a["outputs"][0]["text"], lambda c: c["outputs"][0]["text"]),
]
IDS = [row[0] for row in FAMILIES]


@pytest.mark.operation(INVOKE)
@pytest.mark.parametrize("model,body,text,_", FAMILIES, ids=IDS)
def test_a_native_body_is_answered_in_kind(boto, model, body, text, _):
    right = 0
    for seed in (1, 2, 3):
        question, city = city_question(seed)
        answer = boto("bedrock-runtime").invoke_model(modelId=model, body=json.dumps(body(question)))
        assert answer["contentType"] == "application/json"
        headers = answer["ResponseMetadata"]["HTTPHeaders"]
        assert int(headers["x-amzn-bedrock-input-token-count"]) > 20
        assert int(headers["x-amzn-bedrock-output-token-count"]) > 0
        right += city in text(json.loads(answer["body"].read()))
    assert right >= 2


@pytest.mark.operation(STREAM)
@pytest.mark.parametrize("model,body,_,text", FAMILIES, ids=IDS)
def test_a_native_stream_folds_to_the_answer(boto, model, body, _, text):
    question, city = city_question(1)
    answer = boto("bedrock-runtime").invoke_model_with_response_stream(modelId=model, body=json.dumps(body(question)))
    chunks = [json.loads(event["chunk"]["bytes"]) for event in answer["body"]]
    assert len(chunks) > 3
    assert city in "".join(text(chunk) for chunk in chunks)
    metrics = chunks[-1]["amazon-bedrock-invocationMetrics"]
    assert metrics["inputTokenCount"] > 20 and metrics["outputTokenCount"] > 0
    assert metrics["invocationLatency"] >= metrics["firstByteLatency"] >= 0


@pytest.mark.operation(STREAM)
def test_anthropic_chunks_are_typed_and_ordered(boto):
    answer = boto("bedrock-runtime").invoke_model_with_response_stream(modelId=CLAUDE, body=json.dumps(anthropic(city_question(1)[0])))
    types = [json.loads(event["chunk"]["bytes"])["type"] for event in answer["body"]]
    assert types[0] == "message_start" and types[-2:] == ["message_delta", "message_stop"]
    assert types.index("content_block_start") < types.index("content_block_delta") < types.index("content_block_stop")


def cosine(a, b):
    return sum(x * y for x, y in zip(a, b)) / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))


EMBEDDERS = [
    ("amazon.titan-embed-text-v1", lambda t: {"inputText": t}, lambda a: a["embedding"], 1536),
    ("amazon.titan-embed-text-v2:0", lambda t: {"inputText": t}, lambda a: a["embedding"], 1024),
    ("amazon.titan-embed-text-v2:0", lambda t: {"inputText": t, "dimensions": 256}, lambda a: a["embedding"], 256),
    ("cohere.embed-english-v3", lambda t: {"texts": [t], "input_type": "search_document"}, lambda a: a["embeddings"][0], 1024),
]


@pytest.mark.operation(INVOKE)
@pytest.mark.parametrize("model,body,vector,width", EMBEDDERS, ids=["titan-v1", "titan-v2", "titan-v2-256", "cohere-v3"])
def test_embeddings_have_the_asked_width_and_mean_something(boto, model, body, vector, width):
    client = boto("bedrock-runtime")

    def embed(text):
        return vector(json.loads(client.invoke_model(modelId=model, body=json.dumps(body(text)))["body"].read()))

    cat, kitten, tax = embed("The cat sleeps on the sofa."), embed("A kitten naps on a couch."), embed("Income tax is due in April.")
    assert len(cat) == width
    assert cosine(cat, kitten) > cosine(cat, tax) + 0.2


@pytest.mark.operation(INVOKE)
@pytest.mark.parametrize("body,text", [
    (b"{", "Malformed input request"), (b"[]", "Malformed input request"),
    (json.dumps({"anthropic_version": "bedrock-2023-05-31", "messages": []}).encode(), "max_tokens"),
    (json.dumps({"max_tokens": 5, "anthropic_version": "bedrock-2023-05-31"}).encode(), "messages"),
], ids=["no json", "no object", "no max_tokens", "no messages"])
def test_a_malformed_body_is_refused(boto, body, text):
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        boto("bedrock-runtime").invoke_model(modelId=CLAUDE, body=body)
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    assert text in caught.value.response["Error"]["Message"]


@pytest.mark.operation(INVOKE)
def test_a_guardrail_that_does_not_exist_is_refused(boto):
    with pytest.raises(botocore.exceptions.ClientError, match="guardrail identifier or version"):
        boto("bedrock-runtime").invoke_model(modelId=CLAUDE, body=json.dumps(anthropic("a")), guardrailIdentifier="abcdefghijkl",
                                             guardrailVersion="1")


@pytest.mark.operation(INVOKE)
def test_a_model_that_makes_images_is_refused_before_its_body_is_read(boto):
    with pytest.raises(botocore.exceptions.ClientError, match="makes images, and no model here can"):
        boto("bedrock-runtime").invoke_model(modelId="amazon.nova-canvas-v1:0", body=json.dumps({"taskType": "TEXT_IMAGE"}))
