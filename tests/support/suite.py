"""The whole suite in this process, for tests that go through the gateway."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from services.embedded import EmbeddedSuite
from shared.auth.roles import Role
from tests.support.bench import eventually
from tests.support.purposes import usual_purpose

#: The day on which the tests' calendars start.
START = datetime(2026, 1, 5, 8, tzinfo=UTC)

OMAR = {
    "given_name": "Omar",
    "family_name": "Testman",
    "date_of_birth": "1991-02-03",
    "sex": "male",
    "nationality": "PK",
}
REGISTRATION = {"office": "tripoli", "identity": OMAR, "place": "Tripoli office", "place_kind": "office"}


class Operator:
    """Someone signed in at the gateway."""

    def __init__(self, gateway: httpx.AsyncClient, token: str, *roles: Role) -> None:
        self._gateway, self._headers = gateway, {"Authorization": f"Bearer {token}"} | usual_purpose(*roles)

    async def get(self, path: str, **query: Any) -> httpx.Response:
        return await self._gateway.get(path, params=query, headers=self._headers)

    async def post(self, path: str, body: Mapping[str, Any], *, key: str | None = None, **more: str) -> httpx.Response:
        headers = self._headers | {"Idempotency-Key": key or str(uuid4())} | more
        return await self._gateway.post(path, json=body, headers=headers)

    async def upload(self, path: str, name: str, content: bytes) -> httpx.Response:
        headers = self._headers | {"Idempotency-Key": str(uuid4())}
        return await self._gateway.post(path, files={"file": (name, content)}, headers=headers)


async def sign_in(suite: Any, role: str) -> Operator:
    """An operator with this role."""
    name, password = suite.credentials[role]
    answer = await suite.gateway.post("/api/sign-in", json={"name": name, "password": password})
    answer.raise_for_status()
    return Operator(suite.gateway, answer.json()["access_token"], Role(role))


async def at_rest(operator: Operator, *, seconds: float = 30.0) -> None:
    """Wait until nothing is under way any more; the operator must be an administrator."""

    async def resting() -> bool:
        return bool((await operator.get("/api/rest")).json()["at_rest"])

    await eventually(resting, seconds=seconds)


def embedded(data: Path, **options: Any) -> EmbeddedSuite:
    """The embedded suite on a simulated calendar."""
    return EmbeddedSuite(data, **({"simulated": START} | options))
