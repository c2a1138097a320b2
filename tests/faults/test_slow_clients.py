"""Goal: a client that is slow, or says half of what it wants, costs little, harms nobody and is closed in the end."""
import asyncio
import statistics
import time

import failing
import wire
from wire import MiB

READERS, WORDS = 4, 100_000
LARGE = "large"  # asked for by its own name, no limit of another model's cuts the reply
HALF_OPEN, LIMIT_S = 200, 1.0


def large_reply():
    yield {"match": {"text": "<large>"}, "reply": "bedrock " * WORDS}
    yield {"echo": True}


def call_times(server, count):
    times = []
    for number in range(count):
        start = time.monotonic()
        path, document = wire.aws_client.model_path(failing.CLAUDE, "converse"), {"messages": failing.messages(f"hello {number}")}
        assert server.call("POST", path, document).json()["output"]["message"]["content"] == [{"text": f"hello {number}"}]
        times.append(time.monotonic() - start)
    return times


async def read_slowly(server, for_s, seen):
    reader, writer = await wire.connect(server, receive_bytes=4096)
    writer.write(wire.http1(server, "converse-stream", "<large>", LARGE))
    end = time.monotonic() + for_s
    while time.monotonic() < end:
        seen.append(len(await reader.read(1)))
        await asyncio.sleep(1)
    wire.hang_up(writer, True)


def test_slow_readers_slow_their_model_not_the_server(server, figure):
    running = server(config=failing.config("large", large_reply), models=False)

    async def whole():
        reader, writer = await wire.connect(running)
        writer.write(wire.http1(running, "converse-stream", "<large>", LARGE))
        status, headers = await wire.read_head(reader)
        size = 0
        async for piece in wire.pieces(reader, headers):
            size += len(piece)
        writer.close()
        return size

    size = asyncio.run(whole())
    call_times(running, 5)
    alone = statistics.median(call_times(running, 20))
    assert size > 8 * MiB
    base, seen, beside, peak = wire.resident_bytes(running.pid), [], [], 0

    async def together():
        nonlocal peak
        readers = [asyncio.create_task(read_slowly(running, 5, seen)) for _ in range(READERS)]
        await asyncio.sleep(1)
        while not all(task.done() for task in readers):
            beside.extend(await asyncio.to_thread(call_times, running, 5))
            peak = max(peak, wire.resident_bytes(running.pid))
            await asyncio.sleep(0.1)
        await asyncio.gather(*readers)

    asyncio.run(together())
    figure(f"{READERS} readers of 1 byte/s, {size / MiB:.0f} MiB each: growth of resident memory", (peak - base) / MiB, "MiB")
    figure("a call alone, and beside the slow readers (median, slowest)",
           f"{alone * 1000:.1f}, {statistics.median(beside) * 1000:.1f}, {max(beside) * 1000:.1f}", "ms")
    assert sum(seen) >= READERS * 4
    # The script's own copy of the reply's words is a quarter of what they are on the wire; the rest is the windows.
    assert peak - base < READERS * size / 2, "the reply is held for a reader that does not read"
    assert max(beside) < 1
    wire.wait_until(lambda: wire.settled(running), 5)


def test_a_reader_that_takes_nothing_is_cut_off(server, figure):
    running = server(config=failing.config("large", large_reply), models=False, options=["--set", f"server.write_timeout={LIMIT_S:.0f} s"])

    async def stand_still():
        _, writer = await wire.connect(running, receive_bytes=4096)
        writer.transport.pause_reading()
        writer.write(wire.http1(running, "converse-stream", "<large>", LARGE))
        start = time.monotonic()
        await asyncio.to_thread(wire.wait_until, lambda: failing.gauge(running, "outcrop_exchanges") == 2, 5)
        await asyncio.to_thread(wire.wait_until, lambda: wire.settled(running), 10 * LIMIT_S)
        writer.close()
        return time.monotonic() - start

    took = asyncio.run(stand_still())
    figure(f"a reader that takes nothing, write_timeout {LIMIT_S:.0f} s: cut off after", took, "s")
    assert took > LIMIT_S * 0.9


async def closed_after(server, begin, drip=None, drip_s=0.1):
    """Seconds until the server closes a connection that sent `begin` and then, if given, a byte of `drip` every drip_s."""
    reader, writer = await wire.connect(server)
    start = time.monotonic()
    writer.write(begin)

    async def drop():
        for byte in drip or b"":
            await asyncio.sleep(drip_s)
            writer.write(bytes([byte]))

    dripping = asyncio.create_task(drop())
    try:
        answer = await asyncio.wait_for(reader.read(), 15)
    except ConnectionResetError:
        answer = b""
    took = time.monotonic() - start
    dripping.cancel()
    writer.close()
    return took, answer[:12]


def test_half_open_connections_are_closed_at_the_limits(server, figure):
    limits = [option for name in ("header_timeout", "body_timeout", "idle_timeout") for option in ("--set", f"server.{name}={LIMIT_S:.0f} s")]
    running = server(config=failing.config("large", large_reply), models=False, options=limits)
    request = wire.http1(running, "converse", "hello")
    head_end = request.index(b"\r\n\r\n") + 4
    preface = wire.http2(running, "converse", "hello")
    kinds = {
        "half of the headers": (request[:60], None),
        "a header byte every 100 ms": (request[:20], request[20:head_end - 1] * 2),
        "half of the body": (request[:head_end + 5], None),
        "nothing at all": (b"", None),
        "half of an HTTP/2 preface": (preface[:10], None),
        "half of an HTTP/2 HEADERS frame": (preface[:60], None),
        "an HTTP/2 request without its body": (preface[:preface.rindex(b'{"messages"') - 9], None),
    }

    async def all_of(begin, drip):
        tasks = [asyncio.create_task(closed_after(running, begin, drip)) for _ in range(HALF_OPEN)]
        await asyncio.sleep(LIMIT_S / 2)
        rss = wire.resident_bytes(running.pid)
        during = await asyncio.to_thread(call_times, running, 3)
        return rss, max(during), await asyncio.gather(*tasks)

    call_times(running, 5)
    asyncio.run(all_of(*kinds["half of the headers"]))
    files = wire.open_files(running.pid)
    failed = []
    for name, (begin, drip) in kinds.items():
        base = wire.resident_bytes(running.pid)
        try:
            rss, slowest, closed = asyncio.run(all_of(begin, drip))
        except TimeoutError:
            failed.append(f"{name}: still open after 15 s")
            continue
        figure(f"{HALF_OPEN} connections with {name}, limit {LIMIT_S:.0f} s: closed after, with, growth, a call beside them",
               f"{min(took for took, _ in closed):.2f} to {max(took for took, _ in closed):.2f} s, {sorted(set(said for _, said in closed))}, "
               f"{(rss - base) / MiB:.2f} MiB,", f"{slowest * 1000:.0f} ms")
        if max(took for took, _ in closed) > 3 * LIMIT_S:
            failed.append(f"{name}: closed after {max(took for took, _ in closed):.1f} s")
        if rss - base > 16 * MiB:
            failed.append(f"{name}: {(rss - base) / MiB:.1f} MiB")
    assert not failed, failed
    wire.wait_until(lambda: wire.settled(running), 10)
    wire.wait_until(lambda: wire.open_files(running.pid) <= files, 5)


def test_connections_over_the_limit_are_closed_at_once(server):
    running = server(config=failing.config("large", large_reply), models=False, options=["--set", "server.connections=20"])

    async def crowd():
        inside = [await wire.connect(running) for _ in range(20)]
        await asyncio.sleep(0.2)
        took, answer = await closed_after(running, b"")
        for _, writer in inside:
            writer.close()
        return took, answer

    took, answer = asyncio.run(crowd())
    assert took < 1 and answer == b""
    wire.wait_until(lambda: wire.settled(running), 5)
    call_times(running, 1)
