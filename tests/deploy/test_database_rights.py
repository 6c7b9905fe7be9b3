"""A real PostgreSQL with the manifests' users: each owns one database, may make no roles, and migrates all the same."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from services.servers import postgres_server
from services.servers.server import SECRET
from shared.persistence import migrations
from shared.persistence.database import Database, run, scalar
from tests.architecture.tree import ROOT, SERVICES
from tests.deploy.manifests import Resource, of_kind, rendered


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A server of its own: roles belong to a whole one."""
    with postgres_server() as found:
        yield found.url


async def _as_administrator(url: str, *statements: str) -> None:
    database = Database(url)
    try:
        for each in statements:
            async with database.statement() as connection:
                await run(connection, each)
    finally:
        await database.close()


async def _made_by_the_operator(server: str, name: str) -> str:
    """The service's database as the manifest has it; how its user reaches it."""
    [cluster] = [
        each for each in of_kind(rendered("production"), "Cluster") if each["metadata"]["name"] == f"{name}-db"
    ]
    made: Resource = cluster["spec"]["bootstrap"]["initdb"]
    owner, database = made["owner"], made["database"]
    await _as_administrator(
        server,
        f"CREATE ROLE {owner} LOGIN PASSWORD '{SECRET}' NOCREATEROLE NOCREATEDB NOSUPERUSER",
        f"CREATE DATABASE {database} OWNER {owner}",
    )
    own = make_url(server).set(database=database)
    create, *grant = made["postInitApplicationSQL"]
    # In a cluster each database has a server of its own.
    await _as_administrator(
        own.render_as_string(hide_password=False),
        f"DO $$ BEGIN {create}; EXCEPTION WHEN duplicate_object THEN NULL; END $$",
        # As a server has it whose administrator is strict.
        "REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC",
        *grant,
    )
    return own.set(username=owner, password=SECRET).render_as_string(hide_password=False)


@pytest.mark.parametrize("name", SERVICES)
async def test_a_service_migrates_as_a_user_that_may_make_no_roles(server: str, name: str) -> None:
    url = await _made_by_the_operator(server, name)
    folder: Path = ROOT / "services" / name / "migrations"
    database = Database(url)
    try:
        await migrations.upgrade(database, folder)
        assert await migrations.current(database) is not None
        async with database.transaction() as connection:
            assert await scalar(connection, "SELECT pg_has_role(current_user, 'homeward_office', 'MEMBER')")
            assert await scalar(connection, "SELECT system_identifier FROM pg_control_system()")
            assert not await scalar(connection, "SELECT rolcreaterole FROM pg_roles WHERE rolname = current_user")
    finally:
        await database.close()
