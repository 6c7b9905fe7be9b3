"""What the heart promises beside exactly-once: temporary errors count as nothing, a sick case harms no other, a storm
of redeliveries costs no memory, and who is told to stop under load stops in time and leaves nothing half-done.
"""

import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from shared.ids import new_id
from shared.persistence.database import Database, rows
from tests.support.bench import POISON, Bench, eventually, ordinary
from tests.support.hurt_bench import HurtBench, hurt_bench


@pytest.fixture
async def hurt(postgres_url: str, amqp_url: str) -> AsyncIterator[HurtBench]:
    async with hurt_bench(postgres_url, amqp_url) as bench:
        yield bench


async def _deadlocks(bench: Bench, postgres_url: str) -> int:
    """A connection's count is known when it is closed."""
    [found] = await bench.query("SELECT current_database() AS name")
    await bench.databases[1].close()
    server = Database(postgres_url)
    async with server.transaction() as connection:
        statement = "SELECT deadlocks FROM pg_stat_database WHERE datname = :name"
        [row] = await rows(connection, statement, name=found.name)
    await server.close()
    return int(row.deadlocks)


async def test_a_deadlock_that_strikes_a_batch_is_tried_again_and_counted_nowhere(
    hurt: HurtBench, postgres_url: str
) -> None:
    bench = hurt.bench
    [subject] = await bench.many(1, 2)
    await hurt.flows()
    await bench.record(subject, *ordinary(3))
    async with bench.databases[1].transaction() as other:
        # Whoever has waited for a second looks for a deadlock and gives up: let that be the batch.
        await other.exec_driver_sql("SET LOCAL deadlock_timeout = '1min'")
        await rows(other, "SELECT 1 FROM tally WHERE id = :id FOR UPDATE", id=subject)
        await bench.publish()
        await eventually(hurt.blocked)
        await rows(other, "SELECT 1 FROM inbox_position WHERE subject = :subject FOR UPDATE", subject=str(subject))
    await bench.all_seen([subject], 5)
    assert await bench.parked() == []
    assert (await hurt.account(repair=False)).exactly_once
    assert await _deadlocks(bench, postgres_url) == 1


async def test_a_serialization_failure_is_tried_again_and_counted_nowhere(hurt: HurtBench) -> None:
    await hurt.bench.execute("CREATE SEQUENCE writes")
    await hurt.bench.execute(
        """CREATE FUNCTION fail_twice() RETURNS trigger LANGUAGE plpgsql AS $$
           BEGIN
               IF nextval('writes') <= 2 THEN RAISE EXCEPTION 'not serializable' USING ERRCODE = '40001'; END IF;
               RETURN NEW;
           END $$"""
    )
    await hurt.bench.execute("CREATE TRIGGER fail BEFORE INSERT ON tally FOR EACH ROW EXECUTE FUNCTION fail_twice()")
    subjects = await hurt.record()
    await hurt.flows()
    [row] = await hurt.bench.query("SELECT last_value AS n FROM writes")
    assert row.n > 2
    assert await hurt.bench.parked() == []
    assert (await hurt.account(repair=False)).exactly_once
    assert len(subjects) > 1


async def test_a_poisoned_case_that_fails_again_and_again_holds_up_no_other_case(hurt: HurtBench) -> None:
    bench = hurt.bench
    failing = hurt.ledger.note(bench.replica(attempts=100_000, delay=0.001))
    failing_retries = failing.run(poll=0.01)
    bench.background(failing_retries, bench.relay.run(poll=0.02))
    sick = new_id()
    await bench.record(sick, *ordinary(), POISON, *ordinary(2))
    await eventually(lambda: bench.query("SELECT 1 FROM inbox_parked WHERE attempts > 1"))
    slowest = 0.0
    for _ in range(40):
        begun, healthy = time.monotonic(), new_id()
        await bench.record(healthy, *ordinary())
        await bench.all_seen([healthy], 1)
        slowest = max(slowest, time.monotonic() - begun)
    assert slowest < 2.0
    assert await bench.seen(sick) == [1]
    parked = await bench.parked()
    assert [(sequence, state) for sequence, state, _ in parked] == [(2, "retry"), (3, "waiting"), (4, "waiting")]
    assert parked[0][2] > 2


async def test_an_innocent_event_survives_a_connection_that_is_cut_again_and_again(hurt: HurtBench) -> None:
    bench = hurt.bench
    [subject] = await bench.many(1, 1)
    await hurt.flows()
    await bench.record(subject, *ordinary(2))
    async with bench.databases[1].transaction() as other:
        await rows(other, "SELECT 1 FROM tally WHERE id = :id FOR UPDATE", id=subject)
        await bench.publish()
        for _ in range(8):
            waits = await eventually(lambda: _tried(hurt))
            assert await bench.letters.list() == []
            hurt.proxy.reset()
            await hurt.over(waits)
    await bench.all_seen([subject], 3)


async def _tried(hurt: HurtBench) -> frozenset[Any]:
    return await hurt.blocked() or frozenset(await hurt.bench.letters.list())
