"""Each layer is switched off in turn. With those behind it off too, the checker must go red; with them on, they must
bring back what it let go; and the whole product under the same fault must lose and double nothing.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import pytest
from aiormq.channel import Channel

from shared.messaging import inbox
from shared.messaging.producer_log import HttpProducerLog
from shared.messaging.rabbitmq import RabbitBus
from shared.messaging.reconciler import Reconciler
from tests.faults.mutations import apply
from tests.support.bench import PRODUCER, eventually, ordinary
from tests.support.hurt_bench import EVENTS, SUBJECTS, HurtBench, hurt_bench
from tests.support.served_log import served_log

#: What the mutations replace, to be put back.
REPLACED: tuple[tuple[Any, str], ...] = (
    (inbox, "plan"),
    (RabbitBus, "publish"),
    (Channel, "basic_consume"),
    (Channel, "basic_ack"),
    (HttpProducerLog, "of_subjects"),
)
#: Each layer, and the fault from which it alone protects while repair is off.
LAYERS = [("positions", "published_twice"), ("confirms", "swallowed"), ("ack-after-commit", "cut_while_handling")]


@pytest.fixture
async def hurt(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, postgres_url: str, amqp_url: str
) -> AsyncIterator[HurtBench]:
    """The product without the layer that the test names; whole if it names none."""
    for owner, name in REPLACED:
        monkeypatch.setattr(owner, name, getattr(owner, name))
    apply(getattr(request, "param", ""))
    async with hurt_bench(postgres_url, amqp_url) as bench:
        yield bench


@pytest.mark.parametrize("fault", [fault for _, fault in LAYERS])
async def test_the_whole_product_loses_and_doubles_nothing_even_without_repair(hurt: HurtBench, fault: str) -> None:
    await getattr(hurt, fault)()
    found = await hurt.account(repair=False)
    assert found.exactly_once, found
    assert found.handled == SUBJECTS * EVENTS + 2


@pytest.mark.parametrize("hurt", ["positions"], indirect=True)
async def test_without_positions_events_take_effect_twice(hurt: HurtBench) -> None:
    await hurt.published_twice()
    assert (await hurt.account(repair=False)).duplicated > 0


@pytest.mark.parametrize(("hurt", "fault"), LAYERS[1:], indirect=["hurt"])
async def test_without_a_layer_and_without_repair_events_are_lost(hurt: HurtBench, fault: str) -> None:
    await getattr(hurt, fault)()
    found = await hurt.account(repair=False)
    assert found.lost > 0
    assert (found.duplicated, found.unexpected) == (0, 0)


@pytest.mark.parametrize(("hurt", "fault"), LAYERS[1:], indirect=["hurt"])
async def test_what_a_missing_layer_lets_go_repair_brings_back(hurt: HurtBench, fault: str) -> None:
    await getattr(hurt, fault)()
    found = await hurt.account(repair=True)
    assert found.exactly_once, found
    assert found.recovered > 0


async def test_what_the_queue_loses_is_lost_without_repair_and_recovered_with_it(hurt: HurtBench) -> None:
    await hurt.purged()
    assert (await hurt.account(repair=False)).lost == SUBJECTS * EVENTS
    found = await hurt.account(repair=True)
    assert found.exactly_once, found
    assert found.recovered == SUBJECTS * EVENTS


@asynccontextmanager
async def repairing(hurt: HurtBench) -> AsyncIterator[Reconciler]:
    """The reconciler at work by itself, as in a service, after the queue has lost some events; one more of each subject
    comes over the bus and waits behind the gap.
    """
    await hurt.purged()
    async with served_log(hurt.bench.log) as log:
        bench = hurt.bench
        reconciler = Reconciler(bench.consumer, {PRODUCER: log}, bench.telemetry, grace=0.5)
        bench.background(reconciler.run(interval=0.2))
        for [subject] in await bench.query("SELECT DISTINCT subject FROM event_log", producer=True):
            await bench.record(UUID(subject), *ordinary())
        await hurt.flows()
        yield reconciler


async def test_what_the_queue_loses_gap_repair_and_reconciler_bring_back_by_themselves(hurt: HurtBench) -> None:
    async with repairing(hurt):
        await eventually(hurt.ledger.settled)
        found = await hurt.ledger.account()
    assert found.exactly_once, found
    assert found.recovered >= SUBJECTS * EVENTS


@pytest.mark.parametrize("hurt", ["gap-repair"], indirect=True)
async def test_without_gap_repair_what_the_queue_loses_stays_lost(hurt: HurtBench) -> None:
    async def in_vain() -> bool:
        """The logs were compared, and gaps have stayed open for longer than it takes between two looks at them."""
        old = "SELECT 1 FROM inbox_parked WHERE parked_at < clock_timestamp() - interval '2 s'"
        return reconciler.complete and len(await hurt.bench.query(old)) == SUBJECTS

    async with repairing(hurt) as reconciler:
        await eventually(in_vain)
        found = await hurt.ledger.account()
    assert found.lost == SUBJECTS * (EVENTS + 1)
    assert found.recovered == 0
