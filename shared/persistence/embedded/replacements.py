"""Databases that are made beside those that are there, and take their places all in one moment."""

from collections.abc import Iterable

import asyncpg  # type: ignore[import-untyped]

_NEW, _OLD = "_restored", "_replaced"


async def begin(connection: asyncpg.Connection, name: str) -> str:
    """Make an empty database that is to replace this one; what it is called meanwhile."""
    await connection.execute(f'CREATE DATABASE "{name}{_NEW}"')
    return name + _NEW


async def put_in_place(connection: asyncpg.Connection, names: Iterable[str]) -> None:
    """All of them or none: dropping can't be undone, and is done when nobody needs the old ones any more."""
    there = await _databases(connection)
    async with connection.transaction():
        for name in names:
            if name in there:
                await connection.execute(f'ALTER DATABASE "{name}" RENAME TO "{name}{_OLD}"')
            await connection.execute(f'ALTER DATABASE "{name}{_NEW}" RENAME TO "{name}"')


async def clear(connection: asyncpg.Connection, names: Iterable[str]) -> None:
    """Drop what was replaced, and what was made and did not come to replace anything: both hold who was erased."""
    there = await _databases(connection)
    for left in sorted({name + suffix for name in names for suffix in (_NEW, _OLD)} & there):
        await connection.execute(f'DROP DATABASE "{left}" WITH (FORCE)')


async def _databases(connection: asyncpg.Connection) -> set[str]:
    return {row["datname"] for row in await connection.fetch("SELECT datname FROM pg_database")}
