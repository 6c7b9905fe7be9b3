"""Messages that no relay has sent, and events that no handler can take."""

import asyncio
import os
import random
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from uuid import uuid4

import aio_pika
from aio_pika.abc import AbstractChannel
from aio_pika.exceptions import AMQPException

from shared.contracts import screening
from shared.contracts.envelope import Contract, Event
from shared.contracts.vocabulary import AgeGroup
from shared.messaging.bus import Message, exchange_of
from shared.messaging.codec import BATCH, pack
from shared.messaging.outbox import Outgoing, Recorded, append
from shared.persistence.database import Database
from tests.faults.checker import FOLLOWS
from tests.faults.inspection import PRODUCERS, event_of
from tests.faults.schedule import Kind
from tests.faults.suite import START, FaultySuite

#: Events of the log that are sent once more at a time.
_AGAIN = 60


class Injection:
    """Sends to the broker directly, and writes to a producer's log."""

    def __init__(self, suite: FaultySuite, seed: int) -> None:
        self.suite = suite
        self._random = random.Random(seed)
        #: Bytes that nobody can decode, each counted once by each consumer that it reached.
        self.undecodable: list[bytes] = []
        #: Subjects of screening's log whose second event doesn't fit its type.
        self.poisoned: list[str] = []

    async def inject(self, kind: Kind) -> bool:
        """Do one of the four; whether there was anything to do it with."""
        match kind:
            case Kind.POISON:
                return await self._poison()
            case Kind.UNDECODABLE:
                return await self._garble()
            case _:
                return await self._send_again(backwards=kind is Kind.REORDERED)

    async def lively_cases(self, consumer: str, without: Collection[str]) -> list[str]:
        """The real cases of which the consumer's sources have told last."""
        cases = {str(row["id"]) for row in await self.suite.sql("screening", "SELECT id FROM screening_case")}
        statement = "SELECT subject FROM event_log ORDER BY insert_id DESC LIMIT 20"
        sources = [each.rsplit("/", 1)[-1] for each in FOLLOWS[consumer]]
        told = {row["subject"] for source in sources for row in await self.suite.sql(source, statement)}
        return sorted(told & cases - {*without})

    async def delete_queue(self, name: str) -> bool:
        """Delete a consumer's queue with all that is in it. Raises OSError when there is none."""
        async with self._channel() as channel:
            await (await channel.get_queue(name)).delete(if_unused=False, if_empty=False)
        return True

    async def delete_exchange(self, name: str) -> bool:
        """Delete a producer's exchange with all that is bound to it. Raises OSError when there is none."""
        async with self._channel() as channel:
            await (await channel.get_exchange(name)).delete(if_unused=False)
        return True

    async def _send_again(self, *, backwards: bool) -> bool:
        """Events of a log once more: the latest, some of which no consumer has handled yet; or the latest backwards."""
        service = self._random.choice(PRODUCERS)
        rows = await self.suite.sql(service, "SELECT * FROM event_log ORDER BY insert_id DESC LIMIT $1", _AGAIN)
        events = [event_of(service, row) for row in rows]
        if not backwards:
            events.reverse()
        await self._publish(exchange_of(f"/homeward/{service}"), self._packed(events))
        return bool(events)

    def _packed(self, events: Sequence[Event]) -> Iterable[Message]:
        """Alone and in batches."""
        while events:
            size = self._random.choice((1, 1, 7))
            yield from pack(events[:size])
            events = events[size:]

    async def _garble(self) -> bool:
        """Bytes that are no event, alone and in the middle of a batch of real ones."""
        service = self._random.choice(PRODUCERS)
        rows = await self.suite.sql(service, "SELECT * FROM event_log ORDER BY insert_id DESC LIMIT 2")
        noise = f'{{"noise":"{uuid4()}"}}'.encode()
        real = [next(iter(pack([event_of(service, row)] * 2))).body[1:-1] for row in rows[:1]]
        self.undecodable += [noise, alone := os.urandom(64)]
        batch = Message(b"[" + b",".join([*real, noise, *real]) + b"]", BATCH)
        await self._publish(exchange_of(f"/homeward/{service}"), [Message(alone, "application/json"), batch])
        return True

    async def _poison(self) -> bool:
        """A case of nobody's: a registration, an event that doesn't fit its type, and one that waits behind it."""
        subject = uuid4()
        contracts: tuple[Contract, ...] = (
            screening.CaseRegistered(
                person_id=uuid4(),
                household_id=None,
                reference=f"POISON-{len(self.poisoned)}",
                office="tripoli",
                country_of_origin="PK",
                age_group=AgeGroup.ADULT,
                registered_on=START.date(),
            ),
            screening.HoldPlaced.model_construct(hold_id="spoiled"),
            screening.HoldPlaced(hold_id=uuid4()),
        )
        recorded = [Recorded(Outgoing(subject, each), datetime.now(UTC), None) for each in contracts]
        database = Database(self.suite.databases["screening"], name="poison")
        try:
            async with database.transaction() as connection:
                await append(connection, screening.SOURCE, recorded)
        finally:
            await database.close()
        self.poisoned.append(str(subject))
        return True

    async def _publish(self, exchange: str, messages: Iterable[Message]) -> None:
        async with self._channel() as channel:
            target = await channel.get_exchange(exchange, ensure=False)
            for each in messages:
                message = aio_pika.Message(each.body, content_type=each.content_type, headers=dict(each.headers))
                await target.publish(message, "event")

    @asynccontextmanager
    async def _channel(self) -> AsyncIterator[AbstractChannel]:
        try:
            async with asyncio.timeout(15):
                connection = await aio_pika.connect(self.suite.broker.url, timeout=10)
                async with connection:
                    yield await connection.channel()
        except AMQPException as error:
            raise OSError(f"{type(error).__name__}: {error}") from error
