"""A suite of containers for a test, by docker-compose or Docker's own compose, whichever is there."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from services.embedded import SERVICES
from services.servers.server import free_ports
from tests.deploy.engine import PATIENCE, ROOT, docker

COMMAND = (sys.executable, "-m", "services")
FOLDER = ROOT / "deploy/compose"
#: Seconds until a container that was started is healthy again.
_HEALTHY = 120.0


class ComposedSuite:
    """The suite that deploy/compose describes, as a demonstration. Use with ``async with``."""

    def __init__(self, folder: Path) -> None:
        self.secrets = folder / "secrets"
        port, agencies_port = free_ports(2)
        self.url, self.agencies_url = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{agencies_port}"
        self._containers: dict[str, str] = {}
        self._project = f"homeward-test-{port}"
        self._environment = os.environ | {
            "HOMEWARD_SECRETS": str(self.secrets),
            "HOMEWARD_PORT": f"127.0.0.1:{port}",
            "HOMEWARD_AGENCIES_PORT": f"127.0.0.1:{agencies_port}",
        }

    async def __aenter__(self) -> Self:
        self._make_secrets()
        try:
            self.compose("up", "-d")
            for name in self.names:
                await self.healthy(name)
        except BaseException:
            self._down()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._down()

    def _make_secrets(self) -> None:
        subprocess.run([*COMMAND, "secrets", str(self.secrets), "--demo"], cwd=ROOT, check=True, capture_output=True)

    @cached_property
    def names(self) -> list[str]:
        """The services of the compose file that go on running."""
        every = self.compose("config", "--services").split()
        return [each for each in every if each != "accounts" and not each.startswith("migrate-")]

    def compose(self, *words: str) -> str:
        """What a command of compose prints."""
        command = ["docker-compose"] if shutil.which("docker-compose") else ["docker", "compose"]
        files = [word for name in ("compose", "demo") for word in ("-f", str(FOLDER / f"{name}.yaml"))]
        done = subprocess.run(
            [*command, "-p", self._project, *files, *words],
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == 0, f"{' '.join(words)}: {done.stderr}"
        return done.stdout

    def container(self, name: str) -> str:
        """The container's id, which it keeps until the end."""
        if name not in self._containers:
            self._containers[name] = self.compose("ps", "-q", name).strip()
        return self._containers[name]

    async def healthy(self, name: str) -> None:
        """Wait until the container's own health check says so."""
        container = self.container(name)
        async with asyncio.timeout(_HEALTHY):
            while (state := json.loads(docker("inspect", container))[0]["State"])["Health"]["Status"] != "healthy":
                assert state["Status"] == "running", f"{name} has ended"
                await asyncio.sleep(0.5)

    async def ready(self, name: str) -> None:
        """Wait until a service says so itself, which is sooner than its container's health check asks."""
        url = f"http://{self.address(name)}:8000/readyz"
        async with asyncio.timeout(_HEALTHY), httpx.AsyncClient(timeout=5) as client:
            while True:
                with suppress(httpx.TransportError):
                    if (await client.get(url)).is_success:
                        return
                await asyncio.sleep(0.2)

    def address(self, name: str) -> str:
        """Of a container that runs, on its network."""
        networks = json.loads(docker("inspect", self.container(name)))[0]["NetworkSettings"]["Networks"]
        return str(next(iter(networks.values()))["IPAddress"])

    async def kill(self, name: str) -> None:
        """Kill a container as a machine that dies would, start it again, and wait until it serves."""
        container = self.container(name)
        await asyncio.to_thread(docker, "kill", "--signal", "KILL", container)
        await asyncio.to_thread(docker, "start", container)
        await self.healthy(name)

    async def restart(self, name: str) -> float:
        """Restart a container as an upgrade does, with the time that it has to stop; seconds until it serves again."""
        began = asyncio.get_running_loop().time()
        await asyncio.to_thread(self.compose, "restart", name)
        await (self.ready(name) if name in SERVICES else self.healthy(name))
        return asyncio.get_running_loop().time() - began

    def _down(self) -> None:
        # For who looks into a test that has failed.
        (self.secrets.parent / "containers.log").write_text(self.compose("logs", "--no-color"))
        self.compose("down", "--volumes", "--timeout", "5")
