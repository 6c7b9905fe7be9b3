"""Rebuilding a projection from nothing, out of the producers' logs, while the old one goes on serving.

The new one grows in a schema of its own, with a consumer of its own. When it has caught up, tables change places in one
transaction, under the lock of the positions. Whatever ends a rebuild earlier leaves the old projection as it was.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.errors import HomewardError, RuleBroken
from shared.messaging import swap
from shared.messaging.consumer import Consumer, RetryPolicy
from shared.messaging.reconciler import ProducerLog, Reconciler, Unreachable
from shared.persistence import migrations
from shared.persistence.database import Database, is_transient, scalar
from shared.persistence.unit_of_work import UnitOfWork
from shared.telemetry import Telemetry

log = structlog.get_logger()

#: The key of the advisory lock that one rebuild of a database holds.
_REBUILDING = 0x72656275
#: Subjects that the new tables may be behind when their place is first tried for: as many as are fetched at once.
FEW = 100
#: Looks for what has come meanwhile, after which the tables change places and the rest is fetched behind it.
ROUNDS = 8
#: Tries of what a producer that is away for a moment, or a lock that can't be had, makes fail.
TRIES = 10
#: Seconds between two reports of progress.
REPORTING = 1.0


class NotAProjection(RuleBroken):
    """Only a projection is rebuilt from nothing. This service's state moves forward only: replay fetches the rest."""


class RebuildRunning(RuleBroken):
    """A rebuild is under way in another process of this service: wait for its end."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a rebuild is."""

    #: ``running``, ``done`` or ``failed``.
    state: str
    #: Events that took effect anew.
    events: int
    #: Events that the old projection holds: about where it ends.
    total: int
    seconds: float
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Projection:
    """What a service has that can be made again from the logs."""

    #: Its tables, without the inbox's.
    tables: Sequence[str] = ()
    #: A statement that is run just before the new tables, in the schema SHADOW, take their place.
    when_swapped: str | None = None


#: Of a service whose state can't be made again.
NO_PROJECTION = Projection()


class Rebuild:
    """Rebuilds one service's projection; ``folder`` holds the migrations that make its tables. One at a time."""

    def __init__(
        self,
        consumer: Consumer,
        unit: Callable[[AsyncConnection], UnitOfWork],
        producers: Mapping[str, ProducerLog],
        folder: Path,
        projection: Projection,
    ) -> None:
        self.consumer, self.producers, self.projection = consumer, producers, projection
        self._unit, self._folder = unit, folder
        self._task: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()
        self._events = self._total = 0
        self._begun = 0.0

    async def follow(self) -> AsyncIterator[Progress]:
        """Begin a rebuild, or join the one that runs in this process, and tell how far it is until it has ended.

        Raises NotAProjection or RebuildRunning before the first report. Who stops listening does not stop the rebuild.
        """
        if not self.projection.tables:
            raise NotAProjection
        async with self._turn:
            if self._task is None or self._task.done():
                shadow = self.consumer.database.beside("homeward rebuild", swap.SHADOW)
                holder = await _alone(shadow)
                self._events, self._begun = 0, monotonic()
                self._task = asyncio.create_task(self._run(shadow, holder), name=f"{self.consumer.queue} rebuild")
            return self._reports(self._task)

    async def stop(self) -> None:
        """End it; the old projection stays."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _reports(self, task: "asyncio.Task[None]") -> AsyncIterator[Progress]:
        while not task.done():
            yield self._progress("running")
            await asyncio.wait([task], timeout=REPORTING)
        if task.cancelled():
            yield self._progress("failed", "it was stopped; the old projection stays")
        elif error := task.exception():
            told = str(error) if isinstance(error, HomewardError) else f"{type(error).__name__}, which is in the log"
            yield self._progress("failed", f"{told}; the old projection stays")
        else:
            yield self._progress("done")

    def _progress(self, state: str, error: str | None = None) -> Progress:
        return Progress(state, self._events, max(self._events, self._total), monotonic() - self._begun, error)

    async def _run(self, shadow: Database, holder: AsyncConnection) -> None:
        log.info("rebuild begins", queue=self.consumer.queue)
        try:
            while not await self._attempt(shadow):
                log.info("a decision to skip came too late for this rebuild: once more", queue=self.consumer.queue)
            await self._fetch_rest()
        except Exception as error:
            log.error("rebuild failed", queue=self.consumer.queue, exc_info=error)
            raise
        finally:
            await holder.close()
            await shadow.close()
        log.info("rebuild done", queue=self.consumer.queue, events=self._events, seconds=monotonic() - self._begun)

    async def _attempt(self, shadow: Database) -> bool:
        """Fill the new projection and have it take the old one's place; False when it must be begun again."""
        self._events = 0
        self._total = await self.consumer.database.retried(swap.prepare)
        await migrations.upgrade(shadow, self._folder)
        await self.consumer.database.retried(swap.copy_skips)
        consumer = self._shadow_consumer(shadow)
        reconciler = Reconciler(consumer, self.producers, consumer.telemetry)
        for source in self.producers:
            await self._patiently(lambda source=source: reconciler.compare(source))
        # That took its time; what has been handled since is fetched, until it is little.
        while len(lacking := await self.consumer.database.retried(swap.behind)) > FEW:
            await self._patiently(lambda lacking=lacking: self._fetch(consumer, lacking))
        for left in reversed(range(ROUNDS)):
            outcome, lacking = await self._patiently(lambda last=not left: self._swapped(last))
            if outcome is not swap.Outcome.BEHIND:
                return outcome is swap.Outcome.SWAPPED
            # Commands go on: what they have made since is fetched without a lock.
            await self._patiently(lambda lacking=lacking: self._fetch(consumer, lacking))
        raise AssertionError("the last round swaps")

    async def _fetch(self, consumer: Consumer, lacking: Sequence[swap.Lacking]) -> None:
        for source, producer in self.producers.items():
            wanted = [(subject, sequence) for name, subject, sequence in lacking if name == source]
            if wanted:
                await consumer.handle(await producer.of_subjects(wanted, swap.FETCHED))

    async def _fetch_rest(self) -> None:
        """What the old tables had parked, or handled in the last moment, is looked for in the logs."""
        reconciler = Reconciler(self.consumer, self.producers, self.consumer.telemetry)
        for source in self.producers:
            await self._patiently(lambda source=source: reconciler.compare(source))

    def _shadow_consumer(self, shadow: Database) -> Consumer:
        """The same handlers on the new tables. Its metrics count nowhere: these events were handled before."""
        # A failure is noted at once, not after minutes of trying: what failed anew is tried again after the swap.
        policy = RetryPolicy(attempts=1)
        known = self.consumer
        telemetry = Telemetry(known.service)
        made = Consumer(known.queue, shadow, self._unit, known.handlers, telemetry, policy=policy)
        made.after_commit(self._count)
        return made

    def _count(self, events: Sequence[Any], _: Any) -> None:
        self._events += len(events)

    async def _swapped(self, last: bool) -> tuple[swap.Outcome, list[swap.Lacking]]:
        projection = self.projection

        async def attempt(connection: AsyncConnection) -> tuple[swap.Outcome, list[swap.Lacking]]:
            return await swap.swap(connection, projection.tables, projection.when_swapped, last=last)

        return await self.consumer.database.retried(attempt)

    async def _patiently(self, work: Any) -> Any:
        """A rebuild may take an hour: a producer that is away for a moment is waited for."""
        for attempt in range(1, TRIES + 1):
            try:
                return await work()
            except Exception as error:
                if attempt == TRIES or not (isinstance(error, Unreachable) or is_transient(error)):
                    raise
                await asyncio.sleep(min(5.0, 0.2 * 2**attempt))
        raise AssertionError("unreachable")


async def _alone(shadow: Database) -> AsyncConnection:
    """The connection that holds the lock as long as it lives. Raises RebuildRunning."""
    holder = await shadow.engine.connect()
    try:
        holder = await holder.execution_options(isolation_level="AUTOCOMMIT")
        if await scalar(holder, "SELECT pg_try_advisory_lock(:key)", key=_REBUILDING):
            return holder
    except BaseException:
        await holder.close()
        await shadow.close()
        raise
    await holder.close()
    await shadow.close()
    raise RebuildRunning
