"""What an image runs besides its service, as a process: it does the whole of it, or says in one line why not."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest

from shared.persistence.database import Database, run

pytestmark = pytest.mark.asyncio


async def test_a_database_of_another_service_is_refused(database_url: str) -> None:
    assert await _container("partners", "migrate", DATABASE_URL=database_url) == (0, "")
    # Travel's numbers end before those of partners do: they aren't a newer build's.
    code, said = await _container("travel", "migrate", DATABASE_URL=database_url)
    assert (code, said) == (
        1,
        "homeward: the database says that it is of homeward partners, not of homeward travel: name its own",
    )


async def test_a_revision_of_no_history_of_ours_is_refused_and_a_newer_one_is_left_alone(database_url: str) -> None:
    assert await _container("travel", "migrate", DATABASE_URL=database_url) == (0, "")
    for revision, code in (("ae1027a6acf", 1), ("0000", 1), ("9998", 0)):
        await _execute(database_url, f"UPDATE alembic_version SET version_num = '{revision}'")
        found, said = await _container("travel", "migrate", DATABASE_URL=database_url)
        assert found == code, said
        if code:
            assert said == (
                f"homeward: the database's revision '{revision}' is none of travel's: "
                "it is not travel's, or a build's with another history"
            )


async def test_what_is_adopted_is_whole_or_is_not_there(tmp_path: Path) -> None:
    place, whole = tmp_path / "accounts.json", tmp_path / "first.json"
    whole.write_text("{}")
    # It can be opened, and reading it fails.
    code, said = await _container("gateway", "adopt", "/proc/self/mem", str(place))
    assert code == 1 and said.startswith("homeward: /proc/self/mem can't be adopted: ")
    assert list(tmp_path.iterdir()) == [whole]
    assert await _container("gateway", "adopt", str(whole), str(place)) == (0, "")
    assert (place.read_text(), place.stat().st_mode & 0o777) == ("{}", 0o600)
    whole.write_text("changed")
    assert await _container("gateway", "adopt", str(whole), str(place)) == (0, "")
    assert place.read_text() == "{}"


async def _container(service: str, *words: str, **settings: str) -> tuple[int, str]:
    """Its exit code, and the last line that it has said of what is wrong."""
    own = {f"HOMEWARD_{service.upper()}_{name}": value for name, value in settings.items()}
    command = [sys.executable, "-m", "shared.container", *words]
    environment = os.environ | {"SERVICE": service} | own
    process = await asyncio.create_subprocess_exec(*command, env=environment, stdout=PIPE, stderr=PIPE)
    _, wrong = await process.communicate()
    assert process.returncode is not None
    return process.returncode, wrong.decode().strip()


async def _execute(url: str, statement: str) -> None:
    database = Database(url)
    try:
        async with database.transaction() as connection:
            await run(connection, statement)
    finally:
        await database.close()
