"""Work that falls due by the programme's clock: each task finds what is due and does it, one unit of work each."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.clock import Clock
from shared.messaging.outbox import Logged
from shared.persistence.database import Database, is_transient
from shared.persistence.unit_of_work import UnitOfWork

log = structlog.get_logger()

#: Due rows that one look finds.
PAGE = 200


@dataclass(frozen=True)
class Scheduled:
    """One kind of due work. ``due`` finds candidates without a lock, ``run`` looks again under the lock."""

    name: str
    due: Callable[[AsyncConnection, datetime, int], Awaitable[list[UUID]]]
    run: Callable[[Any, UUID], Awaitable[None]]


class Scheduler:
    """Runs a service's due work, steadily and whenever the clock was set."""

    def __init__(
        self,
        tasks: Sequence[Scheduled],
        database: Database,
        unit: Callable[[AsyncConnection], UnitOfWork],
        clock: Clock,
        committed: Callable[[Sequence[Logged]], None],
    ) -> None:
        self.tasks = tasks
        self._database, self._unit, self._clock, self._committed = database, unit, clock, committed
        self._turn = asyncio.Lock()

    async def run(self, *, interval: float = 30.0) -> None:
        """Look every ``interval`` seconds until cancelled."""
        while True:
            try:
                await self.run_due()
            except Exception as error:  # noqa: BLE001  the next round tries again
                log.warning("looking for due work failed", error=type(error).__name__)
            await asyncio.sleep(interval)

    async def run_due(self) -> int:
        """Do everything that is due now; how much that was."""
        done = 0
        async with self._turn:
            for task in self.tasks:
                failed: set[UUID] = set()
                while ids := await self._due(task, failed):
                    for id in ids:
                        if not await self._do(task, id):
                            failed.add(id)
                    done += len(ids)
        return done

    async def _due(self, task: Scheduled, failed: set[UUID]) -> list[UUID]:
        async with self._database.transaction() as connection:
            found = await task.due(connection, self._clock.now(), PAGE + len(failed))
        return [id for id in found if id not in failed]

    async def _do(self, task: Scheduled, id: UUID) -> bool:
        async def work(connection: AsyncConnection) -> list[Logged]:
            unit = self._unit(connection)
            await task.run(unit, id)
            await unit.flush()
            return unit.logged

        try:
            logged = await self._database.retried(work)
        except Exception as error:
            if not is_transient(error):
                log.exception("scheduled work failed", task=task.name, id=str(id))
            return False
        self._committed(logged)
        return True
