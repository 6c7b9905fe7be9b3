"""What waits on the bus is left to the bus, unless it is so much that the log is the faster path."""

from collections.abc import Sequence
from uuid import UUID

import pytest

from shared.contracts.envelope import Event
from shared.messaging import reconciler
from shared.messaging.bus import exchange_of
from shared.messaging.codec import pack
from shared.messaging.outbox import Log
from shared.messaging.reconciler import Reconciler, Unreachable
from tests.support.bench import PRODUCER, Bench, eventually, ordinary

# In one process nothing waits on the bus.
pytestmark = pytest.mark.parametrize("bench", ["rabbitmq"], indirect=True)


class Watched(Log):
    """A log that tells how many events were fetched from it, and can be cut off."""

    fetched = 0
    reachable = True

    async def of_subjects(self, wanted: Sequence[tuple[str, int]], limit: int) -> list[Event]:
        found = await super().of_subjects(wanted, limit)
        self.fetched += len(found)
        return found

    async def last_position(self) -> int:
        if not self.reachable:
            raise Unreachable("cut off")
        return await super().last_position()


async def _waiting(bench: Bench) -> list[UUID]:
    """Ten messages in the queue of a consumer that has gone, with three events for each of ten cases."""
    await bench.join()
    await bench.bus.unsubscribe(bench.queue)
    subjects = await bench.many(10, 3)
    pending = await bench.log.of_subjects([(str(each), 0) for each in subjects], 100)
    for start in range(0, 30, 3):
        await bench.bus.publish(exchange_of(PRODUCER), list(pack(pending[start : start + 3])))
    return subjects


def _reconciler(bench: Bench, log: Log) -> Reconciler:
    async def on_the_bus() -> int | None:
        return await bench.bus.waiting(bench.queue)

    return Reconciler(bench.consumer, {PRODUCER: log}, bench.telemetry, grace=5, on_the_bus=on_the_bus)


@pytest.fixture
def log(bench: Bench) -> Watched:
    return Watched(bench.databases[0], PRODUCER)


async def test_a_long_queue_is_emptied_and_caught_up_from_the_log(
    bench: Bench, log: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconciler, "LONG", 10)
    subjects = await _waiting(bench)
    found = _reconciler(bench, log)
    await bench.join(takes_over=found.takes_over)
    bench.background(found.run(interval=0.05))
    await bench.all_seen(subjects, 3)
    assert (log.fetched, bench.behaviour.calls) == (30, 30)


async def test_a_short_queue_is_worked_off(bench: Bench, log: Watched) -> None:
    subjects = await _waiting(bench)
    found = _reconciler(bench, log)
    # It begins before the bus is reached, as a service does.
    await bench.bus.close()
    bench.bus = bench.make_bus()
    bench.background(found.run(interval=0.05))
    await bench.join(takes_over=found.takes_over)
    await bench.all_seen(subjects, 3)
    await eventually(lambda: _complete(found))
    assert (log.fetched, bench.behaviour.calls) == (0, 30)


async def _leaves(found: Reconciler) -> bool:
    return not await found.takes_over(1)


async def _complete(found: Reconciler) -> bool:
    return found.complete


async def test_a_queue_of_one_that_was_set_back_is_left_to_the_logs_once(bench: Bench, log: Watched) -> None:
    subjects = await _waiting(bench)
    # It need not be readable now: what is in the queue may be undone.
    log.reachable = False
    found = _reconciler(bench, log)
    found.afresh = True
    await bench.join(takes_over=found.takes_over)
    log.reachable = True
    bench.background(found.run(interval=0.05))
    await bench.all_seen(subjects, 3)
    assert (log.fetched, bench.behaviour.calls) == (30, 30)
    await eventually(lambda: _complete(found))
    await eventually(lambda: _leaves(found))


async def test_a_long_queue_stays_when_the_log_can_t_be_read(
    bench: Bench, log: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconciler, "LONG", 10)
    log.reachable = False
    subjects = await _waiting(bench)
    found = _reconciler(bench, log)
    await bench.join(takes_over=found.takes_over)
    await bench.all_seen(subjects, 3)
    assert (log.fetched, bench.behaviour.calls) == (0, 30)


async def test_what_comes_while_a_long_queue_is_taken_over_takes_effect_once(
    bench: Bench, log: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconciler, "LONG", 10)
    subjects = await _waiting(bench)
    found = _reconciler(bench, log)
    await bench.join(takes_over=found.takes_over)
    for subject in subjects:
        await bench.bus.publish(exchange_of(PRODUCER), list(pack(await bench.record(subject, *ordinary(2)))))
    bench.background(found.run(interval=0.05), bench.consumer.run(poll=0.02))
    await bench.all_seen(subjects, 5)
    assert bench.behaviour.calls == 50
