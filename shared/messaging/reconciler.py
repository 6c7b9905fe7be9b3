"""The log is the truth and the bus the fast path: what the bus did not bring is fetched from the producers' logs.

Gaps that stay open are filled, heads are compared with positions, and a log that stands behind a position is alarmed.
Nearly all of them are even, which a digest tells of hundreds at once.
What the bus is still bringing is left to it, unless it is so much that the log is the faster path.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Protocol

import structlog

from shared.contracts.envelope import Event
from shared.messaging import inbox
from shared.messaging.consumer import Consumer, describe
from shared.messaging.inbox import Key
from shared.messaging.outbox import DIGEST, WIDTH, Head, Range
from shared.persistence.database import rows, run
from shared.telemetry import Telemetry

log = structlog.get_logger()

#: Seconds that the bus is given before the log is asked.
GRACE = 3.0
#: Heads in one page.
PAGE = 500
#: Ranges in one page: some 10,000 heads, which PostgreSQL reads in far less than a request may take.
RANGES = 20
#: Events in one fetch, as far as is known beforehand, and at most.
FETCH, FETCH_MOST = 800, 2000
#: Seconds that the bus is given before the log is asked, while much is being caught up anyway.
SHORT_GRACE = 0.2
#: Messages on the bus, each with up to a hundred events, from which on the log is the faster path.
LONG = 300
#: Seconds between reports to a producer that waits for them.
_REPORTING = 1.0
#: Seconds for which what waits on the bus is left to the bus.
PATIENCE = 60.0

#: A subject, the last sequence that is here, and how many events are missing.
Missing = tuple[str, int, int]


async def _nothing() -> int:
    return 0


async def _to_nobody(_: str) -> None:
    """For logs that are read without a service behind them."""


class Unreachable(Exception):
    """A producer's log can't be read now; it is asked again later."""


class BeingRestored(Unreachable):
    """The producer's database was set back, and it waits to hear how far each of its followers is."""


class ProducerLog(Protocol):
    """Another service's log, over its internal API. Every method raises Unreachable."""

    async def of_subjects(self, wanted: Sequence[tuple[str, int]], limit: int) -> list[Event]:
        """For each (subject, sequence): the events after that sequence."""

    async def settled(self, position: int, seconds: float, limit: int) -> list[Head]:
        """Which events have positions above ``position`` and were recorded more than ``seconds`` ago."""

    async def ranges(self, after: str, limit: int) -> list[Range]:
        """Ranges in order of subject, at least one; the last of all has no end."""

    async def heads(self, after: str, limit: int, subjects: Sequence[str] | None = None) -> list[Head]:
        """Heads in order of subject."""

    async def last_position(self) -> int:
        """The highest position."""


class Reconciler:
    """Compares one consumer with the producers that it follows."""

    def __init__(
        self,
        consumer: Consumer,
        producers: Mapping[str, ProducerLog],
        telemetry: Telemetry,
        *,
        grace: float = GRACE,
        on_the_bus: Callable[[], Awaitable[int | None]] = _nothing,
        report: Callable[[str], Coroutine[Any, Any, None]] = _to_nobody,
    ) -> None:
        self.consumer = consumer
        self.producers = producers
        self.grace = grace
        self.telemetry = telemetry
        self._on_the_bus = on_the_bus
        #: Tells a producer that was set back how far we are.
        self._report, self._being_restored = report, False
        #: What waits in the queue may be of a time that is undone, the producers' too; the logs have all that counts.
        self.afresh = False
        self._cursors: dict[str, int] = {}
        self._again = asyncio.Event()

    @property
    def complete(self) -> bool:
        """Every producer was compared in full since the start."""
        return self._cursors.keys() == self.producers.keys()

    async def takes_over(self, messages: int) -> bool:
        """Whether a queue with so many messages is to be emptied and caught up from the logs.

        They give many events of one case at a time, where the queue has them mixed; and what is published from now on
        doesn't wait behind them. Not while a log can't be read: then the queue is all there is.
        """
        if not self.afresh and (messages < LONG or not await self._readable()):
            return False
        self._cursors.clear()
        self._again.set()
        log.info("what waits in a queue is caught up from the logs", queue=self.consumer.queue, messages=messages)
        return True

    async def _readable(self) -> bool:
        try:
            async with asyncio.timeout(5):
                await asyncio.gather(*(producer.last_position() for producer in self.producers.values()))
        except (Unreachable, TimeoutError):
            return False
        return True

    async def run(self, *, interval: float = 5.0, full: float = 600.0) -> None:
        """Fill gaps and reconcile until cancelled; compare in full at the start and every ``full`` seconds."""
        await asyncio.gather(self._reconcile(interval, full), self._watch_gaps())

    async def _reconcile(self, interval: float, full: float) -> None:
        loop = asyncio.get_running_loop()
        next_full, pause = loop.time() + full, 0.2
        while True:
            await self._guarded("the bus", self._leave_to_the_bus(loop.time()))
            if loop.time() >= next_full:
                next_full = loop.time() + full
                self._cursors.clear()
            self._again.clear()
            self._being_restored = False
            for source in self.producers.keys() - self._cursors.keys():
                await self._guarded(source, self.compare(source))
            for source in list(self._cursors):
                await self._guarded(source, self.catch_up(source))
            # The logs have told all that a queue may have had; until then it is emptied whenever it is opened.
            self.afresh = self.afresh and not self.complete
            # A producer that starts beside us is not there for some moments, and readiness waits for the comparison.
            pause = interval if self.complete else min(interval, 2 * pause)
            pause = min(pause, _REPORTING) if self._being_restored else pause
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._again.wait()

    async def _leave_to_the_bus(self, since: float) -> None:
        """Wait while there is something on the bus, or it is not reached yet: it may bring just what we would fetch."""
        loop = asyncio.get_running_loop()
        while (waiting := await self._on_the_bus()) != 0:
            if loop.time() > since + (self.grace if waiting is None else PATIENCE):
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(0.2):
                    await self._again.wait()
                    return

    async def _watch_gaps(self) -> None:
        while True:
            for source in self.producers:
                await self._guarded(source, self.fill_gaps(source))
            await asyncio.sleep(1.0 if self.complete else SHORT_GRACE)

    async def _guarded(self, what: str, work: Coroutine[Any, Any, object]) -> None:
        try:
            await work
        except BeingRestored:
            self._being_restored = True
            # What it says from then on is to be compared as a whole.
            self._cursors.pop(what, None)
            # What a broker that is away still has comes later, and is then more than the log has.
            if not await self._on_the_bus():
                await self._guarded(what, self._report(what))
        except Unreachable as error:
            log.info("producer's log can't be read", what=what, error=str(error))
        except Exception as error:  # noqa: BLE001  the next round tries again
            log.warning("reconciling failed", what=what, error=describe(error))

    async def fill_gaps(self, source: str) -> int:
        """Fetch what is missing before a source's parked events, if the gap has stayed open; how many events came."""
        grace = self.grace if self.complete else min(self.grace, SHORT_GRACE)
        async with self.consumer.database.transaction() as connection:
            open_gaps = await inbox.gaps(connection, grace, source, PAGE)
        return await self._fetch(source, open_gaps) if open_gaps else 0

    async def catch_up(self, source: str) -> int:
        """Look at what the log recorded since the last look; fetch what did not arrive; how many events came."""
        fetched = 0
        while source in self._cursors:
            settled = await self.producers[source].settled(self._cursors[source], self.grace, PAGE)
            if settled:
                newest = {head.subject: head for head in settled}
                fetched += await self._repair(source, list(newest.values()))
                self._cursors[source] = max(head.position or 0 for head in settled)
            if not settled and await self.producers[source].last_position() < self._cursors[source]:
                # It was set back, and hasn't noticed: all of it is compared, and it is told.
                self._cursors.pop(source)
                self._again.set()
            if len(settled) < PAGE:
                # Under steady load there is always a little more, and other sources would wait for ever.
                break
        return fetched

    async def compare(self, source: str) -> int:
        """Compare the whole log with our positions, in both directions; how many events came."""
        producer = self.producers[source]
        cursor = await producer.last_position()
        after: str | None = ""
        fetched = 0
        while after is not None:
            ranges = await producer.ranges(after, RANGES)
            for low, upto in await self._differing(source, after, ranges):
                fetched += await self._compare_heads(source, low, upto)
            after = ranges[-1].upto
        self._cursors.setdefault(source, cursor)
        return fetched

    async def _compare_heads(self, source: str, after: str, upto: str | None) -> int:
        """Compare every head after a subject, up to another or to the last; how many events came."""
        fetched = 0
        while True:
            heads, last = _cut(await self.producers[source].heads(after, PAGE), upto)
            ours = await self._positions_between(source, after, last)
            await self._check(source, ours, {head.subject: head for head in heads})
            at = {each.subject: each.sequence for each in ours}
            if late := [head for head in heads if head.sequence > at.get(head.subject, 0)]:
                fetched += await self._repair(source, late)
            if last is None or last == upto:
                return fetched
            after = last

    async def _repair(self, source: str, heads: Sequence[Head]) -> int:
        """Fetch what lies between our positions and these heads."""
        ours = await self._positions(source, [head.subject for head in heads])
        missing = [(head.subject, (at := ours.get(head.subject, 0)), head.sequence - at) for head in heads]
        behind = [each for each in missing if each[2] > 0]
        fetched = await self._fetch(source, behind) if behind else 0
        if fetched:
            log.info("recovered from the log", source=source, queue=self.consumer.queue, events=fetched)
        return fetched

    async def _fetch(self, source: str, missing: Sequence[Missing]) -> int:
        """Fetch and handle; what comes next is fetched while this is handled."""
        fetched = 0
        first, *later = _sliced(missing)
        following: asyncio.Task[list[Event]] | None = asyncio.create_task(self._read(source, first))
        try:
            while following:
                events = await following
                following = asyncio.create_task(self._read(source, later.pop(0))) if later else None
                await self.consumer.handle_side_by_side(events)
                fetched += len(events)
        finally:
            if following:
                following.cancel()
        self.telemetry.metrics.recovered.add(fetched, {"queue": self.consumer.queue})
        return fetched

    async def _read(self, source: str, missing: Sequence[Missing]) -> list[Event]:
        wanted = [(subject, after) for subject, after, _ in missing]
        events: list[Event] = []
        while True:
            page = await self.producers[source].of_subjects(wanted, FETCH_MOST)
            events += page
            if len(page) < FETCH_MOST:
                return events
            reached = {event.subject: event.sequence for event in page}
            wanted = [(subject, reached.get(subject, sequence)) for subject, sequence in wanted]

    async def _check(self, source: str, ours: Sequence[Head], heads: Mapping[str, Head]) -> None:
        """A log that ends before what we handled was restored to an earlier moment: stop these subjects, alarm."""
        suspects = {each.subject: each for each in ours if _contradiction(each, heads.get(each.subject))}
        subjects = list(suspects)
        before = False
        for start in range(0, len(subjects), PAGE):
            wanted = subjects[start : start + PAGE]
            # Asked again: our position may have moved since the first answer, but no head is behind a position now.
            again = {head.subject: head for head in await self.producers[source].heads("", PAGE, wanted)}
            for subject in wanted:
                if reason := _contradiction(suspects[subject], again.get(subject)):
                    await self._diverge((source, subject), reason)
                    before = before or _ends_before(suspects[subject], again.get(subject))
        if before:
            # It hasn't noticed, or it would have answered that it waits to be told.
            await self._report(source)

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

    async def _differing(self, source: str, after: str, ranges: Sequence[Range]) -> list[tuple[str, str | None]]:
        """Of consecutive ranges those where our positions have another digest: after which subject, up to which."""
        async with self.consumer.database.transaction() as connection:
            found = await rows(
                connection,
                # More positions than a range has heads make another digest too; the limit keeps the plan to the index.
                f"""SELECT low, upto
                    FROM unnest(CAST(:lows AS text[]), CAST(:uptos AS text[]), CAST(:digests AS bytea[]))
                        AS theirs (low, upto, digest)
                    CROSS JOIN LATERAL (
                        SELECT {DIGEST} AS digest FROM (
                            SELECT subject, hash FROM inbox_position
                            WHERE source = :source AND sequence > 0 AND subject > low AND subject <= coalesce(
                                upto, (SELECT max(subject) FROM inbox_position WHERE source = :source))
                            ORDER BY subject LIMIT :most) AS positions) AS ours
                    WHERE ours.digest <> theirs.digest ORDER BY low""",
                source=source,
                most=WIDTH + 1,
                lows=[after, *(each.upto for each in ranges[:-1])],
                uptos=[each.upto for each in ranges],
                digests=[each.digest for each in ranges],
            )
        return [(row.low, row.upto) for row in found]

    async def _positions_between(self, source: str, after: str, upto: str | None) -> list[Head]:
        statement = """SELECT subject, sequence, hash FROM inbox_position
                       WHERE source = :source AND subject > :after AND sequence > 0
                         AND (CAST(:upto AS text) IS NULL OR subject <= :upto) ORDER BY subject"""
        async with self.consumer.database.transaction() as connection:
            return [Head(*row) for row in await rows(connection, statement, source=source, after=after, upto=upto)]

    async def _positions(self, source: str, subjects: Sequence[str]) -> dict[str, int]:
        statement = "SELECT subject, sequence FROM inbox_position WHERE source = :source AND subject = ANY(:subjects)"
        async with self.consumer.database.transaction() as connection:
            found = await rows(connection, statement, source=source, subjects=list(subjects))
        return {row.subject: row.sequence for row in found}


def _cut(heads: list[Head], upto: str | None) -> tuple[list[Head], str | None]:
    """A page of heads without what lies behind ``upto``, and its last subject: None when no head lies behind."""
    for number, head in enumerate(heads, start=1):
        if head.subject == upto:
            return heads[:number], upto
    return heads, heads[-1].subject if len(heads) == PAGE else None


def _sliced(missing: Sequence[Missing]) -> Iterator[list[Missing]]:
    """So many subjects at a time that some FETCH events are missing, each subject whole."""
    piece: list[Missing] = []
    for each in missing:
        piece.append(each)
        if sum(count for *_, count in piece) >= FETCH:
            yield piece
            piece = []
    if piece:
        yield piece


def _ends_before(ours: Head, head: Head | None) -> bool:
    return head is None or head.sequence < ours.sequence


def _contradiction(ours: Head, head: Head | None) -> str | None:
    """What is wrong with a log whose subject ends at ``head``, when we have handled ``ours``; None when nothing is."""
    if _ends_before(ours, head):
        return f"the log ends at {head.sequence if head else 0}, we have handled {ours.sequence}"
    if head and head.sequence == ours.sequence and head.hash != ours.hash:
        return f"event {ours.sequence} is not the one that was handled"
    return None
