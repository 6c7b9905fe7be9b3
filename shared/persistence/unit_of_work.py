"""A unit of work: one transaction in which aggregates are locked in one order, changed, and saved in bulk together
with the events that tell of it.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar, cast
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.clock import Clock
from shared.messaging.outbox import Lease, Logged, Outgoing, Recorded, append
from shared.persistence.database import run
from shared.persistence.offices import UNLIMITED, Sight
from shared.persistence.store import Collection, Store
from shared.programme import Programme
from shared.protection.register import Register
from shared.protection.vault import seal, vault_of
from shared.telemetry import current_traceparent

A = TypeVar("A")

#: Aggregates by kind.
Ids = Mapping[str, set[UUID]]
#: Aggregates that are loaded together, by kind.
Together = Mapping[str, UUID | None]

#: Positions come before all of these and log heads after: one order everywhere means no deadlocks.
LOCK_ORDER = (
    *("flights", "funds", "persons", "households", "cases"),
    *("agencies", "agreements", "subscriptions", "answers"),
)


@dataclass(frozen=True)
class Secret:
    """A personal text in a side table's row, of the person whom it is about; the column is ``bytea``."""

    owner: UUID
    text: str
    #: The row's primary key.
    row: str


@dataclass
class Surroundings:
    """What every unit of work of a service needs: composed once."""

    source: str | None
    publish: Callable[[Any], Outgoing | None]
    clock: Clock
    programme: Programme
    #: Of the relay that publishes what this process records.
    lease: Lease | None = None
    register: Register = field(default_factory=Register)


class UnitOfWork:
    """One transaction. Subclasses name their stores and give each a property."""

    STORES: ClassVar[tuple[Store[Any], ...]] = ()
    #: Columns of side tables with personal texts.
    SEALED_COLUMNS: ClassVar[tuple[Any, ...]] = ()

    def __init__(self, connection: AsyncConnection, surroundings: Surroundings, actor: str = "system") -> None:
        self.connection = connection
        self.actor = actor
        self.clock = surroundings.clock
        self.programme = surroundings.programme
        self._surroundings = surroundings
        self._collections = {store.kind: Collection(store) for store in self.STORES}
        self._recorded: list[Recorded] = []
        #: What was written to the log, for the relay: it may have it when the transaction is committed.
        self.logged: list[Logged] = []
        self._rows: dict[str, list[dict[str, Any]]] = {}
        self._reached = 0
        self._destroyed: set[UUID] = set()
        self._sight = UNLIMITED

    def collection(self, store: Store[A]) -> Collection[A]:
        """The unit's aggregates of one kind."""
        return cast("Collection[A]", self._collections[store.kind])

    async def related(self, wanted: Ids) -> list[Together]:
        """What belongs together with these, by an unlocked look-up: a service overrides it where aggregates do.

        What changes between the look-up and the lock shows as NotLoaded, and the whole unit is tried again.
        """
        return []

    async def limit(self, sight: Sight) -> None:
        """What is looked up and loaded from now on is what the sight covers."""
        self._sight = sight
        await sight.enter(self.connection)

    @asynccontextmanager
    async def across_offices(self) -> AsyncIterator[None]:
        """What is looked up and loaded in this block may be any office's; what the caller hears of it, ids only."""
        limited, self._sight = self._sight, UNLIMITED
        await limited.leave(self.connection)
        try:
            yield
        except Exception:
            # After an error of the database there is no transaction in which anything could be seen.
            with suppress(DBAPIError):
                await self.limit(limited)
            raise
        await self.limit(limited)

    async def see(self, **ids: Iterable[UUID]) -> None:
        """Have those of these loaded aggregates that the caller may not see not found from now on."""
        if self._sight.unlimited:
            return
        for kind, each in ids.items():
            await self._collections[kind].hide(self.connection, set(each))

    async def load(self, **ids: Iterable[UUID]) -> None:
        """Lock and load aggregates by kind, in the one lock order; a later call may only go on in that order.

        Of these a caller finds what its offices may see; what belongs together with them comes along, whosever it is.
        """
        named = {kind: set(each) for kind, each in ids.items()}
        async with self.across_offices():
            await self._load({kind: set(each) for kind, each in named.items()})
        # Under the locks: what decides who sees a case can't change any more.
        await self.see(**named)

    async def _load(self, wanted: dict[str, set[UUID]]) -> None:
        for together in await self.related(wanted):
            for kind, id in together.items():
                if id is not None:
                    wanted.setdefault(kind, set()).add(id)
        for kind in LOCK_ORDER:
            if not wanted.get(kind):
                continue
            collection = self._collections[kind]
            if missing := collection.missing(wanted[kind]):
                if LOCK_ORDER.index(kind) < self._reached:
                    raise RuntimeError(f"{kind} must be locked before {LOCK_ORDER[self._reached]}")
                self._reached = LOCK_ORDER.index(kind)
                await collection.fetch(self.connection, missing)

    def record(self, *events: object) -> None:
        """Have these domain events published, as far as ``outgoing.py`` publishes them."""
        for event in events:
            outgoing = self._surroundings.publish(event)
            if outgoing is not None:
                self._recorded.append(Recorded(outgoing, self.clock.now(), current_traceparent()))

    def insert(self, table: str, row: dict[str, Any]) -> None:
        """Append a row to a side table; rows of one table must have the same columns."""
        self._rows.setdefault(table, []).append(row)

    def destroy(self, owner: UUID) -> None:
        """Destroy the owner's data key when the unit ends: what was sealed with it is gone for good, in every copy."""
        self._destroyed.add(owner)

    async def erase(self, owner: UUID) -> None:
        """Erase all that is held of an owner: a service that seals anything overrides it."""
        raise NotImplementedError

    async def sealing(self, store: Store[Any], ids: Sequence[UUID]) -> None:
        """These aggregates are sealed for the first time: a service overrides it where that changes more."""

    async def flush(self) -> None:
        """Write everything, as the tables' owner; the transaction's owner commits."""
        await self._sight.leave(self.connection)
        for kind in LOCK_ORDER:
            if kind in self._collections:
                await self._collections[kind].save(self.connection)
        for table, new in self._rows.items():
            await self._append(table, new)
        self._rows.clear()
        if self._destroyed:
            await vault_of(self.connection).destroy(self.connection, self._destroyed)
            # Before the commit: who is in the register and still there is erased when the service starts again.
            await asyncio.to_thread(self._surroundings.register.add, self._destroyed)
        if self._recorded and self._surroundings.source:
            here = self._surroundings
            self.logged = await append(self.connection, self._surroundings.source, self._recorded, here.lease)

    def blind(self, *parts: str) -> str:
        """A key under which these parts are found again, and which tells nothing to who has the database alone."""
        return vault_of(self.connection).blind(*parts)

    def touched(self) -> dict[str | None, set[UUID]]:
        """What was saved, by office, and what was only looked at when nothing was."""
        found: dict[str | None, set[UUID]] = {}
        collections = list(self._collections.values())
        saved = {id for collection in collections for id in collection.saved}
        for collection in collections:
            for each in collection:
                if not saved or each.id in saved:
                    found.setdefault(getattr(each, "office", None) or None, set()).add(each.id)
        return found

    async def _append(self, table: str, new: list[dict[str, Any]]) -> None:
        await self._seal(table, new)
        names = ", ".join(new[0])
        statement = (
            f"INSERT INTO {table} ({names}) SELECT {names} FROM"
            f" jsonb_populate_recordset(NULL::{table}, CAST(CAST(:rows AS text) AS jsonb)) ON CONFLICT DO NOTHING"
        )
        await run(self.connection, statement, rows=TypeAdapter(list[dict[str, Any]]).dump_json(new).decode())

    async def _seal(self, table: str, new: list[dict[str, Any]]) -> None:
        secrets = [(row, name) for row in new for name, value in row.items() if isinstance(value, Secret)]
        if not secrets:
            return
        ciphers = await vault_of(self.connection).ciphers(self.connection, {row[name].owner for row, name in secrets})
        for row, name in secrets:
            secret: Secret = row[name]
            row[name] = "\\x" + seal(ciphers[secret.owner], secret.text, f"{table}.{name}/{secret.row}").hex()
