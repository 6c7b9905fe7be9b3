"""Whether a log is what it was: every event hashed again over the one before it, and compared with the subject's head.

Page by page in order of (subject, sequence), so that a log of any length takes the same memory.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.contracts.envelope import GENESIS, Event
from shared.messaging.codec import decode, encode
from shared.messaging.outbox import Head, Log
from shared.persistence.chain import ONE_MOMENT, faults
from shared.persistence.database import rows

#: A subject's sequence up to which it was verified.
Cursor = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Broken:
    """The first broken link of a subject."""

    subject: str
    sequence: int
    what: str


@dataclass(frozen=True, slots=True)
class Page:
    """What one look has found."""

    events: int
    #: Subjects whose last event was looked at.
    subjects: int
    broken: Sequence[Broken]
    #: Where the next look goes on; None at the end of the log.
    next: Cursor | None


async def verify(log: Log, after: Cursor = ("", 0), *, limit: int = 1000) -> Page:
    """Look at the next ``limit`` events. A subject that is broken on two pages is named on both."""
    async with log.database.transaction() as connection:
        # Events and heads of the same moment: events are recorded while we look.
        await connection.exec_driver_sql(ONE_MOMENT)
        found = await rows(
            connection,
            # From the last one that was verified: the next link hangs on it.
            """SELECT id, type, subject, sequence, time, prevhash, hash, data FROM event_log
               WHERE (subject, sequence) >= (:subject, :sequence) ORDER BY subject, sequence LIMIT :limit""",
            subject=after[0],
            sequence=after[1],
            limit=limit + 1,
        )
        heads = await _heads(connection, found, after)
        orphans = [] if len(found) > limit else await _orphans(connection)
    return await asyncio.to_thread(_verified, log.source, found, heads, after, orphans, limit)


async def total(log: Log) -> int:
    """How many events the heads count: what a progress bar ends at."""
    async with log.database.transaction() as connection:
        return int((await rows(connection, "SELECT coalesce(sum(sequence), 0) FROM log_head"))[0][0])


async def _heads(connection: Any, found: Sequence[Any], after: Cursor) -> Mapping[str, Head]:
    subjects = sorted({row.subject for row in found} | {after[0]})
    statement = "SELECT subject, sequence, hash FROM log_head WHERE subject = ANY(:subjects)"
    return {row.subject: Head(*row) for row in await rows(connection, statement, subjects=subjects)}


async def _orphans(connection: Any) -> list[Broken]:
    """Heads of subjects that have no event at all; asked once, at the end of the log."""
    found = await rows(
        connection,
        """SELECT subject, sequence FROM log_head AS head WHERE sequence > 0
             AND NOT EXISTS (SELECT FROM event_log AS log WHERE log.subject = head.subject) LIMIT 1000""",
    )
    return [Broken(row.subject, 1, f"the head counts {row.sequence} events, the log has none") for row in found]


def _verified(
    source: str, found: Sequence[Any], heads: Mapping[str, Head], after: Cursor, orphans: list[Broken], limit: int
) -> Page:
    anchored = bool(found) and (found[0].subject, found[0].sequence) == after
    more = len(found) > limit
    broken: dict[str, Broken] = {}
    if not anchored and after[0]:
        broken[after[0]] = Broken(*after, "it was deleted while it was verified")
    wrong = faults(
        found,
        lambda row: str(row.subject),
        lambda row, before: _at_a_link(source, row, before),
        lambda last: _at_the_end(last, heads),
        anchored=anchored,
        more=more,
    )
    for fault in wrong:
        broken.setdefault(fault.subject, fault)
    subjects = len({row.subject for row in found}) - more if found else 0
    last = (found[-1].subject, found[-1].sequence) if more else None
    return Page(len(found) - anchored, subjects, [*broken.values(), *orphans], last)


def _at_a_link(source: str, row: Any, before: Any) -> Iterator[Broken]:
    """What is wrong with one event and the one before it."""
    expected = before.sequence + 1 if before is not None else 1
    if row.sequence != expected:
        yield Broken(row.subject, expected, f"it is missing: {row.sequence} follows")
    elif row.prevhash != (before.hash if before is not None else GENESIS):
        yield Broken(row.subject, row.sequence, "its prevhash is not the hash of the event before it")
    event = Event(
        id=row.id, source=source, type=row.type, subject=row.subject, sequence=row.sequence, time=row.time,
        prevhash=row.prevhash, data=row.data,
    )  # fmt: skip
    if event.hash != row.hash:
        yield Broken(row.subject, row.sequence, "its hash is not that of its content")
    elif _published(event) != row.hash:
        yield Broken(row.subject, row.sequence, "what is published of it is not what was hashed")


def _published(event: Event) -> bytes | None:
    """The hash that readers compute of what they are sent."""
    try:
        return decode(encode(event)).hash
    except (ValueError, TypeError, KeyError):
        return None


def _at_the_end(last: Any, heads: Mapping[str, Head]) -> Iterator[Broken]:
    head = heads.get(last.subject)
    if head is None:
        yield Broken(last.subject, last.sequence, "the subject has no head")
    elif head.sequence > last.sequence:
        yield Broken(last.subject, last.sequence + 1, f"it is missing: the head counts {head.sequence} events")
    elif head.sequence < last.sequence:
        yield Broken(last.subject, last.sequence, f"the head counts {head.sequence} events only")
    elif head.hash != last.hash:
        yield Broken(last.subject, last.sequence, "the head has another hash")
