"""Connections to the agencies' broker, one to each virtual host; those that nobody needs are closed."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection
from aio_pika.connection import make_url
from aio_pika.exceptions import AMQPError, DeliveryError

#: Seconds to connect and to be answered, to be told that a message is safe, and to say good-bye.
_CONNECT, _CONFIRM, _CLOSE = 10.0, 15.0, 2.0
#: Seconds after which a connection that nobody uses is closed.
_IDLE = 60.0


class NotTaken(Exception):
    """The broker can't be reached, or has not said that it has the message."""


@dataclass
class _Line:
    """``turn``: one at a time connects."""

    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    connection: AbstractConnection | None = None
    channel: AbstractChannel | None = None
    used: float = 0.0


class Broker:
    """``url``: of our user that publishes."""

    def __init__(self, url: str) -> None:
        self._url = make_url(url)
        self.user = self._url.user or "guest"
        self._lines: dict[str, _Line] = {}

    async def waiting(self, vhost: str, queue: str) -> int:
        """Messages that wait in the queue, those left out that a consumer holds. Raises NotTaken."""
        channel = await self._channel(vhost)
        try:
            async with asyncio.timeout(_CONNECT):
                found = await channel.declare_queue(queue, passive=True)
        except (AMQPError, OSError, RuntimeError, TimeoutError) as error:
            await self.drop(vhost)
            raise NotTaken(f"no queue: {type(error).__name__}") from error
        return found.declaration_result.message_count or 0

    async def publish(self, vhost: str, queue: str, id: str, content_type: str, body: bytes) -> None:
        """Returns when the queue has it. Raises NotTaken."""
        message = aio_pika.Message(
            body, content_type=content_type, message_id=id, delivery_mode=aio_pika.DeliveryMode.PERSISTENT
        )
        channel = await self._channel(vhost)
        try:
            async with asyncio.timeout(_CONFIRM):
                await channel.default_exchange.publish(message, routing_key=queue, mandatory=True)
        except DeliveryError as error:
            raise NotTaken("the queue is gone or full") from error
        except (AMQPError, OSError, RuntimeError, TimeoutError) as error:
            raise NotTaken(f"not confirmed: {type(error).__name__}") from error

    async def drop(self, vhost: str) -> None:
        """Give a connection up on which something went wrong."""
        line = self._lines.get(vhost)
        if line is not None and line.connection is not None:
            connection, line.connection, line.channel = line.connection, None, None
            await _end(connection)

    async def tidy(self) -> None:
        """Close what was not used of late."""
        for vhost, line in list(self._lines.items()):
            if not line.turn.locked() and monotonic() - line.used > _IDLE:
                await self.drop(vhost)
                if line.connection is None and not line.turn.locked():
                    self._lines.pop(vhost, None)

    async def close(self) -> None:
        """Close all connections."""
        await asyncio.gather(*(self.drop(vhost) for vhost in list(self._lines)))

    async def _channel(self, vhost: str) -> AbstractChannel:
        line = self._lines.setdefault(vhost, _Line())
        async with line.turn:
            line.used = monotonic()
            if line.channel is not None and line.connection is not None:
                if not line.channel.is_closed and not line.connection.is_closed:
                    return line.channel
                await self.drop(vhost)
            try:
                async with asyncio.timeout(_CONNECT):
                    return await self._open(line, vhost)
            except (AMQPError, OSError, RuntimeError, TimeoutError) as error:
                await self.drop(vhost)
                raise NotTaken(f"no connection: {type(error).__name__}") from error

    async def _open(self, line: _Line, vhost: str) -> AbstractChannel:
        properties: Any = {"connection_name": "homeward partners"}
        url = self._url.with_path(f"/{vhost}").with_query(self._url.query)
        line.connection = await aio_pika.connect(url, timeout=_CONNECT, client_properties=properties)
        line.channel = await line.connection.channel(publisher_confirms=True, on_return_raises=True)
        return line.channel


async def _end(connection: AbstractConnection) -> None:
    with suppress(TimeoutError, AMQPError, OSError, RuntimeError):
        async with asyncio.timeout(_CLOSE):
            await connection.close()
