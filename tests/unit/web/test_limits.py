"""What one request may take, how often somebody may ask, and the headers of every answer."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse
from starlette.middleware import Middleware

from shared.auth.keys import generate_key, public_pem, read_public_key
from shared.auth.principal import Principal
from shared.auth.tokens import GATEWAY, ISSUER, Operators, Signer, Verifier
from shared.settings import ServiceSettings
from shared.web import rates
from shared.web.guard import guard
from shared.web.headers import SAFE
from shared.web.rates import Buckets, Rates, network

KEY = generate_key()


class Watch:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


class Stage:
    """An application behind the guard."""

    def __init__(self, *guards: Middleware, **settings: Any) -> None:
        self.app = FastAPI(openapi_url=None)
        self.app.state.verifier = Verifier({ISSUER: Operators(read_public_key(public_pem(KEY)), GATEWAY)})
        guard(self.app, ServiceSettings(**settings), guards)
        self.begun, self.goes_on = asyncio.Event(), asyncio.Event()
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://service")
        self._routes()

    def _routes(self) -> None:
        @self.app.post("/said")
        async def said(body: dict[str, Any]) -> int:
            return len(body)

        @self.app.post("/imports")
        async def taken(request: Request) -> int:
            return len(await request.body())

        @self.app.get("/healthz")
        async def healthz() -> str:
            return "ok"

        @self.app.get("/slow")
        async def slow() -> str:
            self.begun.set()
            await self.goes_on.wait()
            return "done"

        @self.app.get("/stream")
        async def stream() -> StreamingResponse:
            return StreamingResponse(self._lines())

    async def _lines(self) -> AsyncIterator[str]:
        yield "first\n"
        self.begun.set()
        await self.goes_on.wait()
        yield "last\n"


async def problem(answer: httpx.Response, status: int, type: str) -> None:
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
    assert answer.json()["type"] == f"/problems/{type}"
    assert SAFE.keys() <= {name.title() if name[0] != "x" else name for name in answer.headers} | SAFE.keys()


async def chunks(count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b" " * 100


@pytest.mark.parametrize("body", [b" " * 1001, chunks(11)], ids=["announced", "in chunks"])
async def test_a_body_that_is_too_large_is_refused_whether_it_is_announced_or_not(body: Any) -> None:
    stage = Stage(largest_body=1000)
    answer = await stage.http.post("/said", content=body, headers={"content-type": "application/json"})
    await problem(answer, 413, "too-large")
    assert answer.json()["largest"] == 1000


async def test_a_file_may_be_larger_than_other_bodies_and_has_its_limit_too() -> None:
    stage = Stage(largest_body=1000, largest_upload=2000)
    assert (await stage.http.post("/imports", content=chunks(20))).json() == 2000
    await problem(await stage.http.post("/imports", content=chunks(21)), 413, "too-large")


async def test_a_body_that_breaks_off_below_its_limit_is_told_what_it_lacks() -> None:
    answer = await Stage().http.post("/said", content=b"{", headers={"content-type": "application/json"})
    await problem(answer, 422, "invalid")


async def test_a_request_that_takes_too_long_is_ended_and_told_when_to_come_again() -> None:
    async with asyncio.timeout(10):
        answer = await Stage(longest_request=0.05).http.get("/slow")
    await problem(answer, 503, "took-too-long")
    assert answer.headers["retry-after"] == "5"


async def test_an_answer_that_has_begun_has_no_time_limit_and_no_place() -> None:
    stage = Stage(longest_request=0.05, most_requests=1)
    reading = asyncio.create_task(stage.http.get("/stream"))
    await stage.begun.wait()
    async with asyncio.timeout(0.5):
        slow = await stage.http.get("/slow")
    assert slow.status_code == 503
    stage.goes_on.set()
    assert (await reading).text == "first\nlast\n"


async def test_who_comes_when_the_house_is_full_is_told_to_come_again_and_probes_are_answered() -> None:
    stage = Stage(most_requests=1)
    first = asyncio.create_task(stage.http.get("/slow"))
    await stage.begun.wait()
    async with asyncio.timeout(10):
        second = await stage.http.get("/slow")
    await problem(second, 503, "busy")
    assert second.headers["retry-after"] == "1"
    assert (await stage.http.get("/healthz")).status_code == 200
    stage.goes_on.set()
    assert (await first).json() == "done"
    assert (await stage.http.get("/slow")).json() == "done"


def signed_in(name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {Signer(KEY).issue(Principal(name, name))}"}


async def test_who_asks_too_often_waits_and_nobody_else_does() -> None:
    watch = Watch()
    stage = Stage(Middleware(Rates, people=Buckets(2, 3, watch), strangers=Buckets(1, 1, watch)))
    asked = [(await stage.http.post("/said", json={}, headers=signed_in("amina"))).status_code for _ in range(4)]
    assert asked == [200, 200, 200, 429]
    refused = await stage.http.post("/said", json={}, headers=signed_in("amina"))
    await problem(refused, 429, "too-many-requests")
    assert refused.headers["retry-after"] == "1"
    assert (await stage.http.post("/said", json={}, headers=signed_in("omar"))).status_code == 200
    watch.seconds += 0.5
    assert (await stage.http.post("/said", json={}, headers=signed_in("amina"))).status_code == 200


async def test_strangers_are_counted_by_address_and_a_forged_token_makes_nobody_known() -> None:
    watch = Watch()
    stage = Stage(Middleware(Rates, people=Buckets(1, 1, watch), strangers=Buckets(1, 2, watch)))
    forged = {"Authorization": f"Bearer {Signer(generate_key()).issue(Principal('amina', 'amina'))}"}
    assert [(await stage.http.post("/said", json={}, headers=forged)).status_code for _ in range(3)] == [200, 200, 429]
    assert (await stage.http.post("/said", json={}, headers=signed_in("amina"))).status_code == 200


def test_a_network_of_ipv6_is_one_stranger() -> None:
    def of(host: str) -> str:
        return network({"client": (host, 1)})

    assert of("2001:db8::1") == of("2001:db8::ffff:1") != of("2001:db8:0:1::1")
    assert of("::ffff:192.0.2.1") == of("192.0.2.1") != of("192.0.2.2")
    assert of("testclient") == "testclient"


def test_many_addresses_do_not_fill_the_memory() -> None:
    buckets = Buckets(1, 1, Watch())
    for number in range(rates.REMEMBERED + 10):
        buckets.take(str(number))
    assert len(buckets._kept) == rates.REMEMBERED


async def test_who_knows_an_answer_already_gets_no_body() -> None:
    stage = Stage()
    first = await stage.http.get("/healthz")
    again = await stage.http.get("/healthz", headers={"If-None-Match": f'"other", W/{first.headers["etag"]}'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    assert "content-type" not in again.headers
    assert (await stage.http.get("/healthz", headers={"If-None-Match": '"other"'})).json() == "ok"


async def test_every_answer_bears_safe_headers_and_tells_browsers_to_stay_with_tls_when_there_is_tls() -> None:
    for path in ("/healthz", "/nowhere", "/stream"):
        stage = Stage()
        stage.goes_on.set()
        headers = (await stage.http.get(path)).headers
        assert {name: headers[name] for name in SAFE} == SAFE
        assert "strict-transport-security" not in headers and "server" not in headers


class OverTls(ServiceSettings):
    @property
    def over_tls(self) -> bool:
        return True


async def test_browsers_stay_with_tls_once_there_is_tls() -> None:
    app = FastAPI(openapi_url=None)
    guard(app, OverTls())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://gateway") as http:
        assert (await http.get("/")).headers["strict-transport-security"].startswith("max-age=63072000")
