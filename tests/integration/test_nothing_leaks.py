"""No answer and no log repeats what a request said, whichever route it was sent to and whatever became of it."""

import io
import logging
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
import pytest_asyncio
from structlog.stdlib import ProcessorFormatter

from services.embedded import SERVICES, EmbeddedSuite
from shared.auth.principal import EVERY_OFFICE, Principal
from shared.auth.roles import Role
from shared.auth.tokens import Signer
from shared.ids import new_id
from shared.persistence.database import run
from shared.web.access import SESSION_COOKIE
from shared.web.description import operations
from shared.web.limits import PROBES
from tests.support.suite import OMAR, REGISTRATION, embedded

#: What nobody but the request says, in a shape that fits the narrowest texts.
CANARY = "Zyxwvut-Canary"
SECRET = "eyJhbGciOiJ-Canary-Secret"
#: What a trace of our code would show.
TRACES = ("Traceback", 'File "', ".py", "sqlalchemy", "asyncpg", "pydantic")

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def suite(module_path: Path) -> AsyncIterator[EmbeddedSuite]:
    """All services."""
    async with embedded(module_path) as running:
        yield running


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """All that is logged meanwhile, as it would be written."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    root = logging.getLogger()
    [formatter] = {each.formatter for each in root.handlers if isinstance(each.formatter, ProcessorFormatter)}
    handler.setFormatter(formatter)
    root.addHandler(handler)
    yield written
    root.removeHandler(handler)


def everybody(suite: EmbeddedSuite, service: str) -> str:
    """A token for every route of a service."""
    who = Principal("everybody", "everybody", frozenset(Role), frozenset({EVERY_OFFICE}))
    return Signer(suite.accounts.key).issue(who, audience=service)


def client(suite: EmbeddedSuite, service: str, **headers: str) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=suite.apps[service], raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url=f"http://{service}", headers=headers, timeout=30)


class Filler:
    """Requests made from a service's document: every text is the canary; other values fit or are the canary too."""

    def __init__(self, document: dict[str, Any], *, fits: bool) -> None:
        self.document, self.fits = document, fits

    def value(self, schema: dict[str, Any]) -> Any:
        if "$ref" in schema:
            return self.value(self.document["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
        if options := schema.get("anyOf") or schema.get("oneOf"):
            return self.value(options[0])
        if "properties" in schema:
            # What an identity is needed for is what the log is to hold.
            known = {"purpose": "manifest"}
            return {name: known.get(name) or self.value(each) for name, each in schema["properties"].items()}
        if schema.get("type") == "array":
            return [self.value(schema.get("items") or schema["prefixItems"][0])]
        return self._plain(schema) if self.fits else CANARY

    def _plain(self, schema: dict[str, Any]) -> Any:
        if "enum" in schema or "const" in schema:
            return schema.get("const", schema.get("enum", [None])[0])
        match schema.get("type"), schema.get("format"):
            case "integer" | "number", _:
                return schema.get("minimum", 1)
            case "boolean", _:
                return True
            case "string", "uuid":
                return str(UUID(int=7))
            case "string", "date":
                return "2026-02-03"
            case "string", "date-time":
                return "2026-02-03T04:05:06Z"
            case _:
                return CANARY

    def requests(self) -> Iterator[dict[str, Any]]:
        """One for each operation, for httpx."""
        for path, method, operation in operations(self.document):
            given = {each["name"]: each for each in operation.get("parameters", ())}
            url = re.sub(r"\{\w+\}", str(UUID(int=7)), path)
            query = {name: self.value(each["schema"]) for name, each in given.items() if each["in"] == "query"}
            made: dict[str, Any] = {"method": method.upper(), "url": url, "params": query}
            made["headers"] = {"Idempotency-Key": str(new_id())}
            content = operation.get("requestBody", {}).get("content", {})
            if "application/json" in content:
                made["json"] = self.value(content["application/json"]["schema"])
            if "multipart/form-data" in content:
                made |= {"data": {"office": "tripoli"}, "files": {"file": (f"{CANARY}.csv", f"{CANARY}\n{CANARY}")}}
            if path != "/api/stream":
                yield made


def leaks(answer: httpx.Response) -> list[str]:
    """What an answer should not tell. Only one that is no refusal may name what was asked for."""
    told = answer.text + str(answer.headers)
    return [each for each in (SECRET, *TRACES, *((CANARY,) if answer.is_error else ())) if each in told]


@pytest.mark.parametrize("fits", [True, False], ids=["fitting", "garbage"])
@pytest.mark.parametrize("service", SERVICES)
async def test_no_answer_and_no_log_repeats_a_value(
    suite: EmbeddedSuite, log: io.StringIO, service: str, fits: bool
) -> None:
    asked, leaked = 0, []
    async with client(suite, service, Authorization=f"Bearer {everybody(suite, service)}") as http:
        document = suite.apps[service].openapi()
        for request in Filler(document, fits=fits).requests():
            answer = await http.request(**request)
            assert answer.status_code < 500 or request["url"] in PROBES, answer.text
            asked += 1
            if found := leaks(answer):
                leaked.append((request["method"], request["url"], found, answer.text[:500]))
    assert asked > 20 and leaked == []
    assert CANARY not in log.getvalue() and everybody(suite, service)[:40] not in log.getvalue()


@pytest.mark.parametrize("service", SERVICES)
async def test_no_answer_and_no_log_repeats_a_token_a_cookie_or_a_password(
    suite: EmbeddedSuite, log: io.StringIO, service: str
) -> None:
    given = {"Authorization": f"Bearer {SECRET}", "Cookie": f"{SESSION_COOKIE}={SECRET}", "X-Api-Key": SECRET}
    async with client(suite, service, **given) as http:
        for request in Filler(suite.apps[service].openapi(), fits=True).requests():
            assert leaks(await http.request(**request)) == [], request["url"]
        if service == "gateway":
            answer = await http.post("/api/sign-in", json={"name": CANARY, "password": SECRET})
            assert answer.status_code == 401 and leaks(answer) == []
            assert leaks(await http.post("/sign-in", data={"name": "nobody", "password": SECRET})) == []
    assert SECRET not in log.getvalue() and CANARY not in log.getvalue()


async def test_an_error_inside_tells_nobody_where_it_was_or_what_was_in_hand(
    suite: EmbeddedSuite, log: io.StringIO
) -> None:
    database = suite.apps["screening"].state.service.database
    person = REGISTRATION | {"identity": OMAR | {"given_name": CANARY, "phone": "+218911234567"}}
    key = {"Idempotency-Key": str(new_id())}
    async with client(suite, "screening", Authorization=f"Bearer {everybody(suite, 'screening')}", **key) as http:
        async with database.transaction() as connection:
            await run(connection, "ALTER TABLE event_log RENAME TO gone")
        try:
            answer = await http.post("/cases", json=person)
        finally:
            async with database.transaction() as connection:
                await run(connection, "ALTER TABLE gone RENAME TO event_log")
        assert answer.status_code == 500
        assert leaks(answer) == [] and answer.json()["type"] == "/problems/unexpected"
        assert "request failed" in log.getvalue()
        assert CANARY not in log.getvalue() and "+218911234567" not in log.getvalue()
        assert (await http.post("/cases", json=person)).status_code == 201
