"""Replicas of two builds compete on one queue: the old one leaves to the new one what it doesn't know."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date

import pytest

from shared.contracts.envelope import Contract
from shared.contracts.screening import DeclarationSigned
from shared.ids import new_id
from shared.messaging.consumer import Consumer
from shared.messaging.handlers import Handlers, Received
from shared.messaging.relay import Relay
from tests.support.bench import ORDINARY, PRODUCER, Behaviour, Bench, eventually, tallying
from tests.support.builds import NEW, OLD, BagHeld, BagHeld1, BagHeld2, BagReturned, Cause, LongerBagHeld, registered

SIGNED = DeclarationSigned(signed_on=date(2026, 1, 1))
LIGHT, LONGER = BagHeld1(kilograms=1), LongerBagHeld(kilograms=2, colour="red")
SECOND, THIRD = BagHeld2(grams=3000, cause="weight"), BagHeld(grams=4000, cause=Cause.CONTENT)
#: A producer's history while it is upgraded and set back to the older build, with a change of each kind.
HISTORY: Sequence[Contract] = (SIGNED, LIGHT, LONGER, SECOND, THIRD, BagReturned(), LIGHT, SIGNED)


@pytest.fixture(autouse=True)
def known() -> Iterator[None]:
    with registered():
        yield


class Replica:
    """A consumer of one build, and what its handlers were told of bags."""

    def __init__(self, bench: Bench, *, new: bool) -> None:
        self.told: set[Contract] = set()
        behaviour = Behaviour(failing=self._note)
        self.consumer: Consumer = bench.replica_of(_new(behaviour) if new else _old(behaviour), NEW if new else OLD)

    def _note(self, received: Received[Contract]) -> None:
        if not isinstance(received.data, DeclarationSigned):
            self.told.add(received.data)


def _new(behaviour: Behaviour) -> Handlers:
    return tallying(behaviour, [*ORDINARY, BagHeld, BagReturned])


def _old(behaviour: Behaviour) -> Handlers:
    """As it was written when the first version had no successor."""
    table = tallying(behaviour)
    return {**table, BagHeld1.type: replace(table[DeclarationSigned.type], contract=BagHeld1)}


def _heavy(kilograms: int) -> BagHeld:
    return BagHeld(grams=1000 * kilograms, cause=Cause.WEIGHT)


async def test_two_builds_on_one_queue_lose_nothing_double_nothing_and_keep_each_subjects_order(bench: Bench) -> None:
    old, new = Replica(bench, new=False), Replica(bench, new=True)
    await bench.join(old.consumer)
    await bench.join(new.consumer, bench.make_bus() if bench.bus.system == "rabbitmq" else bench.bus)
    relays = [Relay(bench.log, bench.bus, bench.telemetry) for _ in range(2)]
    bench.background(*(each.run(poll=0.02) for each in relays))
    bench.background(*(each.consumer.run(poll=0.02) for each in (old, new)))
    subjects = [new_id() for _ in range(12)]
    for data in HISTORY:
        for subject in subjects:
            await bench.record(subject, data)
    await bench.all_seen(subjects, len(HISTORY))
    assert await bench.parked() == []
    assert await bench.query("SELECT count(*) FROM event_log") == [(len(subjects) * len(HISTORY),)]
    assert old.told <= {LIGHT, BagHeld1(kilograms=2)}
    assert new.told <= {_heavy(1), _heavy(2), _heavy(3), THIRD, BagReturned()}
    assert new.told >= {_heavy(3), THIRD, BagReturned()}


@pytest.mark.parametrize(
    ("change", "waits", "told"),
    [
        pytest.param(LONGER, False, _heavy(2), id="a member that may be missing"),
        pytest.param(BagReturned(), True, BagReturned(), id="a type"),
        pytest.param(SECOND, True, _heavy(3), id="a version"),
        pytest.param(THIRD, True, THIRD, id="a word of a vocabulary"),
    ],
)
async def test_an_old_build_alone_handles_a_change_or_waits_and_handles_it_after_its_upgrade(
    bench: Bench, change: Contract, waits: bool, told: Contract
) -> None:
    old, new = Replica(bench, new=False), Replica(bench, new=True)
    await bench.join(old.consumer)
    changed, other = new_id(), new_id()
    await bench.record(changed, SIGNED, change, LIGHT)
    await bench.record(other, SIGNED, LIGHT)
    await bench.publish()
    await bench.all_seen([other], 2)
    await bench.all_seen([changed], 1 if waits else 3)
    await eventually(lambda: _parked(bench, 2 if waits else 0))
    assert await old.consumer.retry_parked() == 0
    assert await bench.parked() == ([(2, "unknown", 0), (3, "waiting", 0)] if waits else [])
    await new.consumer.retry_parked()
    await bench.all_seen([changed], 3)
    assert await bench.parked() == []
    assert new.told == ({told, _heavy(1)} if waits else set())


async def test_a_new_build_catches_up_from_a_log_that_holds_every_version(bench: Bench) -> None:
    new = Replica(bench, new=True)
    subject = new_id()
    recorded = await bench.record(subject, *HISTORY)
    await bench.publish()
    await bench.reconciler(new.consumer).compare(PRODUCER)
    await bench.all_seen([subject], len(HISTORY))
    assert new.told == {_heavy(1), _heavy(2), _heavy(3), THIRD, BagReturned()}
    assert [event.hash for event in await bench.log.of_subjects([(str(subject), 0)], 20)] == [
        event.hash for event in recorded
    ]


async def _parked(bench: Bench, count: int) -> bool:
    return len(await bench.parked()) == count
