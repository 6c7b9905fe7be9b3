"""The suite as it runs in a cluster, on this machine: each service a process of its own, RabbitMQ and PostgreSQL."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack, ExitStack
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from services.credentials import Credentials
from services.embedded import SERVICES
from services.servers import create_database, postgres_server, rabbitmq_server
from services.servers.server import free_ports
from shared.auth.keys import public_pem
from shared.persistence.embedded.programs import die_with_parent

#: The folder of services/ and shared/: a service's process finds them there, and not where it is started.
_SUITE = Path(__file__).parents[1]
#: Seconds in which a service must be ready.
_READY = 60.0


class ServiceFailed(Exception):
    """A service did not start; the message holds the end of its log."""


def environment_of(
    name: str,
    accounts: Credentials,
    data: Path,
    port: int,
    urls: Mapping[str, str],
    simulated: datetime | None,
    servers: Mapping[str, str],
) -> dict[str, str]:
    """The variables with which one service's process is started; ``servers`` are DATABASE_URL and AMQP_URL."""
    values = {
        "PUBLIC_KEY": str(data / "token.pub"),
        "IDENTITY_KEY": str(accounts.identity_file(name)),
        "SERVICE_KEYS": str(accounts.service_keys_file),
        "ENVIRONMENT": "demo" if simulated else "production",
        "PORT": str(port),
        "AUDIT_KEY": str(accounts.audit_key(name)),
        "AUDIT_EXPORT": str(accounts.audit_export),
        **servers,
        **{f"{other.upper()}_URL": urls[other] for other in SERVICES[:-1]},
    }
    if simulated:
        values["CLOCK_START"] = simulated.isoformat()
    values |= {"KEY_FILE": str(accounts.keys_file), "ERASURES": str(data / "erasures" / f"{name}.jsonl")}
    if name == "partners":
        values["PUBLIC_URL"] = urls["partners"]
    if name in ("gateway", "partners"):
        # As in the embedded suite: the simulator plays everybody at once.
        values |= {"REQUESTS_PER_SECOND": "2000", "BURST": "20000"} if simulated else {}
    if name == "gateway":
        values |= {"PRIVATE_KEY": str(accounts.key_file), "ACCOUNTS": str(accounts.accounts_file)}
    return {f"HOMEWARD_{name.upper()}_{key}": value for key, value in values.items()}


def _path() -> str:
    return os.pathsep.join(filter(None, (str(_SUITE), os.environ.get("PYTHONPATH"))))


class DistributedSuite:
    """Servers, then services, started in order and stopped in order. Use with ``async with``."""

    def __init__(
        self,
        data: Path,
        *,
        port: int | None = None,
        simulated: datetime | None = None,
        progress: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.data, self.simulated, self.progress = data, simulated, progress
        self.credentials: dict[str, tuple[str, str]] = {}
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.ports = dict(zip(SERVICES, free_ports(len(SERVICES)), strict=True))
        if port:
            self.ports["gateway"] = port
        self.url = f"http://127.0.0.1:{self.ports['gateway']}"
        self._servers = ExitStack()
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()

    async def _start(self) -> None:
        (self.data / "logs").mkdir(parents=True, exist_ok=True)
        self.accounts = await asyncio.to_thread(Credentials, self.data, simulated_people=self.simulated is not None)
        self.accounts.identify(SERVICES)
        self.credentials = self.accounts.by_role
        (self.data / "token.pub").write_text(public_pem(self.accounts.key))
        self.progress("starting PostgreSQL and RabbitMQ")
        # In this thread: the servers end with the thread that started them.
        postgres = self._servers.enter_context(postgres_server()).url
        broker = self._servers.enter_context(rabbitmq_server()).url
        for name in SERVICES:
            self.progress(f"starting {name}")
            self.start_service(name, {"DATABASE_URL": create_database(postgres), "AMQP_URL": broker})
        self.gateway = await self._stack.enter_async_context(httpx.AsyncClient(base_url=self.url, timeout=60))
        await asyncio.gather(*(self._ready(name) for name in SERVICES))

    def start_service(self, name: str, servers: dict[str, str]) -> None:
        """Start the process of one service."""
        urls = {other: f"http://127.0.0.1:{port}" for other, port in self.ports.items()}
        own = environment_of(name, self.accounts, self.data, self.ports[name], urls, self.simulated, servers)
        with (self.data / "logs" / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-P", "-m", f"services.{name}"],
                env=os.environ | {"PYTHONPATH": _path()} | own,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=die_with_parent(signal.SIGTERM),  # noqa: PLW1509  it makes two system calls and takes no lock
            )

    async def _ready(self, name: str) -> None:
        end = asyncio.get_running_loop().time() + _READY
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.ports[name]}", timeout=5) as client:
            while True:
                try:
                    if (await client.get("/readyz")).is_success:
                        return
                except httpx.TransportError:
                    pass
                ended = self.processes[name].poll() is not None
                if ended or asyncio.get_running_loop().time() > end:
                    log = (self.data / "logs" / f"{name}.log").read_text(errors="replace").strip().splitlines()
                    raise ServiceFailed(f"{name} did not become ready: {log[-1] if log else 'it logged nothing'}")
                await asyncio.sleep(0.1)

    async def _stop(self) -> None:
        await self._stack.aclose()
        for process in self.processes.values():
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self.processes.values():
            try:
                await asyncio.to_thread(process.wait, 20)
            except subprocess.TimeoutExpired:
                process.kill()
        self._servers.close()
