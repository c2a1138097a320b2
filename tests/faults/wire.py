"""Bytes as clients put them on a socket, and what a process costs. No SDK: thousands of requests in one event loop.

The event stream's framing is checked (lengths and both checksums), since what arrives after faults must be whole.
"""
import asyncio
import json
import socket
import struct
import time
import urllib.parse
import zlib
from pathlib import Path

import aws_client
from failing import CLAUDE, gauge, messages

MiB = 1024 * 1024


def address(server):
    host, port = urllib.parse.urlsplit(server.url).netloc.split(":")
    return host, int(port)


def signed(server, action, text, model=CLAUDE):
    """Path, headers and body of a signed request."""
    path, body = aws_client.model_path(model, action), json.dumps({"messages": messages(text)}).encode()
    return path, aws_client.sign(server.env, "bedrock", "POST", server.url + path, {"content-type": "application/json"}, body), body


def http1(server, action, text, model=CLAUDE):
    path, headers, body = signed(server, action, text, model)
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST {path} HTTP/1.1\r\n{head}content-length: {len(body)}\r\n\r\n".encode() + body


def _frame(kind, flags, stream, payload):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def _literal(name, value):
    """A header field without index and without compression (RFC 7541, 6.2.2)."""
    def text(one):
        size = len(one)
        if size < 127:
            return bytes([size]) + one
        rest, out = size - 127, b"\x7f"
        while rest >= 128:
            out += bytes([rest % 128 + 128])
            rest //= 128
        return out + bytes([rest]) + one
    return b"\x00" + text(name.encode()) + text(value.encode())


def http2(server, action, text, streams=1):
    """A whole HTTP/2 connection's worth of bytes, with prior knowledge (RFC 9113): `streams` requests at once."""
    out = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + _frame(4, 0, 0, b"")
    for number in range(streams):
        path, headers, body = signed(server, action, text)
        fields = {":method": "POST", ":scheme": "http", ":path": path, ":authority": headers["host"],
                  **{name: value for name, value in headers.items() if name != "host"}}
        block = b"".join(_literal(name, value) for name, value in fields.items())
        out += _frame(1, 4, 2 * number + 1, block) + _frame(0, 1, 2 * number + 1, body)
    return out


def reset_frame(stream):
    return _frame(3, 0, stream, struct.pack(">I", 8))  # CANCEL


class Broken(Exception):
    """The answer ended early, or does not hold together."""


async def read_head(reader):
    try:
        lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    except asyncio.IncompleteReadError as error:
        raise Broken(f"the head ended after {len(error.partial)} bytes") from None
    return int(lines[0].split()[1]), {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:] if line)}


async def pieces(reader, headers):
    """The body as it comes, of either framing of HTTP/1.1."""
    if "content-length" in headers:
        yield await reader.readexactly(int(headers["content-length"]))
        return
    while True:
        line = await reader.readline()
        if not line.endswith(b"\r\n"):
            raise Broken("the body ended inside a chunk's size")
        size = int(line, 16)
        try:
            data = await reader.readexactly(size + 2)
        except asyncio.IncompleteReadError:
            raise Broken("the body ended inside a chunk") from None
        if size == 0:
            return
        yield data[:-2]


def messages_in(buffer):
    """Takes the whole messages out of the buffer: (headers, payload) of each."""
    while len(buffer) >= 12:
        total, head, check = struct.unpack_from(">III", buffer)
        if zlib.crc32(buffer[:8]) != check:
            raise Broken("checksum of a prelude")
        if len(buffer) < total:
            return
        message = bytes(buffer[:total])
        del buffer[:total]
        if zlib.crc32(message[:-4]) != struct.unpack(">I", message[-4:])[0]:
            raise Broken("checksum of a message")
        headers, at = {}, 12
        while at < 12 + head:
            size = message[at]
            name = message[at + 1:at + 1 + size].decode()
            at += 1 + size + 1
            length = struct.unpack_from(">H", message, at)[0]
            headers[name] = message[at + 2:at + 2 + length].decode()
            at += 2 + length
        yield headers, message[12 + head:-4]


async def read_answer(reader):
    """(status, text, events): the text of a Converse or ConverseStream answer; Broken when a stream has no proper end."""
    status, headers = await read_head(reader)
    if headers.get("content-type") != "application/vnd.amazon.eventstream":
        body = b"".join([piece async for piece in pieces(reader, headers)])
        document = json.loads(body)
        return status, document["output"]["message"]["content"][0]["text"] if status == 200 else document["message"], []
    buffer, text, events = bytearray(), "", []
    async for piece in pieces(reader, headers):
        buffer += piece
        for head, payload in messages_in(buffer):
            name = head.get(":event-type") or head.get(":exception-type")
            events.append(name)
            if name == "contentBlockDelta":
                text += json.loads(payload)["delta"]["text"]
    if buffer:
        raise Broken(f"{len(buffer)} bytes of a message without its end")
    if not events or not (events[-1] == "metadata" or events[-1].endswith("Exception")):
        raise Broken(f"a stream that ends with {events[-1:]}")
    return status, text, events


async def connect(server, receive_bytes=None):
    if receive_bytes is None:
        return await asyncio.open_connection(*address(server))
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    one.setblocking(False)
    await asyncio.get_running_loop().sock_connect(one, address(server))
    return await asyncio.open_connection(sock=one, limit=4096)


def hang_up(writer, hard):
    """Closes at once; hard: with a reset, as a process that is killed may leave it."""
    if hard:
        one = writer.get_extra_info("socket")
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort() if hard else writer.close()


def resident_bytes(pid):
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) * 1024


def open_files(pid):
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def cpu_s(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


def children(pid):
    """The processes that have this one as their parent: {pid: command line}."""
    found = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            parent = int(folder.joinpath("stat").read_text().rsplit(")", 1)[1].split()[1])
            if parent == pid:
                found[int(folder.name)] = folder.joinpath("cmdline").read_text().replace("\0", " ").strip()
        except OSError:
            pass
    return found


def alive(pid):
    """Runs, or is a zombie nobody waited for: the latter counts as gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def wait_until(holds, within_s, every_s=0.02):
    """The seconds that it took; AssertionError when it did not come true."""
    start = time.monotonic()
    while not holds():
        assert time.monotonic() - start < within_s, f"not so after {within_s} s"
        time.sleep(every_s)
    return time.monotonic() - start


def settled(server):
    """Nothing but the question itself (one connection, one request) is open."""
    return gauge(server, "outcrop_exchanges") <= 1 and gauge(server, "outcrop_connections") <= 1
