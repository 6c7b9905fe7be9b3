"""The suite as a cluster runs it, to be hurt: every service as competing replicas, each behind its own proxies to the
broker and its database, a balancer in front of each service, and a supervisor that starts again whoever died.
"""

import asyncio
import json
import os
import random
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from subprocess import PIPE
from types import TracebackType
from typing import Any, Self, TypeVar

import asyncpg  # type: ignore[import-untyped]
import httpx
from sqlalchemy import make_url

from services.credentials import Credentials
from services.distributed import environment_of
from services.embedded import SERVICES
from services.servers import LocalRabbitMQ, Server, create_database, local_postgres, local_rabbitmq
from services.servers.server import plain
from shared.auth.keys import public_pem
from shared.persistence.embedded.programs import die_with_parent
from tests.faults.hooks import LEDGER, read_counters
from tests.faults.proxy import Proxy, Upstream

T = TypeVar("T")

#: The day on which the calendar of a run stands.
START = datetime(2026, 1, 5, 8, tzinfo=UTC)
#: Seconds in which every replica must be ready at first.
_READY = 90.0
#: Ports below those that outgoing connections get, so that nobody takes the port of a replica that is down.
_PORTS = range(20_000, 32_000)


class SuiteFailed(Exception):
    """The suite did not start; the message says who and why."""


@dataclass
class Replica:
    """One process of one service."""

    service: str
    number: int
    port: int
    database: Proxy
    broker: Proxy
    environment: dict[str, str] = field(default_factory=dict)
    pid: int | None = None
    starts: int = 0
    #: The supervisor leaves it dead for now.
    held: bool = False

    @property
    def name(self) -> str:
        """``travel-1``."""
        return f"{self.service}-{self.number}"

    def send(self, number: signal.Signals) -> bool:
        """Send its process a signal; whether there was one."""
        with suppress(ProcessLookupError):
            if self.pid is not None:
                os.kill(self.pid, number)
                return True
        return False


class FaultySuite:
    """Use with ``async with``; everything ends with it."""

    def __init__(
        self,
        data: Path,
        *,
        replicas: int = 2,
        mutations: str = "",
        seed: int = 0,
        progress: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.data, self.mutations, self.progress = data, mutations, progress
        self.control = data / "control"
        self.replicas: list[Replica] = []
        self.balancers: dict[str, Proxy] = {}
        self.databases: dict[str, str] = {}
        self.postgres: Server
        self.broker: LocalRabbitMQ
        self._count, self._random = replicas, random.Random(seed)
        # A server ends with the thread that started it, so this thread lives as long as the suite.
        self._threads = {name: ThreadPoolExecutor(1, thread_name_prefix=name) for name in ("postgres", "broker")}
        self._nursery: asyncio.subprocess.Process | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = False
        self.deaths = 0

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
        for folder in (self.control, self.data / "logs"):
            folder.mkdir(parents=True, exist_ok=True)
        self.accounts = await asyncio.to_thread(Credentials, self.data, simulated_people=True)
        self.accounts.identify(SERVICES)
        (self.data / "token.pub").write_text(public_pem(self.accounts.key))
        self.progress("starting PostgreSQL, RabbitMQ and the nursery")
        await asyncio.gather(self._start_postgres(), self._start_broker(), self._start_nursery())
        await self._start_network()
        self.gateway = httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.balancers['gateway'].port}", timeout=8)
        self.progress(f"starting {self._count} replicas of {len(SERVICES)} services")
        for replica in self.replicas:
            self.start(replica)
        await asyncio.gather(*(self._ready(replica) for replica in self.replicas))

    async def _start_postgres(self) -> None:
        self.postgres = await self.with_postgres(local_postgres)
        for name in SERVICES:
            self.databases[name] = await asyncio.to_thread(create_database, self.postgres.url)
            await self.sql(name, LEDGER)

    async def _start_broker(self) -> None:
        self.broker = await self.with_broker(local_rabbitmq)

    async def with_postgres(self, work: Callable[[], T]) -> T:
        """Do something to PostgreSQL, in the thread that it lives with."""
        return await asyncio.get_running_loop().run_in_executor(self._threads["postgres"], work)

    async def with_broker(self, work: Callable[[], T]) -> T:
        """Do something to the broker, in the thread that it lives with."""
        return await asyncio.get_running_loop().run_in_executor(self._threads["broker"], work)

    async def _start_nursery(self) -> None:
        with (self.data / "logs" / "nursery.log").open("ab") as log:
            self._nursery = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tests.faults.process", "--nursery"),
                cwd=Path(__file__).parents[2],
                stdin=PIPE,
                stdout=PIPE,
                stderr=log,
                start_new_session=True,
                preexec_fn=die_with_parent(signal.SIGKILL),
            )
        assert self._nursery.stdout is not None
        if not await self._nursery.stdout.readline():
            raise SuiteFailed(f"the nursery did not start: {(self.data / 'logs' / 'nursery.log').read_text()[-500:]}")
        self._follow(self._hear(self._nursery.stdout))

    async def _start_network(self) -> None:
        ports = iter(quiet_ports(self._count * len(SERVICES)))
        for service in SERVICES:
            own = [await self._make(service, number, next(ports)) for number in range(1, self._count + 1)]
            self.replicas += own
            self.balancers[service] = await self._listening(Proxy([("127.0.0.1", each.port) for each in own]))
        urls = {name: f"http://127.0.0.1:{each.port}" for name, each in self.balancers.items()}
        for replica in self.replicas:
            replica.environment = self._environment(replica, urls)

    async def _make(self, service: str, number: int, port: int) -> Replica:
        broker = make_url(self.broker.url)
        database = await self._listening(Proxy([_upstream(self.databases[service])]))
        return Replica(
            service, number, port, database, await self._listening(Proxy([(str(broker.host), broker.port or 5672)]))
        )

    def _environment(self, replica: Replica, urls: dict[str, str]) -> dict[str, str]:
        database = make_url(self.databases[replica.service])
        through = database.set(host="127.0.0.1", port=replica.database.port, query={})
        broker = make_url(self.broker.url).set(port=replica.broker.port)
        servers = {
            "DATABASE_URL": through.render_as_string(hide_password=False),
            "AMQP_URL": broker.render_as_string(hide_password=False),
        }
        own = environment_of(replica.service, self.accounts, self.data, replica.port, urls, START, servers)
        return own | {
            "HOMEWARD_FAULTS_CONTROL": str(self.control),
            "HOMEWARD_FAULTS_REPLICA": replica.name,
            "HOMEWARD_FAULTS_MUTATIONS": self.mutations,
        }

    async def _listening(self, proxy: Proxy) -> Proxy:
        await proxy.start()
        return proxy

    @property
    def proxies(self) -> list[Proxy]:
        """Every proxy between the services and their servers, and the balancers."""
        return [
            *(each.database for each in self.replicas),
            *(each.broker for each in self.replicas),
            *self.balancers.values(),
        ]

    def of(self, service: str) -> list[Replica]:
        """A service's replicas."""
        return [each for each in self.replicas if each.service == service]

    def start(self, replica: Replica) -> None:
        """Have the nursery start its process."""
        assert self._nursery is not None and self._nursery.stdin is not None
        order = {
            "service": replica.service,
            "replica": replica.name,
            "environment": replica.environment,
            "log": str(self.data / "logs" / f"{replica.name}.log"),
        }
        self._nursery.stdin.write(json.dumps(order).encode() + b"\n")

    async def _hear(self, nursery: asyncio.StreamReader) -> None:
        while line := await nursery.readline():
            news = json.loads(line)
            if "started" in news:
                replica = next(each for each in self.replicas if each.name == news["replica"])
                replica.pid, replica.starts = news["started"], replica.starts + 1
                continue
            for replica in self.replicas:
                if replica.pid == news["ended"]:
                    replica.pid = None
                    self.deaths += 1
                    self._follow(self._start_again(replica))

    async def _start_again(self, replica: Replica) -> None:
        await asyncio.sleep(self._random.uniform(0.2, 1.5))
        while replica.held:
            await asyncio.sleep(0.1)
        if not self._stopping:
            self.start(replica)

    def _follow(self, work: Any) -> None:
        self._tasks.add(task := asyncio.create_task(work))
        task.add_done_callback(self._tasks.discard)

    async def _ready(self, replica: Replica) -> None:
        end = asyncio.get_running_loop().time() + _READY
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{replica.port}", timeout=5) as client:
            while True:
                try:
                    if (await client.get("/readyz")).is_success:
                        return
                except httpx.TransportError:
                    pass
                if asyncio.get_running_loop().time() > end:
                    raise SuiteFailed(f"{replica.name} did not become ready: {self.last_words(replica)}")
                await asyncio.sleep(0.2)

    def last_words(self, replica: Replica) -> str:
        """The end of its log."""
        log = self.data / "logs" / f"{replica.name}.log"
        return log.read_text(errors="replace").strip()[-400:] if log.exists() else "it logged nothing"

    async def sql(self, service: str, statement: str, *values: Any) -> list[Any]:
        """Ask a service's database, past every proxy."""
        connection = await asyncpg.connect(plain(self.databases[service]), timeout=10)
        try:
            return list(await connection.fetch(statement, *values))
        finally:
            await connection.close()

    def counted(self) -> dict[str, dict[str, int]]:
        """By service: what its replicas have counted."""
        found: dict[str, dict[str, int]] = {}
        for replica in self.replicas:
            own = found.setdefault(replica.service, {})
            for name, number in read_counters(self.control / f"{replica.name}.counters").items():
                own[name] = own.get(name, 0) + number
        return found

    async def _stop(self) -> None:
        self._stopping = True
        if hasattr(self, "gateway"):
            await self.gateway.aclose()
        for replica in self.replicas:
            replica.send(signal.SIGCONT)
            replica.send(signal.SIGKILL)
        if self._nursery is not None and self._nursery.stdin is not None:
            self._nursery.stdin.close()
            with suppress(TimeoutError):
                async with asyncio.timeout(10):
                    await self._nursery.wait()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for proxy in self.proxies:
            await proxy.close()
        await self._close_servers()

    async def _close_servers(self) -> None:
        closing: list[Awaitable[None]] = []
        if hasattr(self, "postgres"):
            closing.append(self.with_postgres(self.postgres.close))
        if hasattr(self, "broker"):
            closing.append(self.with_broker(self.broker.close))
        await asyncio.gather(*closing, return_exceptions=True)
        for thread in self._threads.values():
            thread.shutdown()


def quiet_ports(count: int) -> Sequence[int]:
    """Ports that nobody uses now and no outgoing connection is given."""
    found: list[int] = []
    candidates = iter(random.sample(_PORTS, len(_PORTS)))
    while len(found) < count:
        port = next(candidates)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            found.append(port)
    return found


def _upstream(database_url: str) -> Upstream:
    url = make_url(database_url)
    folder = url.query.get("host")
    port = int(str(url.query.get("port", url.port or 5432)))
    return f"{folder}/.s.PGSQL.{port}" if folder else (str(url.host), port)
