"""Travel's migrations go forward and back."""

from pathlib import Path

import pytest

import services.travel
from shared.persistence import migrations
from shared.persistence.database import Database, rows

TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version'"


@pytest.mark.asyncio
async def test_a_downgrade_leaves_no_table_and_an_upgrade_brings_them_back(database_url: str) -> None:
    folder, database = Path(str(services.travel.__file__)).parent / "migrations", Database(database_url)
    try:
        await migrations.upgrade(database, folder)
        before = await _tables(database)
        await migrations.downgrade(database, folder)
        assert await _tables(database) == set()
        await migrations.upgrade(database, folder)
        assert await _tables(database) == before
    finally:
        await database.close()


async def _tables(database: Database) -> set[str]:
    async with database.transaction() as connection:
        return {row.tablename for row in await rows(connection, TABLES)}
