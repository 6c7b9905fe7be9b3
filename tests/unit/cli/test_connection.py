"""A command's requests: sent again under one key while a part of the suite is away, and told at once otherwise."""

from collections.abc import Callable

import httpx
import pytest

from services.cli import connection
from services.cli.connection import Connection
from services.cli.failure import Failure, Refused

Answer = Callable[[int], httpx.Response]


def asked(answer: Answer) -> tuple[Connection, list[httpx.Request]]:
    """A connection to a gateway that answers as it is told, and what it was asked."""
    sent: list[httpx.Request] = []

    def at_gateway(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return answer(len(sent))

    return Connection(httpx.Client(transport=httpx.MockTransport(at_gateway), base_url="http://gateway")), sent


def test_a_command_is_sent_again_under_its_key_until_the_suite_is_back() -> None:
    def answer(count: int) -> httpx.Response:
        if count == 1:
            raise httpx.RemoteProtocolError("Server disconnected without sending a response.")
        return httpx.Response(503 if count == 2 else 200, json={"title": "Away", "done": True})

    gateway, sent = asked(answer)
    assert gateway.post("/api/screening/imports")["done"]
    assert len(sent) == 3
    assert len({each.headers["Idempotency-Key"] for each in sent}) == 1


def test_where_nobody_listens_it_is_told_at_once() -> None:
    def answer(_: int) -> httpx.Response:
        raise httpx.ConnectError("refused")

    gateway, sent = asked(answer)
    with pytest.raises(Failure, match="start the suite with `homeward up`"):
        gateway.get("/api/figures")
    assert len(sent) == 1


def test_a_refusal_is_not_asked_for_again() -> None:
    gateway, sent = asked(lambda _: httpx.Response(409, json={"detail": "Not now."}))
    with pytest.raises(Refused, match="409: Not now"):
        gateway.post("/api/screening/imports")
    assert len(sent) == 1


def test_patience_ends_with_what_was_answered_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "PATIENCE", 0.1)
    gateway, sent = asked(lambda _: httpx.Response(503, json={"detail": "Travel can't be reached."}))
    with pytest.raises(Refused, match="503: Travel can't be reached"):
        gateway.get("/api/figures")
    assert len(sent) > 1
