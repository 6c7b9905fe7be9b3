"""What every server can do, wherever it runs."""

import asyncio
import logging
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import aio_pika
import asyncpg  # type: ignore[import-untyped]
import psutil  # type: ignore[import-untyped]
from aio_pika.connection import make_url
from aio_pika.exceptions import AMQPException

from shared.persistence.embedded.programs import Account, hand_over

T = TypeVar("T")
SECRET = secrets.token_hex(8)


class ServerUnavailable(Exception):
    """This kind of server cannot run here."""


class NotOurServer(Exception):
    """The server was named by the environment: it is neither stopped nor killed here."""


class Server(ABC):
    """One server and its data. `url` stays the same and data stay there until it is closed."""

    url: str
    #: Where it keeps all it has, when that is on this machine.
    folder: Path | None = None

    @abstractmethod
    def start(self) -> None:
        """Returns when the server answers; raises ServerUnavailable when it can't."""

    @abstractmethod
    def stop(self) -> None:
        """In order, as an operator would."""

    @abstractmethod
    def kill(self) -> None:
        """SIGKILL: as the machine's loss would."""

    @abstractmethod
    def close(self) -> None:
        """Ends it and removes its data."""

    def restart(self) -> None:
        self.stop()
        self.start()

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


class ExternalServer(Server):
    def __init__(self, url: str) -> None:
        self.url = url

    def start(self) -> None:
        pass

    def stop(self) -> None:
        raise NotOurServer

    kill = stop

    def close(self) -> None:
        pass


class PrivateDirectory:
    """A short path that the account, and root, may enter."""

    def __init__(self, account: Account | None) -> None:
        self.account = account
        home = "/tmp" if account else None  # nosec B108 # mkdtemp makes the name, and the folder is its owner's alone
        self.path = Path(tempfile.mkdtemp(prefix="hw-", dir=home))
        hand_over(self.path, account)

    def write(self, name: str, content: str, mode: int = 0o600) -> Path:
        path = self.path / name
        path.write_text(content)
        path.chmod(mode)
        hand_over(self.path, self.account)
        return path

    def remove(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)


def in_own_loop(make: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Runs a coroutine to its end from anywhere, also from within a running loop, which it blocks meanwhile."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: asyncio.run(make())).result()


def free_ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def wait_until_answering(
    probe: Callable[[], Awaitable[bool]], dead: Callable[[], str | None], seconds: float = 120
) -> None:
    """`dead` tells the last words of a server that has ended, so that nobody waits for it."""

    async def wait() -> None:
        deadline = time.monotonic() + seconds
        while not await probe():
            if (words := dead()) is not None:
                raise ServerUnavailable(f"it ended at its start: {words}")
            if time.monotonic() > deadline:
                raise ServerUnavailable(f"it did not answer within {seconds:.0f} s")
            await asyncio.sleep(0.1)

    in_own_loop(wait)


async def postgres_answers(url: str) -> bool:
    try:
        connection = await asyncpg.connect(plain(url), timeout=5)
    except (OSError, asyncpg.CannotConnectNowError, asyncpg.ConnectionDoesNotExistError):
        return False
    await connection.close()
    return True


async def rabbitmq_answers(url: str) -> bool:
    # Its client logs each refused connection as an error, and a server that starts refuses some.
    logging.getLogger("aiormq").setLevel(logging.CRITICAL)
    # Closed by us also when it never came about: left to itself it would be collected after its loop has ended.
    connection = aio_pika.Connection(make_url(url))
    try:
        await connection.connect(timeout=5)
    except (OSError, AMQPException, TimeoutError):
        return False
    finally:
        await connection.close()
    return True


def plain(url: str) -> str:
    """SQLAlchemy's URL as the driver alone reads it."""
    return url.replace("postgresql+asyncpg://", "postgresql://")


def kill_family(pid: int) -> None:
    """The process first, so that it starts no more children, then all that it has started."""
    try:
        parent = psutil.Process(pid)
        family = [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return
    for process in family:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(family[1:], timeout=10)


def end(process: subprocess.Popen[bytes] | None, number: signal.Signals, seconds: float = 30) -> None:
    if process is None or process.poll() is not None:
        return
    process.send_signal(number)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        kill_family(process.pid)
        process.wait()


def last_lines(log: Path, count: int = 6) -> str:
    return " | ".join(log.read_text(errors="replace").splitlines()[-count:]) if log.exists() else "nothing logged"
