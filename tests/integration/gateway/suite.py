"""Every service in this process, on databases of their own and the in-process bus; any of them can be down."""

import importlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from services.gateway.app import create_app as create_gateway
from services.gateway.settings import Settings as GatewaySettings
from services.servers import fresh_database
from shared.auth.accounts import Accounts
from shared.auth.keys import generate_key, key_set, load_or_generate_key, public_pem
from shared.auth.principal import EVERY_OFFICE, Principal
from shared.auth.roles import Role
from shared.auth.tokens import Signer
from shared.messaging.inprocess import InProcessBus
from shared.protection.wrapping import first_keys
from tests.support.bench import eventually
from tests.support.purposes import usual_purpose

SERVICES = ("screening", "travel", "reintegration", "monitoring", "partners")


class Suite:
    """The services, and people who use them through the gateway."""

    def __init__(self, folder: Path) -> None:
        self.key = load_or_generate_key(folder / "token.key")
        self.signer = Signer(self.key)
        self.identities = {name: generate_key() for name in (*SERVICES, "gateway")}
        self.accounts = Accounts(folder / "accounts.json")
        self.apps: dict[str, FastAPI] = {}
        self.down: set[str] = set()
        self.bus = InProcessBus()
        self._gateway: dict[str, Any] = {}
        self.folder = folder
        #: Where the services export the signed heads of their audits.
        self.exported = folder / "audit"
        self._keys = 0

    async def start(self, stack: AsyncExitStack, postgres_url: str) -> None:
        for name in (*SERVICES, "gateway"):
            values: dict[str, Any] = {
                "database_url": stack.enter_context(fresh_database(postgres_url)),
                "public_key": public_pem(self.key),
                "identity_key": self.identities[name].as_pem(private=True).decode(),
                "service_keys": key_set(self.identities),
                "environment": "test",
                "keys": first_keys().text(),
                "audit_key": self.folder / f"{name}.key",
                "audit_export": self.exported,
            }
            self.apps[name] = self._create(name, values)
        self.down = set(self.apps)
        for name, app in self.apps.items():
            await stack.enter_async_context(app.router.lifespan_context(app))
            self.down.discard(name)

    def _create(self, name: str, values: dict[str, Any]) -> FastAPI:
        # One walker asks every route as everybody.
        values = values | ({"burst": 5000} if name in ("gateway", "partners") else {})
        if name == "gateway":
            own: dict[str, Any] = {"private_key": self.folder / "token.key", "accounts": self.folder / "accounts.json"}
            self._gateway = values | own
            return create_gateway(GatewaySettings(**self._gateway), bus=self.bus, connect=self.client)
        service = importlib.import_module(f"services.{name}.app")
        settings_of = importlib.import_module(f"services.{name}.settings").Settings
        app: FastAPI = service.create_app(settings_of(**values), bus=self.bus, connect=self.client)
        return app

    def client(self, name: str, token: str = "", *roles: Role) -> httpx.AsyncClient:
        """A client of a service."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        headers |= usual_purpose(*roles)
        return httpx.AsyncClient(transport=_Wire(self, name), base_url=f"http://{name}", headers=headers, timeout=20)

    @asynccontextmanager
    async def replica(self, **changes: Any) -> AsyncIterator[httpx.AsyncClient]:
        """A stranger at another gateway on the same directory, or at this one after a restart; it follows nothing."""
        settings = GatewaySettings(**(self._gateway | changes))
        app = create_gateway(settings, bus=self.bus, connect=self.client)
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://gateway", timeout=20
        ) as client:
            yield client
        await app.state.service.database.close()

    def stranger(self) -> httpx.AsyncClient:
        """Somebody who isn't signed in."""
        return self.client("gateway")

    def user(self, *roles: Role, offices: tuple[str, ...] = (EVERY_OFFICE,), name: str = "amina") -> httpx.AsyncClient:
        """Somebody who is signed in at the gateway."""
        principal = Principal(f"user:{name}", name, frozenset(roles), frozenset(offices))
        return self.client("gateway", self.signer.issue(principal), *roles)

    async def shown_to(self, service: str, user: httpx.AsyncClient) -> str:
        """What a service is shown of somebody who is signed in at the gateway; there it is what the person holds."""
        held = user.headers["Authorization"].removeprefix("Bearer ")
        if service == "gateway":
            return held
        exchanged: str = await self.apps["gateway"].state.neighbours.passes.shown(held, service)
        return exchanged

    def idempotency(self) -> dict[str, str]:
        """The header of a new command."""
        self._keys += 1
        return {"Idempotency-Key": f"command-{self._keys}"}

    async def register(self, user: httpx.AsyncClient, **changes: Any) -> dict[str, Any]:
        """A new case, registered through the gateway."""
        answer = await user.post("/api/screening/cases", json=person(**changes), headers=self.idempotency())
        assert answer.status_code == 201, answer.text
        registered: dict[str, Any] = answer.json()
        return registered

    async def command(self, user: httpx.AsyncClient, path: str, body: dict[str, Any]) -> Any:
        """A command through the gateway that is expected to succeed."""
        answer = await user.post(f"/api/{path}", json=body, headers=self.idempotency())
        assert answer.is_success, answer.text
        return answer.json()

    async def shown(self, user: httpx.AsyncClient, case: str, stage: str) -> dict[str, Any]:
        """The case, once the gateway shows it at this stage."""

        async def look() -> dict[str, Any] | None:
            answer = await user.get(f"/api/cases/{case}", params={"parts": False})
            return answer.json() if answer.is_success and answer.json()["stage"] == stage else None

        found: dict[str, Any] = await eventually(look)
        return found

    async def at_rest(self, user: httpx.AsyncClient) -> None:
        """Wait until nothing is under way."""

        async def look() -> bool:
            return bool((await user.get("/api/rest")).json()["at_rest"])

        await eventually(look)


class _Wire(httpx.AsyncBaseTransport):
    """Requests reach a service of this process, unless it is down."""

    def __init__(self, suite: Suite, name: str) -> None:
        self._suite, self._name = suite, name

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self._name in self._suite.down:
            raise httpx.ConnectError("connection refused", request=request)
        return await httpx.ASGITransport(self._suite.apps[self._name]).handle_async_request(request)


def person(*, given_name: str = "Bilal", family_name: str = "Testov", office: str = "tripoli", **changes: Any) -> Any:
    """A made-up person, as screening registers one."""
    identity = {
        "given_name": given_name,
        "family_name": family_name,
        "date_of_birth": "1990-05-17",
        "sex": "male",
        "nationality": "PK",
    }
    return {"office": office, "identity": identity | changes, "place": "Tripoli", "place_kind": "office"}


@asynccontextmanager
async def running_suite(folder: Path, postgres_url: str) -> AsyncIterator[Suite]:
    """A suite that runs to the end of the block."""
    suite = Suite(folder)
    async with AsyncExitStack() as stack:
        await suite.start(stack, postgres_url)
        yield suite
