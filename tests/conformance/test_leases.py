"""Leases fence relays off from one another, also those that stood still for longer than theirs holds."""

import asyncio
from datetime import UTC, date, datetime
from uuid import UUID

from opentelemetry.sdk.metrics.export import InMemoryMetricReader, NumberDataPoint

from shared.contracts.screening import DeclarationSigned
from shared.ids import new_id
from shared.messaging.outbox import Outgoing, Recorded, append
from shared.messaging.relay import Relay
from shared.telemetry import Telemetry
from tests.support.bench import PRODUCER, Bench


async def _offered(bench: Bench, relay: Relay, subject: UUID, count: int) -> None:
    """Committed under the relay's lease, and waiting in its memory."""
    data = DeclarationSigned(signed_on=date(2026, 1, 1))
    recorded = [Recorded(Outgoing(subject, data), datetime.now(UTC), None)] * count
    async with bench.databases[0].transaction() as connection:
        logged = await append(connection, PRODUCER, recorded, relay.lease)
    relay.offer(logged)


async def _owners(bench: Bench) -> list[UUID | None]:
    found = await bench.query("SELECT lease_owner FROM event_unpublished ORDER BY insert_id", producer=True)
    return [row.lease_owner for row in found]


async def test_a_relay_that_publishes_too_late_marks_nothing_that_another_has_claimed(bench: Bench) -> None:
    await bench.join()
    subject, other = new_id(), new_id()
    slow = Relay(bench.log, bench.bus, bench.telemetry, lease=-1)
    await _offered(bench, slow, subject, 3)
    claimed = await bench.relay.claim(other)
    assert len(claimed) == 3
    await slow.publish_offered()
    await bench.all_seen([subject], 3)
    assert await _owners(bench) == [other] * 3
    assert await bench.relay.mark(other, claimed) == 3


async def test_what_a_relay_had_in_memory_when_it_died_is_published_by_another_after_its_lease(bench: Bench) -> None:
    await bench.join()
    subject = new_id()
    dead = Relay(bench.log, bench.bus, bench.telemetry)
    await _offered(bench, dead, subject, 3)
    assert await bench.publish() == 0
    await bench.execute("UPDATE event_unpublished SET lease_until = clock_timestamp()", producer=True)
    assert await bench.publish() == 3
    await bench.all_seen([subject], 3)


async def test_what_was_claimed_after_a_lease_had_run_out_is_counted_and_nothing_else_is(bench: Bench) -> None:
    await bench.join()
    reader = InMemoryMetricReader()
    living = Relay(bench.log, bench.bus, Telemetry("bench", metric_reader=reader))
    left, given_back = new_id(), new_id()
    await _offered(bench, Relay(bench.log, bench.bus, bench.telemetry, lease=-1), left, 3)
    returning = Relay(bench.log, bench.bus, bench.telemetry)
    await _offered(bench, returning, given_back, 2)
    await returning.give_back()
    assert await living.publish_pending() == 5
    await bench.all_seen([left], 3)
    assert (living.reclaimed_within(60), _reclaimed(reader)) == (3, 3)
    assert living.reclaimed_within(-1) == 0
    await _offered(bench, Relay(bench.log, bench.bus, bench.telemetry, lease=-1), left, 1)
    assert await living.publish_pending() == 1
    assert (living.reclaimed_within(60), _reclaimed(reader)) == (4, 4)


async def test_however_much_is_offered_what_another_has_left_is_published(bench: Bench) -> None:
    class Busy(Relay):
        """Is offered more whenever it has published."""

        async def publish_offered(self) -> int:
            published = await super().publish_offered()
            await _offered(bench, self, new_id(), 5)
            return published

    await bench.join()
    [left] = await bench.many(subjects=1, each=1)
    busy = Busy(bench.log, bench.bus, bench.telemetry)
    await _offered(bench, busy, new_id(), 5)
    running = asyncio.create_task(busy.run(poll=0.05))
    try:
        await bench.all_seen([left], 1)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def _reclaimed(reader: InMemoryMetricReader) -> float:
    data = reader.get_metrics_data()
    assert data is not None
    metrics = [each for one in data.resource_metrics for scope in one.scope_metrics for each in scope.metrics]
    [found] = [each for each in metrics if each.name == "homeward.events.reclaimed"]
    [point] = found.data.data_points
    assert isinstance(point, NumberDataPoint)
    assert point.attributes == {"exchange": "homeward.screening"}
    return point.value


async def test_a_relay_gives_back_only_what_is_still_its_own(bench: Bench) -> None:
    other = new_id()
    slow = Relay(bench.log, bench.bus, bench.telemetry, lease=-1)
    await _offered(bench, slow, new_id(), 4)
    await bench.relay.claim(other, limit=2)
    await slow.give_back()
    assert await _owners(bench) == [other, other, None, None]
