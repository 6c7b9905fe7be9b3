"""Producers: databases that hold logs, and the way of those logs to the bus."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Any, Self

import aio_pika

from shared.messaging.bus import Message
from shared.messaging.codec import encode
from shared.messaging.outbox import Log, append
from shared.messaging.rabbitmq import RabbitBus
from shared.messaging.relay import Relay
from shared.persistence import migrations
from shared.persistence.database import Database
from shared.telemetry import Telemetry
from tests.benchmark.lab import Lab
from tests.benchmark.story import Told
from tests.support.bench import eventually

#: Events that are written and published in one go.
CHUNK = 1000
_SERVICES = Path(__file__).parents[2] / "services"


@dataclass
class Producer:
    """One producer's log and its relay."""

    log: Log
    relay: Relay

    async def record(self, told: Sequence[Told], random: Random) -> None:
        """Write events to the log, in one transaction."""
        async with self.log.database.transaction() as connection:
            for start in range(0, len(told), CHUNK):
                part = told[start : start + CHUNK]
                await append(connection, self.log.source, [each.recorded(random) for each in part])

    async def publish(self) -> None:
        """Publish what is in the log."""
        while await self.relay.publish_pending():
            pass


class Producers:
    """The logs of these sources, on a bus of their own. Use with ``async with``."""

    def __init__(self, lab: Lab, sources: Sequence[str], urls: Mapping[str, str] | None = None) -> None:
        self.urls = dict(urls or {source: lab.database() for source in sources})
        self.bus = RabbitBus(lab.amqp_url, "homeward benchmark")
        self._telemetry = Telemetry("benchmark")
        self.each = {source: self._producer(source) for source in sources}
        self._random = Random(7)

    def _producer(self, source: str) -> Producer:
        log = Log(Database(self.urls[source], name="homeward benchmark"), source)
        return Producer(log, Relay(log, self.bus, self._telemetry))

    async def __aenter__(self) -> Self:
        for source, producer in self.each.items():
            await migrations.upgrade(producer.log.database, _SERVICES / source.split("/")[-1] / "migrations")
        await self.bus.start()
        await eventually(self.bus.accepting)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.bus.close()
        for producer in self.each.values():
            await producer.log.database.close()
        self._telemetry.shutdown()

    async def record(self, told: Sequence[Told]) -> None:
        """Write events to their logs."""
        for source, producer in self.each.items():
            if own := [each for each in told if each.source == source]:
                await producer.record(own, self._random)

    async def publish(self) -> None:
        """Publish what is in the logs."""
        for producer in self.each.values():
            await producer.publish()

    async def backlog(self, told: Sequence[Told]) -> None:
        """Write and publish chunk by chunk, so that the sources meet in the queue as they would in life."""
        for start in range(0, len(told), CHUNK):
            await self.record(told[start : start + CHUNK])
            await self.publish()

    async def at_once(self, told: Sequence[Told]) -> float:
        """Write all of it, then publish all of it in one burst; when that began."""
        bus = Holding(self.bus)
        for producer in self.each.values():
            producer.relay.bus = bus
        await self.record(told)
        await self.publish()
        begun = time.time()
        await bus.let_go()
        return begun

    async def average_bytes(self) -> float:
        """Of an event on the wire, by the first thousand of each source."""
        sizes = [
            len(encode(event)) for producer in self.each.values() for _, event in await producer.log.after(0, CHUNK)
        ]
        return sum(sizes) / max(1, len(sizes))


class Holding:
    """A bus that keeps what it is given until it is told to let go."""

    def __init__(self, bus: RabbitBus) -> None:
        self.bus = bus
        self.system = bus.system
        self.held: list[tuple[str, Sequence[Message]]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.bus, name)

    async def publish(self, exchange: str, messages: Sequence[Message]) -> None:
        """Keep."""
        self.held.append((exchange, messages))

    async def let_go(self) -> None:
        """Publish in the order in which it came."""
        for exchange, messages in self.held:
            await self.bus.publish(exchange, messages)


class Broker:
    """The queue before its consumer is there, and how many messages wait in it. Use with ``async with``."""

    def __init__(self, url: str) -> None:
        self.url = url

    async def __aenter__(self) -> Self:
        self._connection = await aio_pika.connect(self.url)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._connection.close()

    async def bind(self, queue: str, exchanges: Sequence[str]) -> None:
        """Have an empty quorum queue that takes everything of these exchanges, as a service itself would make it."""
        async with await self._connection.channel() as channel:
            await channel.queue_delete(queue)
            made = await channel.declare_queue(queue, durable=True, arguments=self._arguments())
            for name in exchanges:
                exchange = await channel.declare_exchange(name, "topic", durable=True)
                await made.bind(exchange, "#")

    async def fill(self, exchange: str, bodies: Sequence[bytes]) -> None:
        """Publish persistent JSON messages, one for each body."""
        async with await self._connection.channel() as channel:
            target = await channel.get_exchange(exchange, ensure=False)
            for start in range(0, len(bodies), CHUNK):
                messages = [
                    aio_pika.Message(body, content_type="application/json", delivery_mode=2)
                    for body in bodies[start : start + CHUNK]
                ]
                await asyncio.gather(*(target.publish(message, "event") for message in messages))

    @property
    def version(self) -> str:
        """The broker's."""
        return str(self._connection.transport.connection.server_properties["version"])  # type: ignore[union-attr]

    def _arguments(self) -> dict[str, Any]:
        limit = {"x-delivery-limit": -1} if int(self.version.split(".")[0]) >= 4 else {}
        return {"x-queue-type": "quorum", **limit}

    async def remove(self, queue: str) -> None:
        """Delete the queue."""
        async with await self._connection.channel() as channel:
            await channel.queue_delete(queue)

    async def look(self, queue: str) -> tuple[int, int]:
        """How many messages wait, and how many consumers there are."""
        async with await self._connection.channel() as channel:
            found = (await channel.declare_queue(queue, passive=True)).declaration_result
            return found.message_count or 0, found.consumer_count or 0
