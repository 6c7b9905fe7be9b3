"""Every link of a log is looked at, on whatever page it stands; lag is counted where the positions are."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date
from uuid import UUID

import pytest

from services.servers import fresh_database
from shared.ids import new_id
from shared.messaging import lag
from shared.messaging.inprocess import InProcessBus
from shared.messaging.outbox import Log
from shared.messaging.verification import Broken, Cursor, total, verify
from shared.persistence.database import Database
from tests.support.bench import POISON, PRODUCER, Bench, ordinary

HERE = "subject = :subject AND sequence = :sequence"


@pytest.fixture
async def bench(postgres_url: str) -> AsyncIterator[Bench]:
    with fresh_database(postgres_url) as producer, fresh_database(postgres_url) as consumer:
        bench = Bench(Database(producer, name="bench"), Database(consumer, name="bench"), InProcessBus)
        await bench.prepare()
        yield bench
        await bench.close()


async def _log(bench: Bench, subjects: int = 4, each: int = 5) -> list[UUID]:
    """A log of so many subjects, in order of their ids."""
    found = sorted([new_id() for _ in range(subjects)], key=str)
    for subject in found:
        await bench.record(subject, *ordinary(each))
    return found


async def _verified(log: Log, *, limit: int) -> tuple[int, int, list[Broken]]:
    """Events and subjects that were looked at, and what is broken, over all pages."""
    events = subjects = 0
    broken: list[Broken] = []
    after: Cursor | None = ("", 0)
    while after is not None:
        page = await verify(log, after, limit=limit)
        events, subjects, after = events + page.events, subjects + page.subjects, page.next
        broken += page.broken
    return events, subjects, broken


@pytest.mark.parametrize("limit", [1, 3, 5, 19, 20, 21, 1000])
async def test_a_sound_log_is_looked_at_once_whatever_the_pages(bench: Bench, limit: int) -> None:
    await _log(bench)
    assert await _verified(bench.log, limit=limit) == (20, 4, [])
    assert await total(bench.log) == 20


async def test_an_empty_log_is_sound(bench: Bench) -> None:
    assert await _verified(bench.log, limit=10) == (0, 0, [])


@pytest.mark.parametrize("limit", [1, 2, 5, 1000])
@pytest.mark.parametrize(
    ("change", "sequence", "what"),
    [
        ("data = '{}'", 3, "its hash is not that of its content"),
        ("data = data || '  '", 3, "its hash is not that of its content"),
        ("time = time + interval '1 second'", 1, "its hash is not that of its content"),
        ("type = type || 'x'", 5, "its hash is not that of its content"),
        ("hash = sha256(hash)", 2, "its hash is not that of its content"),
        ("prevhash = sha256(prevhash)", 4, "its prevhash is not the hash of the event before it"),
    ],
)
async def test_a_changed_row_is_named(bench: Bench, change: str, sequence: int, what: str, limit: int) -> None:
    subject = str((await _log(bench))[1])
    await bench.execute(
        f"UPDATE event_log SET {change} WHERE {HERE}", producer=True, subject=subject, sequence=sequence
    )
    _, _, broken = await _verified(bench.log, limit=limit)
    assert broken[0] == Broken(subject, sequence, what)
    assert {each.subject for each in broken} == {subject}


@pytest.mark.parametrize("limit", [2, 1000])
@pytest.mark.parametrize(
    ("change", "sequence", "what"),
    [
        (f"DELETE FROM event_log WHERE {HERE}", 1, "it is missing: 2 follows"),
        (f"DELETE FROM event_log WHERE {HERE}", 3, "it is missing: 4 follows"),
        (f"DELETE FROM event_log WHERE {HERE}", 5, "it is missing: the head counts 5 events"),
        ("UPDATE log_head SET sequence = :sequence WHERE subject = :subject", 4, "the head counts 4 events only"),
        ("UPDATE log_head SET hash = sha256(hash) WHERE subject = :subject", None, "the head has another hash"),
        ("DELETE FROM log_head WHERE subject = :subject", None, "the subject has no head"),
        ("DELETE FROM event_log WHERE subject = :subject", None, "the head counts 5 events, the log has none"),
    ],
)
async def test_what_is_gone_is_named(bench: Bench, change: str, sequence: int | None, what: str, limit: int) -> None:
    subject = str((await _log(bench))[2])
    await bench.execute(change, producer=True, subject=subject, **({"sequence": sequence} if sequence else {}))
    _, _, broken = await _verified(bench.log, limit=limit)
    assert [(each.subject, each.what) for each in broken] == [(subject, what)]


async def test_an_event_that_readers_would_not_get_as_it_was_hashed_is_named(bench: Bench) -> None:
    """Its chain is whole, but its data are not in the form in which a reader writes them again."""
    [event] = await bench.record(new_id(), date(2026, 1, 1))
    spaced = replace(event, data=b'{ "signed_on": "2026-01-01" }')
    for table in ("event_log", "log_head"):
        await bench.execute(f"UPDATE {table} SET hash = :hash", producer=True, hash=spaced.hash)
    await bench.execute("UPDATE event_log SET data = :data", producer=True, data=spaced.data)
    _, _, broken = await _verified(bench.log, limit=10)
    assert broken == [Broken(event.subject, 1, "what is published of it is not what was hashed")]


class Producer(Log):
    """The producer's log, asked as over HTTP."""

    async def oldest(self, wanted: list[tuple[str, int]]) -> float:
        return await lag.oldest(self.database, wanted)


async def _lag(bench: Bench) -> lag.Lag:
    return await lag.compare(bench.databases[1], PRODUCER, Producer(bench.databases[0], PRODUCER))  # type: ignore[arg-type]


async def test_what_a_consumer_has_not_handled_is_counted_with_its_age(bench: Bench) -> None:
    subjects = await _log(bench, subjects=3, each=4)
    assert (await _lag(bench)).events_behind == 12
    await bench.reconciler().compare(PRODUCER)
    assert await _lag(bench) == lag.Lag(3, 0, 0, 0.0, 0, 0, None)
    await bench.record(subjects[0], *ordinary(2))
    await bench.execute(
        "UPDATE event_log SET recorded_at = recorded_at - interval '90 s' WHERE sequence = 5", producer=True
    )
    found = await _lag(bench)
    assert (found.events_behind, found.subjects_behind) == (2, 1)
    assert 90 < found.oldest_seconds < 150


async def test_pages_of_heads_add_up(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    await _log(bench, subjects=5, each=2)
    monkeypatch.setattr(lag, "PAGE", 2)
    producer = Producer(bench.databases[0], PRODUCER)
    after, counted = "", []
    while after is not None:
        page = await lag.compare(bench.databases[1], PRODUCER, producer, after)  # type: ignore[arg-type]
        counted.append(page.events_behind)
        after = page.next  # type: ignore[assignment]
    assert counted == [4, 4, 2]


async def test_a_log_that_was_restored_shows_as_ahead_and_differing(bench: Bench) -> None:
    gone, shorter, other = await _log(bench, subjects=3, each=3)
    await bench.reconciler().compare(PRODUCER)
    await bench.execute("DELETE FROM log_head WHERE subject = :id", producer=True, id=str(gone))
    await bench.execute("UPDATE log_head SET sequence = 2 WHERE subject = :id", producer=True, id=str(shorter))
    await bench.execute("UPDATE log_head SET hash = sha256(hash) WHERE subject = :id", producer=True, id=str(other))
    found = await _lag(bench)
    assert (found.ahead, found.differing, found.events_behind) == (4, 1, 0)


async def test_what_is_held_up_is_counted_by_source(bench: Bench) -> None:
    sick, stopped = new_id(), new_id()
    await bench.replica(attempts=1).handle(await bench.record(sick, POISON, *ordinary(2)))
    await bench.consumer.handle(await bench.record(stopped, *ordinary(1)))
    await bench.execute("UPDATE inbox_position SET diverged = 'restored' WHERE subject = :id", id=str(stopped))
    found = await lag.held_up(bench.databases[1], [PRODUCER, "/homeward/travel"])
    assert found["sources"] == {
        PRODUCER: {"parked": 2, "dead": 1, "diverged": 1},
        "/homeward/travel": {"parked": 0, "dead": 0, "diverged": 0},
    }
    assert found["diverged"] == [{"source": PRODUCER, "subject": str(stopped), "sequence": 1, "reason": "restored"}]
