"""The log is the truth and the bus the fast path: what the bus did not bring is fetched from the producers' logs.

Gaps that stay open are filled, heads are compared with positions, and a log that stands behind a position is alarmed.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, Protocol

import structlog

from shared.contracts.envelope import Event
from shared.messaging import inbox
from shared.messaging.consumer import Consumer
from shared.messaging.inbox import Key
from shared.messaging.outbox import Head
from shared.persistence.database import rows, run
from shared.telemetry import Telemetry

log = structlog.get_logger()

#: Seconds that the bus is given before the log is asked.
GRACE = 3.0
#: Heads in one page, events in one fetch.
PAGE = 500


class Unreachable(Exception):
    """A producer's log can't be read now; it is asked again later."""


class ProducerLog(Protocol):
    """Another service's log, over its internal API. Every method raises Unreachable."""

    async def of_subjects(self, wanted: Sequence[tuple[str, int]], limit: int) -> list[Event]:
        """For each (subject, sequence): the events after that sequence."""

    async def settled(self, position: int, seconds: float, limit: int) -> list[Head]:
        """Which events have positions above ``position`` and were recorded more than ``seconds`` ago."""

    async def heads(self, after: str, limit: int, subjects: Sequence[str] | None = None) -> list[Head]:
        """Heads in order of subject."""

    async def last_position(self) -> int:
        """The highest position."""


class Reconciler:
    """Compares one consumer with the producers that it follows."""

    def __init__(
        self, consumer: Consumer, producers: Mapping[str, ProducerLog], telemetry: Telemetry, *, grace: float = GRACE
    ) -> None:
        self.consumer = consumer
        self.producers = producers
        self.grace = grace
        self.telemetry = telemetry
        self._cursors: dict[str, int] = {}

    @property
    def complete(self) -> bool:
        """Every producer was compared in full since the start."""
        return self._cursors.keys() == self.producers.keys()

    async def run(self, *, interval: float = 5.0, full: float = 600.0) -> None:
        """Fill gaps and reconcile until cancelled; compare in full at the start and every ``full`` seconds."""
        loop = asyncio.get_running_loop()
        last_full = -full
        while True:
            if loop.time() - last_full >= full or not self.complete:
                last_full = loop.time()
                await self._each(self.compare)
            await self._each(self.catch_up)
            await self._guarded("gap repair", self.fill_gaps())
            # A producer that starts beside us is not there for some moments, and readiness waits for the comparison.
            await asyncio.sleep(interval if self.complete else 0.2)

    async def _each(self, work: Callable[[str], Coroutine[Any, Any, int]]) -> None:
        for source in self.producers:
            await self._guarded(source, work(source))

    async def _guarded(self, what: str, work: Coroutine[Any, Any, int]) -> None:
        try:
            await work
        except Unreachable as error:
            log.info("producer's log can't be read", source=what, error=str(error))
        except Exception as error:  # noqa: BLE001  the next round tries again
            log.warning("reconciling failed", source=what, error=f"{type(error).__name__}: {error}")

    async def fill_gaps(self) -> int:
        """Fetch what is missing before parked events, if the gap has stayed open; how many events came."""
        async with self.consumer.database.transaction() as connection:
            open_gaps = await inbox.gaps(connection, self.grace, PAGE)
        fetched = 0
        for source in {source for source, _, _ in open_gaps} & self.producers.keys():
            fetched += await self._fetch(source, [(subject, at) for name, subject, at in open_gaps if name == source])
        return fetched

    async def catch_up(self, source: str) -> int:
        """Look at what the log recorded since the last look; fetch what did not arrive; how many events came."""
        fetched = 0
        while source in self._cursors:
            settled = await self.producers[source].settled(self._cursors[source], self.grace, PAGE)
            if not settled:
                break
            newest = {head.subject: head for head in settled}
            fetched += await self._repair(source, list(newest.values()))
            self._cursors[source] = max(head.position or 0 for head in settled)
        return fetched

    async def compare(self, source: str) -> int:
        """Compare every head of the log with our positions, in both directions; how many events came."""
        producer = self.producers[source]
        cursor = await producer.last_position()
        after, fetched = "", 0
        while True:
            # Positions first: a position above a head that was read later can't be.
            ours = await self._positions_after(source, after)
            heads = await producer.heads(after, PAGE)
            upto = heads[-1].subject if len(heads) == PAGE else None
            await self._check_behind(source, [each for each in ours if upto is None or each.subject <= upto])
            fetched += await self._repair(source, heads)
            if upto is None:
                break
            after = upto
        self._cursors.setdefault(source, cursor)
        return fetched

    async def _repair(self, source: str, heads: Sequence[Head]) -> int:
        """Fetch what lies between our positions and these heads."""
        ours = await self._positions(source, [head.subject for head in heads])
        behind = [
            (head.subject, ours.get(head.subject, 0)) for head in heads if ours.get(head.subject, 0) < head.sequence
        ]
        if not behind:
            return 0
        blocked = await self._blocked(source, [subject for subject, _ in behind])
        fetched = await self._fetch(source, [each for each in behind if each[0] not in blocked])
        if fetched:
            log.info("recovered from the log", source=source, queue=self.consumer.queue, events=fetched)
        return fetched

    async def _fetch(self, source: str, wanted: Sequence[tuple[str, int]]) -> int:
        fetched = 0
        while wanted:
            events = await self.producers[source].of_subjects(wanted, PAGE)
            await self.consumer.handle(events)
            fetched += len(events)
            if len(events) < PAGE:
                break
            reached = {event.subject: event.sequence for event in events}
            wanted = [(subject, reached.get(subject, sequence)) for subject, sequence in wanted]
        self.telemetry.metrics.recovered.add(fetched, {"queue": self.consumer.queue})
        return fetched

    async def _check_behind(self, source: str, ours: Sequence[Head]) -> None:
        """A log that ends before what we handled was restored to an earlier moment: stop these subjects, alarm."""
        heads: dict[str, Head] = {}
        subjects = [each.subject for each in ours]
        for start in range(0, len(subjects), PAGE):
            page = await self.producers[source].heads("", PAGE, subjects[start : start + PAGE])
            heads |= {head.subject: head for head in page}
        for each in ours:
            head = heads.get(each.subject)
            if head is None or head.sequence < each.sequence:
                at = head.sequence if head else 0
                await self._diverge((source, each.subject), f"the log ends at {at}, we have handled {each.sequence}")
            elif head.sequence == each.sequence and head.hash != each.hash:
                await self._diverge((source, each.subject), f"event {each.sequence} is not the one that was handled")

    async def _diverge(self, key: Key, reason: str) -> None:
        async with self.consumer.database.transaction() as connection:
            await run(
                connection,
                """UPDATE inbox_position SET diverged = :reason
                   WHERE source = :source AND subject = :subject AND diverged IS NULL""",
                source=key[0],
                subject=key[1],
                reason=reason,
            )
        log.error("subject diverged", queue=self.consumer.queue, source=key[0], subject=key[1], reason=reason)

    async def _positions_after(self, source: str, after: str) -> list[Head]:
        statement = """SELECT subject, sequence, hash FROM inbox_position
                       WHERE source = :source AND subject > :after AND sequence > 0 ORDER BY subject"""
        async with self.consumer.database.transaction() as connection:
            return [Head(*row) for row in await rows(connection, statement, source=source, after=after)]

    async def _positions(self, source: str, subjects: Sequence[str]) -> dict[str, int]:
        statement = "SELECT subject, sequence FROM inbox_position WHERE source = :source AND subject = ANY(:subjects)"
        async with self.consumer.database.transaction() as connection:
            found = await rows(connection, statement, source=source, subjects=list(subjects))
        return {row.subject: row.sequence for row in found}

    async def _blocked(self, source: str, subjects: Sequence[str]) -> set[str]:
        """Subjects that stand at a failure or have diverged: fetching can't help them."""
        statement = """
            SELECT position.subject FROM inbox_position AS position LEFT JOIN inbox_parked AS parked
              ON parked.source = position.source AND parked.subject = position.subject
             AND parked.sequence = position.sequence + 1 AND parked.state IN ('retry', 'not_yet', 'dead', 'unknown')
            WHERE position.source = :source AND position.subject = ANY(:subjects)
              AND (position.diverged IS NOT NULL OR parked.subject IS NOT NULL)"""
        async with self.consumer.database.transaction() as connection:
            found = await rows(connection, statement, source=source, subjects=list(subjects))
        return {row.subject for row in found}
