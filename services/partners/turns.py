"""Whose turn it is to be given something: each receiver has its own task and its own turn, so that none waits for
another. What a way of delivery does with a turn is its own business.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Iterable
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from services.partners.arrivals import Arrivals
from services.partners.domain.agreement import Agency, Agreement
from services.partners.keys import principal_of
from services.partners.leases import LeaseLost, Leases
from services.partners.registry import registry_of
from shared.audit.trail import Deed
from shared.clock import Clock, SystemClock
from shared.persistence.store import OfNewerBuild
from shared.web.commands import Desk

log = structlog.get_logger()

#: Seconds after which it looks without being woken: what another process kept, and what waited for its time.
_LOOK = 1.0
#: Receivers that may use the database at once: requests need it too.
_DATABASE = 3


class Turns(ABC):
    """Runs as long as its service. ``way``: by which it delivers."""

    def __init__(self, way: str, desk: Desk, arrivals: Arrivals) -> None:
        self.way, self.desk = way, desk
        #: Real time, whatever the programme's is.
        self.clock: Clock = SystemClock()
        #: Whoever has it may use the database.
        self.database = asyncio.Semaphore(_DATABASE)
        self._changed: set[UUID] = set()
        self._woken = asyncio.Event()
        #: Whether all are looked at next, and when they are in any case.
        self._all, self._all_at = True, 0.0
        self._busy: dict[UUID, asyncio.Task[None]] = {}
        #: For whom something was kept while they were busy.
        self._again: set[UUID] = set()
        arrivals.tell(self._look_at)

    @abstractmethod
    async def due(self, connection: AsyncConnection, among: list[UUID] | None) -> list[UUID]:
        """The subscriptions that are to be given something now; of all of them, or among these."""

    @abstractmethod
    async def turn(self, id: UUID) -> bool:
        """One round; whether there is likely to be more: what comes meanwhile is another look's. Raises LeaseLost."""

    @abstractmethod
    async def close(self) -> None:
        """Close all connections."""

    def wake(self) -> None:
        """Look at all of them now."""
        self._all = True
        self._woken.set()

    async def refresh(self) -> None:
        """Know what was agreed upon or suspended: a round that is under way goes by it."""
        async with self.database, self.desk.database.transaction() as connection:
            await registry_of(connection).refresh(connection)

    async def run(self) -> None:
        """Give until cancelled."""
        try:
            while True:
                await self._look()
                try:
                    async with asyncio.timeout_at(self._all_at):
                        await self._woken.wait()
                except TimeoutError:
                    self._all = True
        finally:
            for task in self._busy.values():
                task.cancel()
            await asyncio.gather(*self._busy.values(), return_exceptions=True)
            await self.close()

    async def in_one(self, work: Any) -> None:
        """Do it in a transaction."""
        async with self.database:
            await self.desk.database.retried(work)

    async def give_back(self, leases: Leases, id: UUID, lease: UUID, at: datetime | None = None) -> None:
        """Leave a turn to others, with nothing done; ``at``: and go on then."""
        await self.in_one(lambda connection: leases.give_back(connection, id, lease, at))

    async def write_down(self, connection: AsyncConnection, told: Iterable[tuple[Agreement, set[UUID]]]) -> None:
        """Which agencies hear of whom."""
        await self.desk.trail.append_all(connection, [self._deed(agreement.agency, of) for agreement, of in told if of])

    def _deed(self, agency: Agency, told: set[UUID]) -> Deed:
        return Deed(principal_of(agency.id, agency.name), f"deliver by {self.way}", None, {None: told})

    def _look_at(self, kept_for: Iterable[UUID]) -> None:
        self._changed.update(kept_for)
        self._woken.set()

    async def _look(self) -> None:
        self._woken.clear()
        self._again |= self._changed & self._busy.keys()
        among = None if self._all else list(self._changed - self._again)
        self._changed.clear()
        all_of_them = self._all
        if all_of_them:
            self._all, self._all_at = False, asyncio.get_running_loop().time() + _LOOK
        try:
            async with self.database, self.desk.database.transaction() as connection:
                found = await self.due(connection, among)
                if all_of_them:
                    # Rounds under way stop when another process has suspended their agency.
                    await registry_of(connection).refresh(connection)
        except (OSError, SQLAlchemyError, OfNewerBuild) as error:
            log.warning("looking for what is due failed", way=self.way, error=type(error).__name__)
            return
        for id in found:
            if id not in self._busy:
                task = self._busy[id] = asyncio.create_task(self._serve(id), name=f"{self.way} {id}")
                task.add_done_callback(partial(self._over, id))

    def _over(self, id: UUID, _: asyncio.Task[None]) -> None:
        self._busy.pop(id, None)
        if id in self._again:
            self._again.discard(id)
            self._look_at([id])

    async def _serve(self, id: UUID) -> None:
        try:
            while await self.turn(id):
                pass
        except (OSError, SQLAlchemyError, LeaseLost, OfNewerBuild) as error:
            log.warning("a turn was lost", way=self.way, subscription=str(id), error=type(error).__name__)
        except Exception as error:
            log.exception("a turn failed", way=self.way, subscription=str(id), error=type(error).__name__)
