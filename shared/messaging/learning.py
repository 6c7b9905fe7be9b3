"""What this build keeps of events that were handled by one which didn't: learnt once from the producers' logs."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts.envelope import Event
from shared.messaging.handlers import Handlers, receive
from shared.messaging.outbox import Logged
from shared.messaging.reconciler import ProducerLog, Unreachable
from shared.persistence.database import Database, rows, run
from shared.persistence.store import Store
from shared.persistence.unit_of_work import UnitOfWork

log = structlog.get_logger()

#: Aggregates that are taught in one transaction: their histories are read in one answer of at most so many events.
_AT_ONCE, _LARGEST = 20, 5000
#: Seconds after which a producer that was away is asked again.
_PAUSE = 5.0


@dataclass(frozen=True)
class Learning:
    """Which aggregates learn from which events. A function does nothing but note: the event has had its effect."""

    store: Store[Any]
    handlers: Handlers


class Learner:
    """Teaches the aggregates whose rows are marked ``unlearnt``; there are none but those from before."""

    def __init__(
        self,
        learning: Learning,
        producer: Callable[[str], ProducerLog],
        database: Database,
        unit: Callable[[AsyncConnection], UnitOfWork],
        committed: Callable[[Sequence[Logged]], None],
    ) -> None:
        self._learning, self._producer = learning, producer
        #: By name; some of them the service doesn't follow.
        self._names = sorted({type.split(".")[2] for type in learning.handlers})
        self._database, self._unit, self._committed = database, unit, committed

    async def run(self) -> None:
        """Until nothing is left to learn, then wait to be cancelled."""
        while True:
            try:
                await self.learn()
                break
            except (Unreachable, SQLAlchemyError, OSError) as error:
                log.info("what came before is learnt later", error=type(error).__name__)
                await asyncio.sleep(_PAUSE)
        await asyncio.Event().wait()

    async def learn(self) -> None:
        """Until nothing is left to learn."""
        while await self._some(self._learning):
            pass

    async def _some(self, learning: Learning) -> int:
        async with self._database.transaction() as connection:
            statement = f"SELECT id FROM {learning.store.table} WHERE unlearnt ORDER BY id LIMIT :limit"
            ids = [row.id for row in await rows(connection, statement, limit=_AT_ONCE)]
        if not ids:
            return 0
        wanted = [(str(id), 0) for id in ids]
        told = [event for name in self._names for event in await self._producer(name).of_subjects(wanted, _LARGEST)]
        logged = await self._database.retried(lambda connection: self._teach(connection, learning, ids, told))
        self._committed(logged)
        return len(ids)

    async def _teach(
        self, connection: AsyncConnection, learning: Learning, ids: list[UUID], told: Iterable[Event]
    ) -> Sequence[Logged]:
        handled = await _positions(connection, ids)
        unit = self._unit(connection)
        await unit.load(**{learning.store.kind: ids})
        followed = {source for source, _ in handled}
        for event in told:
            # What isn't handled yet teaches when it is.
            past = event.source not in followed or event.sequence <= handled.get((event.source, event.subject), 0)
            if past and (handler := learning.handlers.get(event.type)):
                handler.function(receive(event, handler.contract), unit)
        await unit.flush()
        await run(connection, f"UPDATE {learning.store.table} SET unlearnt = false WHERE id = ANY(:ids)", ids=ids)
        return unit.logged


async def _positions(connection: AsyncConnection, ids: Sequence[UUID]) -> dict[tuple[str, str], int]:
    found = await rows(
        connection,
        """SELECT source, subject, sequence FROM inbox_position WHERE subject = ANY(:subjects)
           ORDER BY source, subject FOR UPDATE""",
        subjects=[str(id) for id in ids],
    )
    return {(row.source, row.subject): row.sequence for row in found}
