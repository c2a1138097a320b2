"""Goal: ConverseStream as the SDKs read it: the order of events, usage once and last, the same answer as Converse."""
import botocore.exceptions
import pytest
from passages import city_question, user

CLAUDE = "anthropic.claude-3-haiku-20240307-v1:0"
GREEDY = {"temperature": 0.0, "maxTokens": 48}


def events_of(client, **request):
    return [(name, value) for event in client.converse_stream(**request)["stream"] for name, value in event.items()]


@pytest.mark.operation("bedrock-runtime.ConverseStream")
def test_events_come_in_order(boto):
    question, city = city_question(3)
    events = events_of(boto("bedrock-runtime"), modelId=CLAUDE, messages=[user(question)], inferenceConfig=GREEDY)
    names = [name for name, _ in events]
    assert names[0] == "messageStart" and events[0][1] == {"role": "assistant"}
    assert names[-3:] == ["contentBlockStop", "messageStop", "metadata"]
    assert set(names[1:-3]) == {"contentBlockDelta"}
    assert len(names) > 5, "the answer came in one piece"
    text = "".join(value["delta"]["text"] for name, value in events if name == "contentBlockDelta")
    assert city in text
    metadata = events[-1][1]
    assert metadata["usage"]["totalTokens"] == metadata["usage"]["inputTokens"] + metadata["usage"]["outputTokens"]
    assert metadata["metrics"]["latencyMs"] > 0


@pytest.mark.operation("bedrock-runtime.ConverseStream")
def test_a_stream_says_what_converse_says(boto):
    client = boto("bedrock-runtime")
    request = dict(modelId=CLAUDE, messages=[user(city_question(4)[0])], inferenceConfig=GREEDY)
    events = events_of(client, **request)
    whole = client.converse(**request)
    assert "".join(value["delta"]["text"] for name, value in events if name == "contentBlockDelta") == \
        whole["output"]["message"]["content"][0]["text"]
    assert events[-2][1]["stopReason"] == whole["stopReason"]
    assert {k: events[-1][1]["usage"][k] for k in ("inputTokens", "outputTokens")} == \
        {k: whole["usage"][k] for k in ("inputTokens", "outputTokens")}


@pytest.mark.operation("bedrock-runtime.ConverseStream")
def test_a_tool_call_streams_its_input(boto):
    import json
    events = events_of(boto("bedrock-runtime"), modelId=CLAUDE, messages=[user("What is the weather in Lisbon?")],
                       inferenceConfig={"maxTokens": 80, "temperature": 0.0}, toolConfig={
                           "tools": [{"toolSpec": {"name": "get_weather", "inputSchema": {"json": {
                               "type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}}}],
                           "toolChoice": {"tool": {"name": "get_weather"}}})
    start = next(value for name, value in events if name == "contentBlockStart")
    assert start["start"]["toolUse"]["name"] == "get_weather"
    pieces = [value["delta"]["toolUse"]["input"] for name, value in events if name == "contentBlockDelta" and "toolUse" in value["delta"]]
    assert set(json.loads("".join(pieces))) == {"city"}
    assert [value["stopReason"] for name, value in events if name == "messageStop"] == ["tool_use"]


@pytest.mark.operation("bedrock-runtime.ConverseStream")
def test_text_beyond_ascii_is_never_cut_inside_a_character(boto):
    events = events_of(boto("bedrock-runtime"), modelId=CLAUDE, inferenceConfig={"temperature": 0.0, "maxTokens": 40},
                       messages=[user("Repeat exactly: smile \U0001F600 caf\u00e9 \u4f60\u597d \u20ac")])
    text = "".join(value["delta"]["text"] for name, value in events if name == "contentBlockDelta")
    assert "\ufffd" not in text


@pytest.mark.operation("bedrock-runtime.ConverseStream")
def test_an_error_before_the_first_event_is_an_http_error(boto):
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        boto("bedrock-runtime").converse_stream(modelId=CLAUDE, messages=[user("word " * 20000)])
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


@pytest.mark.operation("bedrock-runtime.ConverseStream")
def test_a_client_that_goes_away_stops_the_generation(boto, outcrop):
    import time

    client = boto("bedrock-runtime")
    stream = client.converse_stream(modelId=CLAUDE, messages=[user("Write a very long story about a river.")],
                                    inferenceConfig={"maxTokens": 4000, "temperature": 0.0})["stream"]
    next(iter(stream))
    stream.close()
    # The engine is free again at once: a short answer does not wait for four thousand tokens.
    start = time.monotonic()
    client.converse(modelId=CLAUDE, messages=[user("Say hello.")], inferenceConfig={"maxTokens": 4, "temperature": 0.0})
    assert time.monotonic() - start < 10
