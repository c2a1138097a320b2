"""Goal: every failure of a model reaches the application as the SDKs know it, before and inside streams."""
import json
import re
import socket
import time
import urllib.parse

import botocore.exceptions
import failing
import harness
import pytest
import urllib3
from failing import CHUNKS, CLAUDE, ERRORS, RESOURCE, RETRIED, WHOLE, call, gauge, messages, open_stream, texts

STREAMS = ["ConverseStream", "InvokeModelWithResponseStream"]
OPERATIONS = ["Converse", "InvokeModel", "CountTokens", *STREAMS]
BODY_BYTES, HEADER_BYTES = 256 * 1024, 16 * 1024


@pytest.fixture(scope="module")
def broken(servers, tmp_path_factory):
    limits = f"[server]\nbody_bytes = {BODY_BYTES}\nheader_bytes = {HEADER_BYTES}\n"
    running = harness.Server(tmp_path_factory.mktemp("failures"), config=failing.config(more=limits), models=False)
    servers.append(running)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def client(broken):
    return harness.boto_client(broken, "bedrock-runtime")


@pytest.fixture(scope="module")
def shapes(client):
    """operation -> the errors its model knows; and what its stream can raise."""
    model = client.meta.service_model
    before = {name: {shape.name for shape in model.operation_model(name).error_shapes} for name in OPERATIONS}
    inside = {"ConverseStream": model.shape_for("ConverseStreamOutput").members, "InvokeModelWithResponseStream": model.shape_for("ResponseStream").members}
    return before, {name: {member for member in members if member.endswith("Exception")} for name, members in inside.items()}


def refused(run):
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        run()
    return caught.value


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_before_the_first_event_it_is_an_http_error(client, operation, error):
    name, status = ERRORS[error]
    caught = refused(lambda: call(client, operation, f"<before {error}>"))
    assert not isinstance(caught, botocore.exceptions.EventStreamError)
    assert isinstance(caught, getattr(client.exceptions, name))
    answer = caught.response
    assert (answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Message"]) == (name, status, f"Said of {error}.")
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", answer["ResponseMetadata"]["RequestId"])
    extra = {key: answer.get(key) for key in ("originalStatusCode", "resourceName", "originalMessage")}
    assert extra == {"originalStatusCode": 529 if error in ("model_error", "model_stream_error") else None,
                     "resourceName": RESOURCE if error == "model_error" else None,
                     "originalMessage": "overloaded" if error == "model_stream_error" else None}


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("operation", STREAMS)
def test_inside_a_stream_it_is_the_modelled_exception_or_internal(client, shapes, operation, error):
    name = ERRORS[error][0]
    member = name[0].lower() + name[1:]
    modelled = member in shapes[1][operation]
    seen = []
    with pytest.raises(botocore.exceptions.EventStreamError) as caught:
        for piece in texts(open_stream(client, operation, f"<inside {error}>")):
            seen.append(piece)
    assert seen == CHUNKS[:2], "what came before the failure is lost"
    said = caught.value.response["Error"]
    assert said["Code"] == (member if modelled else "internalServerException")
    assert said["Message"] == (f"Said of {error}." if modelled else f"{name}: Said of {error}.")


@pytest.mark.parametrize("operation", ["Converse", "InvokeModel"])
@pytest.mark.parametrize("error", ERRORS)
def test_a_failure_half_way_fails_a_whole_answer(client, operation, error):
    answer = refused(lambda: call(client, operation, f"<inside {error}>")).response
    assert (answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]) == ERRORS[error]


@pytest.mark.parametrize("operation", [*STREAMS, "Converse", "InvokeModel"])
@pytest.mark.parametrize("count", range(len(CHUNKS) + 1))
def test_a_cut_is_never_a_silent_end(client, operation, count):
    if operation not in STREAMS:
        answer = refused(lambda: call(client, operation, f"<cut {count}>")).response
        assert (answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]) == ERRORS["internal"]
        return
    seen = []
    with pytest.raises((botocore.exceptions.EventStreamError, botocore.exceptions.HTTPClientError)):
        for piece in texts(open_stream(client, operation, f"<cut {count}>")):
            seen.append(piece)
    assert seen == CHUNKS[:count]


@pytest.mark.parametrize("error", RETRIED)
def test_boto3_retries_what_may_pass(broken, error, monkeypatch):
    import botocore.retries.standard
    monkeypatch.setattr(botocore.retries.standard.ExponentialBackoff, "delay_amount", lambda *_: 0)
    patient = harness.boto_client(broken, "bedrock-runtime", retries=3)
    answer = patient.converse(modelId=CLAUDE, messages=messages(f"<twice {error}>"))
    assert answer["output"]["message"]["content"] == [{"text": WHOLE}]
    assert answer["ResponseMetadata"]["RetryAttempts"] == 2


@pytest.mark.parametrize("error", [name for name in ERRORS if name not in RETRIED])
def test_boto3_does_not_retry_what_stays(broken, error):
    patient = harness.boto_client(broken, "bedrock-runtime", retries=3)
    caught = refused(lambda: patient.converse(modelId=CLAUDE, messages=messages(f"<twice {error}>")))
    assert caught.response["ResponseMetadata"]["RetryAttempts"] == 0


def test_the_javascript_client_meets_them_over_http2(broken, shapes, tmp_path):
    cuts = list(range(len(CHUNKS) + 1))
    told = [json.loads(line) for line in harness.run_node(
        broken, "failures.mjs", [",".join(ERRORS), ",".join(map(str, cuts))], tmp_path, 60).splitlines()]
    assert len(told) == len(ERRORS) * (len(OPERATIONS) + len(STREAMS)) + len(cuts) * len(STREAMS)
    for one in told:
        what, which = re.fullmatch(r"<(\w+) (\w+)>", one["text"]).groups()
        assert "name" in one, f"ended silently: {one}"
        if what == "cut":
            assert (one["opened"], one["text_events"]) == (True, int(which)), one
            continue
        name, status = ERRORS[which]
        if what == "before":
            assert (one["opened"], one["name"], one["status"], one["message"]) == (False, name, status, f"Said of {which}."), one
            assert one["request_id"], one
            if which == "model_error":
                assert (one["originalStatusCode"], one["resourceName"]) == (529, RESOURCE), one
        else:
            modelled = name[0].lower() + name[1:] in shapes[1][one["operation"]]
            assert (one["opened"], one["text_events"]) == (True, 2), one
            assert one["name"] == (name if modelled else "InternalServerException"), one
            assert one["message"] == (f"Said of {which}." if modelled else f"{name}: Said of {which}."), one
        assert one["modelled"], one


@pytest.mark.parametrize("operation", STREAMS)
def test_a_client_may_leave_after_any_event(broken, client, operation):
    whole = len(list(open_stream(client, operation, "<paced>")))
    assert whole > len(CHUNKS) + 2
    for count in range(whole):
        stream = open_stream(client, operation, "<paced>")
        for _, _event in zip(range(count), stream):
            pass
        stream.close()
    left = open_stream(client, operation, "<slow>")  # one that is still being answered
    next(iter(left))
    left.close()
    deadline = time.monotonic() + 5
    while gauge(broken, "outcrop_exchanges") > 1 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert gauge(broken, "outcrop_exchanges") == 1, "only the question itself is being answered"
    assert call(client, operation, "any") == WHOLE


def test_events_come_when_the_model_says_them(client):
    start = time.monotonic()
    stream = open_stream(client, "ConverseStream", "<slow>")
    times = [time.monotonic() - start for _ in texts(stream)]
    assert len(times) == len(CHUNKS)
    for number, took in enumerate(times):
        wanted = failing.FIRST_EVENT_S + number * failing.CHUNK_S
        assert wanted - 0.02 <= took < wanted + failing.CHUNK_S, times


def test_a_client_that_gives_up_waiting_frees_the_server(broken):
    hasty = harness.boto_client(broken, "bedrock-runtime", read_timeout_s=0.5)
    with pytest.raises(botocore.exceptions.ReadTimeoutError):
        call(hasty, "Converse", "<hang>")
    seen = []
    with pytest.raises(urllib3.exceptions.ReadTimeoutError):
        for piece in texts(open_stream(hasty, "ConverseStream", "<hang>")):
            seen.append(piece)
    assert seen == CHUNKS[:1]
    hasty.close()
    deadline = time.monotonic() + 5
    while gauge(broken, "outcrop_exchanges") > 1 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert gauge(broken, "outcrop_exchanges") == 1


# Without an SDK: what SDKs check themselves, or never send.

CONVERSE = f"/model/{urllib.parse.quote(CLAUDE, safe='')}/converse"
HELLO = {"messages": messages("any")}


def said(reply):
    assert reply.headers["x-amzn-requestid"]
    return reply.status, reply.headers["x-amzn-errortype"].split(":")[0], json.loads(reply.body)["message"]


def raw(server, *parts, wait_s=5):
    """Sends the bytes as they are; (status, whole answer until the server closes or answers)."""
    host, port = urllib.parse.urlsplit(server.url).netloc.split(":")
    with socket.create_connection((host, int(port)), timeout=wait_s) as connection:
        try:
            for part in parts:
                connection.sendall(part)
        except (BrokenPipeError, ConnectionResetError):
            pass  # the answer came before the end of the request
        answer = connection.makefile("rb").readline().decode()
    return int(answer.split()[1])


def test_a_body_over_the_limit(broken):
    with_length = f"POST {CONVERSE} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {BODY_BYTES + 1}\r\n\r\n".encode()
    assert raw(broken, with_length) == 413
    chunk = b"4000\r\n" + b" " * 0x4000 + b"\r\n"
    chunked = f"POST {CONVERSE} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n".encode()
    assert raw(broken, chunked, *[chunk] * (BODY_BYTES // 0x4000 + 1)) == 413


def test_headers_over_the_limit(broken):
    assert raw(broken, f"GET / HTTP/1.1\r\nhost: x\r\nx-filler: {'a' * HEADER_BYTES}\r\n\r\n".encode()) == 431
    assert raw(broken, ("GET / HTTP/1.1\r\nhost: x\r\n" + "".join(f"x-{n}: 1\r\n" for n in range(200)) + "\r\n").encode()) == 431


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"messages": "a"}', b'{"messages": [}', b"\xff\xfe", b'{"messages": 1e999}'])
def test_json_that_does_not_hold_is_a_serialization_exception(broken, body):
    status, name, message = said(broken.call("POST", CONVERSE, body))
    assert (status, name) == (400, "SerializationException") and message


VIOLATIONS = {
    "two at once": (
        {**HELLO, "inferenceConfig": {"temperature": 1.5, "topP": -0.5}},
        "2 validation errors detected: Value '1.5' at 'inferenceConfig.temperature' failed to satisfy constraint: Member must have value less than or "
        "equal to 1; Value '-0.5' at 'inferenceConfig.topP' failed to satisfy constraint: Member must have value greater than or equal to 0"),
    "an enum": (
        {"messages": [{"role": "robot", "content": [{"text": "any"}]}]},
        "1 validation error detected: Value 'robot' at 'messages.1.member.role' failed to satisfy constraint: Member must satisfy enum value set: "),
    "a pattern": (
        {**HELLO, "toolConfig": {"tools": [{"toolSpec": {"name": "a tool", "inputSchema": {"json": {}}}}]}},
        "1 validation error detected: Value 'a tool' at 'toolConfig.tools.1.member.toolSpec.name' failed to satisfy constraint: Member must satisfy "
        "regular expression pattern: [a-zA-Z0-9_-]+"),
    "a length": (
        {**HELLO, "toolConfig": {"tools": [{"toolSpec": {"name": "a" * 65, "inputSchema": {"json": {}}}}]}},
        f"1 validation error detected: Value '{'a' * 64}...' at 'toolConfig.tools.1.member.toolSpec.name' failed to satisfy constraint: Member must "
        "have length less than or equal to 64"),
    "a member that must be there": (
        {"messages": [{"content": [{"text": "any"}]}]},
        "1 validation error detected: Value null at 'messages.1.member.role' failed to satisfy constraint: Member must not be null"),
    "an unknown member of a union": (
        {"messages": [{"role": "user", "content": [{"hologram": {}}]}]},
        "1 validation error detected: Value at 'messages.1.member.content.1.member' failed to satisfy constraint: Member must have exactly one of ["),
    "two members of a union": (
        {"messages": [{"role": "user", "content": [{"text": "any", "cachePoint": {"type": "default"}}]}]},
        "1 validation error detected: Value at 'messages.1.member.content.1.member' failed to satisfy constraint: Member must have exactly one of ["),
}


@pytest.mark.parametrize("what", VIOLATIONS)
def test_a_violation_is_told_in_the_services_words(broken, what):
    document, text = VIOLATIONS[what]
    status, name, message = said(broken.call("POST", CONVERSE, document))
    assert (status, name) == (400, "ValidationException")
    if text.endswith(("[", ": ")):
        assert message.startswith(text)
    else:
        assert message == text


def test_an_unknown_member_of_a_structure_passes(broken):
    assert broken.call("POST", CONVERSE, {**HELLO, "tomorrow": {"a": [1]}}).status == 200


def test_each_error_has_a_request_id_of_its_own(broken):
    ids = {broken.call("POST", CONVERSE, {"messages": messages("<before throttled>")}).headers["x-amzn-requestid"] for _ in range(3)}
    assert len(ids) == 3
