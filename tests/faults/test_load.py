"""Goal: a thousand streams at once, each whole, at a bounded price."""
import asyncio
import time

import failing
import wire
from wire import MiB

STREAMS, WORDS, CHUNK_MS = 1000, 20, 150
GROWTH_BYTES = 64 * MiB


def rules():
    yield {"match": {"text": "<paced>"}, "chunk_delay_ms": CHUNK_MS, "echo": True}
    yield {"echo": True}


async def one_stream(server, number):
    text = f"<paced> {number} " + " ".join(f"{number * word}" for word in range(WORDS))
    reader, writer = await wire.connect(server)
    writer.write(wire.http1(server, "converse-stream", text))
    try:
        status, answer, events = await asyncio.wait_for(wire.read_answer(reader), 60)
    finally:
        writer.close()
    return status == 200 and answer == text and events[-1] == "metadata"


async def all_streams(server, count, peak):
    tasks = [asyncio.create_task(one_stream(server, number)) for number in range(count)]
    while not all(task.done() for task in tasks):
        peak["rss"] = max(peak["rss"], wire.resident_bytes(server.pid))
        peak["files"] = max(peak["files"], wire.open_files(server.pid))
        if time.monotonic() > peak["next"]:
            peak["next"] = time.monotonic() + 0.5
            peak["exchanges"] = max(peak["exchanges"], await asyncio.to_thread(failing.gauge, server, "outcrop_exchanges"))
        await asyncio.sleep(0.1)
    return [task.result() for task in tasks]


def test_a_thousand_open_streams_all_complete(server, figure):
    running = server(config=failing.config("paced", rules), models=False, options=["--set", "log.level=warn"])
    asyncio.run(all_streams(running, 20, {"rss": 0, "files": 0, "exchanges": 0, "next": 0}))
    base, files, cpu = wire.resident_bytes(running.pid), wire.open_files(running.pid), wire.cpu_s(running.pid)
    peak, start = {"rss": 0, "files": 0, "exchanges": 0, "next": 0}, time.monotonic()
    whole = asyncio.run(all_streams(running, STREAMS, peak))
    took = time.monotonic() - start
    assert whole == [True] * STREAMS, f"{whole.count(False)} of {STREAMS} streams came wrong"
    assert peak["exchanges"] >= STREAMS * 0.9, "they were not open at once"
    growth = peak["rss"] - base
    figure("1,000 open streams: resident memory at the start", base / MiB, "MiB")
    figure("1,000 open streams: growth of resident memory", growth / MiB, "MiB")
    figure("1,000 open streams: memory of one", growth / STREAMS / 1024, "KiB")
    figure("1,000 open streams: open at once", int(peak["exchanges"]), "streams")
    figure("1,000 open streams: time of all, and CPU of the server", f"{took:.1f} s,", f"{wire.cpu_s(running.pid) - cpu:.1f} s")
    assert growth < GROWTH_BYTES
    wire.wait_until(lambda: wire.settled(running), 10)
    wire.wait_until(lambda: wire.open_files(running.pid) <= files + 1, 10)
