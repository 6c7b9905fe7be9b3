"""Relays, replicas, reconcilers and people at one database, one transaction at a time, in every order that Hypothesis
thinks of; each may be killed before any of its transactions. The code and PostgreSQL are the real ones, time is moved.
"""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any, cast
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from services.servers import fresh_database
from shared.contracts.envelope import REGISTRY, Contract
from shared.contracts.screening import DeclarationSigned
from shared.ids import new_id
from shared.messaging import inbox
from shared.messaging.bus import Message, PublishFailed, exchange_of
from shared.messaging.consumer import Consumer
from shared.messaging.inprocess import InProcessBus
from shared.messaging.outbox import Outgoing, Recorded, append
from shared.messaging.relay import Relay
from tests.support.bench import EARLY, POISON, PRODUCER, Bench
from tests.support.mutations import forgetful
from tests.support.stepping import Process, SteppedDatabase


class Newer(Contract, type="org.homeward.screening.not-invented-yet.v1"):
    """Data of a type that the consumer's build doesn't know."""


del REGISTRY[Newer.type]

ORDINARY = date(2026, 1, 1)
MANY = st.integers(0, 99)
#: How far work goes before it stands still: mostly to its end.
STEPS = st.sampled_from([99, 99, 99, 0, 1, 2, 3, 5])
SUBJECT = st.integers(0, 1)
DATA = st.lists(st.sampled_from([ORDINARY, ORDINARY, ORDINARY, POISON, EARLY, Newer()]), min_size=1, max_size=3)
#: What becomes of what a relay publishes: handed to a replica, kept on the wire, lost after its confirm, refused.
FATE = st.sampled_from(["handed over", "kept", "kept", "lost", "refused"])


@dataclass
class Running:
    """A process, and the message that comes again if it is killed."""

    process: Process
    message: Message | None = None


class World:
    """What stays from example to example: the loop, the databases, the connections."""

    def __init__(self, postgres_url: str) -> None:
        self.runner, self._stack = asyncio.Runner(), ExitStack()
        urls = [self._stack.enter_context(fresh_database(postgres_url)) for _ in range(2)]
        self.bench = self.run(self._prepare(urls))

    async def _prepare(self, urls: list[str]) -> Bench:
        bench = Bench(SteppedDatabase(urls[0]), SteppedDatabase(urls[1]), InProcessBus)
        await bench.prepare()
        return bench

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(work)

    def close(self) -> None:
        self.run(self.bench.close())
        self.runner.close()
        self._stack.close()


class Transactions(RuleBasedStateMachine):
    """One producer, two replicas of one consumer, a wire between them, and a model of what must come of it."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.bench, self.run = world.bench, world.run
        self.subjects = [new_id() for _ in range(2)]
        self.told: dict[UUID, list[date | Contract]] = {subject: [] for subject in self.subjects}
        self.skipped: set[tuple[UUID, int]] = set()
        self.restored: set[UUID] = set()
        self.wire: list[Message] = []
        self.running: list[Running] = []
        self.bench.behaviour.early = self.bench.behaviour.poisoned = True
        self.replicas: list[Consumer] = [self.bench.replica(deliveries=1000, delay=60, not_yet=60) for _ in range(2)]
        self.reconciler = self.bench.reconciler(self.replicas[0])
        self.run(self._begin())

    async def _begin(self) -> None:
        for table in ("event_log", "event_unpublished", "event_unstamped", "event_position", "log_head"):
            await self.bench.execute(f"DELETE FROM {table}", producer=True)
        for table in ("event_log", "log_head", "inbox_position", "inbox_parked", "inbox_unreadable", "tally"):
            await self.bench.execute(f"DELETE FROM {table}")
        await self.bench.bus.unsubscribe(self.bench.queue)
        await self.bench.bus.subscribe(self.bench.queue, [exchange_of(PRODUCER)], self._deliver)
        self.fate = "kept"
        self.relay_dies()

    async def _deliver(self, messages: list[Message]) -> None:
        match self.fate:
            case "handed over":
                await self.replicas[0].receive(messages)
            case "kept":
                self.wire += messages
            case "refused":
                raise PublishFailed

    def start(self, work: Coroutine[Any, Any, Any], steps: int, message: Message | None = None) -> None:
        """The work stops before one of its transactions, or goes on to its end."""

        async def begin() -> Running:
            return Running(Process(work), message)

        self.running.append(self.run(begin()))
        self._go_on(self.running[-1], steps)

    def _go_on(self, each: Running, steps: int) -> None:
        for _ in range(steps + 1):
            if not self.run(each.process.step()):
                self.running.remove(each)
                break

    def replica(self, number: int) -> Consumer:
        return self.replicas[number % 2]

    @rule(subject=SUBJECT, data=DATA, offered=st.booleans())
    def record(self, subject: int, data: list[date | Contract], offered: bool) -> None:
        """The producer's own relay may have it from memory."""
        self.told[self.subjects[subject]] += data
        self.run(self._record(self.subjects[subject], data, offered))

    async def _record(self, subject: UUID, data: list[date | Contract], offered: bool) -> None:
        made = [DeclarationSigned(signed_on=each) if isinstance(each, date) else each for each in data]
        recorded = [Recorded(Outgoing(subject, each), datetime.now(UTC), None) for each in made]
        async with self.bench.databases[0].transaction() as connection:
            logged = await append(connection, PRODUCER, recorded, self.relay.lease if offered else None)
        if offered:
            self.relay.offer(logged)

    @rule(fate=FATE, offered=st.booleans(), steps=STEPS)
    def publish(self, fate: str, offered: bool, steps: int) -> None:
        async def publish() -> None:
            self.fate = fate
            with suppress(PublishFailed):
                await (self.relay.publish_offered() if offered else self.relay.publish_pending())

        self.start(publish(), steps)

    @rule()
    def relay_dies(self) -> None:
        """What it had in memory is lost; what it does stands still, and may go on when another has its lease."""
        self.relay = Relay(self.bench.log, self.bench.bus, self.bench.telemetry)

    @precondition(lambda self: self.wire)
    @rule(number=MANY, replica=SUBJECT, twice=st.booleans(), steps=STEPS)
    def receive(self, number: int, replica: int, twice: bool, steps: int) -> None:
        message = self.wire[number % len(self.wire)]
        if not twice:
            self.wire.remove(message)
        self.start(self.replica(replica).receive([message]), steps, message)

    @precondition(lambda self: self.wire)
    @rule(number=MANY)
    def lose(self, number: int) -> None:
        self.wire.pop(number % len(self.wire))

    @rule(replica=SUBJECT, steps=STEPS)
    def retry(self, replica: int, steps: int) -> None:
        self.start(self.replica(replica).retry_parked(), steps)

    @rule(how=st.sampled_from(["compare", "catch up", "fill gaps"]), steps=STEPS)
    def reconcile(self, how: str, steps: int) -> None:
        work = {"compare": self.reconciler.compare, "catch up": self.reconciler.catch_up}
        self.start(work[how](PRODUCER) if how in work else self.reconciler.fill_gaps(PRODUCER), steps)

    @precondition(lambda self: self.running)
    @rule(number=MANY, steps=STEPS)
    def step(self, number: int, steps: int) -> None:
        self._go_on(self.running[number % len(self.running)], steps)

    @precondition(lambda self: self.running)
    @rule(number=MANY)
    def kill(self, number: int) -> None:
        each = self.running.pop(number % len(self.running))
        self.run(each.process.kill())
        if each.message:
            self.wire.append(replace(each.message, redelivered=True))

    @rule()
    def time_passes(self) -> None:
        self.run(self._time_passes())

    async def _time_passes(self) -> None:
        """Leases end, backoff is over."""
        await self.bench.execute(
            "UPDATE event_unpublished SET lease_until = lease_until - interval '1 hour'", producer=True
        )
        await self.bench.execute(
            "UPDATE inbox_parked SET due_at = due_at - interval '1 hour', parked_at = parked_at - interval '1 hour'"
        )

    @rule(poisoned=st.booleans(), early=st.booleans())
    def other_handlers(self, poisoned: bool, early: bool) -> None:
        """A fault is mended or comes back; the other source's event is there or not."""
        self.bench.behaviour.poisoned, self.bench.behaviour.early = poisoned, early

    @precondition(lambda self: any(POISON in told for told in self.told.values()))
    @rule(number=MANY, skip=st.booleans())
    def decide(self, number: int, skip: bool) -> None:
        if letters := self.run(self.bench.letters.list()):
            letter = letters[number % len(letters)]
            self.run(self._decide(UUID(letter.subject), letter.sequence, skip))

    async def _decide(self, subject: UUID, sequence: int, skip: bool) -> None:
        place = PRODUCER, str(subject), sequence
        if skip:
            self.skipped.add((subject, sequence))
            await self.bench.letters.skip(*place, by="officer", reason="entered twice")
        else:
            await self.bench.letters.replay(*place, by="officer")

    @precondition(lambda self: any(self.told.values()))
    @rule(subject=SUBJECT, events=st.integers(1, 3), seldom=st.integers(0, 4))
    def restore(self, subject: int, events: int, seldom: int) -> None:
        """The producer's log is put back to an earlier moment."""
        id = self.subjects[subject]
        if not seldom and self.told[id]:
            self.restored.add(id)
            del self.told[id][-events:]
            self.run(self._restore(id, len(self.told[id])))

    async def _restore(self, subject: UUID, upto: int) -> None:
        names = {"subject": str(subject), "upto": upto}
        await self.bench.execute(
            "DELETE FROM event_log WHERE subject = :subject AND sequence > :upto", producer=True, **names
        )
        await self.bench.execute(
            "DELETE FROM event_unpublished WHERE insert_id NOT IN (SELECT insert_id FROM event_log)", producer=True
        )
        await self.bench.execute(
            """UPDATE log_head SET sequence = :upto, hash = coalesce((SELECT hash FROM event_log
               WHERE subject = :subject AND sequence = :upto), decode(repeat('00', 32), 'hex'))
               WHERE subject = :subject""",
            producer=True,
            **names,
        )

    @invariant()
    def nothing_took_effect_twice_or_out_of_order(self) -> None:
        self.run(self._in_order())

    async def _in_order(self) -> None:
        for subject, seen in (await self._effects()).items():
            assert seen == sorted(set(seen)), f"{subject} took effect as {seen}"

    async def _effects(self) -> dict[UUID, list[int]]:
        found = await self.bench.query("SELECT id, state->'seen' AS seen FROM tally")
        return {subject: [] for subject in self.subjects} | {row.id: row.seen for row in found}

    def teardown(self) -> None:
        try:
            self.run(self._heal())
            self.run(self._check())
        finally:
            REGISTRY.pop(Newer.type, None)

    async def _heal(self) -> None:
        """Whatever still runs is killed; then everything works, and comes to rest."""
        for each in self.running:
            await each.process.kill()
        self.bench.behaviour.early, self.bench.behaviour.poisoned = False, True
        REGISTRY[Newer.type] = Newer
        await self.replicas[1].receive(self.wire)
        await self._rest()

    async def _rest(self) -> None:
        self.fate = "handed over"
        for _ in range(5):
            await self._time_passes()
            await self.bench.publish()
            await self.reconciler.compare(PRODUCER)
            await self.reconciler.fill_gaps(PRODUCER)
            for replica in self.replicas:
                await replica.retry_parked()

    async def _check(self) -> None:
        await self._in_order()
        assert await self.bench.query("SELECT 1 FROM event_unpublished", producer=True) == []
        found = await self.bench.query("SELECT subject FROM inbox_position WHERE diverged IS NOT NULL")
        diverged = {UUID(row.subject) for row in found}
        assert diverged <= self.restored, "a subject was stopped whose log is whole"
        sound = [subject for subject in self.subjects if subject not in diverged | await self._with_a_lost_future()]
        await self._check_dead_letters(sound)
        self.bench.behaviour.poisoned = False
        while letters := [each for each in await self.bench.letters.list() if UUID(each.subject) in sound]:
            for letter in letters:
                await self._decide(UUID(letter.subject), letter.sequence, False)
            await self._rest()
        effects = await self._effects()
        assert {each: effects[each] for each in sound} == {each: self._expected(each) for each in sound}

    async def _with_a_lost_future(self) -> set[UUID]:
        """Subjects of which the consumer keeps what the log holds no more: they are stopped once it gets there."""
        found = await self.bench.query("SELECT subject, max(sequence) AS last FROM inbox_parked GROUP BY subject")
        ahead = {UUID(row.subject) for row in found if row.last > len(self.told[UUID(row.subject)])}
        assert ahead <= self.restored, "something was kept that nobody has told"
        return ahead

    async def _check_dead_letters(self, sound: list[UUID]) -> None:
        """They are the first poison of each subject: what is behind waits."""
        effects = await self._effects()
        letters = {(UUID(each.subject), each.sequence) for each in await self.bench.letters.list()}
        first: dict[tuple[UUID, int], None] = {}
        for subject in sound:
            left = [each for each in self._expected(subject) if each not in effects[subject]]
            first |= {(subject, n): None for n in left if self.told[subject][n - 1] == POISON and n == left[0]}
            assert left == [] or left[0] in {n for where, n in first if where == subject}, "something is lost"
        assert {each for each in letters if each[0] in sound} == first.keys()

    def _expected(self, subject: UUID) -> list[int]:
        told = enumerate(self.told[subject], 1)
        return [n for n, data in told if not isinstance(data, Newer) and (subject, n) not in self.skipped]


@pytest.fixture
def world(postgres_url: str) -> Iterator[World]:
    world = World(postgres_url)
    yield world
    world.close()


def explore(world: World, examples: int, **more: Any) -> None:
    run_state_machine_as_test(
        cast(Any, lambda: Transactions(world)),
        settings=settings(
            max_examples=examples,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            **more,
        ),
    )


def test_in_any_order_of_transactions_everything_takes_effect_once_and_in_order(world: World) -> None:
    explore(world, 50)


def test_a_consumer_that_forgets_its_positions_is_found_out(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "plan", forgetful(inbox.plan))
    with pytest.raises(AssertionError, match="took effect as"):
        explore(world, 300, database=None, report_multiple_bugs=False, phases=[Phase.generate])
