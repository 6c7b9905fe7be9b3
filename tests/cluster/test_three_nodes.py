"""Three RabbitMQ nodes under load: a queue's leader is killed, a minority is cut off.

The consumer has its reconciler, as in earnest: a few times in some dozens of kills nothing came from the broker any
more though it had an empty queue and its consumers, and nobody knows why yet. What was committed comes from the log.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import date
from uuid import UUID

import pytest
from sqlalchemy import make_url

from services.servers import fresh_database
from services.servers.rabbitmq import installed_rabbitmq
from shared.ids import new_id
from shared.messaging.rabbitmq import RabbitBus
from shared.messaging.reconciler import Reconciler
from shared.persistence.database import Database
from tests.support.bench import PRODUCER, Bench, eventually
from tests.support.ledger import Ledger
from tests.support.rabbit_cluster import Cluster, Member, rabbit_cluster

pytestmark = pytest.mark.skipif(installed_rabbitmq() is None, reason="three nodes need an installed RabbitMQ")

SUBJECTS = 12


@pytest.fixture(scope="module")
def nodes() -> Iterator[Cluster]:
    script = installed_rabbitmq()
    assert script is not None
    with rabbit_cluster(script) as cluster:
        yield cluster


@pytest.fixture
def cluster(nodes: Cluster) -> Cluster:
    """All three run and see one another, whatever an earlier test has left."""
    nodes.restore()
    return nodes


@pytest.fixture
async def bench(cluster: Cluster, postgres_url: str) -> AsyncIterator[Bench]:
    """Two replicas, each with its own connections; the queue has a member on every node."""
    with fresh_database(postgres_url) as producer, fresh_database(postgres_url) as consumer:
        databases = [Database(url, name="bench") for url in (producer, consumer)]
        bench = Bench(databases[0], databases[1], lambda: RabbitBus(cluster.url, "bench"))
        bench.queue = f"homeward.bench.{make_url(consumer).database}"
        bench.consumer = bench.replica()
        try:
            await bench.prepare()
            yield bench
        finally:
            await bench.close()


@pytest.fixture
async def ledger(bench: Bench) -> Ledger:
    ledger = Ledger(bench)
    await ledger.prepare()
    await bench.join()
    await bench.join(ledger.note(bench.replica()), bench.make_bus())
    reconciler = Reconciler(bench.consumer, {PRODUCER: bench.log}, bench.telemetry)
    bench.background(bench.relay.run(poll=0.05), bench.consumer.run(poll=0.05), reconciler.run())
    return ledger


class Load:
    """Records events until it is told to stop."""

    def __init__(self, cluster: Cluster, ledger: Ledger) -> None:
        self.cluster, self.ledger, self.bench = cluster, ledger, ledger.bench
        self.recorded, self.ending = 0, False
        self.subjects: list[UUID] = [new_id() for _ in range(SUBJECTS)]
        self._task = asyncio.create_task(self._record())

    async def _record(self) -> None:
        while not self.ending:
            for subject in self.subjects:
                await self.bench.record(subject, date(2026, 1, 1))
                self.recorded += 1
            await asyncio.sleep(0.02)

    async def flows(self) -> None:
        """Wait until what is recorded from now on has been handled."""
        reached = self.recorded + SUBJECTS
        async with _explained(self.cluster, self.ledger):
            await eventually(lambda: _handled(self.ledger, reached), seconds=60)

    async def end(self) -> None:
        self.ending = True
        await self._task

    async def abandon(self) -> None:
        """End it wherever it is: a test that failed leaves no task and no connection behind."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


@pytest.fixture
async def load(cluster: Cluster, ledger: Ledger) -> AsyncIterator[Load]:
    load = Load(cluster, ledger)
    try:
        yield load
    finally:
        await load.abandon()


@asynccontextmanager
async def _explained(cluster: Cluster, ledger: Ledger) -> AsyncIterator[None]:
    """A failure says where the events are, and what the nodes have to say."""
    try:
        yield
    except AssertionError as error:
        for note in [await _whereabouts(ledger.bench), await asyncio.to_thread(cluster.account)]:
            error.add_note(note)
        raise


async def _whereabouts(bench: Bench) -> str:
    """All published, none parked, few effects: the broker lost them. Many parked: one before each is missing."""
    [log] = await bench.query(
        "SELECT (SELECT count(*) FROM event_log) AS recorded, (SELECT count(*) FROM event_unpublished) AS unpublished",
        producer=True,
    )
    [effects] = await bench.query("SELECT count(*) AS n FROM effects")
    parked = await bench.query(
        """SELECT subject, state, min(sequence), max(sequence), count(*) FROM inbox_parked
           GROUP BY subject, state ORDER BY subject"""
    )
    rows = "\n".join(f"parked {tuple(row)}" for row in parked)
    return f"recorded {log.recorded}, unpublished {log.unpublished}, effects {effects.n}\n{rows}"


async def _handled(ledger: Ledger, count: int) -> bool:
    [row] = await ledger.bench.query("SELECT count(*) AS n FROM effects")
    return bool(row.n >= count)


async def _check(ledger: Ledger, load: Load) -> None:
    await load.end()
    async with _explained(load.cluster, ledger):
        await eventually(ledger.settled, seconds=60)
    found = await ledger.account()
    assert found.exactly_once, found
    assert found.published == load.recorded


async def _leader(cluster: Cluster, bench: Bench) -> Member:
    return await asyncio.to_thread(cluster.leader, bench.queue)


async def test_a_killed_leader_of_the_queue_loses_and_doubles_nothing(
    cluster: Cluster, bench: Bench, ledger: Ledger, load: Load
) -> None:
    leader = await _leader(cluster, bench)
    await load.flows()
    await asyncio.to_thread(leader.kill)
    await load.flows()
    await asyncio.to_thread(cluster.start, leader)
    await load.flows()
    await _check(ledger, load)


async def test_a_minority_that_is_cut_off_and_comes_back_loses_and_doubles_nothing(
    cluster: Cluster, bench: Bench, ledger: Ledger, load: Load
) -> None:
    leader = await _leader(cluster, bench)
    await load.flows()
    await asyncio.to_thread(cluster.cut_off, leader)
    other = next(node for node in cluster.nodes if node is not leader)
    assert await asyncio.to_thread(cluster.seen_by, other) == {each.name for each in cluster.nodes} - {leader.name}
    await load.flows()
    await asyncio.to_thread(cluster.heal, leader)
    await load.flows()
    await _check(ledger, load)
