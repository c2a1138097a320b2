"""Goal: CountTokens says what the same call will report."""
import json

import pytest
from passages import city_question, user

CLAUDE = "anthropic.claude-3-haiku-20240307-v1:0"


@pytest.mark.operation("bedrock-runtime.CountTokens")
@pytest.mark.parametrize("seed", [1, 2])
def test_converse_reports_the_same_count(boto, seed):
    client = boto("bedrock-runtime")
    request = dict(messages=[user(city_question(seed)[0])], system=[{"text": "You are brief."}])
    counted = client.count_tokens(modelId=CLAUDE, input={"converse": request})["inputTokens"]
    used = client.converse(modelId=CLAUDE, inferenceConfig={"maxTokens": 2}, **request)["usage"]["inputTokens"]
    assert counted == used > 0


@pytest.mark.operation("bedrock-runtime.CountTokens")
def test_a_native_body_reports_the_same_count(boto):
    client = boto("bedrock-runtime")
    body = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 2, "messages": [{"role": "user", "content": city_question(5)[0]}]}
    counted = client.count_tokens(modelId=CLAUDE, input={"invokeModel": {"body": json.dumps(body).encode()}})["inputTokens"]
    answer = json.loads(client.invoke_model(modelId=CLAUDE, body=json.dumps(body))["body"].read())
    assert counted == answer["usage"]["input_tokens"] > 0
