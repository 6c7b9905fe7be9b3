"""What the bus did not bring comes from the log; what needs a person is mended by one."""

import asyncio
from datetime import date

import pytest

from shared.ids import new_id
from shared.messaging.bus import Message, exchange_of
from shared.messaging.codec import pack
from shared.messaging.deadletters import NoDeadLetter
from tests.support.bench import POISON, PRODUCER, Bench, eventually, ordinary

EXCHANGE = exchange_of(PRODUCER)


async def _dead_letter(bench: Bench) -> tuple[str, str, int]:
    await bench.join()
    subject = new_id()
    await bench.record(subject, date(2026, 1, 1), POISON, date(2026, 1, 1))
    await bench.publish()
    bench.background(bench.consumer.run(poll=0.02))
    await eventually(lambda: bench.query("SELECT 1 FROM inbox_parked WHERE state = 'dead'"))
    return PRODUCER, str(subject), 2


async def test_a_replayed_dead_letter_takes_effect_and_what_waits_behind_it_follows(bench: Bench) -> None:
    letter = await _dead_letter(bench)
    bench.behaviour.poisoned = False
    await bench.letters.replay(*letter, by="officer")
    await eventually(lambda: bench.query("SELECT 1 FROM inbox_position WHERE sequence = 3"))
    [row] = await bench.query("SELECT state->'seen' AS seen FROM tally")
    assert row.seen == [1, 2, 3]
    assert await bench.parked() == []


async def test_a_skipped_dead_letter_never_takes_effect_and_the_decision_stays(bench: Bench) -> None:
    letter = await _dead_letter(bench)
    await bench.letters.skip(*letter, by="officer", reason="entered twice by hand")
    await eventually(lambda: bench.query("SELECT 1 FROM inbox_position WHERE sequence = 3"))
    [row] = await bench.query("SELECT state->'seen' AS seen FROM tally")
    assert row.seen == [1, 3]
    kept = await bench.query("SELECT state, reason, decided_by FROM inbox_parked")
    assert [tuple(each) for each in kept] == [("skipped", "entered twice by hand", "officer")]
    with pytest.raises(NoDeadLetter):
        await bench.letters.replay(*letter, by="officer")


async def test_a_gap_is_filled_from_the_producers_log(bench: Bench) -> None:
    await bench.join()
    subject = new_id()
    events = await bench.record(subject, *ordinary(4))
    await bench.bus.publish(EXCHANGE, list(pack([events[0], events[3]])))
    await eventually(lambda: bench.query("SELECT 1 FROM inbox_parked WHERE sequence = 4"))
    assert await bench.reconciler().fill_gaps(PRODUCER) == 3
    await bench.all_seen([subject], 4)


async def test_events_that_the_bus_lost_are_found_by_comparing_with_the_log(bench: Bench) -> None:
    await bench.join()
    subjects = await bench.many(3, 2)
    reconciler = bench.reconciler()
    assert await reconciler.compare(PRODUCER) == 6
    await bench.all_seen(subjects, 2)
    await bench.record(subjects[0], *ordinary(3))
    assert await reconciler.catch_up(PRODUCER) == 3
    assert await reconciler.catch_up(PRODUCER) == 0
    await bench.all_seen(subjects[:1], 5)


async def test_what_the_bus_lost_behind_a_dead_letter_is_there_when_it_is_replayed(bench: Bench) -> None:
    subject = new_id()
    first, *_ = await bench.record(subject, POISON, date(2026, 1, 1), date(2026, 1, 2))
    await bench.replica(attempts=1).handle([first])
    reconciler = bench.reconciler()
    await reconciler.compare(PRODUCER)
    assert await bench.parked() == [(1, "dead", 1), (2, "waiting", 0), (3, "waiting", 0)]
    bench.behaviour.poisoned = False
    await bench.letters.replay(PRODUCER, str(subject), 1, by="officer")
    await bench.consumer.retry_parked()
    assert await bench.seen(subject) == [1, 2, 3]


async def test_a_redelivered_event_behind_a_dead_letter_waits_and_is_not_counted(bench: Bench) -> None:
    subject = new_id()
    first, second = await bench.record(subject, POISON, date(2026, 1, 1))
    consumer = bench.replica(attempts=1, deliveries=2)
    await consumer.handle([first])
    [message] = pack([second])
    for _ in range(5):
        await consumer.receive([Message(message.body, message.content_type, message.headers, redelivered=True)])
    assert [(sequence, state) for sequence, state, _ in await bench.parked()] == [(1, "dead"), (2, "waiting")]


async def test_a_decision_to_skip_stands_against_a_failure_that_is_noted_later(bench: Bench) -> None:
    letter = await _dead_letter(bench)
    await bench.letters.skip(*letter, by="officer", reason="entered twice by hand")
    [event] = [each for each in await bench.log.of_subjects([(letter[1], 0)], 9) if each.sequence == 2]
    for _ in range(3):
        await bench.replica().handle([event])
    kept = await bench.query("SELECT state FROM inbox_parked WHERE sequence = 2")
    assert [row.state for row in kept] == ["skipped"]


async def test_a_consumer_that_joins_later_catches_up_from_the_beginning(bench: Bench) -> None:
    await bench.bus.start()
    await bench.bus.declare(EXCHANGE)
    subjects = await bench.many(4, 3)
    await eventually(bench.bus.accepting)
    assert await bench.publish() == 12
    await bench.join()
    bench.background(bench.reconciler().run(interval=0.05))
    await bench.all_seen(subjects, 3)


async def test_transient_errors_are_tried_again_and_counted_nowhere(bench: Bench) -> None:
    await bench.join()
    left = [3]

    def deadlock(_: object) -> None:
        if left[0]:
            left[0] -= 1
            raise ConnectionResetError("the connection was lost")

    bench.behaviour.failing = deadlock
    [subject] = await bench.many(1, 2)
    await bench.publish()
    await bench.all_seen([subject], 2)
    assert left == [0]
    assert await bench.parked() == []


class Death(BaseException):
    """As far as the consumer can tell, the end of its process."""


async def test_a_message_that_kills_its_consumer_again_and_again_becomes_a_dead_letter(bench: Bench) -> None:
    subject, other = new_id(), new_id()
    [killer] = await bench.record(subject, POISON)
    [fine] = await bench.record(other, *ordinary())
    consumer = bench.replica(deliveries=3)

    def die(received: object) -> None:
        if received.event.id == killer.id:  # type: ignore[attr-defined]
            raise Death

    bench.behaviour.failing = die
    [message] = pack([killer, fine])
    for _ in range(6):
        again = Message(message.body, message.content_type, message.headers, redelivered=True)
        try:
            await consumer.receive([again])
        except Death:
            continue
    assert await bench.seen(other) == [1]
    assert [(sequence, state) for sequence, state, _ in await bench.parked()] == [(1, "dead")]


async def test_stopping_finishes_what_is_being_handled_and_takes_no_more(bench: Bench) -> None:
    await bench.join()
    subjects = await bench.many(30, 3)
    publishing = asyncio.create_task(bench.publish())
    await eventually(lambda: bench.query("SELECT 1 FROM inbox_position WHERE sequence > 0"))
    await bench.bus.unsubscribe(bench.queue)
    before = await bench.query("SELECT sum(handled) AS n FROM inbox_position")
    await asyncio.gather(publishing, return_exceptions=True)
    assert await bench.query("SELECT sum(handled) AS n FROM inbox_position") == before
    assert not bench.bus.consuming(bench.queue)
    await bench.join()
    bench.background(bench.reconciler().run(interval=0.05))
    await bench.publish()
    await bench.all_seen(subjects, 3)


async def test_declaring_the_topology_again_changes_nothing(bench: Bench) -> None:
    await bench.join()
    other = bench.make_bus() if bench.bus.system == "rabbitmq" else bench.bus
    await bench.join(bench.replica(), other)
    subjects = await bench.many(5, 2)
    await bench.publish()
    bench.background(bench.consumer.run(poll=0.02))
    await bench.all_seen(subjects, 2)
