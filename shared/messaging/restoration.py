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
from functools import partial
from typing import Any, Protocol
from uuid import UUID

import structlog
from sqlalchemy import event
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.clock import Clock
from shared.contracts.restoration import Lost, Restored
from shared.errors import NotFound
from shared.messaging import inbox
from shared.messaging.outbox import Outgoing, Recorded, append
from shared.messaging.reconciler import Unreachable
from shared.persistence.database import Database, rows, run, scalar

log = structlog.get_logger()

#: Which database this is, on which history of which server: its identity, the database, this table, the timeline. A
#: dump that is loaded over the tables makes them anew. A copy of a stopped server's files has the same.
_HERE = """
    SELECT format('%s/%s/%s/%s', (SELECT system_identifier FROM pg_control_system()), oid, 'log_origin'::regclass::oid,
                  ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int)
    FROM pg_database WHERE datname = current_database()"""
#: Before it in ``log_origin``: this one was set back, and reports are waited for.
_WAITING = "waiting "
#: In its place: a follower has shown that numbers are missing here.
_OVERTAKEN = "overtaken"
#: Whole reports in a row that add nothing, and seconds between them: what a follower's process still had in hand is in
#: them. What comes later from another process of it than the one that reported shows as a position ahead of the log.
_PASSES, _BETWEEN = 2, 1.0
#: Seconds between looks whether everybody has reported.
_LOOKING = 0.2
#: Seconds between looks whether this is still the database that it was.
_WATCHING = 2.0

#: Positions in one report.
_PAGE = 2000

#: Called in the transaction that ends a restoration.
Also = Callable[[AsyncConnection], Awaitable[None]]


class SetBack(ConnectionError):
    """The database isn't the one with which this process has begun: it ends, and is to be started anew."""


class NotWaited(NotFound):
    """This service doesn't wait for a report of that name; ``waiting_for`` says for whose."""


class Send(Protocol):
    """Sends a page of a report."""

    async def __call__(self, positions: Sequence[tuple[str, int]], *, whole: bool) -> bool:
        """Whether it is waited for. ``whole``: it is the last page."""


@dataclass(frozen=True, slots=True)
class Gone:
    """Numbers of a subject that are lost, and when that was recorded."""

    subject: str
    lost_from: int
    lost_upto: int
    recorded_at: datetime


async def report(database: Database, source: str, send: Send) -> None:
    """Tell a producer how far we are: one that was set back waits for it, once nothing of it is under way here."""
    after: str | None = ""
    while after is not None:
        async with database.transaction() as connection:
            page = await inbox.reached(connection, source, after, _PAGE)
        whole = len(page) < _PAGE
        waited = await send(page, whole=whole)
        after = page[-1][0] if waited and not whole else None


class Restoration:
    """One service's. ``source``: None for who publishes nothing; ``followers``: who must report.

    ``end`` ends the process: what it has in memory is of a database that is gone.
    """

    def __init__(
        self,
        database: Database,
        source: str | None,
        followers: Sequence[str],
        clock: Clock,
        end: Callable[[], None],
        also: Also | None = None,
    ) -> None:
        self._database, self._source, self._clock, self._also = database, source, clock, also
        self._followers, self._end = tuple(followers), end
        #: With which database this process has begun.
        self._here: str | None = None
        #: The service does nothing but wait for reports, until it is over.
        self.under_way, self.over = False, asyncio.Event()
        #: Who has not reported yet.
        self.waiting_for: tuple[str, ...] = ()

    async def begin(self, *, cut_back: bool = False) -> bool:
        """Whether the database was set back. One that is new, with nothing in it, is what it should be.

        ``cut_back``: what is kept outside of it says so.
        """
        self.under_way = await self._database.retried(partial(self._begin, cut_back=cut_back))
        if self.under_way:
            self.waiting_for = self._followers
            log.warning("the database was set back: waiting for reports", followers=self._followers)
        event.listen(self._database.engine.sync_engine, "connect", self._look)
        return self.under_way

    async def run(self, producers: Mapping[str, Send]) -> None:
        """Return when all have reported and what is lost is recorded.

        ``producers``: whom we follow ourselves, by source; they may be waiting for us as we are for them.
        """
        loop = asyncio.get_running_loop()
        reporting_at = loop.time()
        while True:
            if loop.time() >= reporting_at:
                reporting_at = loop.time() + _BETWEEN
                for source, send in producers.items():
                    with suppress(Unreachable):
                        await report(self._database, source, send)
            async with self._database.transaction() as connection:
                found = await rows(connection, "SELECT follower FROM restoration_report WHERE passes >= :n", n=_PASSES)
                over = await scalar(connection, "SELECT origin FROM log_origin") == self._here
            reported = {row.follower for row in found}
            # Another process may have ended it, and have done away with the reports.
            self.waiting_for = () if over else tuple(each for each in self._followers if each not in reported)
            if not self.waiting_for:
                break
            await asyncio.sleep(_LOOKING)
        await self._database.retried(self._finish)

    def done(self) -> None:
        """All that the service does is done again."""
        self.under_way = False
        self.over.set()

    async def take(self, follower: str, positions: Sequence[tuple[str, int]], *, whole: bool) -> bool:
        """Note how far a follower is, if that is waited for. ``whole``: these are the last of all its positions.

        If it isn't, and the follower has more than there is: the database was set back unseen, and this ends.
        """
        given = {"subjects": [each[0] for each in positions], "sequences": [each[1] for each in positions]}

        async def note(connection: AsyncConnection) -> tuple[bool, bool]:
            if not await self._waits(connection):
                return False, bool(await run(connection, _OVERTAKING, overtaken=_OVERTAKEN, **given))
            ahead = await run(connection, _AHEAD, **given)
            await run(connection, _REPORTED, follower=follower, ahead=ahead, whole=whole, between=_BETWEEN)
            return True, False

        waiting, overtaken = await self._database.retried(note)
        if overtaken:
            log.error("a follower has handled what isn't in the log: this process ends", follower=follower)
            self._end()
        return waiting or overtaken

    async def do_without(self, follower: str) -> None:
        """Count a follower as having reported: it will never come. Raises NotWaited."""
        async with self._database.transaction() as connection:
            if follower not in self.waiting_for or not await self._waits(connection):
                raise NotWaited(waiting_for=self.waiting_for)
            await run(
                connection,
                """INSERT INTO restoration_report (follower, passes) VALUES (:follower, :passes)
                   ON CONFLICT (follower) DO UPDATE SET passes = :passes""",
                follower=follower,
                passes=_PASSES,
            )

    async def watch(self) -> None:
        """End the process when its database isn't any more what it was, or somebody has said so in it."""
        while True:
            await asyncio.sleep(_WATCHING)
            # A database that is away for a moment is looked at when it is back.
            with suppress(OSError, SQLAlchemyError):
                async with self._database.transaction() as connection:
                    found = await scalar(connection, "SELECT origin FROM log_origin")
                    found = found if found != self._here else await scalar(connection, _HERE)
                if found != self._here:
                    log.error("the database was set back under this process: it ends", found=found)
                    self._end()
                    return

    async def lost(self, after: tuple[str, int], limit: int) -> list[Gone]:
        """What must be entered again, by subject and number; ``after``: the last subject and first number before."""
        async with self._database.transaction() as connection:
            found = await rows(
                connection,
                """SELECT subject, lost_from, lost_upto, recorded_at FROM log_lost
                   WHERE (subject, lost_from) > (:subject, :number) ORDER BY subject, lost_from LIMIT :limit""",
                subject=after[0],
                number=after[1],
                limit=limit,
            )
        return [Gone(*row) for row in found]

    def _look(self, connection: Any, _: object) -> None:
        """Of every new connection: nothing may be recorded in a database that ends before what we have told."""
        try:
            found = connection.run_async(lambda driver: driver.fetchval(_HERE))
        except Exception as error:
            # Such as a standby that isn't promoted yet: what is wanted of it is tried again.
            raise ConnectionError(f"it can't be seen which database this is: {type(error).__name__}") from error
        if found != self._here:
            log.error("the database was set back under this process: it ends")
            self._end()
            raise SetBack

    async def _begin(self, connection: AsyncConnection, cut_back: bool) -> bool:
        self._here = str(await scalar(connection, _HERE))
        known = await scalar(connection, "SELECT origin FROM log_origin FOR UPDATE")
        if cut_back and known != f"{_WAITING}{self._here}":
            known = _OVERTAKEN
        server, database, _, timeline = self._here.split("/")
        if known == f"{server}/{database}/{timeline}":
            # Written down by a version that didn't look at the table.
            await run(connection, "UPDATE log_origin SET origin = :here", here=self._here)
            return False
        if known is None and not await scalar(connection, _USED):
            await run(
                connection, "INSERT INTO log_origin (origin) VALUES (:here) ON CONFLICT DO NOTHING", here=self._here
            )
            return False
        if known not in (self._here, f"{_WAITING}{self._here}"):
            # What was reported to another one says nothing about this one.
            await run(connection, "DELETE FROM restoration_report")
            await run(connection, "DELETE FROM restoration_ahead")
            await run(
                connection,
                """INSERT INTO log_origin (origin) VALUES (:waiting)
                   ON CONFLICT (one) DO UPDATE SET origin = :waiting""",
                waiting=f"{_WAITING}{self._here}",
            )
        return bool(known != self._here)

    async def _waits(self, connection: AsyncConnection) -> bool:
        """Whether reports are waited for, in whichever process; until the transaction ends that stays so."""
        return bool(
            await scalar(
                connection, f"SELECT origin = '{_WAITING}' || ({_HERE}) FROM log_origin FOR SHARE OF log_origin"
            )
        )

    async def _finish(self, connection: AsyncConnection) -> None:
        if await scalar(connection, "SELECT origin FROM log_origin FOR UPDATE") == self._here:
            # Another replica has.
            return
        if self._source:
            await self._record(connection, self._source)
        if self._also:
            await self._also(connection)
        await run(connection, "DELETE FROM restoration_report")
        await run(connection, "DELETE FROM restoration_ahead")
        await run(connection, "UPDATE log_origin SET origin = :here", here=self._here)

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


#: Something was recorded or handled here.
_USED = "SELECT EXISTS (SELECT FROM log_head) OR EXISTS (SELECT FROM inbox_position)"
_OVERTAKING = """
    UPDATE log_origin SET origin = :overtaken
    WHERE EXISTS (
        SELECT FROM unnest(CAST(:subjects AS text[]), CAST(:sequences AS bigint[])) AS theirs (subject, sequence)
        LEFT JOIN log_head AS head USING (subject) WHERE theirs.sequence > coalesce(head.sequence, 0))"""
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
    ON CONFLICT (follower) DO UPDATE SET (passes, passed_at) = (
        SELECT CASE WHEN :ahead > 0 THEN 0 ELSE old.passes + counts::int END,
               CASE WHEN :ahead > 0 OR counts THEN clock_timestamp() ELSE old.passed_at END
        FROM (SELECT :whole AND old.passed_at < clock_timestamp() - make_interval(secs => :between) AS counts) AS a)"""
