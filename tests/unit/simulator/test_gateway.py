"""The simulator's requests: one key for each command, patience while it is away, a new token when one ends."""

import asyncio
from collections.abc import Callable

import httpx
import pytest

from services.simulator import gateway
from services.simulator.gateway import Away, Gateway, Refused

CREDENTIALS = {"caseworker": ("case", "secret"), "medical": ("doctor", "secret")}


class Suite:
    """A gateway that answers as it is told, and remembers what it was asked."""

    def __init__(self, answer: Callable[[httpx.Request, int], httpx.Response]) -> None:
        self.commands: list[httpx.Request] = []
        self.sign_ins = 0
        self._answer = answer

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/api/sign-in":
            self.sign_ins += 1
            return httpx.Response(200, json={"access_token": f"token-{self.sign_ins}"})
        self.commands.append(request)
        return self._answer(request, len(self.commands))

    def gateway(self) -> Gateway:
        client = httpx.AsyncClient(transport=httpx.MockTransport(self), base_url="http://gateway")
        return Gateway(client, CREDENTIALS)


async def test_a_command_that_has_to_be_sent_again_keeps_its_key() -> None:
    def answer(_: httpx.Request, count: int) -> httpx.Response:
        if count == 1:
            raise httpx.ConnectError("refused")
        return httpx.Response(503 if count == 2 else 200, json={"title": "Away", "done": True})

    suite = Suite(answer)
    assert (await suite.gateway().post("caseworker", "/api/screening/cases"))["done"]
    assert len(suite.commands) == 3
    assert len({each.headers["Idempotency-Key"] for each in suite.commands}) == 1


async def test_each_command_has_a_key_of_its_own() -> None:
    suite = Suite(lambda *_: httpx.Response(200, json={}))
    desk = suite.gateway()
    await desk.each(range(20), lambda _: desk.post("caseworker", "/api/screening/cases"))
    assert len({each.headers["Idempotency-Key"] for each in suite.commands}) == 20
    assert suite.sign_ins == 1


async def test_each_role_signs_in_with_its_own_account() -> None:
    suite = Suite(lambda *_: httpx.Response(200, json={}))
    desk = suite.gateway()
    await desk.get("caseworker", "/api/figures")
    await desk.get("medical", "/api/figures")
    assert [each.headers["Authorization"] for each in suite.commands] == ["Bearer token-1", "Bearer token-2"]


async def test_a_token_that_has_ended_is_renewed() -> None:
    suite = Suite(lambda _, count: httpx.Response(401 if count == 1 else 200, json={}))
    await suite.gateway().get("caseworker", "/api/figures")
    assert [each.headers["Authorization"] for each in suite.commands] == ["Bearer token-1", "Bearer token-2"]


async def test_a_refusal_says_who_wanted_what_and_why_not() -> None:
    problem = {"title": "Gates missing", "status": 409, "detail": "These gates are not met yet.", "missing": ["hold"]}
    suite = Suite(lambda *_: httpx.Response(409, json=problem))
    with pytest.raises(Refused) as raised:
        await suite.gateway().post("caseworker", "/api/screening/cases/1/clearance")
    assert str(raised.value) == (
        "caseworker: POST /api/screening/cases/1/clearance: 409 These gates are not met yet. {'missing': ['hold']}"
    )


async def test_a_suite_that_says_when_to_come_again_is_not_asked_before() -> None:
    asked_at: list[float] = []

    def answer(_: httpx.Request, count: int) -> httpx.Response:
        asked_at.append(asyncio.get_running_loop().time())
        return httpx.Response(503 if count == 1 else 200, headers={"Retry-After": "1"}, json={})

    await Suite(answer).gateway().get("caseworker", "/api/figures")
    assert asked_at[1] - asked_at[0] >= 1


async def test_patience_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway, "PATIENCE", 0.1)
    suite = Suite(lambda *_: httpx.Response(503, json={"title": "Travel can't be reached"}))
    with pytest.raises(Away, match="Travel can't be reached"):
        await suite.gateway().get("caseworker", "/api/figures")


async def test_no_more_than_a_few_requests_are_under_way_at_once() -> None:
    running = most = 0

    async def act(_: int) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1

    await Suite(lambda *_: httpx.Response(200)).gateway().each(range(50), act)
    assert most == gateway.CONCURRENCY
