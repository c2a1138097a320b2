"""Goal: a process that dies takes down only what it computed; the rest goes on, and all of it comes back."""
import asyncio
import os
import signal
import threading
import time

import botocore.config
import botocore.exceptions
import failing
import harness
import pytest
import wire
from failing import CLAUDE, messages, open_stream, texts

STREAMS = 20
EMBEDDER = "amazon.titan-embed-text-v2:0"
SCRIPTED = """
[[scripted]]
name = "paced"
stands_in_for = ["meta.*"]
[[scripted.rules]]
chunk_delay_ms = 100
echo = true
"""
STORY = "Write a very long story about a river and the people who live beside it."


def with_both():
    """The scripted model, and the chat model for the ids that the tests of it ask for."""
    path = next((path for path in harness.fetched("models").glob("*.gguf") if "instruct" in path.name.lower()), None)
    return f'[[model]]\nname = "chat"\npath = "{path}"\nstands_in_for = ["anthropic.*"]\n{SCRIPTED}'


def engines(server):
    return {pid: command for pid, command in wire.children(server.pid).items() if " engine" in command}


def engine_of(server, stream_open):
    """The pid of the engine that computes while `stream_open` runs: the one that uses the processor."""
    before = {pid: wire.cpu_s(pid) for pid in engines(server)}
    time.sleep(0.5)
    used = {pid: wire.cpu_s(pid) - before[pid] for pid in engines(server) if pid in before}
    return max(used, key=used.get)


def ended(server):
    """The exit code of a server that was told to stop already: a second signal would mean 'now'."""
    server.exit_code = server._process.wait(30)
    return server.exit_code


class Reading(threading.Thread):
    """A stream of the real model, and how it ended: 'whole', the code of an exception, or what else it raised."""

    def __init__(self, client, number):
        super().__init__(daemon=True)
        self.client, self.number, self.pieces, self.end = client, number, 0, None

    def run(self):
        try:
            stream = self.client.converse_stream(modelId=CLAUDE, messages=messages(f"{STORY} Call it {self.number}."),
                                                 inferenceConfig={"maxTokens": 300, "temperature": 0.0})["stream"]
            stopped = False
            for event in stream:
                self.pieces += "contentBlockDelta" in event
                stopped = stopped or "messageStop" in event
            self.end = "whole" if stopped else "ended silently"
        except botocore.exceptions.ClientError as error:
            self.end = error.response["Error"]["Code"]
        except Exception as error:  # noqa: BLE001  (whatever it is, the assertion shows it)
            self.end = f"{type(error).__name__}: {error}"


def read_all(server, count):
    client = harness.boto_client(server, "bedrock-runtime", config=botocore.config.Config(max_pool_connections=count))
    readings = [Reading(client, number) for number in range(count)]
    for one in readings:
        one.start()
    return readings


def test_killing_an_engine_ends_its_streams_with_an_exception_and_nothing_else(server, figure):
    running = server(config=with_both())
    client = harness.boto_client(running, "bedrock-runtime")
    client.converse(modelId=CLAUDE, messages=messages("Say hello."), inferenceConfig={"maxTokens": 2})
    body = '{"inputText": "a river", "dimensions": 256}'
    vector = client.invoke_model(modelId=EMBEDDER, body=body)["body"].read()

    beside = {}
    others = "word " * 40

    def scripted():
        beside["text"] = "".join(texts(harness.boto_client(running, "bedrock-runtime").converse_stream(
            modelId="meta.llama3-8b-instruct-v1:0", messages=messages(others))["stream"]))

    other = threading.Thread(target=scripted, daemon=True)
    readings = read_all(running, STREAMS)
    wire.wait_until(lambda: sum(one.pieces > 0 for one in readings) >= 10, 60)
    other.start()
    victim = engine_of(running, readings)
    open_now = sum(one.end is None for one in readings)
    os.kill(victim, signal.SIGKILL)
    start = time.monotonic()
    assert client.invoke_model(modelId=EMBEDDER, body=body)["body"].read() == vector
    embedding_s = time.monotonic() - start
    patient = harness.boto_client(running, "bedrock-runtime", retries=10)
    for one in readings:
        one.join(60)
    ended_s = time.monotonic() - start
    answer = patient.converse(modelId=CLAUDE, messages=messages("Say hello."), inferenceConfig={"maxTokens": 4})
    again_s = time.monotonic() - start
    other.join(20)
    ends = [one.end for one in readings]
    counted = {end: ends.count(end) for end in sorted(set(map(str, ends)))}
    figure(f"an engine killed under {open_now} open streams: how they ended", counted, "")
    figure("an engine killed: an embedding at that moment", embedding_s * 1000, "ms")
    figure("an engine killed: all streams ended, the next Converse answered after", f"{ended_s:.2f} s,", f"{again_s:.2f} s")
    allowed = {"whole", "modelStreamErrorException", "internalServerException", "serviceUnavailableException", "ModelNotReadyException"}
    assert set(ends) <= allowed, counted
    assert ends.count("modelStreamErrorException") >= 5, counted
    assert answer["output"]["message"]["content"] and victim not in engines(running)
    assert beside["text"] == others.strip() or beside["text"] == others


def test_a_plain_call_whose_engine_dies_may_be_tried_again(server):
    """Nothing was sent yet: the error is one that clients retry, and a client that does gets its answer."""
    running = server()
    client = harness.boto_client(running, "bedrock-runtime")
    ask = dict(modelId=CLAUDE, messages=messages("Write a long story about a river."), inferenceConfig={"maxTokens": 600, "temperature": 0.0})
    client.converse(**{**ask, "inferenceConfig": {"maxTokens": 1}})

    begin = {pid: wire.cpu_s(pid) for pid in engines(running)}

    def kill():
        """Once the engine has computed for a second: well past the prompt, well before the end."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and all(wire.cpu_s(pid) - used < 1 for pid, used in begin.items()):
            time.sleep(0.05)
        for pid in begin:
            os.kill(pid, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        client.converse(**ask)
    killer.join()
    assert caught.value.response["Error"]["Code"] == "ModelNotReadyException"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 429
    assert client.converse(**{**ask, "inferenceConfig": {"maxTokens": 1}})["output"]


def test_the_next_call_after_a_killed_engine_is_answered_within_ten_seconds(server, figure):
    running = server()
    client = harness.boto_client(running, "bedrock-runtime", retries=10)
    ask = dict(modelId=CLAUDE, messages=messages("Say hello."), inferenceConfig={"maxTokens": 2})
    client.converse(**ask)
    times = []
    for _ in range(3):
        for pid in engines(running):
            os.kill(pid, signal.SIGKILL)
        start = time.monotonic()
        client.converse(**ask)
        times.append(time.monotonic() - start)
    figure("all engines killed at rest: the next Converse answered after", ", ".join(f"{one:.2f}" for one in times), "s")
    assert max(times) < 10


def test_killing_the_server_leaves_no_engine_and_a_restart_has_all(server, figure):
    running = server()
    client = harness.boto_client(running, "bedrock-runtime")
    client.converse(modelId=CLAUDE, messages=messages("Say hello."), inferenceConfig={"maxTokens": 2})
    readings = read_all(running, 4)
    wire.wait_until(lambda: all(one.pieces > 0 for one in readings), 60)
    left = engines(running)
    assert left
    os.kill(running.pid, signal.SIGKILL)
    gone_s = wire.wait_until(lambda: not any(map(wire.alive, left)), 5)
    figure(f"server killed: its {len(left)} engines gone after", gone_s * 1000, "ms")
    assert running.stop() == -signal.SIGKILL
    for one in readings:
        one.join(10)
    assert not {"whole", "ended silently", None} & {one.end for one in readings}, [one.end for one in readings]

    start = time.monotonic()
    again = server(data=running.data)
    figure("server killed: ready again after", time.monotonic() - start, "s")
    keys = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    assert [again.env[key] for key in keys] == [running.env[key] for key in keys]
    assert harness.boto_client(again, "bedrock-runtime").converse(
        modelId=CLAUDE, messages=messages("Say hello."), inferenceConfig={"maxTokens": 2})["output"]
    running.exit_code = 0  # killed on purpose: no crash to report


@pytest.mark.parametrize("kind", ["scripted", "local"])
def test_a_stream_under_way_is_completed_before_the_end(server, figure, kind):
    running = server(config=with_both() if kind == "local" else SCRIPTED, models=kind == "local")
    before = engines(running)
    client = harness.boto_client(running, "bedrock-runtime")
    if kind == "local":
        reading = read_all(running, 1)[0]
        wire.wait_until(lambda: reading.pieces > 3, 60)
    else:
        stream = iter(client.converse_stream(modelId="meta.llama3-8b-instruct-v1:0", messages=messages("word " * 20))["stream"])
        next(stream)
    os.kill(running.pid, signal.SIGTERM)
    start = time.monotonic()
    if kind == "local":
        reading.join(30)
        assert reading.end == "whole"
    else:
        assert [name for event in stream for name in event][-2:] == ["messageStop", "metadata"]
    assert ended(running) == 0
    figure(f"SIGTERM under a stream ({kind}): ended with exit code 0 after", time.monotonic() - start, "s")
    assert not any(map(wire.alive, before))


def test_no_new_request_is_taken_while_it_drains(server):
    running = server(config=SCRIPTED, models=False)
    client = harness.boto_client(running, "bedrock-runtime")
    stream = iter(client.converse_stream(modelId="meta.llama3-8b-instruct-v1:0", messages=messages("word " * 20))["stream"])
    next(stream)
    os.kill(running.pid, signal.SIGTERM)
    time.sleep(0.2)
    with pytest.raises(OSError):
        asyncio.run(wire.connect(running))
    assert [name for event in stream for name in event][-1] == "metadata"
    assert ended(running) == 0


def test_a_drain_ends_at_its_limit(server, figure):
    hanging = [{"match": {"text": "<hang>"}, "chunks": ["a"], "hang": {"after_chunks": 1}}]
    running = server(config=failing.config("hanging", lambda: hanging), models=False, options=["--set", "server.drain_timeout=1 s"])
    seen = iter(open_stream(harness.boto_client(running, "bedrock-runtime"), "ConverseStream", "<hang>"))
    next(seen)
    os.kill(running.pid, signal.SIGTERM)
    start = time.monotonic()
    assert ended(running) == 0
    took = time.monotonic() - start
    figure("SIGTERM under a stream that hangs, drain_timeout 1 s: ended after", took, "s")
    assert 0.8 < took < 3
    with pytest.raises(Exception) as caught:
        list(seen)
    assert not isinstance(caught.value, StopIteration)


@pytest.mark.parametrize("what", ["nothing sent", "idle after an answer", "half of the headers", "half of the body", "idle HTTP/2"])
def test_open_connections_do_not_hold_the_end_beyond_the_drain(server, figure, what):
    running = server(config=SCRIPTED, models=False, options=["--set", "server.drain_timeout=2 s"])
    request = wire.http1(running, "converse", "hello")

    async def stop_beside_it():
        reader, writer = await wire.connect(running)
        if what == "idle after an answer":
            writer.write(request)
            await wire.read_answer(reader)
        elif what == "idle HTTP/2":
            writer.write(wire.http2(running, "converse", "hello"))
            await asyncio.sleep(0.3)
        elif what != "nothing sent":
            writer.write(request[:80] if what == "half of the headers" else request[:-10])
        await asyncio.sleep(0.1)
        os.kill(running.pid, signal.SIGTERM)
        start = time.monotonic()
        code = await asyncio.to_thread(ended, running)
        writer.close()
        return code, time.monotonic() - start

    code, took = asyncio.run(stop_beside_it())
    figure(f"SIGTERM beside a connection with {what}, drain_timeout 2 s: ended after", took, "s")
    assert code == 0 and took < 4


def test_a_hung_engine_holds_neither_its_callers_nor_other_models_nor_the_end(server, figure):
    running = server()
    client = harness.boto_client(running, "bedrock-runtime")
    client.converse(modelId=CLAUDE, messages=messages("Say hello."), inferenceConfig={"maxTokens": 2})
    hung = next(iter(engines(running)))
    os.kill(hung, signal.SIGSTOP)
    hasty = harness.boto_client(running, "bedrock-runtime", read_timeout_s=1)
    with pytest.raises(botocore.exceptions.ReadTimeoutError):
        hasty.converse(modelId=CLAUDE, messages=messages("Say hello."), inferenceConfig={"maxTokens": 2})
    hasty.close()
    wire.wait_until(lambda: failing.gauge(running, "outcrop_exchanges") <= 1, 5)
    assert client.invoke_model(modelId=EMBEDDER, body='{"inputText": "a river"}')["body"].read()
    os.kill(running.pid, signal.SIGTERM)
    start = time.monotonic()
    assert ended(running) == 0
    figure("SIGTERM with an engine that hangs: ended after", time.monotonic() - start, "s")
    assert not wire.alive(hung)


def test_a_crash_loop_is_refused_with_its_reason_and_ends_by_itself(server, figure):
    running = server()
    client = harness.boto_client(running, "bedrock-runtime")
    ask = dict(modelId=CLAUDE, messages=messages("Say hello."), inferenceConfig={"maxTokens": 2})
    client.converse(**ask)
    over = threading.Event()

    def kill_each():
        while not over.wait(0.02):
            for pid in engines(running):
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass

    killing = threading.Thread(target=kill_each, daemon=True)
    killing.start()
    refusals = []
    for _ in range(4):
        try:
            client.converse(**ask)
        except (client.exceptions.ModelNotReadyException, client.exceptions.ModelStreamErrorException) as error:
            refusals.append(error.response["Error"]["Message"])
    over.set()
    killing.join()
    assert len(refusals) >= 3 and any("killed by signal 9" in one for one in refusals), refusals
    start = time.monotonic()

    def answered():
        try:
            return bool(client.converse(**ask)["output"])
        except (client.exceptions.ModelNotReadyException, client.exceptions.ModelStreamErrorException):
            return False

    wire.wait_until(answered, 30, 0.2)
    figure("an engine that was killed at each start, then let alone: answers after", time.monotonic() - start, "s")


def test_a_second_server_on_the_same_data_is_refused(server, tmp_path):
    running = server(config=SCRIPTED, models=False)
    with pytest.raises(RuntimeError, match="in use by process"):
        harness.Server(tmp_path / "second", config=SCRIPTED, models=False, data=running.data)
