"""What the gateway shows a service in place of a session is good at that service alone."""

import json

import pytest
import pytest_asyncio
from joserfc import jws

from services.gateway.passes import PASS_SECONDS
from shared.auth.roles import Role
from shared.auth.tokens import GATEWAY
from tests.integration.gateway.suite import SERVICES, Suite

pytestmark = pytest.mark.asyncio(loop_scope="package")

#: Open to this role at each of them.
OPEN = {
    "screening": "/duplicates",
    "travel": "/flights",
    "reintegration": "/funds",
    "monitoring": "/visits",
    "partners": "/agencies",
    "gateway": "/api/figures",
}


@pytest_asyncio.fixture(loop_scope="package")
async def shown(suite: Suite) -> dict[str, str]:
    """What each service is shown of a manager who is signed in."""
    async with suite.user(Role.MANAGER) as manager:
        held = manager.headers["Authorization"].removeprefix("Bearer ")
    exchange = suite.apps["gateway"].state.neighbours.passes.shown
    return {service: await exchange(held, service) for service in (*SERVICES, GATEWAY)}


@pytest.mark.parametrize("service", [*SERVICES, GATEWAY])
async def test_it_is_taken_there_and_nowhere_else(suite: Suite, shown: dict[str, str], service: str) -> None:
    for other, path in OPEN.items():
        async with suite.client(other, shown[service], Role.MANAGER) as client:
            assert (await client.get(path)).status_code == (200 if other == service else 401), other


async def test_what_an_operator_holds_is_taken_by_no_service(suite: Suite) -> None:
    async with suite.user(Role.MANAGER) as manager:
        held = manager.headers["Authorization"].removeprefix("Bearer ")
        for service in SERVICES:
            async with suite.client(service, held, Role.MANAGER) as client:
                assert (await client.get(OPEN[service])).status_code == 401
            assert (await manager.get(f"/api/{service}{OPEN[service]}")).status_code == 200


async def test_it_lasts_no_longer_than_services_may_believe_it(shown: dict[str, str]) -> None:
    for token in shown.values():
        claims = json.loads(jws.extract_compact(token.encode()).payload)
        assert claims["exp"] - claims["iat"] == PASS_SECONDS


async def test_a_gateway_without_a_key_passes_nothing_on_and_says_so(suite: Suite) -> None:
    async with suite.user(Role.MANAGER) as manager, suite.replica(private_key=None, accounts=None) as gateway:
        answer = await gateway.get("/api/travel/flights", headers=manager.headers)
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/no-signing-key")
