import asyncio
import hashlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import asyncpg  # type: ignore[import-untyped]
from sqlalchemy import URL

from shared.persistence.embedded import replacements
from shared.persistence.embedded.directory import SHUTDOWN, DirectoryLock, check_version, end_left_over, marker
from shared.persistence.embedded.errors import StartFailed
from shared.persistence.embedded.programs import Programs, account_for, hand_over, wheel_programs

PORT = 5432  # names the socket file; nothing listens on TCP
SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "port": str(PORT),
    "max_connections": "100",
    "shared_buffers": "64MB",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_startup_progress_interval": "2s",
    "log_error_verbosity": "terse",  # a violated constraint's detail would put the row's values into the log
}
INITDB = (
    "--username=postgres",
    "--auth-local=trust",
    "--auth-host=reject",
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
)
LOG_LIMIT = 16 * 1024 * 1024


class Patience:
    """Says what takes long, and nothing about what doesn't."""

    FIRST, EVERY = 2.0, 5.0

    def __init__(self, what: str, on_progress: Callable[[str], None] | None) -> None:
        self._what, self._on_progress = what, on_progress
        self._began = time.monotonic()
        self._next = self._began + self.FIRST

    def wait(self, detail: str = "") -> None:
        now = time.monotonic()
        if self._on_progress and now >= self._next:
            self._next = now + self.EVERY
            self._on_progress(f"{self._what}, {now - self._began:.0f} s so far{': ' if detail else ''}{detail}")


class EmbeddedPostgres:
    """PostgreSQL of the wheel on `data_dir`, from entering the context to leaving it.

    It ends with the thread that entered: enter in one that lives as long as the database is needed.
    Raises EmbeddedPostgresError. `on_progress` is called only about what takes longer than two seconds.
    """

    def __init__(self, data_dir: Path, on_progress: Callable[[str], None] | None = None) -> None:
        self.data_dir = data_dir.expanduser().resolve()
        self.pgdata = self.data_dir / "pgdata"
        self.log = self.data_dir / "postgres.log"
        self._on_progress = on_progress
        self._log_start = 0

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while the server runs."""
        return self._process.poll()

    def url(self, database: str) -> str:
        query = {"host": str(self.socket_directory), "port": str(PORT)}
        return URL.create("postgresql+asyncpg", "postgres", database=database, query=query).render_as_string()

    async def ensure_database(self, name: str) -> None:
        connection = await self._connect()
        try:
            if not await connection.fetchval("SELECT true FROM pg_database WHERE datname = $1", name):
                with suppress(asyncpg.DuplicateDatabaseError):
                    await connection.execute('CREATE DATABASE "{}"'.format(name.replace('"', '""')))
        finally:
            await connection.close()

    async def forget_replacements(self, names: Iterable[str]) -> None:
        """Drop what a restoration that was killed has left beside these databases."""
        connection = await self._connect()
        try:
            await replacements.clear(connection, names)
        finally:
            await connection.close()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            await self._start(stack)
            self._running = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._running.aclose()

    async def _start(self, stack: AsyncExitStack) -> None:
        self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = DirectoryLock(self.data_dir)
        lock.acquire()
        stack.callback(lock.release)
        if self.pgdata.exists():
            check_version(self.data_dir, self.pgdata)
        self.programs = wheel_programs(account_for(self.pgdata))
        if self.pgdata.exists():
            await self._take_over()
        else:
            await self._create()
        self.socket_directory = self._make_socket_directory(stack)
        lock.note(socket=str(self.socket_directory))
        self._process = self._launch("postgres", *self._server_arguments(), directory=self.pgdata)
        stack.push_async_callback(stop, self._process)
        await self._answering()

    async def _take_over(self) -> None:
        await end_left_over(self.pgdata, self._patience("ending the database server of a killed predecessor"))
        if self.programs.account and self.pgdata.stat().st_uid != self.programs.account.uid:
            hand_over(self.pgdata, self.programs.account)  # copied here by root, from a backup perhaps

    async def _create(self) -> None:
        """Whole or not at all: a start that is killed half-way leaves no half-made data that the next one trusts."""
        for unfinished in self.data_dir.glob("pgdata.new-*"):
            shutil.rmtree(unfinished)
        new = Path(tempfile.mkdtemp(prefix="pgdata.new-", dir=self.data_dir))
        hand_over(new, self.programs.account)
        process = self._launch("initdb", "-D", self.programs.place(new), *INITDB, directory=new)
        wait = self._patience("creating the database")
        try:
            while process.poll() is None:
                wait("")
                await asyncio.sleep(0.02)
        finally:
            process.kill()
            process.wait()
        if process.returncode:
            raise self._failure(process)
        new.rename(self.pgdata)  # noqa: ASYNC240  at once
        _sync(self.data_dir)

    def _server_arguments(self) -> list[str]:
        settings = SETTINGS | {"unix_socket_directories": str(self.socket_directory)}
        options = [f"{name}={value}" for name, value in settings.items()] + [marker(self.pgdata)]
        return ["-D", self.programs.place(self.pgdata), *(part for option in options for part in ("-c", option))]

    def _launch(self, program: str, *arguments: str, directory: Path) -> subprocess.Popen[bytes]:
        if self.log.exists() and self.log.stat().st_size > LOG_LIMIT:
            self.log.rename(self.log.with_suffix(".log.1"))
        with open(self.log, "ab", opener=_private) as log:
            self._log_start = log.tell()
            return self.programs.start(program, *arguments, directory=directory, log=log)

    def _make_socket_directory(self, stack: AsyncExitStack) -> Path:
        """Beside the data, or in a short and reachable place when the path is long or PostgreSQL runs as another."""
        beside = self.data_dir / "run"
        if self.programs.account is None:
            beside.mkdir(mode=0o700, exist_ok=True)
            beside.chmod(0o700)
            _clear_socket(beside)
            if _takes_socket(beside):
                return beside
        private = _private_directory(self.data_dir, self.programs)
        _clear_socket(private)
        stack.callback(shutil.rmtree, private, ignore_errors=True)
        hand_over(private, self.programs.account)
        return private

    async def _answering(self) -> None:
        """However long: recovery after a crash takes the time it takes."""
        wait = self._patience("waiting for the database")
        while not await self._answers():
            if self._process.poll() is not None:
                raise self._failure(self._process)
            wait(" ".join(self._last_logged(1)))
            await asyncio.sleep(0.02)

    async def _answers(self) -> bool:
        try:
            connection = await self._connect()
        except (OSError, asyncpg.CannotConnectNowError):
            return False
        await connection.close()
        return True

    async def _connect(self) -> asyncpg.Connection:
        return await asyncpg.connect(
            host=str(self.socket_directory), port=PORT, user="postgres", database="postgres", timeout=30
        )

    def _patience(self, what: str) -> Callable[[str], None]:
        return Patience(what, self._on_progress).wait

    def _last_logged(self, count: int) -> list[str]:
        with self.log.open("rb") as log:
            log.seek(self._log_start)
            return log.read().decode(errors="replace").splitlines()[-count:]

    def _failure(self, process: subprocess.Popen[bytes]) -> StartFailed:
        lines = " | ".join(self._last_logged(6)) or "nothing"
        return StartFailed(f"PostgreSQL ended at its start with code {process.returncode}, see {self.log}: {lines}")


async def stop(process: subprocess.Popen[bytes]) -> None:
    """Ends the server; when we are cancelled meanwhile it goes on, blocking, for the server must not outlive us."""
    try:
        for number, limit in SHUTDOWN:
            process.send_signal(number)
            deadline = time.monotonic() + limit
            while time.monotonic() < deadline:
                if process.poll() is not None:
                    return
                await asyncio.sleep(0.02)
    except asyncio.CancelledError:
        stop_now(process)
        raise


def stop_now(process: subprocess.Popen[bytes]) -> None:
    for number, limit in SHUTDOWN:
        process.send_signal(number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(limit)
            return


def _clear_socket(directory: Path) -> None:
    """What a killed server left: PostgreSQL would refuse to start while any process bears the id in the lock file."""
    for name in (f".s.PGSQL.{PORT}", f".s.PGSQL.{PORT}.lock"):
        (directory / name).unlink(missing_ok=True)


def _takes_socket(directory: Path) -> bool:
    """Tried rather than reckoned: the longest path differs by system and some file systems take no sockets at all."""
    path = directory / f".s.PGSQL.{PORT}"
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.bind(str(path))
        except OSError:
            return False
    path.unlink()
    return True


def _private_directory(data_dir: Path, programs: Programs) -> Path:
    """For root below /run, always the same: only root writes there and all may pass, as root's TMPDIR may not allow."""
    if programs.account is None or not os.access("/run", os.W_OK):
        return Path(tempfile.mkdtemp(prefix="homeward-"))
    directory = Path("/run", f"homeward-{hashlib.sha256(bytes(data_dir)).hexdigest()[:12]}")
    directory.mkdir(mode=0o700, exist_ok=True)
    return directory


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
