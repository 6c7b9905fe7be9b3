"""Every route of every service answers everybody as the table of permissions says; nothing is open by default."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated

import pytest
import pytest_asyncio
from fastapi import Depends, FastAPI

from services.embedded import SERVICES
from shared.auth.grants import SERVICE_GRANTS
from shared.auth.permissions import GRANTED, Permission
from shared.auth.principal import EVERY_OFFICE, Principal
from shared.auth.roles import Role
from shared.auth.services import Identity
from shared.web.access import require
from shared.web.problems import install_problem_handlers
from tests.integration.gateway.suite import Suite, running_suite
from tests.support.permission_walk import Walk, Walkers, failing
from tests.support.route_permissions import permissions

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def suite(tmp_path_factory: pytest.TempPathFactory, postgres_url: str) -> AsyncIterator[Suite]:
    folder: Path = tmp_path_factory.mktemp("permissions")
    async with running_suite(folder, postgres_url) as running:
        # A stream that goes on would not answer.
        running.apps["gateway"].state.stream.end()
        yield running


def walkers(suite: Suite, service: str) -> Walkers:
    """Nobody, somebody without a role, somebody of each, and each service."""

    def token(*roles: Role) -> str:
        id = "agency:01a2150e-4a26-752a-994d-79a40464919c" if Role.AGENCY in roles else "user:amina"
        person = Principal(id, "amina", frozenset(roles), frozenset({EVERY_OFFICE}))
        return suite.signer.issue(person, audience=service)

    found: Walkers = {"nobody": (None, frozenset()), "no role": (token(), frozenset())}
    for role in Role:
        found[role.value] = token(role), frozenset(each for each in Permission if role in GRANTED[each])
    for name, key in suite.identities.items():
        permitted = SERVICE_GRANTS.get((name, service), frozenset())
        found[f"service {name}"] = Identity(name, key).token_for(service), permitted
    return found


@pytest.mark.parametrize("service", SERVICES)
async def test_every_route_answers_every_role_as_the_table_says(suite: Suite, service: str) -> None:
    account = {"name": service, "password": suite.accounts.create(service, [])}
    bodies = {"POST /api/sign-in": {"json": account}, "POST /sign-in": {"data": account}}
    walk = Walk(suite.apps[service], permissions(service), bodies)
    assert await walk.differences(walkers(suite, service)) == []


async def test_a_route_without_a_permission_with_a_wrong_one_or_that_nobody_knows_is_found(suite: Suite) -> None:
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    install_problem_handlers(app)
    app.state.verifier = suite.apps["screening"].state.verifier

    @app.get("/right")
    async def right(_: Annotated[Principal, Depends(require(Permission.HOLDS_LIFT))]) -> None: ...

    @app.post("/wrong")
    async def wrong(_: Annotated[Principal, Depends(require(Permission.HOLDS_PLACE))]) -> None: ...

    @app.get("/unguarded")
    async def unguarded() -> None: ...

    @app.get("/unknown")
    async def unknown(_: Annotated[Principal, Depends(require(Permission.HOLDS_LIFT))]) -> None: ...

    routes = ("GET /right", "POST /wrong", "GET /unguarded", "GET /gone")
    found = await Walk(app, dict.fromkeys(routes, "holds:lift")).differences(walkers(suite, "screening"))
    assert sorted(failing(found)) == ["GET /gone", "GET /unguarded", "GET /unknown", "POST /wrong"]
    assert "POST /wrong as caseworker: 200, not 403" in found
