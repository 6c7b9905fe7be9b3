"""Every event takes effect once, in order per subject, whatever way it arrives."""

import random
from datetime import date

from shared.contracts.envelope import GENESIS
from shared.ids import new_id
from shared.messaging.bus import exchange_of
from shared.messaging.codec import BATCH, pack
from shared.messaging.relay import Relay
from tests.support.bench import CONSUMER, PRODUCER, Bench, declined, eventually, ordinary

EXCHANGE = exchange_of(PRODUCER)


async def test_every_event_takes_effect_once_and_in_order(bench: Bench) -> None:
    await bench.join()
    subjects = await bench.many(20, 5)
    assert await bench.publish() == 100
    await bench.all_seen(subjects, 5)
    assert await bench.query("SELECT * FROM inbox_parked") == []


async def test_a_lone_event_travels_alone_and_many_travel_packed(bench: Bench) -> None:
    [lone] = await bench.record(new_id(), *ordinary())
    assert [message.content_type for message in pack([lone])] == ["application/json"]
    many = await bench.record(new_id(), *ordinary(150))
    assert [message.content_type for message in pack(many)] == [BATCH, BATCH]


async def test_a_handled_event_publishes_in_the_same_transaction(bench: Bench) -> None:
    await bench.join()
    subjects = await bench.many(3, 2)
    await bench.publish()
    await bench.all_seen(subjects, 2)
    recorded = await bench.query("SELECT subject, sequence FROM event_log ORDER BY subject, sequence")
    assert [tuple(row) for row in recorded] == [(str(each), n) for each in sorted(subjects, key=str) for n in (1, 2)]


async def test_what_is_delivered_twice_takes_effect_once(bench: Bench) -> None:
    await bench.join()
    subject = new_id()
    events = await bench.record(subject, *ordinary(5))
    for _ in range(3):
        await bench.bus.publish(EXCHANGE, list(pack(events)))
    await bench.all_seen([subject], 5)
    [other] = await bench.many(1, 1)
    await bench.publish()
    await bench.all_seen([other], 1)
    assert await bench.seen(subject) == [1, 2, 3, 4, 5]
    handled = await bench.query("SELECT handled FROM inbox_position WHERE subject = :subject", subject=str(subject))
    assert handled[0].handled == 5


async def test_what_arrives_out_of_order_waits_for_what_comes_before(bench: Bench) -> None:
    await bench.join()
    subject = new_id()
    events = await bench.record(subject, *ordinary(12))
    shuffled = random.Random(7).sample(events, k=len(events))
    for event in shuffled:
        await bench.bus.publish(EXCHANGE, list(pack([event])))
    await bench.all_seen([subject], 12)
    assert await bench.parked() == []


async def test_a_type_without_a_handler_is_passed_over(bench: Bench) -> None:
    await bench.join()
    subject = new_id()
    await bench.record(subject, date(2026, 1, 1), declined(), date(2026, 1, 2))
    await bench.publish()
    await eventually(lambda: _position(bench, 3))
    assert await bench.seen(subject) == [1, 3]


async def _position(bench: Bench, sequence: int) -> bool:
    return bool(await bench.query("SELECT 1 FROM inbox_position WHERE sequence = :sequence", sequence=sequence))


async def test_the_log_is_a_chain_of_hashes_per_subject(bench: Bench) -> None:
    subject = new_id()
    events = await bench.record(subject, *ordinary(3)) + await bench.record(subject, *ordinary(2))
    assert [event.sequence for event in events] == [1, 2, 3, 4, 5]
    assert [event.prevhash for event in events] == [GENESIS, *(event.hash for event in events[:-1])]
    kept = [event for _, event in await bench.log.after(0, 10)]
    assert [event.hash for event in kept] == [event.hash for event in events]


async def test_many_relays_and_replicas_publish_and_handle_everything_once(bench: Bench) -> None:
    await bench.join()
    for _ in range(2):
        bus = bench.make_bus() if bench.bus.system == "rabbitmq" else bench.bus
        await bench.join(bench.replica(), bus)
    relays = [Relay(bench.log, bench.bus, bench.telemetry) for _ in range(3)]
    bench.background(*(relay.run(poll=0.02) for relay in relays), bench.consumer.run(poll=0.05))
    subjects = await bench.many(15, 6)
    await bench.all_seen(subjects, 6)
    assert await bench.query("SELECT count(*) AS n FROM event_unpublished", producer=True) == [(0,)]
    outgoing = await bench.query("SELECT count(*) AS n FROM event_log")
    assert outgoing == [(90,)], f"{CONSUMER} must publish once per handled event"
