"""No route answers personal data without a purpose and an entry in the audit."""

import importlib
from typing import Annotated

import pytest
from fastapi import Depends, FastAPI
from fastapi.routing import iter_route_contexts
from pydantic import BaseModel

from shared.auth.permissions import GRANTED, Permission
from shared.auth.purposes import purposes_of
from shared.protection.wrapping import first_keys
from shared.web import audit, internal, keys, repair, restoring
from shared.web.commands import Command, PersonalReading, Reading, command, personal, reading
from tests.architecture.disclosures import EVERYWHERE_PERSONAL, NO_CASE, PERSONAL
from tests.architecture.personal import ANYTHING, reads, unaudited
from tests.architecture.tree import SERVICES

#: What every service has: it holds ids, codes, hashes and figures.
_RUNNING = {
    f"{method} {route.path}"
    for router in (audit.router, internal.probes, internal.router, keys.router, repair.router, restoring.router)
    for route in iter_route_contexts(router.routes)
    for method in route.methods or ()
} | {"GET /openapi.json", "HEAD /openapi.json"}
#: Answers without a model that hold figures.
_NEUTRAL = {
    "travel": {"GET /flights", "GET /flights/{flight_id}"},
    # Agencies have names. The feed writes down itself whose data it has handed over. What developers read is made up.
    "partners": {
        # A signed copy names who has signed, as agencies are named.
        "GET /agreements/{agreement_id}/signed-copy",
        "GET /answers/{own_id}/sent",
        *("GET /agencies", "GET /agreements/offers", "GET /feed", "POST /agencies/{agency_id}/keys/{key_id}/end"),
        *("POST /agencies/{agency_id}/access-requests/{request_id}/end", "POST /agencies/{agency_id}/access/end"),
        "POST /access/keys/{key_id}/end",
        *("GET /asyncapi.json", "GET /schemas/{type}.json", "GET /events-guide", "GET /events-guide.css"),
        # What an agency has answered is told to itself; to others, that it came and what was wrong with it.
        *("GET /answers", "POST /answers", "GET /answers/{own_id}"),
    },
}
_OF_CASES = (Permission.STATUS_READ, Permission.TRAVEL_READ, Permission.FILES_READ, Permission.VISITS_LIST)
#: Names of accounts, to oneself and to who looks after them.
_ACCOUNTS = {"GET /api/me", "GET /api/accounts", "POST /api/accounts", "POST /api/accounts/{name}/password"}


def _app(service: str) -> FastAPI:
    settings = importlib.import_module(f"services.{service}.settings").Settings(
        database_url="postgresql+asyncpg://nobody@nowhere/nothing",
        amqp_url="amqp://nowhere/",
        keys=first_keys().text(),
    )
    created: FastAPI = importlib.import_module(f"services.{service}.app").create_app(settings)
    return created


@pytest.mark.parametrize("service", [each for each in SERVICES if each != "gateway"])
def test_who_reads_personal_data_leaves_an_entry(service: str) -> None:
    assert set(unaudited(_app(service))) - _RUNNING == _NEUTRAL.get(service, set())


def test_the_gateway_knows_names_from_screening_alone() -> None:
    assert {route for route, words in unaudited(_app("gateway")).items() if words - {ANYTHING}} == _ACCOUNTS


@pytest.mark.parametrize("service", SERVICES)
def test_each_read_is_for_a_purpose_or_is_known_to_tell_of_no_case(service: str) -> None:
    assert _undecided(_app(service), service) == []


def test_a_read_about_which_nobody_has_decided_is_found() -> None:
    app = FastAPI(openapi_url=None)

    @app.get("/whereabouts/{case_id}")
    async def whereabouts(reading: Annotated[Reading, Depends(reading(Permission.TRAVEL_READ))]) -> dict[str, int]:
        raise NotImplementedError

    @app.get("/cases/{case_id}")
    async def show_case(reading: Annotated[Reading, Depends(reading(Permission.TRAVEL_READ))]) -> dict[str, int]:
        raise NotImplementedError

    @app.get("/funds")
    async def funds(reading: Annotated[Reading, Depends(reading(Permission.FUNDS_READ))]) -> dict[str, int]:
        raise NotImplementedError

    assert _undecided(app, "travel") == ["GET /cases/{case_id}", "GET /whereabouts/{case_id}"]


def test_whoever_may_read_of_cases_has_a_purpose() -> None:
    readers = {role for each in _OF_CASES for role in GRANTED[each]}
    assert [role for role in readers if not purposes_of([role])] == []


def _undecided(app: FastAPI, service: str) -> list[str]:
    told = {*PERSONAL[service], *EVERYWHERE_PERSONAL}
    untold = {route for routes in NO_CASE.values() for route in routes} - told
    return sorted(route for route, personal in reads(app).items() if route not in (told if personal else untold))


class _Person(BaseModel):
    given_name: str


class _People(BaseModel):
    people: list[_Person]


def test_a_read_that_leaves_no_entry_is_found() -> None:
    app = FastAPI(openapi_url=None)

    @app.get("/forgotten")
    async def forgotten(reading: Annotated[Reading, Depends(reading(Permission.GATES_READ))]) -> _People:
        raise NotImplementedError

    @app.get("/whatever")
    async def whatever(reading: Annotated[Reading, Depends(reading(Permission.GATES_READ))]) -> dict[str, object]:
        raise NotImplementedError

    @app.get("/remembered")
    async def remembered(reading: Annotated[PersonalReading, personal(Permission.FILES_READ)]) -> _People:
        raise NotImplementedError

    @app.post("/done")
    async def done(command: Annotated[Command[object], Depends(command(Permission.CASES_REGISTER))]) -> _People:  # type: ignore[type-var]
        raise NotImplementedError

    assert unaudited(app) == {"GET /forgotten": {"given_name"}, "GET /whatever": {ANYTHING}}
