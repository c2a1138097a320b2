"""Goal: Converse through boto3 on real weights: answers depend on the input, usage adds up, stop reasons are true."""
import botocore.exceptions
import pytest
from passages import city_question, user

CLAUDE = "anthropic.claude-3-haiku-20240307-v1:0"
GREEDY = {"temperature": 0.0, "maxTokens": 48}


def text_of(answer):
    return "".join(block.get("text", "") for block in answer["output"]["message"]["content"])


@pytest.mark.operation("bedrock-runtime.Converse")
def test_a_fact_of_the_prompt_comes_back(boto):
    client = boto("bedrock-runtime")
    right = 0
    for seed in range(5):
        question, city = city_question(seed)
        answer = client.converse(modelId=CLAUDE, messages=[user(question)], inferenceConfig=GREEDY)
        right += city in text_of(answer)
        assert answer["stopReason"] in ("end_turn", "max_tokens")
        usage = answer["usage"]
        assert usage["inputTokens"] > 20 and usage["outputTokens"] > 0
        assert usage["totalTokens"] == usage["inputTokens"] + usage["outputTokens"]
        assert answer["metrics"]["latencyMs"] > 0
        assert answer["output"]["message"]["role"] == "assistant"
    assert right >= 4, f"only {right} of 5"


@pytest.mark.operation("bedrock-runtime.Converse")
def test_the_answer_says_who_served_it(boto):
    answer = boto("bedrock-runtime").converse(modelId=CLAUDE, messages=[user("Say hello.")], inferenceConfig=GREEDY)
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    assert headers["x-outcrop-served-by"].startswith("local:")
    assert "x-outcrop-stand-in" in headers
    assert answer["ResponseMetadata"]["RequestId"] == headers["x-amzn-requestid"]


@pytest.mark.operation("bedrock-runtime.Converse")
@pytest.mark.parametrize("model", [
    "anthropic.claude-3-haiku-20240307-v1:0", "us.anthropic.claude-3-5-sonnet-20241022-v2:0", "eu.amazon.nova-lite-v1:0",
    "global.anthropic.claude-sonnet-4-6", "amazon.nova-micro-v1:0", "meta.llama3-8b-instruct-v1:0", "mistral.mistral-7b-instruct-v0:2",
    "amazon.titan-text-express-v1", "cohere.command-r-v1:0",
    "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-3-haiku-20240307-v1:0",
    "arn:aws:bedrock:eu-central-1:000000000000:inference-profile/eu.anthropic.claude-3-haiku-20240307-v1:0",
])
def test_every_form_of_a_model_id_answers(boto, model):
    answer = boto("bedrock-runtime").converse(modelId=model, messages=[user("Say hello.")],
                                              inferenceConfig={"maxTokens": 4, "temperature": 0.0})
    assert text_of(answer)


@pytest.mark.operation("bedrock-runtime.Converse")
def test_max_tokens_ends_the_answer(boto):
    answer = boto("bedrock-runtime").converse(modelId=CLAUDE, messages=[user("Count from one to one hundred in words.")],
                                              inferenceConfig={"maxTokens": 7, "temperature": 0.0})
    assert answer["stopReason"] == "max_tokens"
    assert answer["usage"]["outputTokens"] == 7


@pytest.mark.operation("bedrock-runtime.Converse")
def test_a_stop_sequence_ends_the_answer_and_is_not_in_it(boto):
    answer = boto("bedrock-runtime").converse(
        modelId=CLAUDE, messages=[user("Count: 1, 2, 3, 4, 5, 6, 7, 8, 9, 10. Now repeat the numbers from 1 to 10, separated by commas.")],
        inferenceConfig={"maxTokens": 60, "temperature": 0.0, "stopSequences": [", 4"]})
    assert answer["stopReason"] == "stop_sequence", answer
    assert ", 4" not in text_of(answer)


@pytest.mark.operation("bedrock-runtime.Converse")
def test_the_history_is_read(boto):
    messages = [user("The Larkspur depot is in Oslo. It has 12 trucks."),
                {"role": "assistant", "content": [{"text": "Thank you, I will remember that."}]},
                user("Which city is the Larkspur depot in?")]
    answer = boto("bedrock-runtime").converse(modelId=CLAUDE, messages=messages, inferenceConfig=GREEDY)
    assert "Oslo" in text_of(answer)


@pytest.mark.operation("bedrock-runtime.Converse")
def test_a_text_document_is_read(boto):
    document = {"document": {"format": "txt", "name": "depot", "source": {"bytes": b"The Larkspur depot is in Oslo. It has 12 trucks."}}}
    answer = boto("bedrock-runtime").converse(
        modelId=CLAUDE, messages=[{"role": "user", "content": [document, {"text": "Which city is the Larkspur depot in?"}]}],
        inferenceConfig=GREEDY)
    assert "Oslo" in text_of(answer)


@pytest.mark.operation("bedrock-runtime.Converse")
def test_a_cache_point_is_accepted_with_zero_counts(boto):
    answer = boto("bedrock-runtime").converse(
        modelId=CLAUDE, system=[{"text": "You are brief."}, {"cachePoint": {"type": "default"}}], messages=[user("Say hello.")],
        inferenceConfig=GREEDY)
    assert answer["usage"].get("cacheReadInputTokens", 0) == 0
    assert answer["usage"].get("cacheWriteInputTokens", 0) == 0


def test_fields_of_the_native_reply_come_back_when_asked_for(boto):
    client = boto("bedrock-runtime")
    ask = dict(modelId=CLAUDE, messages=[user("Say hello.")], inferenceConfig=GREEDY,
               additionalModelResponseFieldPaths=["/stop_reason", "/usage/output_tokens", "/not/there"])
    answer = client.converse(**ask)
    wanted = {"stop_reason": answer["stopReason"], "usage": {"output_tokens": answer["usage"]["outputTokens"]}}
    assert answer["additionalModelResponseFields"] == wanted
    stop = next(event["messageStop"] for event in client.converse_stream(**ask)["stream"] if "messageStop" in event)
    assert stop["additionalModelResponseFields"] == wanted


WEATHER = {"tools": [{"toolSpec": {"name": "get_weather", "description": "The weather in a city.", "inputSchema": {"json": {
    "type": "object", "properties": {"city": {"type": "string", "description": "the city"}}, "required": ["city"]}}}}]}


@pytest.mark.operation("bedrock-runtime.Converse")
def test_tool_choice_any_gives_a_call_that_fits_the_schema(boto):
    answer = boto("bedrock-runtime").converse(
        modelId=CLAUDE, messages=[user("What is the weather in Lisbon?")], inferenceConfig={"maxTokens": 80, "temperature": 0.0},
        toolConfig={**WEATHER, "toolChoice": {"any": {}}})
    assert answer["stopReason"] == "tool_use"
    call = next(block["toolUse"] for block in answer["output"]["message"]["content"] if "toolUse" in block)
    assert call["name"] == "get_weather"
    assert call["toolUseId"].startswith("tooluse_")
    assert set(call["input"]) == {"city"} and isinstance(call["input"]["city"], str)


@pytest.mark.operation("bedrock-runtime.Converse")
def test_a_tool_result_is_answered(boto):
    messages = [user("What is the weather in Lisbon?"),
                {"role": "assistant", "content": [{"toolUse": {"toolUseId": "t1", "name": "get_weather", "input": {"city": "Lisbon"}}}]},
                {"role": "user", "content": [{"toolResult": {"toolUseId": "t1", "content": [{"json": {"weather": "sunny", "celsius": 24}}]}}]}]
    answer = boto("bedrock-runtime").converse(modelId=CLAUDE, messages=messages, toolConfig=WEATHER, inferenceConfig=GREEDY)
    assert answer["output"]["message"]["content"]


@pytest.mark.operation("bedrock-runtime.Converse")
def test_an_output_schema_holds(boto):
    schema = '{"type":"object","properties":{"order_id":{"type":"string"}},"required":["order_id"],"additionalProperties":false}'
    answer = boto("bedrock-runtime").converse(
        modelId=CLAUDE, inferenceConfig={"maxTokens": 60, "temperature": 0.0},
        messages=[user("Message: 'My parcel AB-1234 is late.' -> {\"order_id\": \"AB-1234\"}\n"
                       "Message: 'Where is QX-0001?' -> {\"order_id\": \"QX-0001\"}\n"
                       "Message: 'Order LM-7754 came broken.' ->")],
        outputConfig={"textFormat": {"type": "json_schema", "structure": {"jsonSchema": {"schema": schema, "name": "order"}}}})
    import json
    assert set(json.loads(text_of(answer))) == {"order_id"}


REFUSED = [
    ("assistant first", dict(messages=[{"role": "assistant", "content": [{"text": "hi"}]}]), "A conversation must start with a user message"),
    ("no alternation", dict(messages=[user("a"), user("b")]), "must alternate between user and assistant roles"),
    ("blank text", dict(messages=[user(" ")]), "The text field in the ContentBlock object at messages.0.content.0 is blank"),
    ("tool use without config", dict(messages=[user("a"), {"role": "assistant", "content": [
        {"toolUse": {"toolUseId": "t", "name": "x", "input": {}}}]}, {"role": "user", "content": [
            {"toolResult": {"toolUseId": "t", "content": [{"text": "1"}]}}]}]),
     "The toolConfig field must be defined when using toolUse and toolResult content blocks."),
    ("temperature", dict(messages=[user("a")], inferenceConfig={"temperature": 1.5}),
     "1 validation error detected: Value '1.5' at 'inferenceConfig.temperature' failed to satisfy constraint: "
     "Member must have value less than or equal to 1"),
    ("image", dict(messages=[{"role": "user", "content": [{"text": "a"}, {"image": {"format": "png", "source": {"bytes": b"\x89PNG"}}}]}]), "image"),
    ("pdf", dict(messages=[{"role": "user", "content": [{"text": "a"}, {"document": {"format": "pdf", "name": "x", "source": {
        "bytes": b"%PDF"}}}]}]), "pdf"),
    ("guardrail", dict(messages=[user("a")], guardrailConfig={"guardrailIdentifier": "abcdefghijkl", "guardrailVersion": "1"}),
     "guardrail identifier or version provided in the request does not exist"),
    ("too long", dict(messages=[user("word " * 20000)]), "Input is too long for requested model"),
    ("too many tokens", dict(messages=[user("a")], inferenceConfig={"maxTokens": 1_000_000}), "The maximum tokens you requested exceeds the model limit"),
]


@pytest.mark.operation("bedrock-runtime.Converse")
@pytest.mark.parametrize("what,request_,text", REFUSED, ids=[row[0] for row in REFUSED])
def test_a_bad_request_is_refused_by_name(boto, what, request_, text):
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        boto("bedrock-runtime").converse(modelId=CLAUDE, **request_)
    assert caught.value.response["Error"]["Code"] == "ValidationException", caught.value
    assert text in caught.value.response["Error"]["Message"]
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


@pytest.mark.operation("bedrock-runtime.Converse")
def test_an_unknown_model_is_refused(boto):
    with pytest.raises(botocore.exceptions.ClientError, match="The provided model identifier is invalid."):
        boto("bedrock-runtime").converse(modelId="nobody.made-this-v1:0", messages=[user("a")])


@pytest.mark.operation("bedrock-runtime.Converse")
def test_a_model_that_makes_images_is_refused(boto):
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        boto("bedrock-runtime").converse(modelId="amazon.nova-canvas-v1:0", messages=[user("a")])
    assert caught.value.response["Error"]["Code"] == "ValidationException"
