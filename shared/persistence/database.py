"""One service's database: its engine, its transactions, and which of its errors are worth another try."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import lru_cache
from socket import gaierror
from typing import Any, TypeVar

from sqlalchemy import TextClause, text
from sqlalchemy.exc import DBAPIError, InterfaceError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

T = TypeVar("T")

#: SQLSTATE classes that another try can mend: connection, transaction rollback, resources, operator intervention.
_TRANSIENT = ("08", "40", "53", "57", "55P03")
#: A command or a batch is tried this often before its caller hears of it.
TRIES = 6


class Database:
    """Connections to one database; every transaction is READ COMMITTED and ends with its block.

    ``schema``: where its tables are, when not in the database's own.
    """

    def __init__(self, url: str, *, name: str = "homeward", pool_size: int = 6, schema: str | None = None) -> None:
        self.url = url
        self.engine = create_async_engine(
            url,
            pool_size=pool_size,
            max_overflow=4,
            # An error's text must not quote what was written.
            hide_parameters=True,
            connect_args={
                "timeout": 10,
                # A connection that is half open would be waited for as long as the kernel does.
                "command_timeout": 30,
                "server_settings": {
                    "application_name": name,
                    # What a vanished client has locked is free again after this.
                    "idle_in_transaction_session_timeout": "60s",
                    "tcp_user_timeout": "30s",
                    **({"search_path": schema} if schema else {}),
                },
            },
        )

        self._autocommit = self.engine.execution_options(isolation_level="AUTOCOMMIT")

    def beside(self, name: str, schema: str) -> "Database":
        """The same with the tables of another schema; its connections have with them what these have."""
        other = Database(self.url, name=name, schema=schema)
        other.equip(**self.engine.sync_engine.get_execution_options())
        return other

    def equip(self, **options: Any) -> None:
        """Have every connection bear these with it, and those for one statement too."""
        for engine in (self.engine, self._autocommit):
            engine.sync_engine.update_execution_options(**options)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that commits when the block ends well and rolls back when it doesn't."""
        async with self.engine.begin() as connection:
            yield connection

    @asynccontextmanager
    async def statement(self) -> AsyncIterator[AsyncConnection]:
        """For one statement, which is its own transaction: one way to the server and back instead of three."""
        async with self._autocommit.connect() as connection:
            yield connection

    async def retried(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """Run ``work`` in a transaction, again from the start when another try can mend the error."""
        for attempt in range(1, TRIES + 1):
            try:
                async with self.transaction() as connection:
                    return await work(connection)
            except Exception as error:
                if attempt == TRIES or not is_transient(error):
                    raise
                await asyncio.sleep(random.uniform(0, 0.02 * 2**attempt))  # noqa: S311
        raise AssertionError("unreachable")

    async def close(self) -> None:
        """Close every connection."""
        await self.engine.dispose()


def is_transient(error: BaseException) -> bool:
    """Deadlocks, serialization failures and lost connections: the same work may succeed when tried again."""
    if isinstance(error, DBAPIError):
        state = str(getattr(error.orig, "sqlstate", None) or "")
        return error.connection_invalidated or isinstance(error, InterfaceError) or state.startswith(_TRANSIENT)
    # Where servers are found by name, the name of one that has just died is unknown until it is back.
    return isinstance(error, ConnectionError | gaierror | PoolTimeout | TimeoutError) or getattr(
        error, "transient", False
    )


async def rows(connection: AsyncConnection, statement: str, **parameters: Any) -> list[Any]:
    """The rows that a statement returns."""
    return list((await connection.execute(_text(statement), parameters)).all())


async def run(connection: AsyncConnection, statement: str, **parameters: Any) -> int:
    """Execute a statement; how many rows it touched."""
    return (await connection.execute(_text(statement), parameters)).rowcount


async def scalar(connection: AsyncConnection, statement: str, **parameters: Any) -> Any:
    """The first column of the first row, or None."""
    return (await connection.execute(_text(statement), parameters)).scalar()


@lru_cache(maxsize=1024)
def _text(statement: str) -> TextClause:
    """Parsed once: a service has some hundred statements and runs them all day."""
    return text(statement)
