"""The interleavings that lose or double events elsewhere, each forced."""

import asyncio
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import orjson
import pytest

from shared.contracts.envelope import REGISTRY
from shared.contracts.restoration import Lost, Restored
from shared.contracts.screening import DeclarationSigned
from shared.ids import new_id
from shared.messaging import inbox
from shared.messaging.bus import Message, exchange_of
from shared.messaging.codec import BATCH, pack, structured
from shared.messaging.inbox import Parked, State
from shared.messaging.outbox import Outgoing, Recorded, append
from shared.messaging.relay import Relay
from tests.support.bench import EARLY, POISON, PRODUCER, Bench, eventually, ordinary

EXCHANGE = exchange_of(PRODUCER)


async def test_lost_wake_up_an_event_parked_while_its_predecessor_waits_for_the_lock(bench: Bench) -> None:
    subject = new_id()
    first, second = await bench.record(subject, *ordinary(2))
    async with bench.databases[1].transaction() as other_replica:
        await inbox.lock(other_replica, [inbox.key_of(second)])
        waiting = asyncio.create_task(bench.consumer.handle([first]))
        await eventually(lambda: _blocked(bench))
        await inbox.park(other_replica, [Parked(second, State.WAITING)])
    await waiting
    assert await bench.seen(subject) == [1, 2]


async def _blocked(bench: Bench) -> bool:
    found = await bench.query(
        "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    return bool(found)


async def test_late_visible_ids_a_reader_of_the_log_misses_no_event_that_commits_later(bench: Bench) -> None:
    early, late = new_id(), new_id()
    read: list[str] = []
    async with bench.databases[0].transaction() as slow:
        recorded = Recorded(Outgoing(early, DeclarationSigned(signed_on=date(2026, 1, 1))), datetime.now(UTC), None)
        await append(slow, PRODUCER, [recorded])
        await bench.record(late, *ordinary())
        [(position, event)] = await bench.log.after(0, 10)
        read.append(event.subject)
        assert read == [str(late)]
    read += [event.subject for _, event in await bench.log.after(position, 10)]
    assert read == [str(late), str(early)]


async def test_stale_lease_an_owner_whose_lease_ran_out_marks_nothing(bench: Bench) -> None:
    await bench.record(new_id(), *ordinary(3))
    stale = Relay(bench.log, bench.bus, bench.telemetry, lease=-1)
    stale_owner, fresh_owner = new_id(), new_id()
    claimed = await stale.claim(stale_owner)
    assert len(await bench.relay.claim(fresh_owner)) == 3
    assert await stale.mark(stale_owner, claimed) == 0
    assert await bench.relay.mark(fresh_owner, claimed) == 3
    assert await bench.relay.claim(new_id()) == []


async def test_a_claim_is_not_given_to_two_relays(bench: Bench) -> None:
    await bench.record(new_id(), *ordinary(6))
    claims = await asyncio.gather(*(bench.relay.claim(new_id(), limit=3) for _ in range(4)))
    taken = [logged.event.sequence for claim in claims for logged in claim]
    assert sorted(taken) == [1, 2, 3, 4, 5, 6]


async def test_bad_element_in_a_batch_harms_no_other(bench: Bench) -> None:
    await bench.join()
    good, bad, after_bad = new_id(), new_id(), new_id()
    fine = await bench.record(good, *ordinary(2))
    spoiled = await bench.record(bad, *ordinary(2))
    last = await bench.record(after_bad, *ordinary())
    elements = [orjson.loads(orjson.dumps(structured(event))) for event in [*fine, *spoiled, *last]]
    elements[2]["data"] = {"signed_on": "never"}
    unreadable = {"specversion": "1.0", "id": "no uuid"}
    await bench.bus.publish(EXCHANGE, [Message(orjson.dumps([unreadable, *elements]), BATCH)])
    await bench.all_seen([good], 2)
    await bench.all_seen([after_bad], 1)
    assert await bench.parked() == [(1, "dead", 1), (2, "waiting", 0)]
    kept = await bench.query("SELECT convert_from(body, 'UTF8') AS body FROM inbox_unreadable")
    assert [orjson.loads(row.body) for row in kept] == [unreadable]


async def test_a_message_that_is_no_event_at_all_is_kept_and_harms_no_other(bench: Bench) -> None:
    await bench.join()
    await bench.bus.publish(EXCHANGE, [Message(b"\xff\xfe", BATCH), Message(b"hello", "text/plain")])
    [subject] = await bench.many(1, 1)
    await bench.publish()
    await bench.all_seen([subject], 1)
    assert await bench.query("SELECT count(*) FROM inbox_unreadable") == [(2,)]


def _spoiled(name: str, message: Message) -> Message:
    """The message with one thing wrong that no database can take."""
    headers, body = dict(message.headers), message.body
    match name:
        case "no JSON":
            body = b"hello"
        case "huge sequence":
            headers["cloudEvents_sequence"] = "1" + "0" * 30
        case "zero byte":
            headers["cloudEvents_subject"] = "a\0b"
        case "year zero":
            headers["cloudEvents_time"] = "0001-01-01T00:00:00+14:00"
        case _:
            body = b'{"signed_on":' + b"[" * 300 + b"]" * 300 + b"}"
    return Message(body, message.content_type, headers)


@pytest.mark.parametrize("name", ["no JSON", "huge sequence", "zero byte", "year zero", "deep"])
async def test_a_malformed_message_is_kept_and_holds_up_nobody(bench: Bench, name: str) -> None:
    [bad] = await bench.record(new_id(), *ordinary())
    [good] = await bench.record(new_id(), *ordinary())
    [spoiled], [fine] = pack([bad]), pack([good])
    await bench.consumer.receive([_spoiled(name, spoiled), fine])
    assert await bench.seen(UUID(good.subject)) == [1]
    assert await bench.query("SELECT count(*) FROM inbox_unreadable") == [(1,)]


async def test_many_failures_in_one_batch_hold_up_no_healthy_event(bench: Bench) -> None:
    subjects = [new_id() for _ in range(120)]
    sick = [(await bench.record(subject, EARLY if n % 2 else POISON))[0] for n, subject in enumerate(subjects)]
    [healthy] = await bench.record(new_id(), *ordinary())
    await bench.replica(attempts=8, delay=60, not_yet=60).handle([*sick, healthy])
    assert await bench.seen(UUID(healthy.subject)) == [1]
    assert {(state, attempts) for _, state, attempts in await bench.parked()} == {("not_yet", 0), ("retry", 1)}
    assert bench.behaviour.calls < 5 * len(sick)


async def test_an_event_behind_one_that_waits_is_not_tried(bench: Bench) -> None:
    events = await bench.record(new_id(), EARLY, POISON)
    for _ in range(4):
        await bench.consumer.handle(events)
        await bench.execute("UPDATE inbox_parked SET due_at = clock_timestamp()")
    assert await bench.parked() == [(1, "not_yet", 0), (2, "waiting", 0)]


async def test_restored_producer_a_log_behind_a_position_stops_the_subject_and_drops_nothing(bench: Bench) -> None:
    await bench.join()
    subject, untouched = new_id(), new_id()
    await bench.record(subject, *ordinary(5))
    await bench.record(untouched, *ordinary(1))
    await bench.publish()
    await bench.all_seen([subject], 5)
    await _restore(bench, subject, upto=3)
    await bench.reconciler().compare(PRODUCER)
    await bench.record(subject, date(2026, 2, 2), date(2026, 2, 3), date(2026, 2, 4))
    await bench.record(untouched, *ordinary(1))
    await bench.publish()
    await bench.all_seen([untouched], 2)
    await eventually(lambda: _parked_count(bench, 3))
    assert await bench.seen(subject) == [1, 2, 3, 4, 5]
    reasons = await bench.query("SELECT diverged FROM inbox_position WHERE diverged IS NOT NULL")
    assert [row.diverged for row in reasons] == ["the log ends at 3, we have handled 5"]


async def test_restored_producer_another_event_at_a_handled_position_is_no_duplicate(bench: Bench) -> None:
    await bench.join()
    subject = new_id()
    await bench.record(subject, *ordinary(2))
    await bench.publish()
    await bench.all_seen([subject], 2)
    await _restore(bench, subject, upto=1)
    await bench.record(subject, date(2026, 7, 7))
    await bench.publish()
    await eventually(lambda: bench.query("SELECT 1 FROM inbox_position WHERE diverged LIKE '%not the one%'"))
    assert await bench.parked() == [(2, "waiting", 0)]


async def test_restored_producer_what_is_lost_is_passed_over_and_what_comes_next_is_handled(bench: Bench) -> None:
    await bench.join()
    ahead, stopped, held = new_id(), new_id(), new_id()
    for subject in (ahead, stopped):
        await bench.record(subject, *ordinary(5))
    await bench.record(held, date(2026, 1, 1), date(2026, 1, 1), date(2026, 1, 1), POISON, date(2026, 1, 2))
    await bench.publish()
    await bench.all_seen([ahead, stopped], 5)
    await eventually(lambda: _buried(bench))
    for subject in (ahead, stopped, held):
        await _restore(bench, subject, upto=3)
    # One was looked at before it had said so, and was stopped.
    await bench.execute("UPDATE inbox_position SET diverged = 'behind' WHERE subject = :id", id=str(stopped))
    for subject in (ahead, stopped, held):
        await bench.record(subject, Lost(), Lost(), Restored(lost_from=4, lost_upto=5), date(2026, 2, 2))
    await bench.publish()
    await bench.reconciler().compare(PRODUCER)
    for subject, seen in ((ahead, [1, 2, 3, 4, 5, 7]), (stopped, [1, 2, 3, 4, 5, 7]), (held, [1, 2, 3, 7])):
        await eventually(lambda subject=subject, seen=seen: _has_seen(bench, subject, seen))  # type: ignore[misc]
    assert await bench.parked() == []
    assert await bench.query("SELECT 1 FROM inbox_position WHERE diverged IS NOT NULL OR sequence <> 7") == []


async def test_restored_producer_an_event_that_was_late_is_passed_over_where_the_log_goes_on_at_its_number(
    bench: Bench,
) -> None:
    await bench.join()
    late, stopped = new_id(), new_id()
    for subject in (late, stopped):
        await bench.record(subject, *ordinary(5))
    await bench.publish()
    await bench.all_seen([late, stopped], 5)
    for subject in (late, stopped):
        await _restore(bench, subject, upto=3)
        # It was told of four.
        await bench.record(subject, Lost(), Restored(lost_from=4, lost_upto=4), date(2026, 2, 2))
    await bench.execute("UPDATE inbox_position SET diverged = 'another' WHERE subject = :id", id=str(stopped))
    await bench.publish()
    for subject in (late, stopped):
        await eventually(lambda subject=subject: _has_seen(bench, subject, [1, 2, 3, 4, 5, 6]))  # type: ignore[misc]
    assert await bench.parked() == []
    assert await bench.query("SELECT 1 FROM inbox_position WHERE diverged IS NOT NULL OR sequence <> 6") == []


async def _buried(bench: Bench) -> list[Any]:
    await bench.consumer.retry_parked()
    return await bench.query("SELECT 1 FROM inbox_parked WHERE state = 'dead'")


async def _has_seen(bench: Bench, subject: UUID, sequences: list[int]) -> bool:
    return await bench.seen(subject) == sequences


async def _restore(bench: Bench, subject: UUID, upto: int) -> None:
    """Put the producer's log back to an earlier moment."""
    names = {"subject": str(subject), "upto": upto}
    await bench.execute("DELETE FROM event_log WHERE subject = :subject AND sequence > :upto", producer=True, **names)
    await bench.execute(
        "DELETE FROM event_unpublished WHERE insert_id NOT IN (SELECT insert_id FROM event_log)", producer=True
    )
    await bench.execute(
        """UPDATE log_head SET sequence = :upto, hash = (SELECT hash FROM event_log
           WHERE subject = :subject AND sequence = :upto) WHERE subject = :subject""",
        producer=True,
        **names,
    )


async def _parked_count(bench: Bench, count: int) -> bool:
    return len(await bench.parked()) == count


async def test_unknown_type_parks_its_subject_until_a_build_that_knows_it(bench: Bench) -> None:
    await bench.join()
    subject, other = new_id(), new_id()
    events = await bench.record(subject, *ordinary(3))
    newer = "org.homeward.screening.not-invented-yet.v1"
    await bench.execute("UPDATE event_log SET type = :type WHERE sequence = 2", producer=True, type=newer)
    await _rehash(bench, subject)
    await bench.record(other, *ordinary(2))
    await bench.publish()
    await bench.all_seen([other], 2)
    await eventually(lambda: _parked_count(bench, 2))
    assert await bench.parked() == [(2, "unknown", 0), (3, "waiting", 0)]
    REGISTRY[newer] = REGISTRY[events[1].type]
    try:
        await bench.consumer.retry_parked()
    finally:
        del REGISTRY[newer]
    assert await bench.seen(subject) == [1, 3]
    assert await bench.parked() == []


async def test_unknown_type_that_was_parked_before_is_not_asked_for_again_and_again(bench: Bench) -> None:
    subject = new_id()
    await bench.record(subject, *ordinary(2))
    newer = "org.homeward.screening.not-invented-yet.v1"
    await bench.execute("UPDATE event_log SET type = :type WHERE sequence = 2", producer=True, type=newer)
    await _rehash(bench, subject)
    first, second = await bench.log.of_subjects([(str(subject), 0)], 10)
    await bench.consumer.handle([second])
    await bench.consumer.handle([first])
    assert await bench.parked() == [(2, "unknown", 0)]
    assert await bench.consumer.retry_parked() == 0


async def _rehash(bench: Bench, subject: UUID) -> None:
    """Make the chain whole again after a row was changed."""
    previous = None
    for event in await bench.log.of_subjects([(str(subject), 0)], 10):
        fixed = replace(event, prevhash=previous or event.prevhash)
        previous = fixed.hash
        await bench.execute(
            "UPDATE event_log SET prevhash = :prevhash, hash = :hash WHERE id = :id",
            producer=True, id=event.id, prevhash=fixed.prevhash, hash=fixed.hash,
        )  # fmt: skip
    await bench.execute("UPDATE log_head SET hash = :hash WHERE subject = :subject", producer=True, hash=previous,
                        subject=str(subject))  # fmt: skip


async def test_an_event_that_waits_for_another_source_is_not_counted_as_failed(bench: Bench) -> None:
    await bench.join()
    subject = new_id()
    await bench.record(subject, EARLY, date(2026, 1, 1))
    await bench.publish()
    await eventually(lambda: _parked_count(bench, 2))
    for _ in range(8):
        await bench.execute("UPDATE inbox_parked SET due_at = clock_timestamp() WHERE state = 'not_yet'")
        await bench.consumer.retry_parked()
    assert await bench.parked() == [(1, "not_yet", 0), (2, "waiting", 0)]
    bench.behaviour.early = False
    bench.background(bench.consumer.run(poll=0.02))
    await bench.all_seen([subject], 2)


async def test_a_failing_event_parks_its_own_subject_and_all_others_flow(bench: Bench) -> None:
    await bench.join()
    sick, healthy = new_id(), new_id()
    await bench.record(sick, date(2026, 1, 1), POISON, date(2026, 1, 1))
    await bench.record(healthy, *ordinary(3))
    await bench.publish()
    await bench.all_seen([healthy], 3)
    bench.background(bench.consumer.run(poll=0.02))
    await eventually(lambda: bench.query("SELECT 1 FROM inbox_parked WHERE state = 'dead'"))
    assert await bench.seen(sick) == [1]
    assert await bench.parked() == [(2, "dead", 3), (3, "waiting", 0)]
    [letter] = await bench.letters.list()
    assert (letter.subject, letter.sequence, letter.waiting) == (str(sick), 2, 1)
    assert letter.reason
    assert letter.reason.startswith("ValueError in bench.py:")
