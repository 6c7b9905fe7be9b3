"""The consumer: takes messages, brings each event to its handler exactly once and in order per subject.

One READ COMMITTED transaction per batch holds the positions, the aggregates, the outgoing events and the new
positions. A failing event is set aside with what follows it in its subject; the rest of the batch goes on.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from itertools import chain, count
from time import monotonic
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts.envelope import REGISTRY, Event
from shared.errors import HomewardError
from shared.messaging import attempts, inbox, lanes
from shared.messaging.bus import Message
from shared.messaging.codec import Unreadable, encode, unpack
from shared.messaging.handlers import BadData, Handlers, NotYet, Received, receive, where
from shared.messaging.inbox import Plan, State, key_of
from shared.messaging.outbox import Logged
from shared.persistence.database import Database, is_transient, run
from shared.persistence.unit_of_work import UnitOfWork
from shared.telemetry import Telemetry, running_as, span_process

log = structlog.get_logger()


@dataclass(frozen=True)
class RetryPolicy:
    """When a failed event is tried again, and when it becomes a dead letter."""

    #: Failures after which an event becomes a dead letter.
    attempts: int = 8
    #: Seconds before the second attempt; doubled each time, with jitter.
    delay: float = 0.5
    #: Seconds between looks at an event that waits for another source.
    not_yet: float = 0.2
    #: Deliveries that ended with the consumer's death, after which an event becomes a dead letter.
    deliveries: int = 4


@dataclass(frozen=True)
class Failure:
    """An event whose handler failed, and how."""

    event: Event
    cause: Exception


class HandlersFailed(Exception):
    """The batch is rolled back; these events are set aside, the others tried again without them."""

    def __init__(self, failures: list[Failure]) -> None:
        super().__init__(f"{len(failures)} events failed")
        self.failures = failures
        #: They only wait for other sources' events.
        self.waiting = all(isinstance(each.cause, NotYet) for each in failures)


class Consumer:
    """One service's consumer. Many replicas may run against one database."""

    def __init__(
        self,
        queue: str,
        database: Database,
        unit: Callable[[AsyncConnection], UnitOfWork],
        handlers: Handlers,
        telemetry: Telemetry,
        *,
        policy: RetryPolicy = RetryPolicy(),
        system: str = "homeward_inprocess",
        known: Collection[str] = REGISTRY,
    ) -> None:
        self.queue = queue
        #: The types of its build: an event of another one waits for a build that knows it.
        self.known = known
        self.database = database
        self.handlers = handlers
        self.telemetry = telemetry
        self.service = telemetry.service
        self.policy = policy
        self.system = system
        self._unit = unit
        self._listeners: list[Callable[[Sequence[Event], Sequence[Logged]], None]] = []
        self._retry = asyncio.Event()

    def after_commit(self, listener: Callable[[Sequence[Event], Sequence[Logged]], None]) -> None:
        """Call ``listener(handled events, events that were recorded)`` after each committed batch."""
        self._listeners.append(listener)

    async def receive(self, messages: Sequence[Message]) -> None:
        """Handle messages; return when what they say has taken effect or is safely parked."""
        with running_as(self.service):
            await self._receive(messages)

    async def _receive(self, messages: Sequence[Message]) -> None:
        events: list[Event] = []
        for message in messages:
            elements = unpack(message)
            await self._keep_unreadable([each for each in elements if isinstance(each, Unreadable)])
            readable = [each for each in elements if isinstance(each, Event)]
            if message.redelivered:
                await self._handle_again(readable)
            else:
                events += readable
        await self.handle_side_by_side(events)

    async def handle_side_by_side(self, events: Sequence[Event]) -> None:
        """Many events in several transactions: one computes while another waits for the database, which was a third
        of the time.
        """
        if len(events) < lanes.SIDE_BY_SIDE:
            await self.handle(events)
            return
        ended = await asyncio.gather(*map(self.handle, await self._lanes(events)), return_exceptions=True)
        for error in ended:
            if isinstance(error, BaseException):
                raise error

    async def _lanes(self, events: Sequence[Event]) -> list[list[Event]]:
        try:
            return await self._split(events)
        except Exception as error:  # noqa: BLE001  in one transaction they are tried again, and whose fault it is comes out
            log.info("a batch is handled in one lane", queue=self.queue, error=describe(error))
            return [list(events)]

    async def _split(self, events: Sequence[Event]) -> list[list[Event]]:
        touched = [self._touches(received) if received else {} for received in map(self._readable, events)]
        async with self.database.statement() as connection:
            related = await self._unit(connection).related(_together(touched))
        groups = [[event.subject, *chain(*each.values())] for event, each in zip(events, touched, strict=True)]
        return lanes.split(events, groups, [filter(None, each.values()) for each in related])

    def _readable(self, event: Event) -> Received[Any] | None:
        with suppress(BadData):
            handler = self.handlers.get(event.type)
            return receive(event, handler.contract) if handler else None
        return None

    def _touches(self, received: Received[Any]) -> dict[str, list[UUID]]:
        """By kind what its handler touches."""
        return {kind: list(ids(received)) for kind, ids in self.handlers[received.event.type].touches.items()}

    async def handle(self, events: Sequence[Event], *, wake: bool = True) -> int:
        """Bring events to their handlers, in one transaction if all goes well; how many positions advanced."""
        held: set[tuple[inbox.Key, int]] = set()
        begun = monotonic()
        for attempt in count():
            if not events:
                return 0
            try:
                plan, logged = await self.database.retried(partial(self._batch, events=events, wake=wake, held=held))
            except HandlersFailed as failed:
                if attempt and len(events) > 1 and not failed.waiting:
                    # More than one is sick: they are looked for half by half, and the healthy don't wait for them.
                    return await self._handle_halves(events, failed, wake)
                await self._set_aside(failed.failures)
                held |= {(key_of(each.event), each.event.sequence) for each in failed.failures}
            except Exception as error:
                if is_transient(error) and not getattr(error, "transient", False):
                    raise
                return await self._handle_halves(events, error, wake)
            else:
                self._committed(plan, logged)
                self.telemetry.metrics.handling.record(monotonic() - begun, {"queue": self.queue})
                return sum(plan.advanced.values())
        raise AssertionError("unreachable")

    async def _handle_halves(self, events: Sequence[Event], error: Exception, wake: bool) -> int:
        """The error can't be laid to one event's handler, so find whose it is."""
        if len(events) > 1:
            half = len(events) // 2
            return await self.handle(events[:half], wake=wake) + await self.handle(events[half:], wake=wake)
        if wake:
            return await self.handle(events, wake=False)
        await self._set_aside([Failure(events[0], error)])
        return 0

    async def _batch(
        self,
        connection: AsyncConnection,
        events: Sequence[Event],
        wake: bool,
        held: Collection[tuple[inbox.Key, int]],
    ) -> tuple[Plan, list[Logged]]:
        subjects = await inbox.lock(connection, map(key_of, events))
        plan = inbox.plan(subjects, events, self.known.__contains__, wake=wake, held=held)
        unit = self._unit(connection)
        received = self._received(plan.runnable)
        await unit.load(**_together(map(self._touches, received)))
        self._run(received, unit)
        await unit.flush()
        await inbox.save(connection, plan)
        return plan, unit.logged

    def _received(self, events: Sequence[Event]) -> list[Received[Any]]:
        received, failures = [], []
        for event in events:
            if handler := self.handlers.get(event.type):
                try:
                    received.append(receive(event, handler.contract))
                except BadData as error:
                    failures.append(Failure(event, error))
        if failures:
            raise HandlersFailed(failures)
        return received

    def _run(self, received: Sequence[Received[Any]], unit: UnitOfWork) -> None:
        waiting: dict[inbox.Key, Failure] = {}
        for each in received:
            if waiting and key_of(each.event) in waiting:
                continue
            with span_process(self.telemetry.tracer, self.queue, each.event, system=self.system):
                try:
                    self.handlers[each.event.type].function(each, unit)
                except NotYet as error:
                    waiting[key_of(each.event)] = Failure(each.event, error)
                except Exception as error:
                    if is_transient(error):
                        raise
                    # What a handler that gave up half-way has left in the unit may be the cause.
                    raise HandlersFailed(list(waiting.values()) or [Failure(each.event, error)]) from error
        if waiting:
            raise HandlersFailed(list(waiting.values()))

    async def _set_aside(self, failures: Sequence[Failure]) -> None:
        try:
            await self.database.retried(partial(self._fail, failures=failures))
        except Exception as error:
            if is_transient(error):
                raise
            # An event that can't even be parked must not hold up the queue.
            for event in [each.event for each in failures]:
                await self._keep_unreadable(
                    [Unreadable("application/cloudevents+json", encode(event), describe(error))]
                )
        self._retry.set()

    async def _fail(self, connection: AsyncConnection, failures: Sequence[Failure]) -> None:
        subjects = await inbox.lock(connection, (key_of(each.event) for each in failures))
        for failure in failures:
            event, subject = failure.event, subjects[key_of(failure.event)]
            row = subject.parked.get(event.sequence)
            # Another replica has handled it meanwhile, or has noted the failure, or a person has decided.
            decided = row is not None and row.state is State.SKIPPED
            known = self.known.__contains__
            if event.sequence > subject.sequence and not decided and (row is None or inbox.may_run(row, known)):
                await self._note(connection, event, failure.cause)

    async def _note(self, connection: AsyncConnection, event: Event, cause: Exception) -> None:
        if isinstance(cause, NotYet):
            await inbox.set_aside(connection, event, State.NOT_YET, delay=self.policy.not_yet, reason=describe(cause))
            return
        failures = await inbox.set_aside(
            connection, event, State.RETRY, delay=self.policy.delay, reason=describe(cause)
        )
        if isinstance(cause, BadData) or failures >= self.policy.attempts:
            await inbox.bury(connection, event)
            self.telemetry.metrics.dead.add(1, {"queue": self.queue})
        log.warning(
            "event failed",
            queue=self.queue,
            event_id=str(event.id),
            type=event.type,
            attempts=failures,
            error=type(cause).__name__,
        )

    async def _handle_again(self, events: Sequence[Event]) -> None:
        """A redelivered message is counted in the database, then handled alone: it may have killed a consumer.

        The first time as one batch; when that ended badly too, event by event, so that only the killer is buried.
        """
        count = partial(attempts.count, events=events, deliveries=self.policy.deliveries)
        if not await self.database.retried(count):
            async with self._forgiving(events):
                await self.handle(events)
            return
        for event in events:
            await self._handle_alone(event)

    async def _handle_alone(self, event: Event) -> int:
        """An event that may have killed a consumer; whether the position advanced."""
        count = partial(attempts.count, events=[event], deliveries=self.policy.deliveries, alone=True)
        await self.database.retried(count)
        async with self._forgiving([event]):
            return await self.handle([event], wake=False)

    @asynccontextmanager
    async def _forgiving(self, events: Sequence[Event]) -> AsyncIterator[None]:
        """Who is called off lives, and so does who is tried again: a connection that was cut or a lock that was not
        had is not the events' fault, and the count is taken back.
        """
        try:
            yield
        except BaseException as error:
            if isinstance(error, asyncio.CancelledError) or is_transient(error):
                await asyncio.shield(self.database.retried(partial(attempts.uncount, events=events)))
            raise

    async def _keep_unreadable(self, elements: Sequence[Unreadable]) -> None:
        for element in elements:
            await self.database.retried(lambda connection, element=element: self._keep(connection, element))  # type: ignore[misc]
            log.error("unreadable element kept", queue=self.queue, reason=element.reason)

    async def _keep(self, connection: AsyncConnection, element: Unreadable) -> None:
        await run(
            connection,
            """INSERT INTO inbox_unreadable (digest, content_type, body, reason)
               VALUES (:digest, :content_type, :body, :reason) ON CONFLICT (digest) DO NOTHING""",
            digest=hashlib.sha256(element.body).digest(),
            content_type=element.content_type,
            body=element.body,
            reason=element.reason,
        )

    def _committed(self, plan: Plan, logged: Sequence[Logged]) -> None:
        metrics = self.telemetry.metrics
        metrics.handled.add(sum(plan.advanced.values()), {"queue": self.queue})
        metrics.duplicates.add(plan.duplicates, {"queue": self.queue})
        metrics.parked.add(len(plan.park), {"queue": self.queue})
        for key, subject in plan.positions.items():
            if subject.diverged:
                log.error("subject diverged", queue=self.queue, source=key[0], subject=key[1], reason=subject.diverged)
        if plan.advanced:
            self._retry.set()
        metrics.recorded.add(len(logged), {"queue": self.queue})
        for listener in self._listeners:
            listener(plan.runnable, logged)

    async def retry_parked(self, *, limit: int = 200) -> int:
        """Try what is parked right behind its position and is due; how many positions advanced."""
        async with self.database.transaction() as connection:
            found = await inbox.ready(connection, list(self.known), limit)
        alone = [await self._handle_alone(event) for event, state in found if state is State.ATTEMPTING]
        return sum(alone) + await self.handle([event for event, state in found if state is not State.ATTEMPTING])

    async def run(self, *, poll: float = 1.0) -> None:
        """Try parked events as they become due, until cancelled."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(poll):
                    await self._retry.wait()
            self._retry.clear()
            await _forever(self.retry_parked)
            # Lets a burst of commits share one look at the table.
            await asyncio.sleep(0.05)


def _together(touched: Iterable[Mapping[str, Iterable[UUID]]]) -> dict[str, set[UUID]]:
    all_of_them: dict[str, set[UUID]] = {}
    for each in touched:
        for kind, ids in each.items():
            all_of_them.setdefault(kind, set()).update(ids)
    return all_of_them


def describe(error: Exception) -> str:
    """What failed, for whoever looks after dead letters: the text of our own errors, else where it was raised.

    The text of a foreign error may quote values, and these may be personal.
    """
    if isinstance(error, NotYet | BadData | HomewardError) or getattr(error, "rule_broken", False):
        return f"{type(error).__name__}: {error}"
    return where(error)


async def _forever(work: Callable[[], Awaitable[int]]) -> None:
    try:
        while await work():
            pass
    except Exception as error:
        if not is_transient(error):
            log.exception("background work failed")
        await asyncio.sleep(1)
