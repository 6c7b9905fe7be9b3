"""The projections' tables come and go."""

from uuid import UUID

from services.gateway import app
from services.gateway.repository import CASES
from shared.persistence import migrations
from shared.persistence.database import Database, rows, run

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


async def test_a_projection_from_before_is_kept_without_the_number_that_a_list_gives(database_url: str) -> None:
    database, case_id = Database(database_url), UUID(int=7)
    await migrations.upgrade(database, FOLDER, "0005")
    told = '{"list_reference": "JNZ-005", "reference": "TRI-000001"}'
    async with database.transaction() as connection:
        await run(
            connection,
            """INSERT INTO case_view (id, state, reference, stage, holds, travelling, updated_at)
               VALUES (:id, CAST(CAST(:state AS text) AS json), 'TRI-000001', 'registered', 0, false, now())""",
            id=case_id,
            state=f'{{"id": "{case_id}", "screening": {told}}}',
        )
        await run(
            connection,
            """INSERT INTO timeline (source, subject, sequence, type, time, data)
               VALUES ('/homeward/screening', :id, 1, 'registered', now(), CAST(CAST(:told AS text) AS jsonb))""",
            id=case_id,
            told=told,
        )
    await migrations.upgrade(database, FOLDER)
    async with database.transaction() as connection:
        [case] = await rows(connection, "SELECT state::text FROM case_view")
        [entry] = await rows(connection, "SELECT data FROM timeline")
    await database.close()
    assert "JNZ" not in case.state
    assert CASES.load(case.state).screening.reference == "TRI-000001"
    assert entry.data == {"reference": "TRI-000001"}
