"""A process that is told to stop while somebody waits for it: the live stream ends, and so does the process."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import httpx
import pytest

from services.credentials import Credentials
from services.distributed import environment_of
from services.embedded import SERVICES
from services.servers.server import free_ports
from shared.auth.keys import public_pem
from shared.auth.principal import EVERY_OFFICE, Principal
from shared.auth.roles import Role
from shared.auth.tokens import Signer
from shared.persistence.database import Database, run
from shared.serving import GRACE
from tests.support.bench import eventually
from tests.support.homeward import Client, Homeward, free_port, up, wait_for

MANAGER = Principal("user:amina", "amina", frozenset({Role.MANAGER}), frozenset({EVERY_OFFICE}))
#: Seconds. Nobody answers at the broker's port, so nothing is drained.
SOON = 3.0
NOBODY = "127.0.0.1:9"


class Gateway:
    """A gateway as a process of its own, with neither neighbours nor a broker."""

    def __init__(self, folder: Path, database_url: str) -> None:
        self.log, port = folder / "gateway.log", free_ports(1)[0]
        credentials = Credentials(folder)
        credentials.identify(SERVICES)
        (folder / "token.pub").write_text(public_pem(credentials.key))
        urls, servers = dict.fromkeys(SERVICES, f"http://{NOBODY}"), {"AMQP_URL": f"amqp://guest:guest@{NOBODY}/"}
        own = environment_of("gateway", credentials, folder, port, urls, None, servers | {"DATABASE_URL": database_url})
        token = Signer(credentials.key).issue(MANAGER)
        self.url = f"http://127.0.0.1:{port}"
        self.headers = {"Authorization": f"Bearer {token}", "Purpose": "supervision"}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "services.gateway"], env=os.environ | own, stdout=log, stderr=log
            )

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.url, headers=self.headers, timeout=30)

    async def answers(self) -> bool:
        async with self.client() as client:
            try:
                return (await client.get("/healthz")).is_success
            except httpx.TransportError:
                return False

    async def stop(self) -> tuple[int, float]:
        """Tell it to stop; its exit code, and how many seconds that took."""
        begun = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        return await asyncio.to_thread(self.process.wait, 30), time.monotonic() - begun


@pytest.fixture
async def gateway(tmp_path: Path, database_url: str) -> AsyncIterator[Gateway]:
    running = Gateway(tmp_path, database_url)
    try:
        await eventually(running.answers, seconds=60)
        yield running
    finally:
        running.process.kill()
        running.process.wait()


@asynccontextmanager
async def followed(client: httpx.AsyncClient) -> AsyncIterator["asyncio.Task[None]"]:
    """Somebody follows the live stream: the task ends, without an error, when the stream does."""
    async with client.stream("GET", "/api/stream") as answer:
        lines = answer.aiter_lines()
        await anext(lines)

        async def read() -> None:
            async for _ in lines:
                pass

        yield asyncio.create_task(read())


async def test_a_gateway_with_an_open_stream_ends_it_and_stops_at_once(gateway: Gateway) -> None:
    async with gateway.client() as client, followed(client) as reading:
        code, seconds = await gateway.stop()
        await asyncio.wait_for(reading, 1)
    assert code == 0
    assert seconds < SOON
    assert "Traceback" not in gateway.log.read_text()
    assert '"level":"error","logger":"uvicorn.error"' not in gateway.log.read_text()


async def test_a_request_that_takes_too_long_is_told_to_come_again(gateway: Gateway, database_url: str) -> None:
    database = Database(database_url)
    async with gateway.client() as client, database.transaction() as other:
        await run(other, "LOCK TABLE case_view")
        asked = asyncio.create_task(client.get("/api/cases"))
        await eventually(lambda: _waits(database))
        code, seconds = await gateway.stop()
        answer = await asked
    await database.close()
    assert (code, answer.status_code, answer.json()["type"]) == (0, 503, "/problems/stopping")
    assert GRACE <= seconds < GRACE + SOON
    assert "Traceback" not in gateway.log.read_text()


async def _waits(database: Database) -> bool:
    async with database.transaction() as connection:
        return bool(await run(connection, "SELECT FROM pg_locks WHERE NOT granted"))


@contextmanager
def suite_in_one_process(folder: Path) -> Iterator[tuple[Homeward, int]]:
    port = free_port()
    suite = Homeward(folder / "up.log", *up(folder / "data", port))
    try:
        wait_for(lambda: "Homeward is up" in suite.text(), seconds=120, process=suite)
        yield suite, port
    finally:
        suite.stop()


async def test_a_suite_in_one_process_with_an_open_stream_stops_at_once_too(tmp_path: Path) -> None:
    with suite_in_one_process(tmp_path) as (suite, port):
        token = Client(port, tmp_path / "data", "manager").token
        headers = {"Authorization": f"Bearer {token}", "Purpose": "supervision"}
        client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=30)
        async with client, followed(client) as reading:
            begun = time.monotonic()
            code = await asyncio.to_thread(suite.stop)
            await asyncio.wait_for(reading, 1)
        assert code == 0
        # The database's own end included.
        assert time.monotonic() - begun < 2 * SOON
        assert "Traceback" not in suite.text()
