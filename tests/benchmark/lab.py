"""The servers that everything is measured on, and the processes that are measured.

PostgreSQL commits durably here; the ladder of the tests would switch that off.
"""

import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Self

import asyncpg  # type: ignore[import-untyped]
import psutil  # type: ignore[import-untyped]

from services.credentials import Credentials
from services.embedded import SERVICES
from services.servers import LocalRabbitMQ, ServerUnavailable, create_database, local_rabbitmq, rabbitmq_server
from services.servers.postgres import LocalPostgres, installed_postgres
from services.servers.server import (
    ExternalServer,
    Server,
    end,
    free_ports,
    in_own_loop,
    last_lines,
    plain,
    postgres_answers,
    wait_until_answering,
)
from shared.auth.keys import public_pem
from shared.persistence.embedded.programs import die_with_parent, unprivileged_account, wheel_programs

#: Durable, as in production; what else differs from PostgreSQL's defaults is memory, and the times of commits.
SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "track_commit_timestamp": "on",
    "shared_buffers": "1GB",
    "max_wal_size": "4GB",
}
_MUST_BE_ON = ("fsync", "synchronous_commit", "full_page_writes", "track_commit_timestamp")


class DurablePostgres(LocalPostgres):
    """Installed programs, with SETTINGS."""

    def start(self) -> None:
        if not self._pgdata.exists():
            self._initialise()
        settings = SETTINGS | {"unix_socket_directories": str(self._home.path)}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        process = self._process = self._launch("postgres", "-D", str(self._pgdata), *options)
        wait_until_answering(
            lambda: postgres_answers(self.url), lambda: None if process.poll() is None else last_lines(self._log)
        )


def _broker() -> AbstractContextManager[Server]:
    """Installed programs where they are, whose use of the processor can be seen; else whatever the tests take."""
    if os.environ.get("HOMEWARD_AMQP_URL"):
        return rabbitmq_server()
    try:
        return closing(local_rabbitmq())
    except ServerUnavailable:
        return rabbitmq_server()


class NotDurable(Exception):
    """The server named by the environment would make every figure worthless."""


def durable_postgres() -> Server:
    """HOMEWARD_POSTGRES_URL, installed programs, the wheel's programs."""
    if url := os.environ.get("HOMEWARD_POSTGRES_URL"):
        server: Server = ExternalServer(url.replace("postgresql://", "postgresql+asyncpg://"))
    else:
        account = unprivileged_account() if os.geteuid() == 0 else None
        server = DurablePostgres(next(installed_postgres(), None) or wheel_programs(account).folder)
    server.__enter__()
    found = in_own_loop(lambda: _settings(server.url))
    if wrong := [name for name in _MUST_BE_ON if found[name] != "on"]:
        server.close()
        raise NotDurable(f"{', '.join(wrong)} must be on")
    return server


async def _settings(url: str) -> dict[str, str]:
    connection = await asyncpg.connect(plain(url))
    try:
        return {name: await connection.fetchval(f"SHOW {name}") for name in _MUST_BE_ON}
    finally:
        await connection.close()


@dataclass(frozen=True)
class Usage:
    """Seconds of CPU since the process began, and its memory now."""

    cpu: float
    rss: int

    def since(self, before: "Usage") -> float:
        """Seconds of CPU between two looks."""
        return self.cpu - before.cpu


def usage(*pids: int) -> Usage:
    """Of processes with all their children, those that have ended included."""
    cpu, rss = 0.0, 0
    for process in _families(pids):
        try:
            times = process.cpu_times()
            # A waited-for child's time is its parent's ``children``.
            cpu += times.user + times.system + times.children_user + times.children_system
            rss += process.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return Usage(cpu, rss)


def _families(pids: Sequence[int]) -> Iterator[psutil.Process]:
    for pid in pids:
        try:
            process = psutil.Process(pid)
            yield from (process, *process.children(recursive=True))
        except psutil.NoSuchProcess:
            continue


class Lab:
    """Servers, credentials and started processes. Use with ``with``, from the main thread."""

    def __enter__(self) -> Self:
        self._stack = ExitStack()
        try:
            self.folder = Path(self._stack.enter_context(TemporaryDirectory(prefix="homeward-benchmark-")))
            self.credentials = Credentials(self.folder / "keys")
            self.credentials.identify((*SERVICES, "tally"))
            (self.folder / "token.pub").write_text(public_pem(self.credentials.key))
            before = _children()
            self.postgres = durable_postgres()
            self._stack.callback(self.postgres.close)
            self.postgres_pids = _children() - before
            broker = self._stack.enter_context(_broker())
            self.amqp_url = broker.url
            self.broker_pids = broker.pids if isinstance(broker, LocalRabbitMQ) else set()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def database(self) -> str:
        """The URL of a fresh database."""
        return create_database(self.postgres.url)

    def servers_usage(self) -> tuple[Usage, Usage]:
        """Of PostgreSQL and of the broker; nothing where they are not our children."""
        return usage(*self.postgres_pids), usage(*self.broker_pids)

    def service(
        self,
        module: str,
        name: str,
        database_url: str,
        *arguments: str,
        urls: Mapping[str, str] | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> "Process":
        """Start ``python -m module`` as a service of this name; ``urls`` are where the others' logs are read."""
        port = free_ports(1)[0]
        values = {
            "PUBLIC_KEY": str(self.folder / "token.pub"),
            "IDENTITY_KEY": str(self.credentials.identity_file(name)),
            "SERVICE_KEYS": str(self.credentials.service_keys_file),
            "KEY_FILE": str(self.credentials.keys_file),
            "PORT": str(port),
            "DATABASE_URL": database_url,
            "AMQP_URL": self.amqp_url,
            **{f"{other.upper()}_URL": url for other, url in (urls or {}).items()},
            **(settings or {}),
        }
        environment = {f"HOMEWARD_{name.upper()}_{key}": value for key, value in values.items()}
        return self.start([sys.executable, "-m", module, *arguments], environment, port)

    def start(
        self, command: Sequence[str], environment: Mapping[str, str], port: int = 0, *, folder: Path | None = None
    ) -> "Process":
        """Start a process that ends with the lab at the latest."""
        log = self.folder / f"{Path(command[-1]).name}-{secrets.token_hex(3)}.log"
        with log.open("ab") as output:
            started = subprocess.Popen(
                command,
                cwd=folder,
                env=os.environ | environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                preexec_fn=die_with_parent(signal.SIGTERM),  # noqa: PLW1509  it makes two system calls and takes no lock
            )
        process = Process(started, log, port)
        self._stack.callback(process.stop)
        return process


@dataclass(frozen=True)
class Process:
    """A started process and what it has logged."""

    popen: "subprocess.Popen[bytes]"
    log: Path
    port: int

    @property
    def pid(self) -> int:
        return self.popen.pid

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def usage(self) -> Usage:
        """CPU and memory of it and its children."""
        return usage(self.pid)

    def check(self) -> None:
        """Raises with its last words when it has ended."""
        if self.popen.poll() is not None:
            raise RuntimeError(f"a process has ended: {last_lines(self.log)}")

    def stop(self) -> None:
        """As an operator would; nothing when it has ended."""
        end(self.popen, signal.SIGTERM)


def _children() -> set[int]:
    return {child.pid for child in psutil.Process().children()}
