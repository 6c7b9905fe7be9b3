"""Requests go where ready replicas are; who reads a log, asks how one is or reports to it meets every one."""

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from fastapi import FastAPI

from services.gateway.app import create_app as create_gateway
from services.gateway.settings import Settings as GatewaySettings
from services.travel.app import create_app as create_travel
from services.travel.settings import Settings as TravelSettings
from shared.auth.keys import generate_key, key_set, load_or_generate_key, public_pem
from shared.auth.principal import EVERY_OFFICE, Principal
from shared.auth.roles import Role
from shared.messaging.inprocess import InProcessBus
from shared.messaging.reconciler import Unreachable
from shared.protection.wrapping import first_keys

ADMIN = Principal("user:amina", "amina", frozenset({Role.ADMIN}), frozenset({EVERY_OFFICE}))

#: The setting, after the address where everybody listens; and what the path of such a request begins with then.
WAYS = {"every replica has an address": ("/every/{service}", "/every/screening"), "there is one": (None, "/ready")}


class Listener:
    """Listens for everybody, and has no answer for anybody."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        #: For whom the tokens were.
        self.meant: set[str] = set()
        self.url = ""

    async def hear(self, request: web.Request) -> web.Response:
        payload = request.headers["Authorization"].split(".")[1]
        self.asked.append(request.path)
        self.meant.add(json.loads(base64.urlsafe_b64decode(payload + "=="))["aud"])
        return web.Response(status=503)

    def settings(self, tmp_path: Path, at: str | None) -> dict[str, Any]:
        """Of a service that finds screening here."""
        return {
            "database_url": "postgresql+asyncpg://nobody@127.0.0.1:9/homeward",
            "keys": first_keys().text(),
            "public_key": public_pem(load_or_generate_key(tmp_path / "token.key")),
            "identity_key": generate_key().as_pem(private=True).decode(),
            "service_keys": key_set({}),
            "screening_url": f"{self.url}/ready",
            "replicas_at": f"{self.url}{at}" if at else "",
        }


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    found, app = Listener(), web.Application()
    app.router.add_route("*", "/{path:.*}", found.hear)
    async with TestServer(app) as server:
        found.url = str(server.make_url("")).rstrip("/")
        yield found


@asynccontextmanager
async def _closing(app: FastAPI) -> AsyncIterator[Any]:
    yield app.state
    for replicas in (False, True):
        await app.state.service.client("screening", replicas=replicas).aclose()
    await app.state.service.database.close()


@pytest.mark.parametrize(("at", "every"), WAYS.values(), ids=WAYS)
async def test_a_log_is_read_and_reported_to_at_every_replica(
    at: str | None, every: str, listener: Listener, tmp_path: Path
) -> None:
    app = create_travel(TravelSettings(**listener.settings(tmp_path, at)), bus=InProcessBus())
    async with _closing(app) as state:
        log = state.service.producers["/homeward/screening"]
        await state.service.client("screening").get("/cases")
        for asking in (log.settled(0, 3, 10), log.report([], whole=True)):
            with pytest.raises(Unreachable):
                await asking
    assert listener.asked == ["/ready/cases", f"{every}/events/settled", f"{every}/restoration/positions"]
    assert listener.meant == {"homeward/screening"}


@pytest.mark.parametrize(("at", "every"), WAYS.values(), ids=WAYS)
async def test_the_gateway_reaches_who_is_being_restored_with_what_is_answered_then(
    at: str | None, every: str, listener: Listener, tmp_path: Path
) -> None:
    own: dict[str, Any] = {"private_key": tmp_path / "token.key", "accounts": tmp_path / "accounts.json"}
    app = create_gateway(GatewaySettings(**listener.settings(tmp_path, at), **own), bus=InProcessBus())
    async with _closing(app) as state:
        for method, url in (("GET", "/health"), ("POST", "/restoration/without"), ("GET", "/restoration/lost?after=")):
            await state.neighbours.send("screening", method, url, token="", emergency=ADMIN)
    assert listener.asked == [f"{every}/health", f"{every}/restoration/without", "/ready/restoration/lost"]
    assert listener.meant == {"homeward/screening"}
