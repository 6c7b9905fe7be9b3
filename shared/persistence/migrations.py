"""Migrations by Alembic: each service's own history, run at start-up under an advisory lock."""

from pathlib import Path

import structlog
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from shared.persistence.database import Database

log = structlog.get_logger()

#: The key of the advisory lock under which one replica migrates and the others wait.
_MIGRATING = 0x6D696772


async def upgrade(database: Database, folder: Path, revision: str = "head") -> None:
    """Bring the database to a revision; replicas that start together do it once."""
    async with database.transaction() as connection:
        await connection.run_sync(_migrate, folder, revision, True)


async def downgrade(database: Database, folder: Path, revision: str = "base") -> None:
    """Bring the database back to a revision."""
    async with database.transaction() as connection:
        await connection.run_sync(_migrate, folder, revision, False)


async def current(database: Database) -> str | None:
    """The revision that the database is at."""
    async with database.transaction() as connection:
        return await connection.run_sync(lambda sync: MigrationContext.configure(sync).get_current_revision())


def _migrate(connection: Connection, folder: Path, revision: str, forward: bool) -> None:
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATING})
    config = Config()
    config.set_main_option("script_location", str(folder))
    script = ScriptDirectory.from_config(config)
    at = MigrationContext.configure(connection).get_current_revision()
    if forward and at and at not in {each.revision for each in script.walk_revisions()}:
        # In a rollout the newer build was here first, and has left what this one needs.
        log.warning("the database is of a newer build", revision=at)
        return
    steps = script._upgrade_revs if forward else script._downgrade_revs
    with EnvironmentContext(config, script, fn=lambda at, _: steps(revision, at)) as environment:
        environment.configure(connection=connection, transaction_per_migration=False)
        environment.run_migrations()
