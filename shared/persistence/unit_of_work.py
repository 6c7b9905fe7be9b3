"""A unit of work: one transaction in which aggregates are locked in one order, changed, and saved in bulk together
with the events that tell of it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, Generic, TypeVar, cast
from uuid import UUID

import orjson
from pydantic import TypeAdapter
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.clock import Clock
from shared.errors import NotFound, Unstorable
from shared.messaging.outbox import Lease, Logged, Outgoing, Recorded, append
from shared.persistence.database import rows, run
from shared.programme import Programme
from shared.telemetry import current_traceparent

A = TypeVar("A")

#: Aggregates by kind.
Ids = Mapping[str, set[UUID]]
#: Aggregates that are loaded together, by kind.
Together = Mapping[str, UUID | None]

#: Positions come before all of these and log heads after: one order everywhere means no deadlocks.
LOCK_ORDER = ("flights", "funds", "persons", "households", "cases")


class NotLoaded(Exception):
    """An aggregate was used that the unit of work had not loaded: declare it in the handler or load it first."""

    transient = True


class LostRace(Exception):
    """Another transaction created the same aggregate first: try again."""

    transient = True


@dataclass(frozen=True)
class Column:
    """A column kept beside the state, for searching: its PostgreSQL type and how its value is found."""

    type: str
    value: Callable[[Any], Any]


def _collected(value: Any) -> Any:
    """What orjson doesn't know: the driver's own UUIDs, and sets, in one order so that a state which hasn't changed is
    written the same.
    """
    if isinstance(value, UUID):
        return str(value)
    if not isinstance(value, set | frozenset):
        raise TypeError(f"{type(value).__name__} has no form in a state")
    return sorted(value, key=str)


@dataclass(frozen=True)
class Store(Generic[A]):
    """One kind of aggregate in one table: ``id uuid primary key, state json`` and the columns named here.

    ``json`` keeps a state as it was written, so that what has changed is seen without writing it once more.
    """

    kind: str
    table: str
    type: type[A]
    columns: Mapping[str, Column] = field(default_factory=dict)

    def load(self, state: bytes | str) -> A:
        """The aggregate that a state holds."""
        return self._adapter.validate_json(state)

    def dump(self, aggregate: A) -> str:
        """The aggregate's state as JSON."""
        # Three times as fast as pydantic writes it, and pydantic reads it as well.
        text = orjson.dumps(aggregate, _collected, orjson.OPT_NON_STR_KEYS).decode()
        # PostgreSQL's json takes a zero character that none of its functions can read again.
        if "\\u0000" in text:
            raise Unstorable
        return text

    @cached_property
    def _adapter(self) -> TypeAdapter[A]:
        return TypeAdapter(self.type)


class Collection(Generic[A]):
    """The loaded and the new aggregates of one kind."""

    def __init__(self, store: Store[A]) -> None:
        self.store = store
        self._present: dict[UUID, A] = {}
        self._loaded: dict[UUID, str] = {}
        self._asked: set[UUID] = set()

    def get(self, id: UUID) -> A:
        """The aggregate; NotFound when there is none."""
        found = self.find(id)
        if found is None:
            raise NotFound(f"There is no {self.store.type.__name__.lower()} {id}.")
        return found

    def find(self, id: UUID) -> A | None:
        """The aggregate, or None when there is none."""
        found = self._present.get(id)
        if found is None and id not in self._asked:
            raise NotLoaded(f"{self.store.kind} {id} was not loaded")
        return found

    def add(self, aggregate: A) -> None:
        """A new aggregate, which is inserted when the unit of work ends."""
        self._present[aggregate.id] = aggregate  # type: ignore[attr-defined]

    def __iter__(self) -> Iterator[A]:
        return iter(list(self._present.values()))

    def missing(self, ids: Iterable[UUID]) -> list[UUID]:
        """Those that were not asked for yet, sorted."""
        return sorted(set(ids) - self._asked - self._present.keys())

    async def fetch(self, connection: AsyncConnection, ids: list[UUID]) -> None:
        """Lock and load them, in order of id."""
        statement = f"SELECT id, state::text FROM {self.store.table} WHERE id = ANY(:ids) ORDER BY id FOR UPDATE"
        for id, state in await rows(connection, statement, ids=ids):
            self._present[id], self._loaded[id] = self.store.load(state), state
        self._asked.update(ids)

    async def save(self, connection: AsyncConnection) -> None:
        """Insert what is new and update what has changed."""
        states = {id: self.store.dump(each) for id, each in self._present.items()}
        new = sorted(id for id in states if id not in self._loaded)
        changed = sorted(id for id in states if id in self._loaded and states[id] != self._loaded[id])
        if new and await self._write(connection, _INSERT, new, states) < len(new):
            raise LostRace(f"{self.store.kind} were created by another transaction")
        if changed:
            await self._write(connection, _UPDATE, changed, states)
        self._loaded |= states

    async def _write(self, connection: AsyncConnection, template: str, ids: list[UUID], states: dict[UUID, str]) -> int:
        columns = self.store.columns
        statement = template.format(
            table=self.store.table,
            names="".join(f", {name}" for name in columns),
            values="".join(f", new.{name}" for name in columns),
            sets="".join(f", {name} = new.{name}" for name in columns),
            arrays="".join(f", CAST(:{name} AS {column.type}[])" for name, column in columns.items()),
        )
        values = {name: [column.value(self._present[id]) for id in ids] for name, column in columns.items()}
        return await run(connection, statement, ids=ids, states=[states[id] for id in ids], **values)


_NEW = "unnest(CAST(:ids AS uuid[]), CAST(:states AS text[]){arrays}) AS new (id, state{names})"
_INSERT = (
    "INSERT INTO {table} (id, state{names}) SELECT new.id, new.state::json{values} FROM "
    + _NEW
    + " ON CONFLICT (id) DO NOTHING"
)
_UPDATE = "UPDATE {table} SET state = new.state::json{sets} FROM " + _NEW + " WHERE {table}.id = new.id"


@dataclass
class Surroundings:
    """What every unit of work of a service needs: composed once."""

    source: str | None
    publish: Callable[[Any], Outgoing | None]
    clock: Clock
    programme: Programme
    #: Of the relay that publishes what this process records.
    lease: Lease | None = None


class UnitOfWork:
    """One transaction. Subclasses name their stores and give each a property."""

    STORES: ClassVar[tuple[Store[Any], ...]] = ()

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

    def collection(self, store: Store[A]) -> Collection[A]:
        """The unit's aggregates of one kind."""
        return cast("Collection[A]", self._collections[store.kind])

    async def related(self, wanted: Ids) -> list[Together]:
        """What belongs together with these, by an unlocked look-up: a service overrides it where aggregates do.

        What changes between the look-up and the lock shows as NotLoaded, and the whole unit is tried again.
        """
        return []

    async def load(self, **ids: Iterable[UUID]) -> None:
        """Lock and load aggregates by kind, in the one lock order; a later call may only go on in that order."""
        wanted = {kind: set(each) for kind, each in ids.items()}
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

    async def flush(self) -> None:
        """Write everything; the transaction's owner commits."""
        for kind in LOCK_ORDER:
            if kind in self._collections:
                await self._collections[kind].save(self.connection)
        for table, new in self._rows.items():
            await self._append(table, new)
        self._rows.clear()
        if self._recorded and self._surroundings.source:
            here = self._surroundings
            self.logged = await append(self.connection, self._surroundings.source, self._recorded, here.lease)

    async def _append(self, table: str, new: list[dict[str, Any]]) -> None:
        names = ", ".join(new[0])
        statement = (
            f"INSERT INTO {table} ({names}) SELECT {names} FROM"
            f" jsonb_populate_recordset(NULL::{table}, CAST(CAST(:rows AS text) AS jsonb)) ON CONFLICT DO NOTHING"
        )
        await run(self.connection, statement, rows=TypeAdapter(list[dict[str, Any]]).dump_json(new).decode())
