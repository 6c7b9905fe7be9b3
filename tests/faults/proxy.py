"""A small TCP proxy that can be hurt: between a service and its servers, and in front of a service's replicas."""

import asyncio
import socket
import struct
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum

#: A unix socket's path, or a host and a port.
Upstream = str | tuple[str, int]

_CHUNK = 64 * 1024


class Fault(StrEnum):
    """What a proxy does to what passes."""

    NONE = "none"
    #: Everything vanishes silently, in both directions, and no new connection gets an answer.
    HALF_OPEN = "half-open"
    #: Each piece waits, and bytes trickle.
    SLOW = "slow"
    #: The next piece is cut in the middle and the connection reset.
    CUT = "cut"


@dataclass(eq=False)
class _Connection:
    """One client, and its way to the server once there is one."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter | None = None
    #: Bytes are missing in it, so it can never go on.
    broken: bool = False

    def reset(self) -> None:
        """RST in both directions."""
        for writer in (self.client, self.server):
            if writer is not None:
                _reset(writer)


@dataclass
class Proxy:
    """Listens on loopback and passes on to its upstreams in turn; one that refuses is passed over."""

    upstreams: Sequence[Upstream]
    port: int = 0
    #: Seconds that each piece waits, and bytes per second, while the fault is SLOW.
    delay: float = 0.15
    rate: float = 64 * 1024
    fault: Fault = Fault.NONE
    #: Pieces that the last fault has swallowed, delayed or cut.
    touched: int = 0
    _server: asyncio.Server | None = None
    _connections: set[_Connection] = field(default_factory=set)
    _turn: int = 0

    async def start(self) -> None:
        """Begin to listen; ``port`` is known afterwards."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, limit=_CHUNK)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Stop listening and end every connection."""
        if self._server is not None:
            self._server.close()
            self.reset()
            await self._server.wait_closed()

    def reset(self, every: int = 1) -> int:
        """Reset every connection, or every second, third and so on; how many."""
        chosen = list(self._connections)[::every]
        for connection in chosen:
            connection.reset()
        return len(chosen)

    def hurt(self, fault: Fault) -> None:
        """From now on do this to what passes."""
        self.fault, self.touched = fault, 0

    def heal(self) -> None:
        """Pass everything on again. A connection of which bytes are missing can't go on: it is reset."""
        self.fault = Fault.NONE
        for connection in [each for each in self._connections if each.broken]:
            connection.reset()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = _Connection(writer)
        self._connections.add(connection)
        try:
            if self.fault is Fault.HALF_OPEN:
                connection.broken = True
                await self._swallow(reader)
                return
            upstream, connection.server = await self._connect()
            directions = (
                asyncio.create_task(self._pass(reader, connection.server, connection)),
                asyncio.create_task(self._pass(upstream, writer, connection)),
            )
            await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
            for direction in directions:
                direction.cancel()
            await asyncio.gather(*directions, return_exceptions=True)
        except OSError:
            _reset(writer)
        finally:
            self._connections.discard(connection)
            for each in (writer, connection.server):
                if each is not None:
                    each.close()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        refusal: OSError = ConnectionRefusedError()
        for _ in self.upstreams:
            self._turn += 1
            upstream = self.upstreams[self._turn % len(self.upstreams)]
            try:
                if isinstance(upstream, str):
                    return await asyncio.open_unix_connection(upstream, limit=_CHUNK)
                return await asyncio.open_connection(*upstream, limit=_CHUNK)
            except OSError as error:
                refusal = error
        raise refusal

    async def _swallow(self, reader: asyncio.StreamReader) -> None:
        with suppress(OSError):
            while await reader.read(_CHUNK):
                self.touched += 1

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: _Connection) -> None:
        with suppress(OSError):
            while data := await reader.read(_CHUNK):
                if self.fault is Fault.HALF_OPEN or connection.broken:
                    connection.broken = True
                    self.touched += 1
                    continue
                if self.fault is not Fault.NONE:
                    self.touched += 1
                if self.fault is Fault.CUT:
                    writer.write(data[: len(data) // 2])
                    await asyncio.sleep(0)
                    connection.reset()
                    return
                if self.fault is Fault.SLOW:
                    await asyncio.sleep(self.delay + len(data) / self.rate)
                writer.write(data)
                await writer.drain()


def _reset(writer: asyncio.StreamWriter) -> None:
    raw = writer.get_extra_info("socket")
    if raw is not None:
        with suppress(OSError):
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
