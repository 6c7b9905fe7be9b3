"""The live stream: after each commit, which cases have changed and the figures.

A cursor is a transaction id below which every transaction has ended. It is the same in every replica and survives
restarts, so a browser that comes back with its last event's id gets what it has missed.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.repository import Scope, case_rows, changed_subjects, figures, horizon, row_json
from shared.persistence.database import Database

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

    changes: asyncio.Queue[Change] = field(default_factory=lambda: asyncio.Queue(BACKLOG))
    lagging: bool = False


class Stream:
    """Looks for changes while anybody reads, and tells every reader."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._readers: set[Reader] = set()
        self._woken = asyncio.Event()
        self._looking: asyncio.Task[None] | None = None

    def wake(self) -> None:
        """Something was committed in this process."""
        self._woken.set()

    async def messages(self, scope: Scope, after: int | None) -> AsyncIterator[tuple[int, dict[str, Any]]]:
        """Cursors and what to tell, from ``after`` on or from now; ends when the reader is too slow."""
        reader = Reader()
        self._join(reader)
        try:
            # The look comes after joining, so that nothing falls between the two.
            change = await self._since(after)
            yield change.cursor, await self._told(change, scope)
            last = change.cursor
            while not reader.lagging:
                change = await reader.changes.get()
                if change.cursor > last:
                    last = change.cursor
                    told = await self._told(change, scope)
                    if told["reload"] or told["cases"] or told["flights"]:
                        yield last, told
        finally:
            self._readers.discard(reader)

    def _join(self, reader: Reader) -> None:
        self._readers.add(reader)
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look(), name="gateway live stream")

    async def _look(self) -> None:
        cursor = (await self._since(None)).cursor
        while self._readers:
            with suppress(TimeoutError):
                async with asyncio.timeout(POLL):
                    await self._woken.wait()
            self._woken.clear()
            with suppress(ConnectionError, TimeoutError):
                change = await self._since(cursor)
                if change.subjects is None or change.subjects:
                    self._tell(change)
                cursor = change.cursor
            await asyncio.sleep(PAUSE)

    def _tell(self, change: Change) -> None:
        for reader in self._readers:
            try:
                reader.changes.put_nowait(change)
            except asyncio.QueueFull:
                reader.lagging = True

    async def _since(self, after: int | None) -> Change:
        async with self._database.transaction() as connection:
            upto = await horizon(connection)
            if after is None:
                return Change(upto, [])
            # A cursor of a database that was restored since lies ahead of this one's transactions.
            subjects = await changed_subjects(connection, after, upto, LARGEST + 1) if after <= upto else None
        return Change(upto, None if subjects is None or len(subjects) > LARGEST else subjects)

    async def _told(self, change: Change, scope: Scope) -> dict[str, Any]:
        async with self._database.transaction() as connection:
            cases, flights = await self._changed(connection, change.subjects or [], scope)
            counted = await figures(connection, scope)
        return {"cases": cases, "flights": flights, "figures": counted, "reload": change.subjects is None}

    async def _changed(
        self, connection: AsyncConnection, subjects: list[UUID], scope: Scope
    ) -> tuple[list[dict[str, Any]], list[str]]:
        found = await case_rows(connection, subjects)
        others = {str(subject) for subject in subjects} - {str(row.id) for row in found}
        return [row_json(row) for row in found if scope.covers(row)], sorted(others)
