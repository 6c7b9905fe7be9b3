"""Three RabbitMQ nodes under load: a queue's leader is killed, a minority is cut off. The consumer has no reconciler
here: what the broker has confirmed must come from the broker.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import date
from uuid import UUID

import pytest
from sqlalchemy import make_url

from services.servers import fresh_database
from services.servers.rabbitmq import installed_rabbitmq
from shared.ids import new_id
from shared.messaging.rabbitmq import RabbitBus
from shared.persistence.database import Database
from tests.support.bench import Bench, eventually
from tests.support.ledger import Ledger
from tests.support.rabbit_cluster import Cluster, Member, rabbit_cluster

pytestmark = pytest.mark.skipif(installed_rabbitmq() is None, reason="three nodes need an installed RabbitMQ")

SUBJECTS = 12


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    script = installed_rabbitmq()
    assert script is not None
    with rabbit_cluster(script) as cluster:
        yield cluster


@pytest.fixture
async def bench(cluster: Cluster, postgres_url: str) -> AsyncIterator[Bench]:
    """Two replicas, each with its own connections; the queue has a member on every node."""
    databases = [Database(fresh_database(postgres_url), name="bench") for _ in range(2)]
    bench = Bench(databases[0], databases[1], lambda: RabbitBus(cluster.url, "bench"))
    bench.queue = f"homeward.bench.{make_url(databases[1].url).database}"
    bench.consumer = bench.replica()
    await bench.prepare()
    yield bench
    await bench.close()


@pytest.fixture
async def ledger(bench: Bench) -> Ledger:
    ledger = Ledger(bench)
    await ledger.prepare()
    await bench.join()
    await bench.join(ledger.note(bench.replica()), bench.make_bus())
    bench.background(bench.relay.run(poll=0.05), bench.consumer.run(poll=0.05))
    return ledger


class Load:
    """Records events until it is told to stop."""

    def __init__(self, bench: Bench) -> None:
        self.bench, self.recorded, self.ending = bench, 0, False
        self.subjects: list[UUID] = [new_id() for _ in range(SUBJECTS)]
        self._task = asyncio.create_task(self._record())

    async def _record(self) -> None:
        while not self.ending:
            for subject in self.subjects:
                await self.bench.record(subject, date(2026, 1, 1))
                self.recorded += 1
            await asyncio.sleep(0.02)

    async def flows(self, ledger: Ledger) -> None:
        """Wait until what is recorded from now on has been handled."""
        reached = self.recorded + SUBJECTS
        await eventually(lambda: _handled(ledger, reached), seconds=60)

    async def end(self) -> None:
        self.ending = True
        await self._task


async def _handled(ledger: Ledger, count: int) -> bool:
    [row] = await ledger.bench.query("SELECT count(*) AS n FROM effects")
    return bool(row.n >= count)


async def _check(ledger: Ledger, load: Load) -> None:
    await load.end()
    await eventually(ledger.settled, seconds=60)
    found = await ledger.account()
    assert found.exactly_once, found
    assert (found.published, found.recovered) == (load.recorded, 0)


async def _leader(cluster: Cluster, bench: Bench) -> Member:
    assert len(await asyncio.to_thread(cluster.seen_by, cluster.nodes[0])) == len(cluster.nodes)
    return await asyncio.to_thread(cluster.leader, bench.queue)


async def test_a_killed_leader_of_the_queue_loses_and_doubles_nothing(
    cluster: Cluster, bench: Bench, ledger: Ledger
) -> None:
    leader = await _leader(cluster, bench)
    load = Load(bench)
    await load.flows(ledger)
    await asyncio.to_thread(leader.kill)
    await load.flows(ledger)
    await asyncio.to_thread(cluster.start, leader)
    await load.flows(ledger)
    await _check(ledger, load)


async def test_a_minority_that_is_cut_off_and_comes_back_loses_and_doubles_nothing(
    cluster: Cluster, bench: Bench, ledger: Ledger
) -> None:
    leader = await _leader(cluster, bench)
    load = Load(bench)
    await load.flows(ledger)
    await asyncio.to_thread(cluster.cut_off, leader)
    other = next(node for node in cluster.nodes if node is not leader)
    assert await asyncio.to_thread(cluster.seen_by, other) == {each.name for each in cluster.nodes} - {leader.name}
    await load.flows(ledger)
    await asyncio.to_thread(cluster.heal, leader)
    await load.flows(ledger)
    await _check(ledger, load)
