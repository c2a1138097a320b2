"""A scripted model that fails on demand: what is to happen stands in the prompt.

    <before throttled>          the error instead of an answer
    <inside throttled>          the error in place of the third of three chunks
    <cut 2>                     the connection to the model breaks after two chunks
    <twice throttled K>         the error for the first two calls that say so, then an answer
    <slow>, <paced>             the first event after FIRST_EVENT_S, chunks CHUNK_S apart; 20 ms for both
    <hang>                      one chunk and nothing more
"""
import json

CLAUDE = "anthropic.claude-3-haiku-20240307-v1:0"
CHUNKS = ["one ", "two ", "three"]
WHOLE = "".join(CHUNKS)
FIRST_EVENT_S, CHUNK_S = 0.4, 0.2
RESOURCE = "arn:aws:sagemaker:us-east-1:000000000000:endpoint/behind"

# our name -> AWS's name, the HTTP status of the runtime's model
ERRORS = {
    "validation": ("ValidationException", 400), "access_denied": ("AccessDeniedException", 403),
    "not_found": ("ResourceNotFoundException", 404), "throttled": ("ThrottlingException", 429),
    "model_not_ready": ("ModelNotReadyException", 429), "model_timeout": ("ModelTimeoutException", 408),
    "model_error": ("ModelErrorException", 424), "model_stream_error": ("ModelStreamErrorException", 424),
    "quota_exceeded": ("ServiceQuotaExceededException", 400), "internal": ("InternalServerException", 500),
    "unavailable": ("ServiceUnavailableException", 503)}
RETRIED = ["throttled", "model_not_ready", "internal", "unavailable"]


def toml(value):
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {toml(one)}" for key, one in value.items()) + "}"
    return json.dumps(value)


def rules():
    for name in ERRORS:
        fail = {"error": name, "message": f"Said of {name}."}
        if name in ("model_error", "model_stream_error"):
            fail.update(original_status=529, original_message="overloaded", resource_name=RESOURCE)
        yield {"match": {"text": f"<before {name}>"}, "fail": fail}
        yield {"match": {"text": f"<inside {name}>"}, "chunks": CHUNKS, "fail": {**fail, "after_chunks": 2}}
        yield {"match": {"text": f"<twice {name}>", "calls_to": 2}, "fail": fail}
    for count in range(len(CHUNKS) + 1):
        yield {"match": {"text": f"<cut {count}>"}, "chunks": CHUNKS, "cut": {"after_chunks": count}}
    yield {"match": {"text": "<slow>"}, "delay_ms": int(FIRST_EVENT_S * 1000), "chunk_delay_ms": int(CHUNK_S * 1000), "chunks": CHUNKS}
    yield {"match": {"text": "<paced>"}, "delay_ms": 20, "chunk_delay_ms": 20, "chunks": CHUNKS}
    yield {"match": {"text": "<hang>"}, "chunks": CHUNKS, "hang": {"after_chunks": 1}}
    yield {"chunks": CHUNKS}


def config(name="failing", rules=rules, more=""):
    lines = [more, "[[scripted]]", f'name = "{name}"', 'stands_in_for = ["anthropic.*"]']
    for rule in rules():
        lines.append("[[scripted.rules]]")
        lines += [f"{key} = {toml(value)}" for key, value in rule.items()]
    return "\n".join(lines) + "\n"


def native(text):
    return json.dumps({"anthropic_version": "bedrock-2023-05-31", "max_tokens": 100, "messages": [{"role": "user", "content": text}]})


def messages(text):
    return [{"role": "user", "content": [{"text": text}]}]


def call(client, operation, text):
    """The operation with that prompt: the text of the answer, streams read to their end."""
    if operation == "Converse":
        return client.converse(modelId=CLAUDE, messages=messages(text))["output"]["message"]["content"][0]["text"]
    if operation == "InvokeModel":
        return json.loads(client.invoke_model(modelId=CLAUDE, body=native(text))["body"].read())["content"][0]["text"]
    if operation == "CountTokens":
        return client.count_tokens(modelId=CLAUDE, input={"converse": {"messages": messages(text)}})["inputTokens"]
    return "".join(texts(open_stream(client, operation, text)))


def open_stream(client, operation, text):
    if operation == "ConverseStream":
        return client.converse_stream(modelId=CLAUDE, messages=messages(text))["stream"]
    return client.invoke_model_with_response_stream(modelId=CLAUDE, body=native(text))["body"]


def texts(stream):
    for event in stream:
        if "contentBlockDelta" in event:
            yield event["contentBlockDelta"]["delta"]["text"]
        elif "chunk" in event:
            chunk = json.loads(event["chunk"]["bytes"])
            if chunk["type"] == "content_block_delta":
                yield chunk["delta"]["text"]


def gauge(server, name):
    """One figure of /metrics, without its labels summed up."""
    text = server.call("GET", "/metrics").body.decode()
    return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.split("{")[0].split(" ")[0] == name)
