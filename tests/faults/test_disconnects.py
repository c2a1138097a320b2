"""Goal: clients that vanish at any byte leave nothing behind: no connection, no request, no file, no memory."""
import asyncio
import collections
import os
import random
import time

import failing
import wire
from wire import MiB

REQUESTS = 10_000 if os.environ.get("OUTCROP_SOAK") == "1" else 2_000
AT_ONCE = 64
GROWTH_BYTES = 24 * MiB
TEXT = "<paced> alpha beta gamma delta epsilon zeta"


def rules():
    yield {"match": {"text": "<paced>"}, "delay_ms": 5, "chunk_delay_ms": 5, "echo": True}
    yield {"echo": True}


class Client:
    """One connection with a request of some kind, which goes away somewhere, or for one in ten stays to the end."""

    def __init__(self, server, seed):
        self.server, self.chance, self.outcomes = server, random.Random(seed), collections.Counter()
        self.kinds = {"converse": wire.http1(server, "converse", TEXT), "converse-stream": wire.http1(server, "converse-stream", TEXT),
                      "http2 converse": wire.http2(server, "converse", TEXT, 3), "http2 converse-stream": wire.http2(server, "converse-stream", TEXT, 3)}

    async def go(self):
        kind = self.chance.choice(list(self.kinds))
        request, hard = self.kinds[kind], self.chance.random() < 0.5
        where = self.chance.choices(["request", "answer", "between", "never"], [4, 4, 1, 1])[0]
        reader, writer = await wire.connect(self.server)
        try:
            if where == "request":
                writer.write(request[:self.chance.randrange(len(request))])
                await asyncio.sleep(self.chance.choice([0, 0.002]))
            elif where == "between":
                writer.write(request)
            elif where == "answer" or kind.startswith("http2"):
                writer.write(request)
                await asyncio.wait_for(reader.readexactly(self.chance.randrange(1, 400)), 30)
            else:
                writer.write(request)
                status, answer, _ = await asyncio.wait_for(wire.read_answer(reader), 30)
                assert (status, answer) == (200, TEXT), (status, answer)
                where = "whole"
        finally:
            wire.hang_up(writer, hard)
        self.outcomes[where] += 1


async def run(client, requests):
    left = iter(range(requests))

    async def worker():
        for _ in left:
            await client.go()

    await asyncio.gather(*[worker() for _ in range(AT_ONCE)])


def test_random_disconnects_leave_nothing_behind(server, figure):
    running = server(config=failing.config("paced", rules), models=False, options=["--set", "log.level=error"])
    seed = int(os.environ.get("OUTCROP_SEED") or random.randrange(1 << 32))
    print(f"seed {seed} (OUTCROP_SEED)")
    client = Client(running, seed)
    asyncio.run(run(client, 500))  # what the first requests allocate once is no growth
    wire.wait_until(lambda: wire.settled(running), 10)
    base, files, cpu, start = wire.resident_bytes(running.pid), wire.open_files(running.pid), wire.cpu_s(running.pid), time.monotonic()
    asyncio.run(run(client, REQUESTS))
    took = time.monotonic() - start
    settled_s = wire.wait_until(lambda: wire.settled(running), 10)
    wire.wait_until(lambda: wire.open_files(running.pid) <= files, 10)
    growth = wire.resident_bytes(running.pid) - base
    figure(f"{REQUESTS:,} requests with random disconnects: time", took, "s")
    figure(f"{REQUESTS:,} requests with random disconnects: CPU of the server", wire.cpu_s(running.pid) - cpu, "s")
    figure(f"{REQUESTS:,} requests with random disconnects: growth of resident memory", growth / MiB, "MiB")
    figure(f"{REQUESTS:,} requests with random disconnects: until all is closed", settled_s, "s")
    assert client.outcomes["whole"] > REQUESTS / 50 and client.outcomes["request"] > REQUESTS / 4, client.outcomes
    assert growth < GROWTH_BYTES
    answer = running.call("POST", *call_of("are you there?"))
    assert answer.json()["output"]["message"]["content"] == [{"text": "are you there?"}]


def call_of(text):
    return wire.aws_client.model_path(failing.CLAUDE, "converse"), {"messages": failing.messages(text)}


def test_many_streams_of_one_connection_end_with_it(server, figure):
    """Fifty answers under way on one HTTP/2 connection, which breaks."""
    slow = [{"match": {"text": "<hang>"}, "chunks": failing.CHUNKS, "hang": {"after_chunks": 1}}]
    running = server(config=failing.config("hanging", lambda: slow), models=False)

    async def break_off(hard):
        reader, writer = await wire.connect(running)
        writer.write(wire.http2(running, "converse-stream", "<hang>", 50))
        await asyncio.wait_for(reader.read(1), 10)
        await asyncio.to_thread(wire.wait_until, lambda: failing.gauge(running, "outcrop_exchanges") == 51, 10)
        wire.hang_up(writer, hard)

    for hard in (False, True):
        asyncio.run(break_off(hard))
        took = wire.wait_until(lambda: wire.settled(running), 5)
        figure(f"50 streams of a connection that {'is reset' if hard else 'closes'}: until they are gone", took, "s")


def test_a_reset_ends_one_stream_and_leaves_its_neighbours(server):
    rules = [{"match": {"text": "<hang>"}, "chunks": failing.CHUNKS, "hang": {"after_chunks": 1}}]
    running = server(config=failing.config("hanging", lambda: rules), models=False)

    async def reset_one_by_one():
        reader, writer = await wire.connect(running)
        writer.write(wire.http2(running, "converse-stream", "<hang>", 3))
        for left, stream in ((3, None), (2, 3), (1, 1), (0, 5)):
            if stream:
                writer.write(wire.reset_frame(stream))
            await asyncio.to_thread(wire.wait_until, lambda: failing.gauge(running, "outcrop_exchanges") == left + 1, 5)
        assert failing.gauge(running, "outcrop_connections") == 2, "the connection itself is fine"
        writer.close()

    asyncio.run(reset_one_by_one())
    wire.wait_until(lambda: wire.settled(running), 5)
