"""Errors are answered as problem details."""

import json
from collections.abc import AsyncIterator
from enum import StrEnum
from typing import Annotated, Any, ClassVar
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI, HTTPException, Query
from fastapi.responses import StreamingResponse
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode
from pydantic import AfterValidator, BaseModel
from structlog.testing import capture_logs

from shared.errors import Forbidden, HomewardError, Unauthenticated, Unavailable
from shared.persistence.database import Database
from shared.telemetry import Telemetry
from shared.web.problems import install_problem_handlers

CASE = UUID("018f3f3c-0000-7000-8000-000000000001")


class RuleBroken(Exception):
    """A rule of the domain."""

    rule_broken: ClassVar[bool] = True


class Gate(StrEnum):
    CONSENT = "consent"


class GatesMissing(RuleBroken):
    """The case can't be cleared:
    gates are missing.

    Further explanation for readers of the code.
    """

    fields: ClassVar[dict[str, Any]] = {"missing": [Gate.CONSENT], "cases": {CASE}, "status": 200}


class Answered(HomewardError):
    status = 418


def not_repeated(value: str) -> str:
    raise ValueError(f"{value} is no name")


class Identity(BaseModel):
    given_name: Annotated[str, AfterValidator(not_repeated)]
    age: int


class Registration(BaseModel):
    identity: Identity


RAISED: dict[str, Exception] = {
    "rule": GatesMissing(),
    "forbidden": Forbidden("This needs one of the roles: medical.", roles=["medical"]),
    "unauthenticated": Unauthenticated(),
    "unavailable": Unavailable(),
    "undocumented": Answered("short and stout"),
    "http": HTTPException(409, "in use", headers={"Retry-After": "2"}),
    "unexpected": KeyError("Amina Example"),
}


def application(telemetry: Telemetry | None = None) -> FastAPI:
    app = FastAPI(telemetry=(telemetry or Telemetry("screening")).fastapi_config())
    install_problem_handlers(app)

    @app.get("/raise/{which}")
    async def raises(which: str) -> None:
        raise RAISED[which]

    @app.get("/away")
    async def away(server: str) -> None:
        database = Database(f"postgresql+asyncpg://homeward:x@{server}/homeward")
        async with database.transaction():
            pass

    @app.get("/late")
    async def late() -> StreamingResponse:
        async def rows() -> AsyncIterator[str]:
            yield "first row"
            raise LookupError("second row")

        return StreamingResponse(rows())

    @app.post("/cases")
    async def register(body: Registration, limit: Annotated[int, Query(le=100)] = 10) -> None: ...

    return app


async def ask(method: str, path: str, **options: Any) -> httpx.Response:
    """Over httpx's transport as it is by default: it raises what the application raises."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(application()), base_url="http://screening") as http:
        return await http.request(method, path, **options)


async def problem(method: str, path: str, **options: Any) -> dict[str, Any]:
    answer = await ask(method, path, **options)
    assert answer.headers["content-type"] == "application/problem+json"
    told: dict[str, Any] = answer.json()
    assert told["status"] == answer.status_code
    return told


async def test_a_broken_rule_is_a_conflict_told_in_the_rules_own_words() -> None:
    assert await problem("GET", "/raise/rule") == {
        "type": "/problems/gates-missing",
        "title": "The case can't be cleared: gates are missing.",
        "status": 409,
        "detail": "The case can't be cleared: gates are missing.",
        "instance": "/raise/rule",
        "missing": ["consent"],
        "cases": [str(CASE)],
    }


async def test_an_error_of_ours_tells_its_message_and_fields() -> None:
    assert await problem("GET", "/raise/forbidden") == {
        "type": "/problems/forbidden",
        "title": "Your roles do not allow this; ask an administrator for one of those that are named.",
        "status": 403,
        "detail": "This needs one of the roles: medical.",
        "instance": "/raise/forbidden",
        "roles": ["medical"],
    }


@pytest.mark.parametrize(("which", "status"), [("unauthenticated", 401), ("unavailable", 503), ("undocumented", 418)])
async def test_an_error_of_ours_has_its_status(which: str, status: int) -> None:
    assert (await problem("GET", f"/raise/{which}"))["status"] == status


async def test_who_is_not_signed_in_is_told_how() -> None:
    assert (await ask("GET", "/raise/unauthenticated")).headers["www-authenticate"] == "Bearer"


async def test_who_may_come_again_is_told_when() -> None:
    assert (await ask("GET", "/raise/unavailable")).headers["retry-after"] == "1"
    assert "retry-after" not in (await ask("GET", "/raise/unexpected")).headers


async def test_frameworks_errors_are_problems_too_and_keep_their_headers() -> None:
    assert (await problem("GET", "/nowhere"))["type"] == "/problems/not-found"
    assert (await problem("PUT", "/cases"))["type"] == "/problems/method-not-allowed"
    assert (await problem("GET", "/raise/http"))["detail"] == "in use"
    assert (await ask("GET", "/raise/http")).headers["retry-after"] == "2"


async def test_a_wrong_request_is_told_where_it_is_wrong_and_never_what_it_said() -> None:
    body = {"identity": {"given_name": "Amina Example", "age": "thirty"}}
    told = await problem("POST", "/cases", params={"limit": 4711}, json=body)
    assert told["type"] == "/problems/invalid" and told["status"] == 422
    assert told["errors"] == [
        {"pointer": "query/limit", "detail": "Input should be less than or equal to 100"},
        {"pointer": "#/identity/given_name", "detail": "The value is not valid (value_error)."},
        {
            "pointer": "#/identity/age",
            "detail": "Input should be a valid integer, unable to parse string as an integer",
        },
    ]
    assert not any(word in json.dumps(told) for word in ("Amina", "thirty", "4711"))


async def test_a_body_that_is_not_json_is_told_so() -> None:
    headers = {"content-type": "application/json"}
    told = await problem("POST", "/cases", content=b'{"given_name": Amina', headers=headers)
    assert told["errors"] == [{"pointer": "#", "detail": "JSON decode error"}]


@pytest.mark.parametrize("server", ["127.0.0.1:1", "died-just-now.invalid"], ids=["refuses", "unknown"])
async def test_who_asks_while_the_database_is_away_is_told_to_come_again(server: str) -> None:
    told = await problem("GET", "/away", params={"server": server})
    assert (told["status"], told["type"]) == (503, "/problems/away")


async def test_an_unexpected_error_is_logged_and_answered_with_its_trace_alone() -> None:
    incoming = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    with capture_logs() as logged:
        told = await problem("GET", "/raise/unexpected", headers={"traceparent": incoming})
    assert told["type"] == "/problems/unexpected" and told["trace_id"] == incoming[3:35]
    assert "Amina" not in json.dumps(told) and "KeyError" not in json.dumps(told)
    assert [(line["event"], line["exc_info"]) for line in logged] == [("request failed", RAISED["unexpected"])]


async def test_the_trace_of_an_unexpected_error_tells_its_type_and_not_its_message() -> None:
    exporter = InMemorySpanExporter()
    app = application(Telemetry("screening", exporter=exporter, batch=False))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://screening") as http:
        await http.get("/raise/unexpected")
    (span,) = exporter.get_finished_spans()
    assert span.status.status_code is StatusCode.ERROR
    assert [dict(event.attributes or {}) for event in span.events] == [{"exception.type": "KeyError"}]


async def test_an_error_after_the_response_has_started_cuts_it_off() -> None:
    with pytest.raises(LookupError):
        await ask("GET", "/late")
