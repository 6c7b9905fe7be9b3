"""``homeward events``: what is asked of the gateway, and what is printed."""

from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from services.__main__ import app
from tests.support.asked_gateway import Gateway

WAITING = {"type": "/problems/not-waited", "detail": "This service doesn't wait for a report of that name"}


def _run(*words: str) -> Any:
    return CliRunner().invoke(app, ["events", *words])


def test_what_is_lost_is_listed_page_by_page(gateway: Gateway) -> None:
    def page(request: httpx.Request) -> dict[str, Any]:
        first = "after" not in request.url.params
        gone = {"lost_from": 4, "lost_upto": 4 if first else 6, "recorded_at": "2026-03-09T09:00:00+00:00"}
        following = {"after": "one", "number": 4} if first else None
        return {"lost": [{"subject": "one" if first else "two"} | gone], "next": following}

    nothing: dict[str, Any] = {"lost": [], "next": None}
    for service in ("screening", "reintegration", "monitoring"):
        gateway.answers[f"GET /api/{service}/restoration/lost"] = lambda _: nothing
    gateway.answers["GET /api/travel/restoration/lost"] = page
    shown = _run("lost").stdout
    assert [line.split() for line in shown.splitlines()[1:3]] == [
        ["travel", "one", "4", "2026-03-09", "09:00"],
        ["travel", "two", "4", "to", "6", "2026-03-09", "09:00"],
    ]
    assert shown.endswith("2 subjects have lost events\n")
    assert ("GET /api/travel/restoration/lost", {"after": "one", "number": "4"}) in gateway.asked


@pytest.mark.parametrize("waits", [True, False])
def test_a_service_goes_on_without_a_follower_for_whom_it_waits(gateway: Gateway, waits: bool) -> None:
    answer = {"without": "gateway"} if waits else httpx.Response(404, json=WAITING)
    gateway.answers["POST /api/travel/restoration/without"] = lambda _: answer
    told = _run("without", "gateway", "travel", "--reason", "its database is lost")
    body = {"follower": "gateway", "reason": "its database is lost"}
    assert gateway.asked == [("POST /api/travel/restoration/without", body)]
    assert (told.exit_code, told.stdout) == ((0, "travel doesn't wait for gateway\n") if waits else (1, ""))
