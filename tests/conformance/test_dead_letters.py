"""Dead letters in numbers: grouped by cause, decided by one, by group and by subject, with what waits behind them."""

from datetime import date
from uuid import UUID

import pytest

from shared.ids import new_id
from shared.messaging.bus import Message, exchange_of
from shared.messaging.codec import BATCH
from shared.messaging.deadletters import Decision, NoDeadLetter, NothingNamed, OtherCount, Selection
from shared.messaging.unreadable import NoUnreadable, Unreadables
from tests.support.bench import POISON, PRODUCER, Bench, eventually

EVERY = Selection(type="org.homeward.screening.declaration-signed.v1")


async def _buried(bench: Bench, subjects: int) -> list[UUID]:
    """So many subjects whose second event is a dead letter with one more event behind it."""
    ids = [new_id() for _ in range(subjects)]
    for subject in ids:
        await bench.replica(attempts=1).handle(await bench.record(subject, date(2026, 1, 1), POISON, date(2026, 1, 2)))
    return ids


async def test_dead_letters_are_listed_page_by_page_the_oldest_first(bench: Bench) -> None:
    buried = [str(each) for each in await _buried(bench, 5)]
    first = await bench.letters.list(limit=3)
    rest = await bench.letters.list(after=first[-1].cursor, limit=3)
    assert [each.subject for each in [*first, *rest]] == buried
    assert await bench.letters.list(after=rest[-1].cursor) == []


async def test_dead_letters_of_one_cause_are_one_group(bench: Bench) -> None:
    buried = await _buried(bench, 3)
    [group] = await bench.letters.groups()
    assert (group.count, group.waiting, group.example_subject) == (3, 3, str(buried[0]))
    assert group.cause.startswith("ValueError in bench.py:")


@pytest.mark.parametrize(
    ("reason", "cause"),
    [
        ("NotFound: There is no case 019a2b3c-0000-7000-8000-00000000abcd.", "NotFound: There is no case *."),
        ("FundShort: TRI-000123 wants 50000 of 12", "FundShort: * wants * of *"),
        ("ValueError in bench.py:84", "ValueError in bench.py:84"),
        ("BadData: data does not fit org.x.y.v1: lines.3.amount: missing", "BadData: data does not fit org.x.y.v1: "
         "lines.*.amount: missing"),
    ],
)  # fmt: skip
async def test_a_cause_is_the_reason_without_what_differs(bench: Bench, reason: str, cause: str) -> None:
    await _buried(bench, 1)
    await bench.execute("UPDATE inbox_parked SET reason = :reason WHERE state = 'dead'", reason=reason)
    [letter] = await bench.letters.list()
    assert letter.cause == cause
    assert await bench.letters.count(Selection(cause=cause[:9])) == 1


async def test_a_group_is_replayed_and_what_waits_behind_each_follows_in_order(bench: Bench) -> None:
    buried = await _buried(bench, 7)
    bench.behaviour.poisoned = False
    cause = (await bench.letters.groups())[0].cause
    assert await bench.letters.decide(Selection(cause=cause), Decision.REPLAY, by="officer") == 7
    bench.background(bench.consumer.run(poll=0.02))
    await bench.all_seen(buried, 3)
    assert await bench.letters.decide(Selection(cause=cause), Decision.REPLAY, by="officer") == 0


async def test_a_subject_is_replayed_and_no_other(bench: Bench) -> None:
    chosen, other = await _buried(bench, 2)
    assert await bench.letters.decide(Selection(subject=str(chosen)), Decision.REPLAY, by="officer") == 1
    assert [each.subject for each in await bench.letters.list()] == [str(other)]


async def test_a_replayed_group_that_fails_again_is_back_and_the_decision_ends(bench: Bench) -> None:
    await _buried(bench, 3)
    assert await bench.letters.decide(EVERY, Decision.REPLAY, by="officer") == 3
    await bench.replica(attempts=1).retry_parked()
    assert len(await bench.letters.list()) == 3


async def test_many_are_skipped_only_by_who_has_counted_them(bench: Bench) -> None:
    buried = await _buried(bench, 3)
    with pytest.raises(OtherCount) as refused:
        await bench.letters.decide(EVERY, Decision.SKIP, by="officer", reason="sent in a rehearsal", expected=2)
    assert refused.value.detail_fields == {"found": 3, "confirmed": 2}
    await bench.letters.decide(EVERY, Decision.SKIP, by="officer", reason="sent in a rehearsal", expected=3)
    await bench.consumer.retry_parked()
    for subject in buried:
        assert await bench.seen(subject) == [1, 3]


async def test_each_decision_is_kept_with_who_when_and_why(bench: Bench) -> None:
    [subject] = await _buried(bench, 1)
    key = (PRODUCER, str(subject), 2)
    await bench.letters.replay(*key, by="amina")
    await bench.replica(attempts=1).retry_parked()
    await bench.letters.skip(*key, by="bilal", reason="recorded twice by mistake")
    await bench.letters.skip(*key, by="carla", reason="the same again")
    with pytest.raises(NoDeadLetter):
        await bench.letters.replay(*key, by="carla")
    kept = await bench.query("SELECT decision, decided_by, reason, cause, decided_at FROM inbox_decision ORDER BY id")
    assert [tuple(row[:3]) for row in kept] == [
        ("replay", "amina", "replayed"),
        ("skip", "bilal", "recorded twice by mistake"),
    ]
    assert all(row.cause.startswith("ValueError") and row.decided_at.tzinfo for row in kept)


async def test_a_decision_that_names_nothing_is_refused(bench: Bench) -> None:
    for nothing in (Selection(), Selection(source=PRODUCER), Selection(sequence=1)):
        with pytest.raises(NothingNamed):
            await bench.letters.decide(nothing, Decision.REPLAY, by="officer")


async def test_a_dead_letter_is_shown_without_a_value_of_its_data(bench: Bench) -> None:
    [event] = await bench.record(new_id(), date(2026, 1, 1))
    body = b'{"Amina Testova":1,"signed_on":"Omar Testman"}'
    await bench.execute("UPDATE event_log SET data = :body", producer=True, body=body)
    [event] = await bench.log.of_subjects([(event.subject, 0)], 1)
    await bench.consumer.handle([event])
    shown = await bench.letters.show(PRODUCER, event.subject, 1)
    assert shown["faults"] == [{"member": "signed_on", "fault": "date_from_datetime_parsing"}]
    assert (shown["members"], shown["unknown_members"]) == ({"recipients": False, "signed_on": True}, 1)
    assert shown["envelope"]["id"] == str(event.id)
    assert "Test" not in str(shown)


async def test_who_waits_behind_a_dead_letter_is_shown(bench: Bench) -> None:
    [subject] = await _buried(bench, 1)
    shown = await bench.letters.show(PRODUCER, str(subject), 2)
    assert [(each["sequence"], each["state"]) for each in shown["behind"]] == [(3, "waiting")]
    with pytest.raises(NoDeadLetter):
        await bench.letters.show(PRODUCER, str(subject), 1)


async def test_what_could_not_be_read_is_listed_without_its_bytes_and_dismissed_with_a_reason(bench: Bench) -> None:
    await bench.join()
    unreadables = Unreadables(bench.databases[1])
    bodies = [b"\xff\xfe", b'[{"id":"Omar Testman"}]', b'[{"specversion":"1.0"}]']
    await bench.bus.publish(exchange_of(PRODUCER), [Message(body, BATCH) for body in bodies])
    await eventually(lambda: bench.query("SELECT 1 FROM inbox_unreadable HAVING count(*) = 3"))
    first, second, third = await unreadables.list()
    assert first.reason.startswith("not JSON")
    assert {second.reason, third.reason} == {"KeyError: 'time'"}
    assert "Omar" not in str([first, second, third])
    await unreadables.dismiss(second.id, by="officer", reason="a test of another suite")
    await unreadables.dismiss(second.id, by="officer", reason="said twice")
    assert [each.id for each in await unreadables.list()] == [first.id, third.id]
    kept = await bench.query("SELECT decided_by, decision, subject, reason FROM inbox_decision")
    assert [tuple(row) for row in kept] == [("officer", "dismiss", second.digest, "a test of another suite")]
    with pytest.raises(NoUnreadable):
        await unreadables.dismiss(999, by="officer", reason="not there")
