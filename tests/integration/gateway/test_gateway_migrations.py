"""The projections' tables come and go."""

from services.gateway import app
from shared.persistence import migrations
from shared.persistence.database import Database, rows

FOLDER = app.MIGRATIONS


async def tables(database: Database) -> set[str]:
    async with database.transaction() as connection:
        found = await rows(connection, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    return {row.tablename for row in found} - {"alembic_version"}


async def test_what_the_migrations_make_they_take_away_and_make_again(database_url: str) -> None:
    database = Database(database_url)
    await migrations.upgrade(database, FOLDER)
    made = await tables(database)
    assert {"case_view", "flight_view", "household_view", "timeline", "inbox_position"} <= made
    await migrations.downgrade(database, FOLDER)
    assert await tables(database) == set()
    await migrations.upgrade(database, FOLDER)
    assert await tables(database) == made
    await database.close()
