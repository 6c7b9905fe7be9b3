"""A backup is whole or isn't there, and a restoration takes place as a whole or not at all."""

import asyncio
import json
import signal
import subprocess
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from shutil import rmtree

import asyncpg  # type: ignore[import-untyped]
import pytest
import pytest_asyncio

from services.embedded import SERVICES
from shared.persistence.embedded import EmbeddedPostgres
from shared.persistence.embedded.directory import used_by
from shared.protection.wrapping import first_keys, write_keys
from tests.support.bench import eventually
from tests.support.suite import embedded

pytestmark = pytest.mark.asyncio
#: What each database says.
BEFORE, AFTER = "when it was backed up", "since then"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where ``data`` is, databases that have gone on since the backup that is beside it."""
    place = tmp_path_factory.mktemp("pristine")
    place.chmod(0o711)
    data = place / "data"
    async with EmbeddedPostgres(data / "postgres") as postgres:
        write_keys(data / "keys.json", first_keys())
        for name in SERVICES:
            await postgres.ensure_database(name)
            await _execute(postgres.socket_directory, name, f"CREATE TABLE said AS SELECT '{BEFORE}' AS what")
        await _homeward(place, "backup", str(place / "backup"))
        for name in SERVICES:
            await _execute(postgres.socket_directory, name, f"UPDATE said SET what = '{AFTER}'")
    return place


@pytest.fixture
def place(pristine: Path, tmp_path: Path) -> Path:
    """A copy of it, whose server's files belong to whom they did."""
    tmp_path.chmod(0o711)
    subprocess.run(["cp", "-a", f"{pristine}/.", str(tmp_path)], check=True)
    return tmp_path


async def test_all_databases_are_set_back_and_nothing_is_left_beside_them(place: Path) -> None:
    await _homeward(place, "restore", str(place / "backup"))
    assert await _said(place) == dict.fromkeys(SERVICES, BEFORE)


async def test_a_restoration_that_is_killed_while_they_take_their_places_changes_nothing(place: Path) -> None:
    async with _held_up(place, "travel") as restoring:
        restoring.kill()
        await restoring.wait()
    assert set(await _said(place)) > set(SERVICES), "what was made is left, as nobody could remove it"
    await _homeward(place, "restore", str(place / "backup"), "travel")
    assert await _said(place, "travel", "screening") == {"travel": BEFORE, "screening": AFTER}


async def test_what_a_restoration_that_was_killed_has_left_is_gone_when_the_suite_starts(place: Path) -> None:
    async with _held_up(place, "travel") as restoring:
        restoring.kill()
        await restoring.wait()
    async with embedded(place / "data"):
        pass
    assert await _said(place) == dict.fromkeys(SERVICES, AFTER)


async def test_a_restoration_that_fails_while_they_take_their_places_changes_nothing(place: Path) -> None:
    async with _held_up(place, "travel") as restoring:
        assert "being accessed by other users" in await _failed(restoring)
    assert await _said(place) == dict.fromkeys(SERVICES, AFTER)


async def test_a_restoration_that_is_told_to_end_leaves_nothing(place: Path) -> None:
    async with _held_up(place, "travel") as restoring:
        restoring.terminate()
        assert await _failed(restoring) == "homeward: it was broken off, and everything is as it was"
    assert await _said(place) == dict.fromkeys(SERVICES, AFTER)


async def test_a_backup_that_is_broken_or_incomplete_is_refused_in_one_line(place: Path) -> None:
    dump = place / "backup" / "monitoring.dump"
    whole = dump.read_bytes()
    for broken in (whole[:-1], b"", None):
        if broken is None:
            dump.unlink()
        else:
            dump.write_bytes(broken)
        refused = await _failed(await _start(place, "restore", str(place / "backup")))
        assert refused == f"homeward: {dump} isn't what was backed up: take another backup"
    dump.write_bytes(whole)
    manifest = place / "backup" / "backup.json"
    manifest.write_text(manifest.read_text()[:-20])
    refused = await _failed(await _start(place, "restore", str(place / "backup")))
    assert "holds no backup" in refused and "\n" not in refused
    assert await _said(place) == dict.fromkeys(SERVICES, AFTER)


@pytest.mark.parametrize("ended_by", ["an error", "a signal"])
async def test_a_backup_that_fails_leaves_nothing(place: Path, ended_by: str) -> None:
    async with EmbeddedPostgres(place / "data" / "postgres") as postgres, _connected(postgres.socket_directory) as any_:
        if ended_by == "an error":
            await any_.execute("DROP DATABASE travel")
            failing = await _start(place, "backup", str(place / "another"))
        else:
            # A dump waits for whoever changes a table.
            async with _connected(postgres.socket_directory, "travel") as changing, changing.transaction():
                await changing.execute("LOCK TABLE said IN ACCESS EXCLUSIVE MODE")
                failing = await _start(place, "backup", str(place / "another"))
                await _waiting(any_, "LOCK TABLE%")
                failing.send_signal(signal.SIGTERM)
                await failing.wait()
        await _failed(failing)
        assert sorted(each.name for each in place.iterdir()) == ["backup", "data"]
        assert not await any_.fetch("SELECT FROM pg_stat_activity WHERE application_name = 'pg_dump'")


async def test_without_the_registers_of_erasures_nothing_is_restored_unless_it_is_said_that_nobody_was_erased(
    place: Path,
) -> None:
    registers = place / "data" / "erasures"
    rmtree(registers)
    restoring = ("restore", str(place / "backup"))
    assert "the registers of erasures, is missing" in await _failed(await _start(place, *restoring))
    # As a suite that was begun before they were put back makes them.
    registers.mkdir()
    (registers / "name").write_text("others")
    assert "was begun anew" in await _failed(await _start(place, *restoring))
    assert await _said(place) == dict.fromkeys(SERVICES, AFTER)
    await _homeward(place, *restoring, "--nobody-erased")
    assert await _said(place) == dict.fromkeys(SERVICES, BEFORE)


async def test_registers_of_before_the_backup_are_refused(place: Path) -> None:
    register = place / "data" / "erasures" / "travel.jsonl"
    register.write_text(json.dumps({"owner": "00000000-0000-4000-8000-000000000001"}) + "\n")
    await _homeward(place, "backup", str(place / "another"))
    register.unlink()
    refused = await _failed(await _start(place, "restore", str(place / "another")))
    assert "is older than the backup, of travel" in refused
    await _homeward(place, "restore", str(place / "another"), "screening")


@asynccontextmanager
async def _held_up(place: Path, database: str) -> AsyncIterator[Process]:
    """A restoration that can't go on beyond this database, in which somebody is at work; others can be replaced."""
    restoring = await _start(place, "restore", str(place / "backup"))
    assert restoring.stderr
    while b"restoring gateway" not in (line := await restoring.stderr.readline()):
        assert line, "it has ended"
    socket = used_by(place / "data" / "postgres")
    assert socket
    async with _connected(socket, database), _connected(socket) as looking:
        await _waiting(looking, f'%DATABASE%"{database}"%')
        yield restoring


async def _waiting(looking: asyncpg.Connection, statement: str) -> None:
    async def there() -> bool:
        asked = "SELECT true FROM pg_stat_activity WHERE query ILIKE $1 AND state = 'active'"
        return bool(await looking.fetchval(asked, statement))

    await eventually(there, seconds=60)


async def _said(place: Path, *names: str) -> dict[str, str]:
    """By database, of these or of all that there are."""
    async with EmbeddedPostgres(place / "data" / "postgres") as postgres:
        async with _connected(postgres.socket_directory) as looking:
            there = await looking.fetch("SELECT datname FROM pg_database WHERE datname !~ '^(postgres|template.)$'")
        found = {}
        for name in names or [row["datname"] for row in there]:
            async with _connected(postgres.socket_directory, name) as looking:
                found[name] = await looking.fetchval("SELECT what FROM said")
        return found


async def _homeward(place: Path, *words: str) -> None:
    process = await _start(place, *words)
    _, wrong = await process.communicate()
    assert process.returncode == 0, wrong.decode()


async def _start(place: Path, *words: str) -> Process:
    command = [sys.executable, "-m", "services", *words, "--data", str(place / "data")]
    return await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=PIPE)


async def _failed(process: Process) -> str:
    """The last line that it has said."""
    _, wrong = await process.communicate()
    assert process.returncode == 1, wrong.decode()
    return wrong.decode().strip().splitlines()[-1]


@asynccontextmanager
async def _connected(socket: Path, database: str = "postgres") -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(host=str(socket), port=5432, user="postgres", database=database)
    try:
        yield connection
    finally:
        connection.terminate()


async def _execute(socket: Path, database: str, statement: str) -> None:
    async with _connected(socket, database) as connection:
        await connection.execute(statement)
