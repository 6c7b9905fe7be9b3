"""A bench on RabbitMQ behind a proxy, with a ledger of effects, and the faults from which each layer protects."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any
from uuid import UUID

import aio_pika
from sqlalchemy import make_url

from services.servers import fresh_database
from shared.ids import new_id
from shared.messaging.bus import PublishFailed
from shared.messaging.codec import pack
from shared.messaging.rabbitmq import RabbitBus
from shared.persistence.database import Database
from tests.faults.checker import Delivery
from tests.faults.proxy import Fault, Proxy
from tests.support.bench import PRODUCER, Bench, eventually, ordinary
from tests.support.ledger import Ledger

#: Subjects and events of each that meet a fault.
SUBJECTS, EVENTS = 5, 4


class HurtBench:
    """What a test needs of it; made with ``hurt_bench``."""

    def __init__(self, bench: Bench, proxy: Proxy, amqp_url: str) -> None:
        self.bench, self.proxy, self.amqp_url = bench, proxy, amqp_url
        self.ledger = Ledger(bench)

    async def record(self) -> list[UUID]:
        """Record what will meet the fault."""
        return await self.bench.many(SUBJECTS, EVENTS)

    async def flows(self) -> None:
        """Everything is published, and what is published now is handled: what came before has come or never will."""
        marker = new_id()
        await self.bench.record(marker, *ordinary())
        await eventually(self._published)
        await self.bench.all_seen([marker], 1)

    async def _published(self) -> bool:
        with suppress(PublishFailed):
            await self.bench.publish()
        return not await self.bench.query("SELECT 1 FROM event_unpublished", producer=True)

    async def account(self, *, repair: bool) -> Delivery:
        """What came of it, once nothing moves any more."""
        await self.flows()
        if repair:
            await self.bench.reconciler().compare(PRODUCER)
        return await self.ledger.account()

    async def published_twice(self) -> None:
        """A relay dies between its publishing and its mark; when its lease has run out another publishes again."""
        await self.record()
        batch = await self.bench.relay.claim(new_id())
        await self.bench.bus.publish(self.bench.relay.exchange, list(pack([logged.event for logged in batch])))
        await self.bench.execute("UPDATE event_unpublished SET lease_until = clock_timestamp()", producer=True)

    async def swallowed(self) -> None:
        """What is published vanishes on its way to the broker, then the connection breaks."""
        await self.record()
        self.proxy.hurt(Fault.HALF_OPEN)
        publishing = asyncio.create_task(self.bench.relay.publish_pending())
        await eventually(self._swallowing)
        self.proxy.heal()
        await asyncio.gather(publishing, return_exceptions=True)

    async def _swallowing(self) -> bool:
        return any(connection.broken for connection in self.proxy._connections)

    async def cut_while_handling(self) -> None:
        """The consumer loses its connection, and with it what it is handling."""
        await self.record()
        async with self.bench.databases[1].transaction() as other:
            await other.exec_driver_sql("LOCK TABLE inbox_position IN EXCLUSIVE MODE")
            await self.bench.publish()
            waits = await eventually(self.blocked)
            self.proxy.reset()
            # The batch is given up when the consumer is there again.
            await self.over(waits)
        await eventually(self._ready)

    async def blocked(self) -> frozenset[Any]:
        """The statements that wait for a lock: whose they are, and since when they run."""
        statement = """SELECT pid, query_start FROM pg_stat_activity
                       WHERE datname = current_database() AND wait_event_type = 'Lock'"""
        return frozenset(map(tuple, await self.bench.query(statement)))

    async def over(self, waits: frozenset[Any]) -> None:
        """Until these wait no more; others may have begun to meanwhile."""

        async def gone() -> bool:
            return not waits & await self.blocked()

        await eventually(gone)

    async def _ready(self) -> bool:
        return await self.bench.bus.accepting() and self.bench.bus.consuming(self.bench.queue)

    async def purged(self) -> None:
        """The queue loses everything that is in it."""
        await self.bench.bus.unsubscribe(self.bench.queue)
        await self.record()
        await self.bench.publish()
        connection = await aio_pika.connect(self.amqp_url)
        async with connection:
            queue = await (await connection.channel()).get_queue(self.bench.queue)
            await queue.purge()
        await self.bench.join()


@asynccontextmanager
async def hurt_bench(postgres_url: str, amqp_url: str) -> AsyncIterator[HurtBench]:
    """A bench whose consumer has joined and has handled something."""
    address = make_url(amqp_url)
    assert address.host
    proxy = Proxy([(address.host, address.port or 5672)])
    await proxy.start()
    url = address.set(host="127.0.0.1", port=proxy.port).render_as_string(hide_password=False)
    with fresh_database(postgres_url) as producer, fresh_database(postgres_url) as consumer:
        databases = [Database(each, name="bench") for each in (producer, consumer)]
        bench = Bench(databases[0], databases[1], lambda: RabbitBus(url, "bench"))
        bench.queue = f"homeward.bench.{make_url(consumer).database}"
        bench.consumer = bench.replica()
        found = HurtBench(bench, proxy, amqp_url)
        await bench.prepare()
        await found.ledger.prepare()
        try:
            await bench.join()
            await found.flows()
            yield found
        finally:
            await bench.close()
            await proxy.close()
