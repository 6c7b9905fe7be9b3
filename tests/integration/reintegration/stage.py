"""A service under test among neighbours that tell it what happened: real services on real databases, one bus."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AsyncExitStack
from datetime import datetime
from pathlib import Path
from typing import Any, Self
from uuid import UUID

import httpx
from fastapi import FastAPI

from services.servers import fresh_database
from shared.auth.keys import generate_key, key_set, public_pem
from shared.auth.principal import EVERY_OFFICE, Principal
from shared.auth.purposes import SERVICE_PURPOSES
from shared.auth.roles import Role
from shared.auth.services import Identity
from shared.auth.tokens import Signer
from shared.contracts.envelope import REGISTRY, Contract
from shared.ids import new_id
from shared.messaging.bus import Bus
from shared.messaging.handlers import handlers
from shared.messaging.inprocess import InProcessBus
from shared.messaging.outbox import Outgoing
from shared.persistence.unit_of_work import UnitOfWork
from shared.protection.wrapping import first_keys
from shared.service import Service
from shared.settings import ServiceSettings
from shared.web.clients import ServiceAuth
from shared.web.purpose import HEADER
from tests.support.purposes import usual_purpose

#: Seconds within which whatever was told has had its effect.
DEADLINE = 15.0


class Stage:
    """The service under test, its neighbours, and the people who use it."""

    def __init__(
        self,
        name: str,
        create_app: Callable[..., FastAPI],
        settings: type[ServiceSettings],
        neighbours: Iterable[str],
        postgres_url: str,
        start: datetime,
        bus: Bus | None = None,
        **own: Any,
    ) -> None:
        self.name, self._start_at, self._postgres_url = name, start, postgres_url
        self._key, self._bus, self._stack = generate_key(), bus or InProcessBus(), AsyncExitStack()
        self._identities = {each: generate_key() for each in (name, *neighbours)}
        self.apps: dict[str, FastAPI] = {each: self._neighbour(each) for each in neighbours}
        self.apps[name] = create_app(settings(**(self._settings(name) | own)), bus=self._bus, connect=self.wire)

    async def __aenter__(self) -> Self:
        for app in self.apps.values():
            await self._stack.enter_async_context(app.router.lifespan_context(app))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    def wire(self, service: str) -> httpx.AsyncClient:
        """A client of nobody."""
        transport = httpx.ASGITransport(app=self.apps[service], raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url=f"http://{service}", timeout=30)

    def user(self, *roles: Role, id: str = "somebody", offices: tuple[str, ...] = (EVERY_OFFICE,)) -> "User":
        """Somebody who has these roles and uses the service under test, for the purpose that they mostly have."""
        person = Principal(id, id, frozenset(roles), frozenset(offices))
        client = self.wire(self.name)
        client.headers.update(usual_purpose(*roles))
        shown = Signer(self._key).issue(person, audience=self.name)
        client.headers["Authorization"] = f"Bearer {shown}"
        return User(client)

    def neighbour(self, name: str) -> "User":
        """A neighbour that calls the service under test."""
        client = self.wire(self.name)
        client.auth = ServiceAuth(Identity(name, self._identities[name]), self.name)
        client.headers.update([(HEADER, each) for each in SERVICE_PURPOSES.get(name, ())[:1]])
        return User(client)

    async def tell(self, source: str, subject: UUID, data: Contract) -> None:
        """A neighbour publishes; returns when the service under test has handled it or parked it."""
        await self.record(source, subject, data)
        await self.settle()

    async def record(self, source: str, subject: UUID, data: Contract) -> None:
        """A neighbour publishes."""
        service: Service = self.apps[source.rpartition("/")[2]].state.service
        async with service.database.transaction() as connection:
            unit = service.unit(connection)
            unit.record(Outgoing(subject, data))
            await unit.flush()
        service.committed(unit.logged)

    async def settle(self) -> None:
        """Wait until all that was told is handled."""
        await eventually(self._at_rest)

    async def log(self, subject: UUID) -> list[Contract]:
        """What the service under test has published about a subject."""
        service: Service = self.apps[self.name].state.service
        events = await service.log.of_subjects([(str(subject), 0)], 1000)
        return [REGISTRY[event.type].model_validate_json(event.data) for event in events]

    async def entries(self, **wanted: Any) -> list[dict[str, Any]]:
        """What an auditor of every office finds in the audit of the service under test."""
        auditor = self.user(Role.AUDITOR, id="auditor")
        answer = await auditor.client.get("/audit/entries", params={"limit": 1000, **wanted})
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["entries"]
        return found

    async def set_clock(self, now: datetime) -> None:
        """Advance the programme's time."""
        answer = await self.user(Role.ADMIN).client.post("/clock", json={"now": now.isoformat()})
        assert answer.status_code == 200, answer.text

    async def _at_rest(self) -> bool:
        rest = {name: await app.state.service.health.rest() for name, app in self.apps.items()}
        mine = rest[self.name]
        told = all(
            rest[name]["produced"]
            == mine["handled"].get(f"/homeward/{name}", 0) + mine["dead"].get(f"/homeward/{name}", 0)
            for name in rest
            if name != self.name
        )
        return told and not mine["waiting"] and not any(each["unpublished"] for each in rest.values())

    def _settings(self, name: str) -> dict[str, Any]:
        return {
            "database_url": self._stack.enter_context(fresh_database(self._postgres_url)),
            "public_key": public_pem(self._key),
            "keys": first_keys().text(),
            "identity_key": self._identities[name].as_pem(private=True).decode(),
            "service_keys": key_set(self._identities),
            "environment": "test",
            "clock_start": self._start_at,
        }

    def _neighbour(self, name: str) -> FastAPI:
        return Service(
            name=name,
            source=f"/homeward/{name}",
            settings=ServiceSettings(**self._settings(name)),
            unit=UnitOfWork,
            publish=lambda outgoing: outgoing,
            handlers=handlers(),
            follows=(),
            migrations=Path(__file__).parent / "neighbour",
            bus=self._bus,
        ).app


class User:
    """Somebody with roles, who gives commands and reads."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client

    async def post(self, path: str, body: dict[str, Any] | None = None, *, key: str | None = None) -> httpx.Response:
        """Give a command."""
        return await self.client.post(path, json=body or {}, headers={"Idempotency-Key": key or str(new_id())})

    async def does(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """Give a command that succeeds; its answer."""
        answer = await self.post(path, body)
        assert answer.is_success, answer.text
        return answer.json()

    async def refused(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """Give a command that a rule refuses; the problem."""
        answer = await self.post(path, body)
        assert answer.status_code == 409, answer.text
        return answer.json()

    async def reads(self, path: str) -> Any:
        """Read."""
        answer = await self.client.get(path)
        assert answer.is_success, answer.text
        return answer.json()


async def eventually(probe: Callable[[], Awaitable[bool]], deadline: float = DEADLINE) -> None:
    """Ask again and again until the probe is true."""
    async with asyncio.timeout(deadline):
        while not await probe():
            # What the probe asks is in databases: there is nothing to be woken by.
            await asyncio.sleep(0.02)
