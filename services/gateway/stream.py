"""The live stream: after each commit, which cases have changed and the figures.

A cursor is a transaction id below which every transaction has ended. It is the same in every replica and survives
restarts, so a browser that comes back with its last event's id gets what it has missed.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.repository import case_rows, changed_subjects, figures, flight_ids, horizon, row_json
from shared.persistence.database import Database
from shared.persistence.offices import Sight, seen_by

log = structlog.get_logger()

#: Seconds between looks without a wake-up: another replica's commits don't wake this one.
POLL = 1.0
#: Seconds between two looks under load: the eye sees no more.
PAUSE = 0.25
#: Changed subjects that one message names; when there are more, the reader is told to load anew.
LARGEST = 500
#: Messages that a slow reader may be behind before it has to come back.
BACKLOG = 32


@dataclass(frozen=True)
class Change:
    """What has changed below a cursor; ``subjects`` is None when it is too much to name."""

    cursor: int
    subjects: list[UUID] | None


@dataclass(eq=False)
class Reader:
    """One open stream."""

    changes: asyncio.Queue[Change | None] = field(default_factory=lambda: asyncio.Queue(BACKLOG))
    #: It was too slow, or this process stops: it comes back with its cursor.
    leaving: bool = False

    def end(self) -> None:
        """Its stream ends now."""
        self.leaving = True
        # With a full queue it isn't waiting.
        with suppress(asyncio.QueueFull):
            self.changes.put_nowait(None)

    async def next(self, end: float) -> Change | None:
        """The next change, None when the stream ends or the loop's time ``end`` comes first."""
        try:
            async with asyncio.timeout_at(end):
                return await self.changes.get()
        except TimeoutError:
            return None


class Stream:
    """Looks for changes while anybody reads, and tells every reader."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._readers: set[Reader] = set()
        self._woken = asyncio.Event()
        self._starting = asyncio.Lock()
        self._looking: asyncio.Task[None] | None = None
        self._ended = False

    def end(self) -> None:
        """This process stops: every stream ends, and its reader comes back to another."""
        self._ended = True
        for reader in self._readers:
            reader.end()
        self.wake()

    def wake(self) -> None:
        """Something was committed in this process."""
        self._woken.set()

    async def messages(
        self, sight: Sight, after: int | None, *, seconds: float
    ) -> AsyncGenerator[tuple[int, dict[str, Any]], None]:
        """Cursors and what to tell, from ``after`` on or from now.

        Ends in time, when the reader is too slow, or when this process stops: a reader comes back with its cursor.
        """
        end = asyncio.get_running_loop().time() + seconds
        reader = Reader(leaving=self._ended)
        await self._join(reader)
        try:
            # This look comes after joining, so that nothing falls between the two.
            change = await self._since(after)
            yield change.cursor, await self._told(change, sight)
            last = change.cursor
            while not reader.leaving and (newer := await reader.next(end)):
                if newer.cursor > last:
                    last = newer.cursor
                    told = await self._told(newer, sight)
                    if told["reload"] or told["cases"] or told["flights"]:
                        yield last, told
        finally:
            self._readers.discard(reader)

    async def _join(self, reader: Reader) -> None:
        self._readers.add(reader)
        async with self._starting:
            if self._looking is None or self._looking.done():
                cursor = (await self._since(None)).cursor
                self._looking = asyncio.create_task(self._look(cursor), name="gateway live stream")

    async def _look(self, cursor: int) -> None:
        while self._readers:
            with suppress(TimeoutError):
                async with asyncio.timeout(POLL):
                    await self._woken.wait()
            self._woken.clear()
            try:
                change = await self._since(cursor)
            except (SQLAlchemyError, OSError) as error:
                log.warning("live stream waits for the database", error=type(error).__name__)
            else:
                cursor = change.cursor
                if change.subjects is None or change.subjects:
                    self._tell(change)
            await asyncio.sleep(PAUSE)

    def _tell(self, change: Change) -> None:
        for reader in self._readers:
            try:
                reader.changes.put_nowait(change)
            except asyncio.QueueFull:
                reader.leaving = True

    async def _since(self, after: int | None) -> Change:
        async with self._database.transaction() as connection:
            upto = await horizon(connection)
            if after is None:
                return Change(upto, [])
            # A cursor of a database that was restored since lies ahead of this one's transactions.
            subjects = await changed_subjects(connection, after, upto, LARGEST + 1) if after <= upto else None
        return Change(upto, None if subjects is None or len(subjects) > LARGEST else subjects)

    async def _told(self, change: Change, sight: Sight) -> dict[str, Any]:
        async with seen_by(sight, self._database) as connection:
            cases, flights = await self._changed(connection, change.subjects or [])
            counted = await figures(connection)
        return {"cases": cases, "flights": flights, "figures": counted, "reload": change.subjects is None}

    async def _changed(
        self, connection: AsyncConnection, subjects: list[UUID]
    ) -> tuple[list[dict[str, Any]], list[str]]:
        found = await case_rows(connection, subjects)
        flights = await flight_ids(connection, subjects)
        return [row_json(row) for row in found], [str(flight) for flight in flights]
