"""What nobody can store or mean is refused with a problem that says so, in every service."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from services.embedded import EmbeddedSuite
from tests.support.suite import OMAR, REGISTRATION, Operator, embedded, sign_in

CASE = "018f3f3c-0000-7000-8000-000000000001"
FUND = {
    "code": "HW-1",
    "donor": "A donor",
    "currency": "EUR",
    "amount": 100000,
    "starts_on": "2026-01-01",
    "ends_on": "2026-12-31",
}

#: Role, path, body: each with one thing wrong.
WRONG: list[tuple[str, str, dict[str, Any]]] = [
    ("caseworker", "/api/screening/cases", REGISTRATION | {"identity": OMAR | {"given_name": "a\x00b"}}),
    ("caseworker", "/api/screening/cases", REGISTRATION | {"plaze": "misspelt"}),
    ("finance", "/api/reintegration/funds", FUND | {"code": "a\x00b"}),
    ("finance", "/api/reintegration/funds", FUND | {"donor": "   "}),
    ("finance", "/api/reintegration/funds", FUND | {"currency": "QQQ"}),
    ("finance", "/api/reintegration/funds", FUND | {"amount": 10**30}),
    ("movements", f"/api/travel/cases/{CASE}/document/issue", {"number": "   ", "expires_on": "2026-06-01"}),
    ("movements", f"/api/travel/cases/{CASE}/document/issue", {"number": "AB1", "expire_on": "2026-06-01"}),
    ("monitoring", f"/api/monitoring/cases/{CASE}/visits/one-month/attempts", {"outcome": "reached", "noet": "x"}),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def suite(module_path: Path) -> AsyncIterator[EmbeddedSuite]:
    """All services."""
    async with embedded(module_path) as running:
        yield running


async def _officer(suite: EmbeddedSuite, role: str) -> Operator:
    return await sign_in(suite, role)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(("role", "path", "body"), WRONG, ids=lambda value: str(value)[:60])
async def test_a_value_that_cannot_be_meant_is_refused(
    suite: EmbeddedSuite, role: str, path: str, body: dict[str, Any]
) -> None:
    answer = await (await _officer(suite, role)).post(path, body)
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["title"]


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("path", ["/api/cases?q=a%00b", "/api/cases?office=a%00b", "/api/cases/a%00b"])
async def test_a_search_for_what_cannot_be_there_is_no_error_of_ours(suite: EmbeddedSuite, path: str) -> None:
    answer = await (await _officer(suite, "manager")).get(path)
    assert answer.status_code < 500, answer.text
