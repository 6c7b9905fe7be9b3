"""An identity provider as a process, and a route that takes its tokens."""

import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI

from shared.auth.keys import generate_key, public_pem, read_public_key
from shared.auth.oidc import Provider
from shared.auth.permissions import Permission
from shared.auth.principal import Principal
from shared.auth.published_keys import KeyCache
from shared.auth.roles import Role
from shared.auth.tokens import GATEWAY, ISSUER, Operators, Signer, Verifier
from shared.settings import IdentityProvider
from shared.web.access import require
from shared.web.problems import install_problem_handlers
from tests.support.oidc_provider import AUDIENCE, ProviderProcess, provider_process

KEY = generate_key()
HOUR = 3600.0


@dataclass
class Watch:
    """The time by which keys grow old."""

    seconds: float = 1000.0

    def __call__(self) -> float:
        return self.seconds


@dataclass
class Desk:
    """A service's route, for managers; who comes is told by their token."""

    provider: ProviderProcess
    watch: Watch = field(default_factory=Watch)
    #: Seconds by which the time of day is ahead.
    ahead: float = 0.0
    known: Provider = field(init=False)
    http: httpx.AsyncClient = field(init=False)

    def __post_init__(self) -> None:
        settings = IdentityProvider(
            issuer=self.provider.issuer, audience=AUDIENCE, roles={"HQ/Homeward Managers": Role.MANAGER}
        )
        keys = KeyCache(settings.issuer, lifetime=HOUR, stale_for=24 * HOUR, now=self.watch)
        self.known = Provider(settings, keys, lambda: time.time() + self.ahead)
        app = _application(self.known)
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service")

    async def ask(self, token: str) -> httpx.Response:
        """What the route answers to who has this token."""
        return await self.http.get("/me", headers={"Authorization": f"Bearer {token}"})

    async def status(self, token: str) -> int:
        """Its status alone."""
        return (await self.ask(token)).status_code


def _application(provider: Provider) -> FastAPI:
    app = FastAPI(openapi_url=None)
    install_problem_handlers(app)
    app.state.verifier = Verifier({ISSUER: Operators(read_public_key(public_pem(KEY)), GATEWAY)})
    app.state.provider = provider

    @app.get("/me")
    async def me(principal: Annotated[Principal, Depends(require(Permission.CASES_CLOSE))]) -> dict[str, Any]:
        return {"id": principal.id, "name": principal.name, "offices": sorted(principal.offices)}

    return app


def own_token(name: str) -> str:
    """A token of the suite itself."""
    return Signer(KEY).issue(Principal("1", name, frozenset({Role.MANAGER}), frozenset()))


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProviderProcess]:
    """A provider that stays."""
    with provider_process(tmp_path_factory.mktemp("provider")) as provider:
        yield provider


@pytest.fixture
async def desk(running: ProviderProcess) -> AsyncIterator[Desk]:
    """A desk that has asked the provider nothing yet; there is one key, of RSA."""
    if running.rotated:
        running.rotate()
        running.rotated = False
    found = Desk(running)
    yield found
    await found.http.aclose()


@pytest.fixture
async def lonely_desk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    """A desk whose provider may be stopped."""
    with provider_process(tmp_path_factory.mktemp("provider")) as provider:
        found = Desk(provider)
        yield found
        await found.http.aclose()
