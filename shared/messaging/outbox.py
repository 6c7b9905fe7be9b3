"""The outbox, which is the event log: events are written in the transaction that makes them, each hashed over the
one before it, and stay. Readers page by a position that is stamped after commit, never by the insert id: an id can
become visible after a higher one was read.

What is recorded for a relay of this process is born with that relay's lease: it publishes from memory what a claim
would fetch from the table again.
"""

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts.envelope import GENESIS, Contract, Event, encode_data
from shared.ids import new_id
from shared.persistence.database import Database, rows, run

#: The key of the advisory lock under which positions are stamped.
_STAMPING = 0x686F6D65
#: Heads in one range.
WIDTH = 500
#: Over heads or positions, the same on both sides: a hash covers its subject, its sequence and all events before it.
DIGEST = "sha256(coalesce(string_agg(hash, '' ORDER BY subject), ''))"


class Outgoing(NamedTuple):
    """An event that a service publishes: its subject and its data."""

    subject: UUID
    data: Contract


class Recorded(NamedTuple):
    """An outgoing event with the programme's time and the trace context in which it was made."""

    outgoing: Outgoing
    time: datetime
    traceparent: str | None


class Head(NamedTuple):
    """A subject's last event in a log, or a consumer's last handled one."""

    subject: str
    sequence: int
    hash: bytes
    position: int | None = None


class Range(NamedTuple):
    """Consecutive subjects of a log: the last of them, None when it has no end, and the digest of their heads."""

    upto: str | None
    digest: bytes


class Logged(NamedTuple):
    """An event with its place in the log's table."""

    insert_id: int
    event: Event


class Lease(NamedTuple):
    """Whose unpublished events are, and for how many seconds."""

    owner: UUID
    seconds: float


async def append(
    connection: AsyncConnection, source: str, recorded: Sequence[Recorded], lease: Lease | None = None
) -> list[Logged]:
    """Write the events to the log; their subjects' heads are locked in sorted order to the end of the transaction."""
    subjects = [str(each.outgoing.subject) for each in recorded]
    heads = await _lock_heads(connection, sorted(set(subjects)))
    events = []
    for each, subject in zip(recorded, subjects, strict=True):
        head = heads[subject]
        event = Event(
            id=new_id(),
            source=source,
            type=each.outgoing.data.type,
            subject=subject,
            sequence=head.sequence + 1,
            time=each.time,
            prevhash=head.hash,
            data=encode_data(each.outgoing.data),
            traceparent=each.traceparent,
        )
        heads[subject] = Head(subject, event.sequence, event.hash)
        events.append(event)
    insert_ids = await _write(connection, events, list(heads.values()), lease)
    return [Logged(*each) for each in zip(insert_ids, events, strict=True)]


async def _lock_heads(connection: AsyncConnection, subjects: list[str]) -> dict[str, Head]:
    heads = await _lock(connection, subjects)
    if new := [subject for subject in subjects if subject not in heads]:
        await run(
            connection,
            """INSERT INTO log_head (subject, sequence, hash)
               SELECT subject, 0, CAST(:genesis AS bytea) FROM unnest(CAST(:subjects AS text[])) AS new (subject)
               ORDER BY subject ON CONFLICT (subject) DO NOTHING""",
            subjects=new,
            genesis=GENESIS,
        )
        heads |= await _lock(connection, new)
    return heads


async def _lock(connection: AsyncConnection, subjects: list[str]) -> dict[str, Head]:
    statement = """SELECT subject, sequence, hash FROM log_head WHERE subject = ANY(CAST(:subjects AS text[]))
                   ORDER BY subject FOR UPDATE"""
    return {row[0]: Head(*row) for row in await rows(connection, statement, subjects=subjects)}


async def _write(connection: AsyncConnection, events: list[Event], heads: list[Head], lease: Lease | None) -> list[int]:
    """The insert ids, in the order of the events."""
    found = await rows(
        connection,
        """WITH written AS (
               INSERT INTO event_log (id, subject, sequence, type, time, prevhash, hash, data, traceparent)
               SELECT id, subject, sequence, type, time, prevhash, hash, data, traceparent
               FROM unnest(CAST(:ids AS uuid[]), CAST(:subjects AS text[]), CAST(:sequences AS bigint[]),
                   CAST(:types AS text[]), CAST(:times AS timestamptz[]), CAST(:prevhashes AS bytea[]),
                   CAST(:hashes AS bytea[]), CAST(:bodies AS bytea[]), CAST(:traceparents AS text[])) WITH ORDINALITY
                   AS new (id, subject, sequence, type, time, prevhash, hash, data, traceparent, n)
               ORDER BY n RETURNING insert_id),
           unstamped AS (INSERT INTO event_unstamped SELECT insert_id FROM written),
           unpublished AS (
               INSERT INTO event_unpublished
               SELECT insert_id, CAST(:owner AS uuid), clock_timestamp() + make_interval(secs => :seconds)
               FROM written),
           ahead AS (
               UPDATE log_head SET sequence = new.sequence, hash = new.hash
               FROM unnest(CAST(:heads AS text[]), CAST(:head_sequences AS bigint[]), CAST(:head_hashes AS bytea[]))
                   AS new (subject, sequence, hash)
               WHERE log_head.subject = new.subject)
           SELECT array_agg(insert_id ORDER BY insert_id) AS insert_ids FROM written""",
        ids=[event.id for event in events],
        subjects=[event.subject for event in events],
        sequences=[event.sequence for event in events],
        types=[event.type for event in events],
        times=[event.time for event in events],
        prevhashes=[event.prevhash for event in events],
        hashes=[event.hash for event in events],
        bodies=[event.data for event in events],
        traceparents=[event.traceparent for event in events],
        heads=[head.subject for head in heads],
        head_sequences=[head.sequence for head in heads],
        head_hashes=[head.hash for head in heads],
        owner=lease.owner if lease else None,
        seconds=lease.seconds if lease else 0.0,
    )
    return list(found[0].insert_ids)


_EVENT = "id, type, subject, sequence, time, prevhash, data, traceparent"
_AFTER = f"""SELECT {_EVENT}, position FROM event_position JOIN event_log USING (insert_id)
             WHERE position > :after ORDER BY position LIMIT :limit"""


class Log:
    """A producer's log, read by position, by subject, or by head."""

    def __init__(self, database: Database, source: str) -> None:
        self.database = database
        self.source = source

    async def stamp(self) -> int:
        """Give positions to committed events that have none yet; how many."""
        async with self.database.transaction() as connection:
            await rows(connection, "SELECT pg_advisory_xact_lock(:key)", key=_STAMPING)
            # A statement of its own, so that it sees what the last holder of the lock has stamped.
            return await run(
                connection,
                """WITH last AS (SELECT coalesce(max(position), 0) AS position FROM event_position),
                        fresh AS (DELETE FROM event_unstamped RETURNING insert_id)
                   INSERT INTO event_position (position, insert_id)
                   SELECT last.position + row_number() OVER (ORDER BY fresh.insert_id), fresh.insert_id
                   FROM last, fresh""",
            )

    async def after(self, position: int, limit: int) -> list[tuple[int, Event]]:
        """Events with a position above ``position``, in order of position."""
        await self.stamp()
        async with self.database.transaction() as connection:
            found = await rows(connection, _AFTER, after=position, limit=limit)
        return [(row.position, self.event(row)) for row in found]

    async def of_subjects(self, wanted: Sequence[tuple[str, int]], limit: int) -> list[Event]:
        """For each (subject, sequence): the subject's events after that sequence; at most ``limit`` in all."""
        async with self.database.transaction() as connection:
            found = await rows(
                connection,
                # Subject by subject: joined, the limit lured the planner into reading the log from its beginning.
                f"""SELECT {_EVENT}
                    FROM unnest(CAST(:subjects AS text[]), CAST(:after AS bigint[])) AS wanted (key, after)
                    CROSS JOIN LATERAL (
                        SELECT * FROM event_log WHERE subject = wanted.key AND sequence > wanted.after
                        ORDER BY sequence LIMIT :limit) AS found
                    ORDER BY insert_id LIMIT :limit""",
                subjects=[subject for subject, _ in wanted],
                after=[sequence for _, sequence in wanted],
                limit=limit,
            )
        return [self.event(row) for row in found]

    async def settled(self, position: int, seconds: float, limit: int) -> list[Head]:
        """Which events follow on ``position``, up to the first that was recorded less than ``seconds`` ago."""
        await self.stamp()
        async with self.database.transaction() as connection:
            found = await rows(
                connection,
                """WITH page AS (
                       SELECT position, subject, sequence, hash,
                           recorded_at >= clock_timestamp() - make_interval(secs => :seconds) AS fresh
                       FROM event_position JOIN event_log USING (insert_id)
                       WHERE position > :after ORDER BY position LIMIT :limit)
                   SELECT subject, sequence, hash, position FROM page
                   WHERE position < (SELECT coalesce(min(position), 9223372036854775807) FROM page WHERE fresh)
                   ORDER BY position""",
                after=position,
                seconds=seconds,
                limit=limit,
            )
        return [Head(*row) for row in found]

    async def ranges(self, after: str, limit: int) -> list[Range]:
        """Ranges in order of subject, after a subject, at least one; the last of all lies behind the last head."""
        async with self.database.transaction() as connection:
            found = await rows(
                connection,
                f"""WITH page AS (
                        SELECT subject, hash, (row_number() OVER (ORDER BY subject) - 1) / :width AS number
                        FROM log_head WHERE subject > :after ORDER BY subject LIMIT :heads)
                    SELECT max(subject), {DIGEST} FROM page GROUP BY number ORDER BY number""",
                after=after,
                width=WIDTH,
                heads=limit * WIDTH,
            )
        ranges = [Range(*row) for row in found]
        return ranges if len(ranges) == limit else [*ranges, Range(None, sha256().digest())]

    async def heads(self, after: str, limit: int, subjects: Sequence[str] | None = None) -> list[Head]:
        """Heads in order of subject, after a subject; of these ``subjects`` only when they are given."""
        async with self.database.transaction() as connection:
            found = await rows(
                connection,
                """SELECT subject, sequence, hash FROM log_head
                   WHERE subject > :after AND (CAST(:subjects AS text[]) IS NULL OR subject = ANY(:subjects))
                   ORDER BY subject LIMIT :limit""",
                after=after,
                subjects=None if subjects is None else list(subjects),
                limit=limit,
            )
        return [Head(*row) for row in found]

    async def last_position(self) -> int:
        """The highest position stamped so far."""
        await self.stamp()
        async with self.database.transaction() as connection:
            found = await rows(connection, "SELECT coalesce(max(position), 0) FROM event_position")
        return int(found[0][0])

    def event(self, row: Any) -> Event:
        """A row of the log as the event it holds."""
        return Event(
            id=row.id,
            source=self.source,
            type=row.type,
            subject=row.subject,
            sequence=row.sequence,
            time=row.time,
            prevhash=row.prevhash,
            data=row.data,
            traceparent=row.traceparent,
        )
