"""Recovery of plain PostgreSQL to a moment, as docs/deploy.md tells it: what came after is listed as lost."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from services.credentials import Credentials
from services.distributed import environment_of
from services.embedded import SERVICES
from services.servers import create_database
from services.servers.postgres import LocalPostgres, installed_postgres
from services.servers.server import free_ports
from shared.auth.grants import followers
from shared.auth.keys import public_pem, read_private_key
from shared.auth.principal import EVERY_OFFICE, Principal
from shared.auth.roles import Role
from shared.auth.services import Identity
from shared.auth.tokens import Signer
from tests.support.archiving_postgres import ArchivingPostgres, asked
from tests.support.bench import eventually
from tests.support.purposes import usual_purpose
from tests.support.suite import REGISTRATION

#: Nobody answers there: what is recorded stays in the log.
NOBODY = "127.0.0.1:9"


class Screening:
    """A process of its own, with neither neighbours nor a broker; followers report by the test's hand."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_ports(1)[0]
        self.credentials = Credentials(folder)
        self.credentials.identify(SERVICES)
        (folder / "token.pub").write_text(public_pem(self.credentials.key))

    @asynccontextmanager
    async def running(self, database_url: str) -> AsyncIterator[None]:
        """Started, until it answers; stopped in the end."""
        urls = dict.fromkeys(SERVICES, f"http://{NOBODY}")
        servers = {"DATABASE_URL": database_url, "AMQP_URL": f"amqp://guest:guest@{NOBODY}/"}
        own = environment_of("screening", self.credentials, self.folder, self.port, urls, None, servers)
        process = self._start(own)
        try:
            await eventually(self._answers, seconds=60)
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            await asyncio.to_thread(process.wait, 30)

    def _start(self, own: dict[str, str]) -> subprocess.Popen[bytes]:
        with (self.folder / "screening.log").open("ab") as log:
            command = [sys.executable, "-m", "services.screening"]
            return subprocess.Popen(command, env=os.environ | own, stdout=log, stderr=log)

    async def asked(self, method: str, path: str, token: str = "", body: Any = None, **headers: str) -> httpx.Response:
        headers = headers | ({"Authorization": f"Bearer {token}"} if token else {})
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.port}", timeout=30) as client:
            return await client.request(method, path, json=body, headers=headers)

    async def registers(self, given_name: str) -> str:
        """A case's id."""
        identity = REGISTRATION["identity"] | {"given_name": given_name, "family_name": f"Of {given_name}"}  # type: ignore[operator]
        answer = await self.asked(
            "POST",
            "/cases",
            self._operator(Role.CASEWORKER),
            REGISTRATION | {"identity": identity},
            **{"Idempotency-Key": str(uuid4())},
            **usual_purpose(Role.CASEWORKER),
        )
        assert answer.is_success, answer.text
        return str(answer.json()["case_id"])

    async def waiting(self) -> list[str]:
        """For whose reports it waits, so that it isn't ready."""
        answer = await self.asked("GET", "/readyz")
        found: list[str] = answer.json()["checks"].get("restored", {}).get("waiting_for", [])
        return found

    async def is_told(self, follower: str, positions: list[tuple[str, int]]) -> None:
        key = read_private_key(self.credentials.identity_file(follower).read_text())
        token = Identity(follower, key).token_for("screening")
        answer = await self.asked("POST", "/restoration/positions", token, {"positions": positions, "whole": True})
        assert answer.is_success, answer.text

    async def lost(self) -> list[tuple[str, int, int]]:
        answer = await self.asked("GET", "/restoration/lost", self._operator(Role.ADMIN))
        assert answer.is_success, answer.text
        return [(each["subject"], each["lost_from"], each["lost_upto"]) for each in answer.json()["lost"]]

    def _operator(self, role: Role) -> str:
        whose = Principal("user:amina", "amina", frozenset({role}), frozenset({EVERY_OFFICE}))
        return Signer(self.credentials.key).issue(whose, audience="screening")

    async def _answers(self) -> bool:
        try:
            return (await self.asked("GET", "/healthz")).is_success
        except httpx.TransportError:
            return False


@pytest.fixture
def programs() -> Path:
    found = next(installed_postgres(), None)
    if found is None or not (found / "pg_basebackup").exists():
        pytest.skip("no pg_basebackup on this machine")
    return found


@pytest.fixture
def servers(programs: Path) -> Iterator[tuple[ArchivingPostgres, LocalPostgres]]:
    """One that archives, and the place of the one that is recovered from it."""
    before, recovered = ArchivingPostgres(programs), LocalPostgres(programs)
    try:
        yield before, recovered
    finally:
        before.server.close()
        recovered.close()
        shutil.rmtree(before.archive)


async def test_a_database_recovered_to_a_moment_is_noticed_and_what_came_after_is_listed(
    servers: tuple[ArchivingPostgres, LocalPostgres], tmp_path: Path
) -> None:
    before, recovered = servers
    screening = Screening(tmp_path)
    await before.start()
    url = create_database(before.server.url)
    async with screening.running(url):
        in_the_backup = await screening.registers("Amal")
        before.base_backup(recovered)
        before_the_moment = await screening.registers("Basma")
        moment = str(await asked(before.server, "SELECT clock_timestamp()"))
        after_the_moment = await screening.registers("Chaima")
        assert await screening.waiting() == []
    await before.archived()
    before.server.stop()
    before.recover(recovered, moment)
    name = url.partition("?")[0].rpartition("/")[2]
    again = recovered.url.replace("/postgres?", f"/{name}?")
    await eventually(lambda: _promoted(recovered), seconds=60)
    async with screening.running(again):
        assert sorted(await screening.waiting()) == sorted(followers("screening"))
        handled = [(case, 1) for case in (in_the_backup, before_the_moment, after_the_moment)]

        async def reported() -> bool:
            for each in await screening.waiting():
                await screening.is_told(each, handled)
            return not await screening.waiting()

        await eventually(reported, seconds=60)
        await eventually(screening.lost, seconds=30)
        assert await screening.lost() == [(after_the_moment, 1, 1)]
        await screening.registers("Dina")
    # It was set back once: the next start is one like any other.
    async with screening.running(again):
        assert await screening.waiting() == []


async def _promoted(server: LocalPostgres) -> bool:
    return await asked(server, "SELECT NOT pg_is_in_recovery()") is True
