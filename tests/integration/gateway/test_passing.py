"""Commands are passed on to the services as they are, and so are their answers."""

import csv
import io

import httpx
import pytest

from shared.auth.accounts import Whose
from shared.auth.roles import Role
from shared.web.access import SESSION_COOKIE, unguarded_routes
from tests.integration.gateway.suite import Suite, person

pytestmark = pytest.mark.asyncio(loop_scope="package")


@pytest.fixture(scope="module")
def caseworker(suite: Suite) -> httpx.AsyncClient:
    return suite.user(Role.CASEWORKER)


async def test_every_route_of_every_service_names_its_roles(suite: Suite) -> None:
    found = {name: unguarded_routes(app) for name, app in suite.apps.items()}
    # A service's description is no secret: the gateway merges it into its own, which is open.
    assert {route for routes in found.values() for route in routes} <= {"GET|HEAD /openapi.json"}


async def test_without_a_token_nothing_is_passed_on(suite: Suite) -> None:
    async with suite.client("gateway") as stranger:
        answer = await stranger.post("/api/screening/cases", json=person(), headers=suite.idempotency())
        assert answer.status_code == 401
        assert answer.headers["content-type"] == "application/problem+json"
        for path in (
            "/api/cases",
            "/api/figures",
            "/api/stream",
            "/api/me",
            "/api/rest",
            "/api/clock",
            "/dead-letters",
        ):
            assert (await stranger.get(path)).status_code == 401, path


async def test_the_same_key_gives_the_same_answer_through_the_gateway(
    suite: Suite, caseworker: httpx.AsyncClient
) -> None:
    key, body = suite.idempotency(), person(given_name="Twice")
    first, second = [await caseworker.post("/api/screening/cases", json=body, headers=key) for _ in range(2)]
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()


async def test_a_services_problem_comes_back_as_it_is(suite: Suite, caseworker: httpx.AsyncClient) -> None:
    answer = await caseworker.post("/api/screening/cases", json={}, headers=suite.idempotency())
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert answer.json()["errors"]
    case = (await suite.register(caseworker, given_name="Early"))["case_id"]
    refused = await caseworker.post(f"/api/screening/cases/{case}/clearance", json={}, headers=suite.idempotency())
    assert refused.status_code in (403, 409)
    assert refused.json()["type"].startswith("/problems/")


async def test_a_missing_key_is_the_services_business(suite: Suite, caseworker: httpx.AsyncClient) -> None:
    assert (await caseworker.post("/api/screening/cases", json=person())).status_code == 422


async def test_a_file_is_passed_on_byte_by_byte(suite: Suite, caseworker: httpx.AsyncClient) -> None:
    text = io.StringIO()
    csv.writer(text).writerows([["not", "a", "registration", "list"], ["ü", "1", "2", "3"]])
    answer = await caseworker.post(
        "/api/screening/imports",
        files={"file": ("list.csv", text.getvalue().encode(), "text/csv")},
        data={"office": "tripoli"},
        headers=suite.idempotency(),
    )
    assert answer.status_code in (200, 422), answer.text
    assert "multipart" not in answer.text


async def test_a_service_that_is_down_is_told_with_503_and_its_name(
    suite: Suite, caseworker: httpx.AsyncClient
) -> None:
    suite.down.add("travel")
    try:
        answer = await caseworker.get("/api/travel/flights")
    finally:
        suite.down.clear()
    assert (answer.status_code, answer.json()["service"]) == (503, "travel")
    assert answer.json()["type"] == "/problems/service-down"


async def test_internal_routes_are_closed_to_operators(suite: Suite, caseworker: httpx.AsyncClient) -> None:
    assert (await caseworker.get("/api/travel/events")).status_code == 403
    assert (await caseworker.get("/api/travel/clock")).status_code == 404
    async with suite.user(Role.AUDITOR) as auditor:
        assert (await auditor.get("/api/screening/events/verification")).status_code == 200
        # A case's events are the case.
        assert (await auditor.get("/api/screening/events", params={"limit": 3})).status_code == 403


async def test_the_description_holds_the_routes_of_every_service(suite: Suite, caseworker: httpx.AsyncClient) -> None:
    document = (await caseworker.get("/openapi.json")).json()
    assert document["x-gaps"] == []
    paths = document["paths"]
    assert {"/api/cases", "/api/screening/cases", "/api/travel/flights", "/api/reintegration/funds"} <= set(paths)
    internal = [path for path in paths if path.endswith(("/dead-letters", "/healthz", "/positions"))]
    assert internal == ["/api/dead-letters"]
    references = set(_references(document))
    known = {f"#/components/{kind}/{name}" for kind, each in document["components"].items() for name in each}
    assert references
    assert references <= known


def _references(node: object) -> list[str]:
    match node:
        case {"$ref": str(reference)}:
            return [reference]
        case dict():
            return [found for each in node.values() for found in _references(each)]
        case list():
            return [found for each in node for found in _references(each)]
    return []


async def test_signing_in_gives_a_token_with_the_accounts_roles(suite: Suite) -> None:
    password = suite.accounts.create("farida", [Role.PROTECTION], ["tripoli"], Whose.MACHINE)
    async with suite.client("gateway") as stranger:
        answer = (await stranger.post("/api/sign-in", json={"name": "farida", "password": password})).json()
        assert (answer["token_type"], answer["roles"]) == ("Bearer", ["protection"])
        headers = {"Authorization": f"Bearer {answer['access_token']}"}
        me = (await stranger.get("/api/me", headers=headers)).json()
        assert (me["name"], me["roles"], me["offices"]) == ("farida", ["protection"], ["tripoli"])
        stranger.cookies.set(SESSION_COOKIE, answer["access_token"])
        headers = {"Purpose": "protection"}
        assert (await stranger.get("/api/screening/duplicates", headers=headers)).status_code == 200


async def test_after_five_failures_a_name_has_to_wait(suite: Suite) -> None:
    async with suite.client("gateway") as stranger:
        guess = {"name": "guessed", "password": "wrong"}
        seen = [(await stranger.post("/api/sign-in", json=guess)).status_code for _ in range(6)]
    assert seen == [401] * 5 + [429]
