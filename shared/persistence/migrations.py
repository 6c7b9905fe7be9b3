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
_SIGNED = "SELECT obj_description(to_regclass('alembic_version'), 'pg_class')"


class NotOurDatabase(Exception):
    """The database isn't this service's: name the one that is."""


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
    try:
        _check(connection, script, at)
    except NotOurDatabase as error:
        log.error("not started", error=str(error))
        raise
    if forward and at and at not in _known(script):
        # In a rollout the newer build was here first, and has left what this one needs.
        log.warning("the database is of a newer build", revision=at)
        return
    steps = script._upgrade_revs if forward else script._downgrade_revs
    with EnvironmentContext(config, script, fn=lambda at, _: steps(revision, at)) as environment:
        environment.configure(connection=connection, transaction_per_migration=False)
        environment.run_migrations()
    if MigrationContext.configure(connection).get_current_revision() != at:
        _sign(connection, script)


def _check(connection: Connection, script: ScriptDirectory, at: str | None) -> None:
    """Raises NotOurDatabase: revisions are numbered, so a number beyond ours is a newer build's, and no other is."""
    if at is None:
        return
    name, head = _name(script), script.get_current_head() or ""
    if (signed := connection.scalar(text(_SIGNED))) not in (None, _signature(script)):
        raise NotOurDatabase(f"the database says that it is of {signed}, not of {_signature(script)}: name its own")
    newer = at.isdecimal() and len(at) == len(head) and at > head
    if not newer and at not in _known(script):
        raise NotOurDatabase(
            f"the database's revision {at!r} is none of {name}'s: it is not {name}'s, or a build's with another history"
        )


def _sign(connection: Connection, script: ScriptDirectory) -> None:
    """Have the database say whose it is, as the user who owns it and has just changed it."""
    if connection.scalar(text(_SIGNED)) is None:
        connection.execute(text(f"COMMENT ON TABLE alembic_version IS '{_signature(script)}'"))


def _known(script: ScriptDirectory) -> set[str]:
    return {each.revision for each in script.walk_revisions()}


def _name(script: ScriptDirectory) -> str:
    return Path(script.dir).parent.name


def _signature(script: ScriptDirectory) -> str:
    return f"homeward {_name(script)}"
