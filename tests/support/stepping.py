"""Work that goes on one transaction at a time, when it is told to: any interleaving can be had, and had again."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from shared.persistence.database import Database


class Process:
    """One piece of work, which stops before each of its transactions until it is told to go on."""

    def __init__(self, work: Coroutine[Any, Any, Any]) -> None:
        self._stopped, self._going, self._killed = asyncio.Event(), asyncio.Event(), False
        _current.set(self)
        self.task = asyncio.create_task(work)
        _current.set(None)

    async def step(self) -> bool:
        """Go on to the next transaction, or to the end; whether there is more to do."""
        self._stopped.clear()
        self._going.set()
        stopped = asyncio.create_task(self._stopped.wait())
        await asyncio.wait({self.task, stopped}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        return not self.task.done()

    async def kill(self) -> None:
        """End it where it stands, as SIGKILL would: no transaction of its own follows."""
        self._killed = True
        self._going.set()
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    async def turn(self) -> None:
        """Wait until it is told to go on."""
        if not self._killed:
            self._going.clear()
            self._stopped.set()
            await self._going.wait()
        if self._killed:
            raise ConnectionAbortedError("the process is dead")


_current: ContextVar[Process | None] = ContextVar("process", default=None)


class SteppedDatabase(Database):
    """A database in which processes take turns; what belongs to no process goes at once."""

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        if (process := _current.get()) is not None:
            await process.turn()
        async with super().transaction() as connection:
            yield connection

    @asynccontextmanager
    async def statement(self) -> AsyncIterator[AsyncConnection]:
        if (process := _current.get()) is not None:
            await process.turn()
        async with super().statement() as connection:
            yield connection
