"""Turns with subscriptions, as the table of a way of delivery keeps them: each is one process's for a while."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from shared.ids import new_id
from shared.persistence.database import rows, run

#: Seconds for which a subscription is one process's, and seconds from the beginning in which an attempt may start.
LEASE, STARTING = 60, 40


class LeaseLost(Exception):
    """Another process has taken the subscription over: it gives the receiver the same events again."""


@dataclass(frozen=True)
class Leases:
    """``due``: the condition, over ``:now``, under which there is something to give."""

    table: str
    due: str

    @property
    def _free(self) -> str:
        return f"""(next_at IS NULL OR next_at <= :now) AND (leased_until IS NULL OR leased_until < now())
            AND {self.due}"""

    async def find(self, connection: AsyncConnection, now: datetime, among: list[UUID] | None) -> list[UUID]:
        """The subscriptions that are to be given something now; of all of them, or among these."""
        these = "" if among is None else "AND subscription_id = ANY(:among)"
        parameters = {} if among is None else {"among": among}
        found = await rows(
            connection, f"SELECT subscription_id FROM {self.table} WHERE {self._free} {these}", now=now, **parameters
        )
        return [row.subscription_id for row in found]

    async def take(
        self, connection: AsyncConnection, ids: Sequence[UUID], now: datetime, columns: Sequence[str]
    ) -> Mapping[UUID, tuple[UUID, Any]]:
        """The lease and these columns of each that no other process has and for which something is due."""
        taken = await rows(
            connection,
            f"""WITH free AS MATERIALIZED (
                    SELECT subscription_id FROM {self.table} WHERE subscription_id = ANY(:ids) AND {self._free}
                    FOR UPDATE SKIP LOCKED)
                UPDATE {self.table} AS turn
                SET leased_by = lease, leased_until = now() + make_interval(secs => {LEASE})
                FROM free JOIN unnest(CAST(:ids AS uuid[]), CAST(:leases AS uuid[])) AS new (subscription_id, lease)
                    USING (subscription_id)
                WHERE turn.subscription_id = free.subscription_id
                RETURNING turn.subscription_id, lease, {", ".join(columns)}""",
            ids=list(ids),
            leases=[new_id() for _ in ids],
            now=now,
        )
        return {row.subscription_id: (row.lease, row) for row in taken}

    async def hold(self, connection: AsyncConnection, id: UUID) -> UUID | None:
        """A lease of what may not be given anything for a while, unless a process is giving it something."""
        lease = new_id()
        held = await run(
            connection,
            f"""UPDATE {self.table} SET leased_by = :lease, leased_until = now() + make_interval(secs => {LEASE})
                WHERE subscription_id = :id AND (leased_until IS NULL OR leased_until < now())""",
            lease=lease,
            id=id,
        )
        return lease if held else None

    async def give_back(self, connection: AsyncConnection, id: UUID, lease: UUID, at: datetime | None = None) -> None:
        """Leave the turn to others, with nothing done; ``at``: and go on then."""
        await run(
            connection,
            f"""UPDATE {self.table} SET leased_by = NULL, leased_until = NULL, next_at = :at
                WHERE subscription_id = :id AND leased_by = :lease""",
            id=id,
            lease=lease,
            at=at,
        )
