"""One service whose database was set back, in one process or several: what it waits for, and how it notices."""

import asyncio
import os
import re
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg  # type: ignore[import-untyped]
import httpx
import pytest
from pydantic import SecretStr

from services.cli.server_users import roles
from services.servers.postgres import LocalPostgres, installed_postgres
from services.travel.app import create_app
from services.travel.settings import Settings
from shared.auth.keys import generate_key, key_set, public_pem
from shared.auth.principal import EVERY_OFFICE, Principal
from shared.auth.roles import Role
from shared.auth.services import Identity
from shared.auth.tokens import Signer
from shared.messaging.inprocess import InProcessBus
from shared.protection.wrapping import first_keys
from shared.service import Service
from shared.web.clients import ServiceAuth
from tests.support.bench import eventually

DEPLOY = Path(__file__).parents[2] / "docs/deploy.md"
FOLLOWERS = ("gateway", "partners", "reintegration", "screening")


class Travels:
    """Processes of travel on one database, which nobody else follows but who is played here."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url, self._folder = url, folder
        self._operators, self._own = generate_key(), generate_key()
        self._followers = {name: generate_key() for name in FOLLOWERS}
        self._keys = first_keys().text()
        self.running: list[Service] = []
        #: Which of them have ended.
        self.ended: list[Service] = []

    async def start(self) -> Service:
        """Another process."""
        settings = Settings(
            database_url=self.url,
            keys=SecretStr(self._keys),
            public_key=public_pem(self._operators),
            identity_key=SecretStr(self._own.as_pem(private=True).decode()),
            service_keys=key_set(self._followers),
            audit_key=self._folder / "audit.key",
            audit_export=self._folder,
        )
        service: Service = create_app(settings, bus=InProcessBus(), connect=_nobody).state.service
        service.end = lambda: self.ended.append(service)
        await service.start()
        self.running.append(service)
        return service

    async def stop(self) -> None:
        """All of them."""
        for service in self.running:
            await service.stop()
        self.running.clear()

    async def report(self, to: Service, name: str, *positions: tuple[str, int]) -> bool:
        """A follower says how far it is, all in one page; whether that was waited for."""
        async with _client(to) as client:
            client.auth = ServiceAuth(Identity(name, self._followers[name]), "travel")
            body = {"positions": positions, "whole": True}
            answer = await client.post("/restoration/positions", json=body)
            assert answer.is_success, answer.text
            return bool(answer.json()["waiting"])

    async def reports(self, to: Service, *names: str) -> None:
        """These followers say how far they are, until it is enough."""

        async def enough() -> bool:
            for name in names:
                await self.report(to, name)
            return not set(to.restoration.waiting_for) & set(names)

        await eventually(enough)

    async def does_without(self, to: Service, name: str) -> httpx.Response:
        """An administrator's command."""
        return await self._asks(
            to, "POST", "/restoration/without", {"follower": name, "reason": "its database is lost"}
        )

    async def refuses(self, what: Service) -> str | None:
        """The type of the problem that an administrator is answered with; None when there is none."""
        answer = await self._asks(what, "GET", "/dead-letters")
        return None if answer.is_success else str(answer.json()["type"])

    async def _asks(self, whom: Service, method: str, path: str, body: object = None) -> httpx.Response:
        admin = Principal("admin-1", "Admin", frozenset({Role.ADMIN}), offices=frozenset({EVERY_OFFICE}))
        token = Signer(self._operators).issue(admin, audience="travel")
        async with _client(whom) as client:
            return await client.request(method, path, json=body, headers={"Authorization": f"Bearer {token}"})

    async def execute(self, *statements: str, database: str = "") -> list[Any]:
        """The rows of the last statement."""
        url = self.url.replace("+asyncpg", "")
        connection = await asyncpg.connect(f"{url.rpartition('/')[0]}/{database}" if database else url)
        try:
            found: list[Any] = []
            for statement in statements:
                found = await connection.fetch(statement)
            return found
        finally:
            await connection.close()


@pytest.fixture
async def travels(database_url: str, tmp_path: Path) -> AsyncIterator[Travels]:
    travels = Travels(database_url, tmp_path)
    yield travels
    await travels.stop()


SET_BACK = {
    "it was said in it": ["UPDATE log_origin SET origin = 'restored'"],
    "a dump was loaded over its tables": [
        "CREATE TABLE kept AS TABLE log_origin",
        "DROP TABLE log_origin",
        "CREATE TABLE log_origin (one boolean PRIMARY KEY DEFAULT true CHECK (one), origin text NOT NULL)",
        "INSERT INTO log_origin TABLE kept",
    ],
    "the backup is of a time before it was kept": [
        "DELETE FROM log_origin",
        "INSERT INTO log_head (subject, sequence, hash) VALUES ('a subject', 1, '')",
    ],
    "it is a copy of a stopped server's files, or an empty one": [
        "SET session_replication_role = replica",
        "TRUNCATE audit_head, audit_entry",
    ],
    "it was set back again while it waited": [
        "UPDATE log_origin SET origin = 'waiting for others'",
        "INSERT INTO restoration_report SELECT unnest('{gateway,partners,reintegration,screening}'::text[]), 2",
    ],
}


@pytest.mark.parametrize("how", SET_BACK)
async def test_a_database_that_was_set_back_waits_for_every_follower(travels: Travels, how: str) -> None:
    await travels.start()
    await travels.stop()
    await travels.execute(*SET_BACK[how])
    service = await travels.start()
    assert await travels.refuses(service) == "/problems/restoring"
    await travels.reports(service, *FOLLOWERS[1:])
    assert service.restoration.waiting_for == FOLLOWERS[:1]
    assert await travels.refuses(service) == "/problems/restoring"
    await travels.reports(service, *FOLLOWERS)
    await asyncio.wait_for(service.restoration.over.wait(), 10)
    assert await travels.refuses(service) is None
    await travels.stop()
    assert not (await travels.start()).restoration.under_way


class Documented:
    """A server with the users and databases of compose, and what docs/deploy.md does to it."""

    def __init__(self, programs: Path) -> None:
        self.server, self._programs = LocalPostgres(programs), programs
        self._text = DEPLOY.read_text("utf-8")

    def start(self) -> None:
        self.server.start()
        self.run("psql -qU postgres", roles(dict.fromkeys(("travel", "screening"), "sesame")).encode())

    def url(self, user: str) -> str:
        return f"postgresql+asyncpg://{user}@/travel?host={self.server.folder}&port=5432"

    def dump(self) -> bytes:
        [command] = re.findall(r"exec -T postgres (pg_dump .*) > travel\.dump$", self._text, re.M)
        return self.run(command)

    def restore(self, dump: bytes) -> None:
        [command] = re.findall(r"'(dropdb .*)' < travel\.dump$", self._text, re.M | re.S)
        self.run(command, dump)

    def run(self, command: str, given: bytes = b"") -> bytes:
        """As in the container of PostgreSQL."""
        there = {"PATH": f"{self._programs}:{os.environ['PATH']}", "PGHOST": str(self.server.folder)}
        done = subprocess.run(
            ["sh", "-ec", command], input=given, check=False, env=os.environ | there, capture_output=True
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout


@pytest.fixture
def documented() -> Iterator[Documented]:
    programs = next(installed_postgres(), None)
    if programs is None or not (programs / "pg_dump").exists():
        pytest.skip("no pg_dump on this machine")
    found = Documented(programs)
    with closing(found.server):
        found.start()
        yield found


async def test_a_dump_that_is_loaded_as_documented_sets_the_service_back_and_keeps_others_out(
    documented: Documented, tmp_path: Path
) -> None:
    travels = Travels(documented.url("travel"), tmp_path)
    await travels.start()
    dump = documented.dump()
    await travels.stop()
    await travels.execute("CREATE TABLE afterwards ()")

    documented.restore(dump)
    assert await travels.execute("SELECT to_regclass('afterwards') IS NULL, count(*) FROM log_origin") == [(True, 1)]
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await Travels(documented.url("screening"), tmp_path).execute("SELECT 1")
    service = await travels.start()
    assert await travels.refuses(service) == "/problems/restoring"
    await travels.reports(service, *FOLLOWERS)
    await asyncio.wait_for(service.restoration.over.wait(), 10)
    assert await travels.refuses(service) is None
    await travels.stop()


async def test_one_that_is_new_waits_for_nobody(travels: Travels) -> None:
    assert not (await travels.start()).restoration.under_way
    assert not (await travels.start()).restoration.under_way


async def test_what_one_process_is_told_counts_for_all(travels: Travels) -> None:
    first = await travels.start()
    await travels.stop()
    await travels.execute("UPDATE log_origin SET origin = 'restored'")
    first, second = await travels.start(), await travels.start()
    lost = str(uuid4())
    assert await travels.report(second, "gateway", (lost, 2))
    await travels.reports(first, *FOLLOWERS)
    for service in (first, second):
        await asyncio.wait_for(service.restoration.over.wait(), 10)
    found = await travels.execute("SELECT type FROM event_log ORDER BY sequence")
    assert [row["type"] for row in found] == [*["org.homeward.log.lost.v1"] * 2, "org.homeward.log.restored.v1"]


async def test_an_administrator_lets_it_go_on_without_a_follower_that_will_never_come(travels: Travels) -> None:
    await travels.start()
    await travels.stop()
    await travels.execute("UPDATE log_origin SET origin = 'restored'")
    service = await travels.start()
    await travels.reports(service, *FOLLOWERS[1:])
    assert (await travels.does_without(service, "monitoring")).json()["waiting_for"] == ["gateway"]
    assert (await travels.does_without(service, "gateway")).json() == {"without": "gateway"}
    await asyncio.wait_for(service.restoration.over.wait(), 10)
    assert (await travels.does_without(service, "gateway")).status_code == 404
    audited = await travels.execute("SELECT audit_content(entry) ->> 'action' AS action FROM audit_entry")
    assert "go_on_without" in {row["action"] for row in audited}


async def test_a_process_ends_when_its_database_is_replaced_by_another(travels: Travels) -> None:
    service = await travels.start()
    name = travels.url.rpartition("/")[2]
    await travels.execute(
        f'ALTER DATABASE "{name}" WITH ALLOW_CONNECTIONS false',
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'",
        f'CREATE DATABASE "{name}-copy" TEMPLATE "{name}"',
        f'ALTER DATABASE "{name}" RENAME TO "{name}-aside"',
        f'ALTER DATABASE "{name}-copy" RENAME TO "{name}"',
        database="postgres",
    )
    await eventually(lambda: _has_ended(travels, service))
    # What is asked of it meanwhile isn't done.
    assert await travels.refuses(service) == "/problems/away"
    await travels.stop()
    assert (await travels.start()).restoration.under_way


async def test_every_process_ends_when_a_follower_has_more_than_the_log(travels: Travels) -> None:
    told, other = await travels.start(), await travels.start()
    assert not await travels.report(told, "gateway")
    assert await travels.report(told, "gateway", (str(uuid4()), 1))
    await eventually(lambda: _has_ended(travels, told))
    await eventually(lambda: _has_ended(travels, other))
    await travels.stop()
    assert (await travels.start()).restoration.under_way


async def _has_ended(travels: Travels, service: Service) -> bool:
    return service in travels.ended


def _client(service: Service) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=service.app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://travel")


def _nobody(_: str) -> httpx.AsyncClient:
    """Whom travel asks, and who is not there."""
    return httpx.AsyncClient(base_url="http://127.0.0.1:9")
