"""Sealed columns of side tables; and sealing what was written before it was, once, when a service starts."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.persistence.database import Database, rows, run
from shared.persistence.store import Store
from shared.persistence.unit_of_work import UnitOfWork
from shared.protection.vault import SERVICE, seal, unseal, vault_of

log = structlog.get_logger()

#: A unit of work of the service, in a transaction.
Units = Callable[[AsyncConnection], UnitOfWork]

#: Rows in one transaction.
_AT_ONCE = 200


@dataclass(frozen=True)
class SealedColumn:
    """A side table's column of sealed texts. ``row`` and ``owner`` are SQL: the row's key, and whom it is about.

    What was written before it was sealed waits in ``open_…``.
    """

    table: str
    column: str
    row: str = "id::text"
    owner: str = "case_id"

    async def read(
        self, connection: AsyncConnection, condition: str, **parameters: Any
    ) -> list[tuple[Any, str | None]]:
        """The rows that a condition chooses, each with its text; None when the key was destroyed."""
        found = await rows(
            connection,
            f"""SELECT {self.table}.*, {self.row} AS sealed_row, data_key.owner, data_key.key_id, data_key.wrapped
                FROM {self.table} JOIN data_key ON data_key.owner = {self._owner} WHERE {condition}""",
            **parameters,
        )
        return [(row, await self._text(connection, row)) for row in found]

    async def sealed(self, connection: AsyncConnection, owner: UUID, row: str, text: str) -> bytes:
        """The text, sealed for its row under the owner's data key. Raises Erased."""
        ciphers = await vault_of(connection).ciphers(connection, [owner])
        return seal(ciphers[owner], text, self._place(row))

    async def seal_some(self, connection: AsyncConnection) -> int:
        """Seal some rows that are still open; how many it were."""
        found = await rows(
            connection,
            f"""SELECT {self.row} AS row, {self._owner} AS owner, open_{self.column}::text AS text
                FROM {self.table} WHERE open_{self.column} IS NOT NULL LIMIT :limit FOR UPDATE""",
            limit=_AT_ONCE,
        )
        if not found:
            return 0
        ciphers = await vault_of(connection).ciphers(connection, {row.owner for row in found})
        return await run(
            connection,
            f"""UPDATE {self.table} SET {self.column} = new.value, open_{self.column} = NULL
                FROM unnest(CAST(:rows AS text[]), CAST(:values AS bytea[])) AS new (row, value)
                WHERE {self.row} = new.row""",
            rows=[row.row for row in found],
            values=[seal(ciphers[row.owner], row.text, self._place(row.row)) for row in found],
        )

    @property
    def _owner(self) -> str:
        return f"coalesce({self.owner}, '{SERVICE}')"

    def _place(self, row: str) -> str:
        return f"{self.table}.{self.column}/{row}"

    async def _text(self, connection: AsyncConnection, row: Any) -> str | None:
        sealed = getattr(row, self.column)
        if row.wrapped is None or sealed is None:
            return None
        cipher = await vault_of(connection).cipher(row.owner, row.key_id, row.wrapped)
        return unseal(cipher, sealed, self._place(row.sealed_row))


async def seal_everything(database: Database, unit: Units) -> None:
    """Seal what was written before it was sealed, some rows in each transaction."""
    async with database.transaction() as connection:
        kind = type(unit(connection))
    for column in kind.SEALED_COLUMNS:
        while await database.retried(column.seal_some):
            pass
    for store in sealed_stores(kind):
        while await database.retried(lambda each, store=store: _seal_some(unit(each), store)):  # type: ignore[misc]
            pass


async def erase_again(database: Database, unit: Units, owners: Iterable[UUID]) -> None:
    """Erase those of the register's owners who are not erased here: a restored backup has brought them back, or would
    let them come back. What is recorded of it the relay finds when it starts.
    """

    async def erase(connection: AsyncConnection, owner: UUID) -> None:
        own = unit(connection)
        await own.erase(owner)
        await own.flush()

    async with database.transaction() as connection:
        returned = await vault_of(connection).not_destroyed(connection, owners)
    for owner in returned:
        await database.retried(lambda each, owner=owner: erase(each, owner))  # type: ignore[misc]
    if returned:
        log.warning("erased again, as the register of erasures says", owners=len(returned))


async def _seal_some(unit: UnitOfWork, store: Store[Any]) -> int:
    """Seal some aggregates that are still open; how many it were."""
    statement = f"SELECT id FROM {store.table} WHERE unsealed ORDER BY id LIMIT :limit"
    ids = [row.id for row in await rows(unit.connection, statement, limit=_AT_ONCE)]
    if not ids:
        return 0
    await unit.load(**{store.kind: ids})
    unit.collection(store).save_anew(ids)
    await unit.sealing(store, ids)
    await unit.flush()
    return await run(unit.connection, f"UPDATE {store.table} SET unsealed = false WHERE id = ANY(:ids)", ids=ids)


def seals(unit: type[UnitOfWork]) -> bool:
    """Whether the service seals anything, and so needs keys."""
    return bool(sealed_stores(unit) or unit.SEALED_COLUMNS)


def sealed_stores(unit: type[UnitOfWork]) -> Sequence[Store[Any]]:
    """The service's aggregates that have a personal part."""
    return [store for store in unit.STORES if store.sealed]
