"""A database that was set back to an earlier moment: its log ends before what others have handled of it.

Events that were recorded now would get numbers that others have handled, and would be dropped there as duplicates. So
the service does nothing until each of its followers has said how far it is. Then it records for each number that is
lost an event that says so, and one more above them all; followers take these in place of what they had, and go on.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.clock import Clock
from shared.contracts.restoration import Lost, Restored
from shared.messaging import inbox
from shared.messaging.outbox import Outgoing, Recorded, append
from shared.messaging.reconciler import Unreachable
from shared.persistence.database import Database, rows, run, scalar

log = structlog.get_logger()

#: Which database this is, on which history of which server. A dump that is loaded into the same database, and a copy of
#: a stopped server's files, have the same.
_ORIGIN = """
    SELECT format('%s/%s/%s', (SELECT system_identifier FROM pg_control_system()), oid,
                  ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int)
    FROM pg_database WHERE datname = current_database()"""
#: Whole reports in a row that add nothing, and seconds between them: what a follower's process still had in hand is in
#: them. What another process of it has in hand is not known.
_PASSES, _BETWEEN = 2, 1.0
#: Seconds between looks whether everybody has reported.
_LOOKING = 0.2
#: Held while the end of a restoration is recorded.
_RECORDING = 0x686F6D66

#: Positions in one report.
_PAGE = 2000

#: Called in the transaction that ends a restoration.
Also = Callable[[AsyncConnection], Awaitable[None]]


class Send(Protocol):
    """Sends a page of a report."""

    async def __call__(self, positions: Sequence[tuple[str, int]], *, whole: bool) -> None:
        """``whole``: it is the last page."""


@dataclass(frozen=True, slots=True)
class Gone:
    """Numbers of a subject that are lost, and when that was recorded."""

    subject: str
    lost_from: int
    lost_upto: int
    recorded_at: datetime


async def report(database: Database, source: str, send: Send) -> None:
    """Tell a producer that was set back how far we are, once nothing of it is under way here."""
    after = ""
    while True:
        async with database.transaction() as connection:
            page = await inbox.reached(connection, source, after, _PAGE)
        whole = len(page) < _PAGE
        await send(page, whole=whole)
        if whole:
            return
        after = page[-1][0]


class Restoration:
    """One service's. ``source``: None for who publishes nothing; ``followers``: who must report."""

    def __init__(
        self, database: Database, source: str | None, followers: Sequence[str], clock: Clock, also: Also | None = None
    ) -> None:
        self._database, self._source, self._clock, self._also = database, source, clock, also
        self._followers = tuple(followers)
        #: The service does nothing but wait for reports.
        self.under_way, self.over = False, asyncio.Event()
        #: Who has not reported yet.
        self.waiting_for: tuple[str, ...] = ()

    async def begin(self) -> bool:
        """Whether the database was set back. One that is new, or older than this, is what it should be."""
        async with self._database.transaction() as connection:
            now = await scalar(connection, _ORIGIN)
            known = await scalar(connection, "SELECT origin FROM log_origin FOR UPDATE")
            if known is None:
                await run(connection, "INSERT INTO log_origin (origin) VALUES (:now) ON CONFLICT DO NOTHING", now=now)
        self.under_way = known not in (None, now)
        if self.under_way:
            self.waiting_for = self._followers
            log.warning("the database was set back: waiting for reports", followers=self._followers)
        return self.under_way

    async def run(self, producers: Mapping[str, Send]) -> None:
        """Return when all have reported and what is lost is recorded.

        ``producers``: whom we follow ourselves, by source; they may be waiting for us as we are for them.
        """
        while True:
            for source, send in producers.items():
                with suppress(Unreachable):
                    await report(self._database, source, send)
            async with self._database.transaction() as connection:
                found = await rows(connection, "SELECT follower FROM restoration_report WHERE passes >= :n", n=_PASSES)
                over = await scalar(connection, "SELECT origin FROM log_origin") == await scalar(connection, _ORIGIN)
            reported = {row.follower for row in found}
            self.waiting_for = tuple(each for each in self._followers if each not in reported)
            if over or not self.waiting_for:
                break
            await asyncio.sleep(_LOOKING)
        await self._database.retried(self._end)
        self.under_way = False
        self.over.set()

    async def take(self, follower: str, positions: Sequence[tuple[str, int]], *, whole: bool) -> None:
        """Note how far a follower is. ``whole``: these are the last of all its positions."""
        async with self._database.transaction() as connection:
            ahead = await run(connection, _AHEAD, subjects=[each[0] for each in positions],
                              sequences=[each[1] for each in positions])  # fmt: skip
            await run(connection, _REPORTED, follower=follower, ahead=ahead, whole=whole, between=_BETWEEN)

    async def lost(self, limit: int) -> list[Gone]:
        """What must be entered again, the latest first."""
        async with self._database.transaction() as connection:
            found = await rows(
                connection,
                """SELECT subject, lost_from, lost_upto, recorded_at FROM log_lost
                   ORDER BY recorded_at DESC, subject LIMIT :limit""",
                limit=limit,
            )
        return [Gone(*row) for row in found]

    async def _end(self, connection: AsyncConnection) -> None:
        await rows(connection, "SELECT pg_advisory_xact_lock(:key)", key=_RECORDING)
        if await scalar(connection, "SELECT origin FROM log_origin") == await scalar(connection, _ORIGIN):
            # Another replica has.
            return
        if self._source:
            await self._record(connection, self._source)
        if self._also:
            await self._also(connection)
        await run(connection, "DELETE FROM restoration_report")
        await run(connection, "DELETE FROM restoration_ahead")
        await run(connection, f"UPDATE log_origin SET origin = ({_ORIGIN})")

    async def _record(self, connection: AsyncConnection, source: str) -> None:
        found = await rows(
            connection,
            """SELECT subject, coalesce(head.sequence, 0) + 1 AS lost_from, ahead.sequence AS lost_upto
               FROM restoration_ahead AS ahead LEFT JOIN log_head AS head USING (subject)
               WHERE ahead.sequence > coalesce(head.sequence, 0) ORDER BY subject""",
        )
        now, recorded = self._clock.now(), []
        for subject, first, last in found:
            told = [*[Lost()] * (last + 1 - first), Restored(lost_from=first, lost_upto=last)]
            recorded += [Recorded(Outgoing(UUID(subject), each), now, None) for each in told]
        if recorded:
            await append(connection, source, recorded)
            await run(
                connection,
                """INSERT INTO log_lost (subject, lost_from, lost_upto)
                   SELECT * FROM unnest(
                       CAST(:subjects AS text[]), CAST(:first AS bigint[]), CAST(:last AS bigint[]))""",
                subjects=[row.subject for row in found],
                first=[row.lost_from for row in found],
                last=[row.lost_upto for row in found],
            )
        lost = sum(row.lost_upto + 1 - row.lost_from for row in found)
        log.warning("goes on after its database was set back", source=source, subjects=len(found), lost=lost)


_AHEAD = """
    INSERT INTO restoration_ahead AS old (subject, sequence)
    SELECT new.subject, new.sequence
    FROM unnest(CAST(:subjects AS text[]), CAST(:sequences AS bigint[])) AS new (subject, sequence)
    LEFT JOIN log_head AS head USING (subject)
    WHERE new.sequence > coalesce(head.sequence, 0) ORDER BY new.subject
    ON CONFLICT (subject) DO UPDATE SET sequence = excluded.sequence WHERE excluded.sequence > old.sequence"""
_REPORTED = """
    INSERT INTO restoration_report AS old (follower, passes)
    VALUES (:follower, CASE WHEN :whole THEN 1 ELSE 0 END)
    ON CONFLICT (follower) DO UPDATE SET
        passes = CASE WHEN :ahead > 0 THEN 0 ELSE old.passes END + CASE WHEN :whole
            AND old.passed_at < clock_timestamp() - make_interval(secs => :between) THEN 1 ELSE 0 END,
        passed_at = CASE WHEN :whole THEN clock_timestamp() ELSE old.passed_at END"""
