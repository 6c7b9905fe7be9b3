"""The relay brings the log to the bus, at least once. Any number may run: order is the consumer's business.

What this process commits is offered to its relay with the relay's lease on it, and published from memory. All else
(what a stopped process left, what the bus would not take) is claimed from the table.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from time import monotonic
from uuid import UUID

import structlog
from sqlalchemy.exc import SQLAlchemyError

from shared.ids import new_id
from shared.messaging.bus import Bus, PublishFailed, exchange_of
from shared.messaging.codec import pack
from shared.messaging.outbox import Lease, Log, Logged
from shared.pacing import rest
from shared.persistence.database import is_transient, rows, run
from shared.telemetry import Telemetry, span_publish

log = structlog.get_logger()

#: Seconds for which a claim holds: longer than PUBLISHING, so that no owner still publishes what another has claimed.
LEASE = 15.0
#: Seconds that one batch may take to be confirmed.
PUBLISHING = 10.0
#: Events in one claim.
BATCH = 1000
#: Offered events that are kept in memory; more wait in the table until their lease runs out.
OFFERED = 20_000
#: Claims that are remembered for ``reclaimed_within``: in ten minutes there are 1,200 looks at the table.
RECLAIMED = 2000


class Relay:
    """Publishes one producer's log."""

    def __init__(self, log: Log, bus: Bus, telemetry: Telemetry, *, lease: float = LEASE) -> None:
        self.log = log
        self.bus = bus
        self.telemetry = telemetry
        self.lease = Lease(new_id(), lease)
        self.exchange = exchange_of(log.source)
        self._offered: deque[Logged] = deque()
        #: When events were claimed whose lease had run out, and how many.
        self._reclaimed: deque[tuple[float, int]] = deque(maxlen=RECLAIMED)
        self._wake = asyncio.Event()

    def offer(self, logged: Sequence[Logged]) -> None:
        """These were committed under our lease."""
        if len(self._offered) < OFFERED:
            self._offered.extend(logged)
        self._wake.set()

    async def run(self, *, poll: float = 0.5) -> None:
        """Publish until cancelled: what is offered at once, what else lies in the table every ``poll`` seconds."""
        failures, look = 0, 0.0
        loop = asyncio.get_running_loop()
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(look):
                    await self._wake.wait()
            self._wake.clear()
            begun = monotonic()
            try:
                while published := await self.publish_offered():
                    failures = 0
                    if self._offered:
                        await rest(begun, published)
                    begun = monotonic()
                    if loop.time() >= look:
                        # However much is offered, what else lies in the table has its turn.
                        break
                while loop.time() >= look and await self.publish_pending():
                    failures = 0
                if self._offered:
                    self._wake.set()
            except Exception as error:
                failures += 1
                if not (is_transient(error) or isinstance(error, PublishFailed)):
                    log.exception("relay failed", exchange=self.exchange)
            if loop.time() >= look:
                look = loop.time() + poll * 2 ** min(failures, 5)

    async def publish_offered(self) -> int:
        """Publish and mark one batch of what was offered; how many events were published."""
        if not self._offered:
            return 0
        if not await self.bus.accepting():
            await self.give_back()
            return 0
        batch = [self._offered.popleft() for _ in range(min(BATCH, len(self._offered)))]
        return await self._publish(self.lease.owner, batch)

    async def publish_pending(self) -> int:
        """Claim, publish and mark one batch; how many events were published."""
        if not await self.bus.accepting():
            return 0
        owner = new_id()
        return await self._publish(owner, await self.claim(owner))

    async def _publish(self, owner: UUID, batch: Sequence[Logged]) -> int:
        if not batch:
            return 0
        events = [logged.event for logged in batch]
        try:
            async with asyncio.timeout(PUBLISHING):
                with span_publish(self.telemetry.tracer, self.exchange, events, system=self.bus.system):
                    await self.bus.publish(self.exchange, list(pack(events)))
        except BaseException:
            # If the database can't be reached either, the lease runs out by itself.
            with suppress(OSError, SQLAlchemyError):
                await asyncio.shield(self.release(owner, batch))
            raise
        await self.mark(owner, batch)
        self.telemetry.metrics.published.add(len(events), {"exchange": self.exchange})
        return len(events)

    async def claim(self, owner: UUID, *, limit: int = BATCH) -> list[Logged]:
        """Lease unpublished events to ``owner``, by the database's clock; no transaction stays open."""
        async with self.log.database.statement() as connection:
            claimed = await rows(
                connection,
                """WITH free AS (
                       SELECT insert_id, lease_owner IS NOT NULL AS expired FROM event_unpublished
                       WHERE lease_until IS NULL OR lease_until < clock_timestamp()
                       ORDER BY insert_id LIMIT :limit FOR UPDATE SKIP LOCKED),
                   mine AS (
                       UPDATE event_unpublished AS unpublished
                       SET lease_owner = :owner, lease_until = clock_timestamp() + make_interval(secs => :lease)
                       FROM free WHERE unpublished.insert_id = free.insert_id
                       RETURNING unpublished.insert_id, free.expired)
                   SELECT insert_id, expired, id, type, subject, sequence, time, prevhash, data, traceparent
                   FROM event_log JOIN mine USING (insert_id) ORDER BY insert_id""",
                limit=limit,
                owner=owner,
                lease=self.lease.seconds,
            )
        self._note_reclaimed(sum(row.expired for row in claimed))
        return [Logged(row.insert_id, self.log.event(row)) for row in claimed]

    def _note_reclaimed(self, events: int) -> None:
        if events:
            self._reclaimed.append((monotonic(), events))
            self.telemetry.metrics.reclaimed.add(events, {"exchange": self.exchange})
            log.warning("a relay had not published in time", exchange=self.exchange, events=events)

    def reclaimed_within(self, seconds: float) -> int:
        """How many events were claimed here lately whose lease had run out."""
        since = monotonic() - seconds
        return sum(events for at, events in self._reclaimed if at > since)

    async def mark(self, owner: UUID, batch: Sequence[Logged]) -> int:
        """Mark as published what ``owner`` still holds; how many. A stale owner marks nothing."""
        async with self.log.database.statement() as connection:
            return await run(
                connection,
                """WITH mine AS (
                       SELECT insert_id FROM event_unpublished
                       WHERE insert_id = ANY(:insert_ids) AND lease_owner = :owner ORDER BY insert_id FOR UPDATE)
                   DELETE FROM event_unpublished AS unpublished USING mine
                   WHERE unpublished.insert_id = mine.insert_id""",
                insert_ids=[logged.insert_id for logged in batch],
                owner=owner,
            )

    async def give_back(self) -> None:
        """Release what was offered and not published."""
        batch = list(self._offered)
        self._offered.clear()
        await self.release(self.lease.owner, batch)

    async def release(self, owner: UUID, batch: Sequence[Logged]) -> int:
        """Give back of these events what ``owner`` still holds."""
        async with self.log.database.statement() as connection:
            return await run(
                connection,
                """WITH mine AS (
                       SELECT insert_id FROM event_unpublished
                       WHERE insert_id = ANY(:insert_ids) AND lease_owner = :owner ORDER BY insert_id FOR UPDATE)
                   UPDATE event_unpublished AS unpublished SET lease_owner = NULL, lease_until = NULL
                   FROM mine WHERE unpublished.insert_id = mine.insert_id""",
                insert_ids=[logged.insert_id for logged in batch],
                owner=owner,
            )
