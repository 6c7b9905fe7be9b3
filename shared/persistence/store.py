"""Aggregates in tables: each is one document, whose personal part is sealed, with columns beside it for searching."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Generic, NamedTuple, TypeVar
from uuid import UUID

import orjson
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import TypeAdapter, ValidationError
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.errors import NotFound, Unavailable, Unstorable
from shared.messaging.handlers import NotYet
from shared.persistence.database import rows, run
from shared.protection.vault import seal, unseal, vault_of

A = TypeVar("A")

#: What pydantic says of a word that a vocabulary doesn't have: of a StrEnum, and of a Literal.
_UNKNOWN_WORD = {"enum", "literal_error"}
#: By owner.
Ciphers = dict[UUID, AESGCM]


class NotLoaded(Exception):
    """An aggregate was used that the unit of work had not loaded: declare it in the handler or load it first."""

    transient = True


class LostRace(Exception):
    """Another transaction created the same aggregate first: try again."""

    transient = True


class OfNewerBuild(NotYet, Unavailable):
    """A newer version of this service has written this, and the one that you have reached can't read it: try again."""


@dataclass(frozen=True)
class Column:
    """A column kept beside the state, for searching: its PostgreSQL type and how its value is found."""

    type: str
    value: Callable[[Any], Any]


@dataclass(frozen=True)
class Sealed:
    """The aggregate's fields that are personal, and whose: they are in ``sealed bytea`` and nowhere else.

    Beside it ``sealed_for uuid`` says with whose data key.
    """

    fields: tuple[str, ...]
    owner: Callable[[Any], UUID]


class State(NamedTuple):
    """An aggregate as JSON: the open part, and the personal part when there is anything in it."""

    open: str
    personal: str | None = None

    @property
    def whole(self) -> str:
        """Both as one document."""
        return f"{self.open[:-1]},{self.personal[1:]}" if self.personal else self.open


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
    sealed: Sealed | None = None

    def load(self, state: bytes | str) -> A:
        """The aggregate that a state holds. Raises OfNewerBuild when all that is wrong with it are unknown words."""
        try:
            return self._adapter.validate_json(state)
        except ValidationError as error:
            if {fault["type"] for fault in error.errors()} <= _UNKNOWN_WORD:
                raise OfNewerBuild from None
            raise

    def dump(self, aggregate: A) -> State:
        """The aggregate's state as JSON."""
        if self.sealed is None:
            return State(_json(aggregate))
        personal = {name: getattr(aggregate, name) for name in self.sealed.fields}
        return State(
            _json({name: getattr(aggregate, name) for name in self._open_fields}),
            _json(personal) if any(personal.values()) else None,
        )

    def place(self, id: UUID) -> str:
        """What a sealed part is bound to."""
        return f"{self.table}.sealed/{id}"

    @cached_property
    def _adapter(self) -> TypeAdapter[A]:
        return TypeAdapter(self.type)

    @cached_property
    def _open_fields(self) -> list[str]:
        names = [each.name for each in dataclasses.fields(self.type)]  # type: ignore[arg-type]
        return [name for name in names if self.sealed is None or name not in self.sealed.fields]

    @cached_property
    def selection(self) -> str:
        """The statement's beginning with which ``read`` can read; a condition follows."""
        if self.sealed is None:
            return f"SELECT id, state::text FROM {self.table}"
        return (
            "SELECT id, state::text, sealed, sealed_for, data_key.key_id, data_key.wrapped"
            f" FROM {self.table} LEFT JOIN data_key ON data_key.owner = sealed_for"
        )

    async def read(
        self, connection: AsyncConnection, condition: str, ciphers: Ciphers | None = None, **parameters: Any
    ) -> dict[UUID, State]:
        """The states of the rows that a condition chooses: what follows WHERE, with order, limit and locks.

        The owners' ciphers are left in ``ciphers``.
        """
        found = await rows(connection, f"{self.selection} WHERE {condition}", **parameters)
        if self.sealed is None:
            return {row.id: State(row.state) for row in found}
        known = {} if ciphers is None else ciphers
        return {row.id: State(row.state, await self._personal(connection, row, known)) for row in found}

    async def find(self, connection: AsyncConnection, condition: str, **parameters: Any) -> list[A]:
        """The aggregates that a condition chooses, in its order, without locks."""
        return [self.load(state.whole) for state in (await self.read(connection, condition, **parameters)).values()]

    async def _personal(self, connection: AsyncConnection, row: Any, ciphers: Ciphers) -> str | None:
        if row.sealed is None:
            return None
        cipher = await vault_of(connection).cipher(row.sealed_for, row.key_id, row.wrapped)
        ciphers[row.sealed_for] = cipher
        return unseal(cipher, row.sealed, self.place(row.id))


def _json(value: Any) -> str:
    # Three times as fast as pydantic writes it, and pydantic reads it as well.
    text = orjson.dumps(value, _collected, orjson.OPT_NON_STR_KEYS).decode()
    # PostgreSQL's json takes a zero character that none of its functions can read again.
    if "\\u0000" in text:
        raise Unstorable
    return text


class Collection(Generic[A]):
    """The loaded and the new aggregates of one kind."""

    def __init__(self, store: Store[A]) -> None:
        self.store = store
        self._present: dict[UUID, A] = {}
        self._loaded: dict[UUID, State] = {}
        self._asked: set[UUID] = set()
        #: Of whom something is locked here: nobody can destroy their data keys meanwhile.
        self._ciphers: Ciphers = {}
        #: Another office's, which the caller has named: as if there were none.
        self._hidden: set[UUID] = set()
        #: What was inserted or updated.
        self.saved: list[UUID] = []

    def get(self, id: UUID) -> A:
        """The aggregate; NotFound when there is none."""
        found = self.find(id)
        if found is None:
            raise NotFound(f"There is no {self.store.type.__name__.lower()} {id}.")
        return found

    def find(self, id: UUID) -> A | None:
        """The aggregate, or None when there is none."""
        if id in self._hidden:
            return None
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
        condition = f"id = ANY(:ids) ORDER BY id FOR UPDATE OF {self.store.table}"
        for id, state in (await self.store.read(connection, condition, self._ciphers, ids=ids)).items():
            self._present[id], self._loaded[id] = self.store.load(state.whole), state
        self._asked.update(ids)

    async def hide(self, connection: AsyncConnection, ids: set[UUID]) -> None:
        """From now on those of them that the caller may not see can't be found."""
        seen = await rows(connection, f"SELECT id FROM {self.store.table} WHERE id = ANY(:ids)", ids=list(ids))
        self._hidden |= ids - {row.id for row in seen}

    def save_anew(self, ids: Iterable[UUID]) -> None:
        """Have these written though they have not changed."""
        self._loaded |= {id: State("") for id in ids if id in self._loaded}

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
        self.saved += new + changed

    async def _write(
        self, connection: AsyncConnection, template: str, ids: list[UUID], states: dict[UUID, State]
    ) -> int:
        columns = self.store.columns
        values = {name: [column.value(self._present[id]) for id in ids] for name, column in columns.items()}
        types = {name: column.type for name, column in columns.items()}
        if self.store.sealed:
            values |= await self._seal(connection, self.store.sealed, ids, states)
            types |= {"sealed": "bytea", "sealed_for": "uuid"}
        statement = template.format(
            table=self.store.table,
            names="".join(f", {name}" for name in types),
            values="".join(f", new.{name}" for name in types),
            sets="".join(f", {name} = new.{name}" for name in types),
            arrays="".join(f", CAST(:{name} AS {type}[])" for name, type in types.items()),
        )
        return await run(connection, statement, ids=ids, states=[states[id].open for id in ids], **values)

    async def _seal(
        self, connection: AsyncConnection, sealed: Sealed, ids: list[UUID], states: dict[UUID, State]
    ) -> dict[str, list[Any]]:
        owners = {id: sealed.owner(self._present[id]) for id in ids if states[id].personal}
        ciphers = self._ciphers
        if unknown := set(owners.values()) - ciphers.keys():
            ciphers |= await vault_of(connection).first_ciphers(connection, unknown)
        values = {
            id: seal(ciphers[owner], states[id].personal or "", self.store.place(id)) for id, owner in owners.items()
        }
        return {"sealed": [values.get(id) for id in ids], "sealed_for": [owners.get(id) for id in ids]}


_NEW = "unnest(CAST(:ids AS uuid[]), CAST(:states AS text[]){arrays}) AS new (id, state{names})"
_INSERT = (
    "INSERT INTO {table} (id, state{names}) SELECT new.id, new.state::json{values} FROM "
    + _NEW
    + " ON CONFLICT (id) DO NOTHING"
)
_UPDATE = "UPDATE {table} SET state = new.state::json{sets} FROM " + _NEW + " WHERE {table}.id = new.id"
