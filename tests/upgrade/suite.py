"""Each service as two processes of two builds, on one broker and one set of databases, requests spread over both."""

import asyncio
import os
import signal
import subprocess
import sys
from contextlib import AsyncExitStack
from datetime import datetime
from pathlib import Path
from typing import Any, Self

import httpx
import orjson

from services.credentials import Credentials
from services.distributed import environment_of
from services.embedded import SERVICES
from services.servers import create_database
from shared.auth.keys import public_pem
from shared.auth.principal import EVERY_OFFICE, Principal
from shared.auth.roles import Role
from shared.auth.tokens import Signer
from shared.persistence.embedded.programs import die_with_parent
from tests.faults.proxy import Proxy
from tests.faults.suite import quiet_ports
from tests.support.bench import eventually


class TwoBuilds:
    """Use with ``async with``: the old build runs, then the new one beside it."""

    def __init__(self, data: Path, trees: dict[str, Path], servers: tuple[str, str], begins: datetime) -> None:
        self.data, self.trees, self.begins = data, trees, begins
        self.postgres, self.broker = servers
        self.credentials: dict[str, tuple[str, str]] = {}
        self.databases: dict[str, str] = {}
        self._processes: dict[tuple[str, str], subprocess.Popen[bytes]] = {}
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stop()

    async def _start(self) -> None:
        self.accounts = await asyncio.to_thread(Credentials, self.data, simulated_people=True)
        self.accounts.identify(SERVICES)
        self.credentials = self.accounts.by_role
        (self.data / "token.pub").write_text(public_pem(self.accounts.key))
        pairs = [(build, name) for build in self.trees for name in SERVICES]
        self.ports = dict(zip(pairs, quiet_ports(len(pairs)), strict=True))
        self.balancers = {
            name: Proxy([("127.0.0.1", self.ports[build, name]) for build in self.trees]) for name in SERVICES
        }
        for balancer in self.balancers.values():
            await balancer.start()
            self._stack.push_async_callback(balancer.close)
        for name in SERVICES:
            self.databases[name] = await asyncio.to_thread(create_database, self.postgres)
        for build in self.trees:
            await self.start(build)
        url = f"http://127.0.0.1:{self.balancers['gateway'].port}"
        hooks: dict[str, list[Any]] = {"response": [self._all_clocks]}
        self.gateway = await self._stack.enter_async_context(
            httpx.AsyncClient(base_url=url, timeout=60, event_hooks=hooks)
        )

    async def start(self, build: str) -> None:
        """Start a build of every service, and wait until it is ready."""
        for name in SERVICES:
            self._processes[build, name] = self._process(build, name)
        await asyncio.gather(*(self._ready(build, name) for name in SERVICES))

    async def restart(self, build: str, name: str) -> None:
        """End a process as an orchestrator does, and start it again."""
        self._processes[build, name].send_signal(signal.SIGTERM)
        await asyncio.to_thread(self._processes[build, name].wait, 30)
        self._processes[build, name] = self._process(build, name)
        await self._ready(build, name)

    def log(self, build: str, name: str) -> Path:
        """What the process has logged."""
        return self.data / f"{build}-{name}.log"

    def _process(self, build: str, name: str) -> subprocess.Popen[bytes]:
        urls = {other: f"http://127.0.0.1:{each.port}" for other, each in self.balancers.items()}
        servers = {"DATABASE_URL": self.databases[name], "AMQP_URL": self.broker}
        own = environment_of(name, self.accounts, self.data, self.ports[build, name], urls, self.begins, servers)
        with self.log(build, name).open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-P", "-m", f"services.{name}"],
                cwd=self.trees[build],
                env=os.environ | {"PYTHONPATH": str(self.trees[build])} | own,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=die_with_parent(signal.SIGTERM),  # noqa: PLW1509  it makes two system calls and takes no lock
            )

    async def _ready(self, build: str, name: str) -> None:
        async def probe() -> bool:
            if self._processes[build, name].poll() is not None:
                raise AssertionError(f"{build} {name} ended: {self.log(build, name).read_text()[-2000:]}")
            return (await self._ask(build, name, "/readyz")) is not None

        await eventually(probe, seconds=120)

    async def _ask(self, build: str, name: str, path: str) -> Any:
        """What one process answers; None when it doesn't."""
        who = Principal("directory:admin", "admin", frozenset({Role.ADMIN}), frozenset({EVERY_OFFICE}))
        token = Signer(self.accounts.key).issue(who, 60, audience=name)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.ports[build, name]}", timeout=5) as client:
            try:
                answer = await client.get(path, headers={"Authorization": f"Bearer {token}"})
            except httpx.TransportError:
                return None
        return answer.json() if answer.is_success else None

    async def _all_clocks(self, answer: httpx.Response) -> None:
        """A replica reads once a second where the programme's clock was put: by then nobody acts on the day before."""
        request = answer.request
        if request.method == "POST" and request.url.path == "/api/clock" and answer.is_success:
            wanted = datetime.fromisoformat(orjson.loads(request.content)["now"])
            await asyncio.gather(*(self._clock(build, name, wanted) for build, name in self.ports))
            # A connection stays with one replica, so each day begins with new ones.
            for balancer in (self.balancers[name] for name in SERVICES if name != "gateway"):
                balancer.reset()

    async def _clock(self, build: str, name: str, wanted: datetime) -> None:
        async def probe() -> bool:
            found = await self._ask(build, name, "/clock" if name != "gateway" else "/api/clock")
            return found is not None and datetime.fromisoformat(found["now"]) >= wanted

        await eventually(probe)

    async def _stop(self) -> None:
        await self._stack.aclose()
        running = [each for each in self._processes.values() if each.poll() is None]
        for process in running:
            process.send_signal(signal.SIGTERM)
        for process in running:
            try:
                await asyncio.to_thread(process.wait, 20)
            except subprocess.TimeoutExpired:
                process.kill()
