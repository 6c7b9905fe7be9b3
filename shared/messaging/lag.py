"""How far a consumer is behind its producers: counted where the positions are, page by page of the producer's heads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from shared.messaging.outbox import Head
from shared.persistence.database import Database, rows

#: Heads that are compared at once.
PAGE = 5000
#: Diverged subjects that are named; their number is given in full.
NAMED = 200


class Producer(Protocol):
    """The part of another service's log that is asked here."""

    async def heads(self, after: str, limit: int, subjects: Sequence[str] | None = None) -> list[Head]:
        """Heads in order of subject."""

    async def oldest(self, wanted: Sequence[tuple[str, int]]) -> float:
        """Seconds since the oldest of the events was recorded that follow on these (subject, sequence)."""


@dataclass(frozen=True, slots=True)
class Lag:
    """One page of one producer's subjects."""

    subjects: int
    #: Events of the log that have not taken effect.
    events_behind: int
    subjects_behind: int
    #: Seconds since the oldest of them was recorded.
    oldest_seconds: float
    #: Events that took effect here, and that the log does not have: it was restored to an earlier moment.
    ahead: int
    #: Subjects whose last event is another here than in the log.
    differing: int
    #: The last subject of the page; None when there is no further page.
    next: str | None


async def compare(database: Database, source: str, producer: Producer, after: str = "") -> Lag:
    """Compare the next page of the producer's heads with our positions; nothing is changed."""
    heads = await producer.heads(after, PAGE)
    upto = heads[-1].subject if len(heads) == PAGE else None
    # Later than the heads: what is handled meanwhile is not behind.
    ours = await _positions(database, source, after, upto)
    behind = [(head, ours.get(head.subject, (0, b""))[0]) for head in heads]
    late = [(head, position) for head, position in behind if position < head.sequence]
    known = {head.subject: head for head in heads}
    return Lag(
        subjects=len(heads),
        events_behind=sum(head.sequence - position for head, position in late),
        subjects_behind=len(late),
        oldest_seconds=await producer.oldest([(head.subject, position) for head, position in late]) if late else 0.0,
        ahead=sum(_ahead(known.get(subject), sequence) for subject, (sequence, _) in ours.items()),
        differing=sum(_differs(known.get(subject), *position) for subject, position in ours.items()),
        next=upto,
    )


def _ahead(head: Head | None, sequence: int) -> int:
    return max(0, sequence - (head.sequence if head else 0))


def _differs(head: Head | None, sequence: int, hash: bytes) -> bool:
    return head is not None and head.sequence == sequence and head.hash != hash


async def _positions(database: Database, source: str, after: str, upto: str | None) -> dict[str, tuple[int, bytes]]:
    statement = """SELECT subject, sequence, hash FROM inbox_position WHERE source = :source AND subject > :after
                     AND sequence > 0 AND (CAST(:upto AS text) IS NULL OR subject <= :upto)"""
    async with database.transaction() as connection:
        found = await rows(connection, statement, source=source, after=after, upto=upto)
    return {row.subject: (row.sequence, row.hash) for row in found}


async def oldest(database: Database, wanted: Sequence[tuple[str, int]]) -> float:
    """Of our log: seconds since the oldest of the events was recorded that follow on these (subject, sequence)."""
    async with database.transaction() as connection:
        [found] = await rows(
            connection,
            """SELECT coalesce(extract(epoch FROM clock_timestamp() - min(recorded_at)), 0) FROM event_log AS log
               JOIN unnest(CAST(:subjects AS text[]), CAST(:after AS bigint[])) AS wanted (subject, after)
                 ON log.subject = wanted.subject AND log.sequence = wanted.after + 1""",
            subjects=[subject for subject, _ in wanted],
            after=[sequence for _, sequence in wanted],
        )
    return float(found[0])


async def held_up(database: Database, follows: Sequence[str]) -> Mapping[str, Any]:
    """What waits for a person or for another event, per source; and the subjects that stopped."""
    async with database.transaction() as connection:
        parked = await rows(
            connection,
            """SELECT source, count(*) FILTER (WHERE state = 'dead') AS dead,
                      count(*) FILTER (WHERE state NOT IN ('dead', 'skipped')) AS parked
               FROM inbox_parked GROUP BY source""",
        )
        stopped = await rows(
            connection,
            """SELECT source, subject, sequence, diverged AS reason, count(*) OVER (PARTITION BY source) AS of_source
               FROM inbox_position WHERE diverged IS NOT NULL ORDER BY source, subject LIMIT :limit""",
            limit=NAMED,
        )
        [unreadable] = await rows(connection, "SELECT count(*) FROM inbox_unreadable")
    sources: dict[str, dict[str, int]] = {source: {"parked": 0, "dead": 0, "diverged": 0} for source in follows}
    for row in parked:
        sources.setdefault(row.source, {"diverged": 0}).update(parked=row.parked, dead=row.dead)
    for row in stopped:
        sources.setdefault(row.source, {"parked": 0, "dead": 0})["diverged"] = row.of_source
    diverged = [{name: getattr(row, name) for name in ("source", "subject", "sequence", "reason")} for row in stopped]
    return {"sources": sources, "unreadable": unreadable[0], "diverged": diverged}
