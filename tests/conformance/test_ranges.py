"""Digests of ranges of subjects tell where a log and the positions differ; only there is every head looked at."""

from collections.abc import Sequence
from uuid import UUID

import pytest

from shared.messaging import outbox, reconciler
from shared.messaging.outbox import Head, Log, Range
from shared.messaging.reconciler import ProducerLog, Reconciler
from tests.support.bench import PRODUCER, Bench, ordinary
from tests.support.served_log import served_log

# Everything comes from the log here.
pytestmark = pytest.mark.parametrize("bench", ["inprocess"], indirect=True)

SUBJECTS = 10


class Watched(Log):
    """A log that tells which of its heads were asked for."""

    def __init__(self, log: Log) -> None:
        super().__init__(log.database, log.source)
        self.asked: list[str] = []

    async def heads(self, after: str, limit: int, subjects: Sequence[str] | None = None) -> list[Head]:
        self.asked.append(after)
        return await super().heads(after, limit, subjects)


class Growing(Log):
    """A log that goes on growing: so many subjects are new behind one when its ranges have been read."""

    def __init__(self, bench: Bench, behind: UUID, new: int) -> None:
        super().__init__(bench.log.database, bench.log.source)
        self.bench = bench
        self.new = [UUID(int=behind.int + more) for more in range(1, new + 1)]

    async def ranges(self, after: str, limit: int) -> list[Range]:
        found = await super().ranges(after, limit)
        while self.new:
            await self.bench.record(self.new.pop(), *ordinary(1))
        return found


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three heads in a range, two ranges in a page: ten subjects are on two pages, and the last range is short."""
    for module in (outbox, reconciler):
        monkeypatch.setattr(module, "WIDTH", 3)
    monkeypatch.setattr(reconciler, "RANGES", 2)


@pytest.fixture
def log(bench: Bench) -> Watched:
    return Watched(bench.log)


def _reconciler(bench: Bench, log: ProducerLog) -> Reconciler:
    return Reconciler(bench.consumer, {PRODUCER: log}, bench.telemetry, grace=0)


@pytest.fixture
def found(bench: Bench, log: Watched) -> Reconciler:
    return _reconciler(bench, log)


async def _even(bench: Bench, subjects: int = SUBJECTS) -> list[UUID]:
    """Subjects with two events each that have taken effect, in order."""
    ids = sorted(await bench.many(subjects, 2), key=str)
    await bench.reconciler().compare(PRODUCER)
    return ids


async def _diverged(bench: Bench) -> dict[str, str]:
    rows = await bench.query("SELECT subject, diverged FROM inbox_position WHERE diverged IS NOT NULL ORDER BY subject")
    return {row.subject: row.diverged for row in rows}


@pytest.mark.parametrize("subjects", [0, 1, 3, 6, 7, SUBJECTS])
async def test_no_head_is_asked_for_where_all_is_even(
    bench: Bench, log: Watched, found: Reconciler, subjects: int
) -> None:
    await _even(bench, subjects)
    assert await found.compare(PRODUCER) == 0
    assert log.asked == []
    assert found.complete


@pytest.mark.parametrize("page", [2, 3, 500])
@pytest.mark.parametrize("missing", [0, 2, 4, 9])
async def test_a_subject_that_is_missing_is_found_wherever_it_stands(
    bench: Bench, log: Watched, found: Reconciler, missing: int, page: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconciler, "PAGE", page)
    ids = await _even(bench)
    for table in ("inbox_position WHERE subject = :id", "tally WHERE id::text = :id"):
        await bench.execute(f"DELETE FROM {table}", id=str(ids[missing]))
    assert await found.compare(PRODUCER) == 2
    await bench.all_seen(ids, 2)
    low = missing - missing % 3
    assert log.asked[0] == (str(ids[low - 1]) if low else "")
    assert set(log.asked) <= {log.asked[0], *map(str, ids[low : low + 2])}, "heads of another range were asked for"


async def test_differences_in_several_ranges_are_found_in_one_comparison(bench: Bench, found: Reconciler) -> None:
    ids = await _even(bench)
    for number in (0, 4, 5, 9):
        await bench.record(ids[number], *ordinary(1))
    assert await found.compare(PRODUCER) == 4
    for number in (0, 4, 5, 9):
        assert await bench.seen(ids[number]) == [1, 2, 3]


async def test_a_range_that_has_grown_since_its_digest_is_looked_at_to_its_end(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconciler, "PAGE", 3)
    ids = await _even(bench, 3)
    await bench.record(ids[2], *ordinary(1))
    assert await _reconciler(bench, Growing(bench, ids[0], 3)).compare(PRODUCER) == 4
    assert await bench.seen(ids[2]) == [1, 2, 3]


@pytest.mark.parametrize("page", [2, 500])
@pytest.mark.parametrize("lost", [[0], [4], [9], [7, 8, 9], range(SUBJECTS)])
async def test_a_position_that_the_log_does_not_have_stops_its_subject(
    bench: Bench, found: Reconciler, lost: Sequence[int], page: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconciler, "PAGE", page)
    ids = await _even(bench)
    gone = [str(ids[number]) for number in lost]
    await bench.execute("DELETE FROM log_head WHERE subject = ANY(:gone)", producer=True, gone=gone)
    assert await found.compare(PRODUCER) == 0
    assert await _diverged(bench) == dict.fromkeys(gone, "the log ends at 0, we have handled 2")


async def test_another_event_at_a_handled_position_stops_its_subject(bench: Bench, found: Reconciler) -> None:
    ids = await _even(bench)
    await bench.execute(
        "UPDATE log_head SET hash = sha256('another') WHERE subject = :id", producer=True, id=str(ids[4])
    )
    assert await found.compare(PRODUCER) == 0
    assert await _diverged(bench) == {str(ids[4]): "event 2 is not the one that was handled"}


async def test_what_only_waits_here_makes_no_difference_and_another_producers_positions_neither(
    bench: Bench, log: Watched, found: Reconciler
) -> None:
    await _even(bench)
    for source, sequence in ((PRODUCER, 0), ("/homeward/other", 7)):
        await bench.execute(
            "INSERT INTO inbox_position (source, subject, sequence, hash) VALUES (:source, 'ffff', :sequence, 'any')",
            source=source,
            sequence=sequence,
        )
    assert await found.compare(PRODUCER) == 0
    assert log.asked == []


async def test_ranges_are_the_same_over_the_internal_routes(bench: Bench, log: Watched) -> None:
    ids = [str(each) for each in await _even(bench, 4)]
    async with served_log(log) as served:
        assert await served.ranges("", 2) == await log.ranges("", 2)
        assert await served.ranges(ids[3], 2) == await log.ranges(ids[3], 2)
        assert [each.upto for each in await served.ranges("", 3)] == [ids[2], ids[3], None]
        assert await _reconciler(bench, served).compare(PRODUCER) == 0
    assert log.asked == []
