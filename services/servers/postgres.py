import asyncio
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from threading import Thread

from services.servers.server import (
    PrivateDirectory,
    Server,
    end,
    kill_family,
    last_lines,
    postgres_answers,
    wait_until_answering,
)
from shared.persistence.embedded import EmbeddedPostgres
from shared.persistence.embedded.programs import Programs, unprivileged_account

#: What is lost with the machine's power is not missed in a test or a demonstration.
SETTINGS = {"listen_addresses": "", "unix_socket_permissions": "0700", "max_connections": "300", "fsync": "off"}


def installed_postgres() -> Iterator[Path]:
    """Folders with PostgreSQL's programs, the newest of Debian's first."""
    versions = Path("/usr/lib/postgresql")
    folders = sorted(versions.glob("*/bin"), key=lambda folder: float(folder.parent.name), reverse=True)
    if found := shutil.which("initdb"):
        folders.append(Path(found).resolve().parent)
    return (folder for folder in folders if (folder / "initdb").exists() and (folder / "postgres").exists())


class LocalPostgres(Server):
    """Programs installed on this machine, on a private directory and socket."""

    def __init__(self, folder: Path) -> None:
        self._programs = Programs(folder, unprivileged_account() if os.geteuid() == 0 else None)
        self._home = PrivateDirectory(self._programs.account)
        self.folder = self._home.path
        self._pgdata = self._home.path / "pgdata"
        self._log = self._home.path / "log"
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"postgresql+asyncpg://postgres@/postgres?host={self._home.path}&port=5432"

    def start(self) -> None:
        if not self._pgdata.exists():
            self._initialise()
        settings = SETTINGS | {"unix_socket_directories": str(self._home.path)}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        process = self._process = self._launch("postgres", "-D", str(self._pgdata), *options)
        wait_until_answering(
            lambda: postgres_answers(self.url), lambda: None if process.poll() is None else last_lines(self._log)
        )

    def stop(self) -> None:
        end(self._process, signal.SIGINT)

    def kill(self) -> None:
        if self._process:
            kill_family(self._process.pid)
            self._process.wait()

    def close(self) -> None:
        self.kill()
        self._home.remove()

    def _initialise(self) -> None:
        options = ("--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8")
        if self._launch("initdb", "-D", str(self._pgdata), *options).wait():
            raise RuntimeError(f"initdb failed: {last_lines(self._log)}")

    def _launch(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as log:
            return self._programs.start(program, *arguments, directory=self._home.path, log=log)


class WheelPostgres(Server):
    """The product's own EmbeddedPostgres, kept by a thread that lives as long as it."""

    def __init__(self) -> None:
        self._home = PrivateDirectory(None)
        self.folder = self._home.path
        self._ended: Thread | None = None

    def start(self) -> None:
        started: Future[EmbeddedPostgres] = Future()
        self._ended = Thread(target=lambda: asyncio.run(self._serve(started)), daemon=True)
        self._ended.start()
        self._pid = started.result().pid

    async def _serve(self, started: Future[EmbeddedPostgres]) -> None:
        self._loop, self._enough = asyncio.get_running_loop(), asyncio.Event()
        try:
            async with EmbeddedPostgres(self._home.path) as pg:
                self.url = pg.url("postgres")
                started.set_result(pg)
                await self._enough.wait()
        except Exception as error:
            if started.done():
                raise
            started.set_exception(error)

    def stop(self) -> None:
        if self._ended and self._ended.is_alive():
            self._loop.call_soon_threadsafe(self._enough.set)
            self._ended.join()

    def kill(self) -> None:
        if self._ended and self._ended.is_alive():
            kill_family(self._pid)
            self.stop()

    def close(self) -> None:
        self.stop()
        self._home.remove()
