"""A loopback HTTP server that misbehaves on purpose and remembers what it saw.

with HostileServer() as server:
    server.on("/a.jpg", answer(body, status=500), answer(body))   # first hit, then every further one
    ... server.url("/a.jpg") ...
    assert server.hits("/a.jpg") == 2
"""

import asyncio
import socket
import struct
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Self

from instagram_assets_tests.servers.listening import stop_listening, turns


@dataclass(frozen=True)
class Seen:
    """One request as it arrived; header names in lower case."""

    target: str
    headers: dict[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]


Behaviour = Callable[[Seen, asyncio.StreamWriter], Awaitable[bool]]
"""Answers one request; true when the connection may be used again."""


def head(status: int, headers: dict[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} Whatever", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def answer(body: bytes = b"", status: int = 200, length: int | None = None, **headers: str) -> Behaviour:
    """A plain answer; `length` lies about the body's. Header names are given with _ for -."""

    async def behave(seen: Seen, writer: asyncio.StreamWriter) -> bool:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        writer.write(head(status, {"Content-Length": str(len(body) if length is None else length), **named}) + body)
        await writer.drain()
        return length is None

    return behave


def until_close(body: bytes) -> Behaviour:
    """An answer without Content-Length that ends when the connection does."""

    async def behave(seen: Seen, writer: asyncio.StreamWriter) -> bool:
        writer.write(head(200, {"Connection": "close"}) + body)
        return False

    return behave


def reset_after(body: bytes, count: int, etag: str = "") -> Behaviour:
    """Sends `count` bytes of the body, then resets the connection; continues on request when it has an ETag."""

    async def behave(seen: Seen, writer: asyncio.StreamWriter) -> bool:
        writer.write(head(200, {"Content-Length": str(len(body)), **({"ETag": etag} if etag else {})}) + body[:count])
        await writer.drain()
        await asyncio.sleep(0.05)  # the bytes must be read before the reset discards them
        linger = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        return False

    return behave


def ranged(body: bytes, etag: str) -> Behaviour:
    """An honest server of parts: 206 when `If-Range` names the body it has, else the whole."""

    async def behave(seen: Seen, writer: asyncio.StreamWriter) -> bool:
        asked = seen.headers.get("range", "")
        if not asked or seen.headers.get("if-range") != etag:
            return await answer(body, ETag=etag)(seen, writer)
        start = int(asked.removeprefix("bytes=").removesuffix("-"))
        part = f"bytes {start}-{len(body) - 1}/{len(body)}"
        return await answer(body[start:], status=206, ETag=etag, Content_Range=part)(seen, writer)

    return behave


def silent() -> Behaviour:
    """Never answers."""

    async def behave(seen: Seen, writer: asyncio.StreamWriter) -> bool:
        await writer.wait_closed()
        return False

    return behave


def silent_after(body: bytes, count: int) -> Behaviour:
    """Stops in the middle of the body and keeps the connection open."""

    async def behave(seen: Seen, writer: asyncio.StreamWriter) -> bool:
        writer.write(head(200, {"Content-Length": str(len(body))}) + body[:count])
        await writer.drain()
        await writer.wait_closed()
        return False

    return behave


def drip(body: bytes, pause: float) -> Behaviour:
    """One byte at a time."""

    async def behave(seen: Seen, writer: asyncio.StreamWriter) -> bool:
        writer.write(head(200, {"Content-Length": str(len(body))}))
        for at in range(len(body)):
            writer.write(body[at : at + 1])
            await writer.drain()
            await asyncio.sleep(pause)
        return True

    return behave


def broken_chunks(body: bytes) -> Behaviour:
    """Chunked encoding whose second chunk has no size."""

    async def behave(seen: Seen, writer: asyncio.StreamWriter) -> bool:
        half = len(body) // 2
        first = f"{half:x}\r\n".encode() + body[:half] + b"\r\n"
        writer.write(head(200, {"Transfer-Encoding": "chunked"}) + first + b"zz\r\n" + body[half:])
        return False

    return behave


def endless(start: bytes) -> Behaviour:
    """A body without end."""

    async def behave(seen: Seen, writer: asyncio.StreamWriter) -> bool:
        writer.write(head(200, {"Connection": "close"}) + start)
        while True:
            writer.write(b"\0" * 65536)
            await writer.drain()

    return behave


def raw(data: bytes) -> Behaviour:
    """Exactly these bytes, HTTP or not."""

    async def behave(seen: Seen, writer: asyncio.StreamWriter) -> bool:
        writer.write(data)
        return False

    return behave


class HostileServer:
    """Serves behaviours by path on 127.0.0.1, in a thread of its own, until the `with` block ends."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.most_at_once = 0
        self.connections = 0
        self.port = 0
        self._at_once = 0
        self._routes: dict[str, list[Behaviour]] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._open: set[asyncio.Task[None]] = set()
        self._writers: list[asyncio.StreamWriter] = []

    def on(self, path: str, *behaviours: Behaviour) -> str:
        """Answer hits on `path` with these in turn, the last one for ever; the address of the path."""
        self._routes[path] = list(behaviours)
        return self.url(path)

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def hits(self, path: str) -> int:
        return sum(seen.path == path for seen in self.seen)

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result()
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _start(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, backlog=512)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _stop(self) -> None:
        await stop_listening(self._server)
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)
        for writer in self._writers:
            writer.transport.abort()  # closing would wait for a client that reads no more
        await turns()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.append(writer)
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._open.add(task)

        def ended(task: asyncio.Task[None]) -> None:
            self._open.discard(task)
            writer.close()  # also of a task that was cancelled before it began

        task.add_done_callback(ended)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._answer(reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            return

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        request, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        seen = Seen(request.split(" ")[1], headers, body)
        self.seen.append(seen)
        behaviours = self._routes.get(seen.path, [answer(b"nothing here", status=404)])
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            return await (behaviours.pop(0) if len(behaviours) > 1 else behaviours[0])(seen, writer)
        finally:
            self._at_once -= 1
