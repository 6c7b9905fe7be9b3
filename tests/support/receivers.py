"""Receivers of webhooks on loopback: they write down what they are sent, and answer what a test has them answer."""

import asyncio
import inspect
import json
import socket
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from tests.support.bench import eventually

#: What is written to the connection, part by part; a coroutine function's wait comes before the answer.
Reply = Callable[["Call"], Any]


@dataclass(frozen=True)
class Call:
    """One request."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found


def answer(status: int, body: bytes = b"", **headers: str) -> bytes:
    """A whole answer; ``retry_after`` is the header Retry-After."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"HTTP/1.1 {status} .", f"Content-Length: {len(body)}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in named.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


@dataclass
class Receiver:
    """One receiver. ``reply`` answers what is posted, ``handshake`` what is asked before."""

    host: str = "127.0.0.1"
    port: int = 0
    reply: Reply = lambda _: answer(204)
    handshake: Reply = lambda _: answer(200, webhook_allowed_origin="*", webhook_allowed_rate="*")
    calls: list[Call] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}/events"

    @property
    def posted(self) -> list[Call]:
        """What it was sent."""
        return [call for call in self.calls if call.method == "POST"]

    async def got(self, count: int) -> list[Call]:
        """What it was sent, once that is as much."""

        async def enough() -> bool:
            return len(self.posted) >= count

        await eventually(enough, seconds=60)
        return self.posted

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            call = await _read(reader)
            self.calls.append(call)
            said = (self.handshake if call.method == "OPTIONS" else self.reply)(call)
            if inspect.isawaitable(said):
                said = await said
            for part in [said] if isinstance(said, bytes) else said:
                writer.write(part)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


async def _read(reader: asyncio.StreamReader) -> Call:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    first, *lines = head.strip().split("\r\n")
    method, path, _ = first.split(" ")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    return Call(method, path, headers, await reader.readexactly(int(headers.get("content-length", 0))))


#: Where the next receivers listen: at ports that a suite was told of when it started.
_READY: list[socket.socket] = []


@contextmanager
def private_hosts(agencies: Iterable[str], *, count: int = 40) -> Iterator[str]:
    """The setting by which these agencies' webhooks may go to the next receivers on loopback."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    places = [f"127.0.0.1:{each.getsockname()[1]}" for each in sockets]
    _READY.extend(sockets)
    try:
        yield json.dumps(dict.fromkeys(agencies, places))
    finally:
        _READY[:] = [each for each in _READY if each not in sockets]
        for each in sockets:
            each.close()


@asynccontextmanager
async def receiving(**options: Any) -> AsyncIterator[Receiver]:
    """A receiver that listens."""
    receiver = Receiver(**options)
    own = _READY.pop(0) if _READY else socket.create_server(("127.0.0.1", 0))
    server = await asyncio.start_server(receiver.serve, sock=own)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
