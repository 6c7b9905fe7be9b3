"""The relay brings the log to the bus, at least once. Any number may run: order is the consumer's business."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy.exc import SQLAlchemyError

from shared.contracts.envelope import Event
from shared.ids import new_id
from shared.messaging.bus import Bus, PublishFailed, exchange_of
from shared.messaging.codec import pack
from shared.messaging.outbox import Log
from shared.persistence.database import is_transient, rows, run
from shared.telemetry import Telemetry, span_publish

log = structlog.get_logger()

#: Seconds for which a claim holds: longer than PUBLISHING, so that no owner still publishes what another has claimed.
LEASE = 30.0
#: Seconds that one batch may take to be confirmed.
PUBLISHING = 20.0
#: Events in one claim.
BATCH = 1000


class Relay:
    """Publishes one producer's log."""

    def __init__(self, log: Log, bus: Bus, telemetry: Telemetry, *, lease: float = LEASE) -> None:
        self.log = log
        self.bus = bus
        self.telemetry = telemetry
        self.lease = lease
        self.exchange = exchange_of(log.source)
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """Something was committed."""
        self._wake.set()

    async def run(self, *, poll: float = 0.5) -> None:
        """Publish until cancelled."""
        failures = 0
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(poll * 2 ** min(failures, 5)):
                    await self._wake.wait()
            self._wake.clear()
            try:
                while await self.publish_pending():
                    failures = 0
            except Exception as error:
                failures += 1
                if not (is_transient(error) or isinstance(error, PublishFailed)):
                    log.exception("relay failed", exchange=self.exchange)

    async def publish_pending(self) -> int:
        """Claim, publish and mark one batch; how many events were published."""
        if not await self.bus.accepting():
            return 0
        owner = new_id()
        events = await self.claim(owner)
        if not events:
            return 0
        try:
            async with asyncio.timeout(PUBLISHING):
                with span_publish(self.telemetry.tracer, self.exchange, events, system=self.bus.system):
                    await self.bus.publish(self.exchange, list(pack(events)))
        except BaseException:
            # If the database can't be reached either, the lease runs out by itself.
            with suppress(OSError, SQLAlchemyError):
                await asyncio.shield(self.release(owner))
            raise
        await self.mark(owner, events)
        self.telemetry.metrics.published.add(len(events), {"exchange": self.exchange})
        return len(events)

    async def claim(self, owner: UUID, *, limit: int = BATCH) -> list[Event]:
        """Lease unpublished events to ``owner``, by the database's clock; no transaction stays open."""
        async with self.log.database.transaction() as connection:
            claimed = await rows(
                connection,
                """WITH free AS (
                       SELECT insert_id FROM event_log
                       WHERE published_at IS NULL AND (lease_until IS NULL OR lease_until < clock_timestamp())
                       ORDER BY insert_id LIMIT :limit FOR UPDATE SKIP LOCKED)
                   UPDATE event_log AS log
                   SET lease_owner = :owner, lease_until = clock_timestamp() + make_interval(secs => :lease)
                   FROM free WHERE log.insert_id = free.insert_id
                   RETURNING log.insert_id, log.id, log.type, log.subject, log.sequence, log.time, log.prevhash,
                       log.data, log.traceparent""",
                limit=limit,
                owner=owner,
                lease=self.lease,
            )
        return [self.log.event(row) for row in sorted(claimed, key=_insert_id)]

    async def mark(self, owner: UUID, events: Sequence[Event]) -> int:
        """Mark as published what ``owner`` still holds; how many. A stale owner marks nothing."""
        async with self.log.database.transaction() as connection:
            return await run(
                connection,
                """WITH mine AS (
                       SELECT insert_id FROM event_log
                       WHERE id = ANY(:ids) AND lease_owner = :owner AND published_at IS NULL
                       ORDER BY insert_id FOR UPDATE)
                   UPDATE event_log AS log
                   SET published_at = clock_timestamp(), lease_owner = NULL, lease_until = NULL
                   FROM mine WHERE log.insert_id = mine.insert_id""",
                ids=[event.id for event in events],
                owner=owner,
            )

    async def release(self, owner: UUID) -> int:
        """Give back what ``owner`` has claimed and not marked."""
        async with self.log.database.transaction() as connection:
            return await run(
                connection,
                """WITH mine AS (
                       SELECT insert_id FROM event_log WHERE lease_owner = :owner AND published_at IS NULL
                       ORDER BY insert_id FOR UPDATE)
                   UPDATE event_log AS log SET lease_owner = NULL, lease_until = NULL
                   FROM mine WHERE log.insert_id = mine.insert_id""",
                owner=owner,
            )


def _insert_id(row: Any) -> int:
    return int(row.insert_id)
