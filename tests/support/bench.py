"""A producer and a consumer on a bus, with databases of their own: the smallest suite in which messaging can be tried.

The consumer keeps a tally per subject: the sequences that took effect, in the order in which they did.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from collections.abc import Collection as Collected
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from shared.clock import ProgrammeClock
from shared.contracts.envelope import REGISTRY, Contract, Event
from shared.contracts.screening import CaseDeclined, ConsentWithdrawn, DeclarationSigned
from shared.contracts.travel import ExitVisaRequested
from shared.ids import new_id
from shared.messaging.bus import Bus, TakesOver, exchange_of
from shared.messaging.consumer import Consumer, RetryPolicy
from shared.messaging.deadletters import DeadLetters
from shared.messaging.handlers import Handlers, NotYet, Received, handlers, on
from shared.messaging.outbox import Log, Outgoing, Recorded, append
from shared.messaging.reconciler import Reconciler
from shared.messaging.relay import Relay
from shared.persistence.database import Database, rows
from shared.persistence.schema import create_machinery
from shared.persistence.store import Collection, Store
from shared.persistence.unit_of_work import Surroundings, UnitOfWork
from shared.programme import load_programme
from shared.telemetry import Telemetry

PRODUCER, CONSUMER = "/homeward/screening", "/homeward/travel"
#: Data that makes the handler fail, and data that makes it wait for another source.
POISON, EARLY = date(1999, 1, 1), date(1999, 1, 2)
#: What the consumer handles.
ORDINARY: tuple[type[Contract], ...] = (DeclarationSigned, ConsentWithdrawn)


@dataclass
class Tally:
    """What took effect for one subject."""

    id: UUID
    seen: list[int] = field(default_factory=list)


TALLIES = Store("cases", "tally", Tally)


class Unit(UnitOfWork):
    """A unit of work with tallies."""

    STORES = (TALLIES,)

    @property
    def tallies(self) -> Collection[Tally]:
        return self.collection(TALLIES)


@dataclass
class Behaviour:
    """How the consumer's handler behaves; tests change it."""

    poisoned: bool = True
    early: bool = True
    calls: int = 0
    failing: Callable[[Received[Any]], None] | None = None


def tallying(behaviour: Behaviour, contracts: Sequence[type[Contract]] = ORDINARY) -> Handlers:
    """Handlers that note what they see, and publish an event of their own."""

    def note(received: Received[Any], unit: Unit) -> None:
        behaviour.calls += 1
        tally = unit.tallies.find(received.subject)
        if tally is None:
            tally = Tally(received.subject)
            unit.tallies.add(tally)
        if behaviour.failing:
            behaviour.failing(received)
        if behaviour.poisoned and getattr(received.data, "signed_on", None) == POISON:
            raise ValueError("the handler can't take this")
        if behaviour.early and getattr(received.data, "signed_on", None) == EARLY:
            raise NotYet("another source must come first")
        tally.seen.append(received.event.sequence)
        unit.record(Outgoing(received.subject, ExitVisaRequested(authority="test")))

    return handlers(*(on(each, note, cases=lambda received: [received.subject]) for each in contracts))


class Bench:
    """One producer, one consumer with its database; replicas are made with ``replica``."""

    def __init__(self, producer: Database, consumer: Database, bus: Callable[[], Bus]) -> None:
        self.databases = producer, consumer
        self.telemetry = Telemetry("bench")
        self.behaviour = Behaviour()
        self.make_bus = bus
        self.bus = bus()
        surroundings = Surroundings(CONSUMER, lambda event: event, ProgrammeClock(), load_programme())
        self.unit = lambda connection: Unit(connection, surroundings)
        self.log = Log(producer, PRODUCER)
        self.relay = Relay(self.log, self.bus, self.telemetry)
        self.queue = "homeward.travel"
        self.consumer = self.replica()
        self.letters = DeadLetters(consumer)
        self._tasks: list[asyncio.Task[None]] = []
        self._buses = [self.bus]

    def replica(self, **policy: Any) -> Consumer:
        """A further consumer on the same database."""
        return self.replica_of(tallying(self.behaviour), REGISTRY, **policy)

    def replica_of(self, handlers: Handlers, known: Collected[str], **policy: Any) -> Consumer:
        """A further consumer, of a build that knows these types."""
        chosen = RetryPolicy(**({"attempts": 3, "delay": 0.02, "not_yet": 0.02} | policy))
        return Consumer(self.queue, self.databases[1], self.unit, handlers, self.telemetry, policy=chosen, known=known)

    def reconciler(self, consumer: Consumer | None = None) -> Reconciler:
        """Compares the consumer with the producer's log, without grace."""
        return Reconciler(consumer or self.consumer, {PRODUCER: self.log}, self.telemetry, grace=0)

    async def prepare(self) -> None:
        """Make the tables."""
        for database in self.databases:
            statements: list[str] = []
            create_machinery(_Statements(statements))
            async with database.transaction() as connection:
                for statement in statements:
                    await connection.execute(text(statement))
        async with self.databases[1].transaction() as connection:
            await connection.execute(text("CREATE TABLE tally (id uuid PRIMARY KEY, state json NOT NULL)"))

    async def join(
        self, consumer: Consumer | None = None, bus: Bus | None = None, takes_over: TakesOver | None = None
    ) -> None:
        """Connect the consumer to the bus, and wait until it is there."""
        bus = bus or self.bus
        if bus not in self._buses:
            self._buses.append(bus)
        await bus.start()
        await bus.declare(exchange_of(PRODUCER))
        await bus.subscribe(self.queue, [exchange_of(PRODUCER)], (consumer or self.consumer).receive, takes_over)
        await eventually(lambda: _ready(bus, self.queue))

    async def record(self, subject: UUID, *data: Contract | date) -> list[Event]:
        """Have the producer record events, in one transaction."""
        made = [DeclarationSigned(signed_on=each) if isinstance(each, date) else each for each in data]
        async with self.databases[0].transaction() as connection:
            now = datetime.now(UTC)
            recorded = [Recorded(Outgoing(subject, each), now, None) for each in made]
            return [logged.event for logged in await append(connection, PRODUCER, recorded)]

    async def many(self, subjects: int, each: int) -> list[UUID]:
        """Record ``each`` events for as many subjects, interleaved."""
        ids = [new_id() for _ in range(subjects)]
        for _ in range(each):
            for subject in ids:
                await self.record(subject, date(2026, 1, 1))
        return ids

    async def publish(self) -> int:
        """Publish everything that is in the log."""
        published = 0
        while done := await self.relay.publish_pending():
            published += done
        return published

    async def seen(self, subject: UUID) -> list[int]:
        """The sequences that took effect."""
        async with self.databases[1].transaction() as connection:
            found = await rows(connection, "SELECT state::text FROM tally WHERE id = :id", id=subject)
        return TALLIES.load(found[0].state).seen if found else []

    async def all_seen(self, subjects: Iterable[UUID], upto: int) -> None:
        """Wait until every subject's events have taken effect, and check that they did so once and in order."""
        for subject in subjects:
            await eventually(lambda subject=subject: self._reached(subject, upto))  # type: ignore[misc]
            assert await self.seen(subject) == list(range(1, upto + 1))

    async def _reached(self, subject: UUID, upto: int) -> bool:
        return len(await self.seen(subject)) >= upto

    async def parked(self) -> list[tuple[int, str, int]]:
        """(sequence, state, attempts) of what is parked."""
        async with self.databases[1].transaction() as connection:
            found = await rows(connection, "SELECT sequence, state, attempts FROM inbox_parked ORDER BY sequence")
        return [tuple(row) for row in found]

    async def query(self, statement: str, *, producer: bool = False, **parameters: Any) -> list[Any]:
        """Rows of one of the databases."""
        async with self.databases[0 if producer else 1].transaction() as connection:
            return await rows(connection, statement, **parameters)

    async def execute(self, statement: str, *, producer: bool = False, **parameters: Any) -> None:
        """A statement on one of the databases."""
        async with self.databases[0 if producer else 1].transaction() as connection:
            await connection.execute(text(statement), parameters)

    def background(self, *work: Any) -> None:
        """Run loops until the bench closes."""
        self._tasks += [asyncio.create_task(each) for each in work]

    async def close(self) -> None:
        """End everything that the bench has started."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for bus in self._buses:
            await bus.close()
        for database in self.databases:
            await database.close()


@dataclass
class _Statements:
    found: list[str]

    def execute(self, sqltext: str) -> None:
        self.found.append(sqltext)


async def _ready(bus: Bus, queue: str) -> bool:
    return await bus.accepting() and bus.consuming(queue)


async def eventually(probe: Callable[[], Awaitable[Any]], *, seconds: float = 15.0) -> Any:
    """Ask again and again until the answer is true; fail when it doesn't become so in time."""
    end = time.monotonic() + seconds
    while not (answer := await probe()):
        if time.monotonic() > end:
            raise AssertionError("it did not become true in time")
        await asyncio.sleep(0.02)
    return answer


def declined() -> CaseDeclined:
    """Data of a type for which the consumer has no handler."""
    return CaseDeclined(declined_on=date(2026, 1, 1))


def ordinary(count: int = 1) -> Sequence[date]:
    """Data that the handler takes."""
    return [date(2026, 1, 1)] * count
