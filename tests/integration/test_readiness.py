"""A service answers without the broker: what it records waits in its log."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from sqlalchemy import make_url

from services.servers import rabbitmq_server
from shared.auth.roles import Role
from shared.messaging.rabbitmq import RabbitBus
from shared.persistence.database import run
from tests.faults.proxy import Fault, Proxy
from tests.integration.screening.programme import Programme
from tests.support.bench import eventually

pytestmark = pytest.mark.asyncio


@pytest.fixture(scope="module")
def broker_url() -> Iterator[str]:
    """A broker of its own, for the queues have the services' own names."""
    with rabbitmq_server() as server:
        yield server.url


@pytest.fixture
async def proxy(broker_url: str) -> AsyncIterator[Proxy]:
    broker = make_url(broker_url)
    found = Proxy([(str(broker.host), broker.port or 5672)])
    await found.start()
    yield found
    await found.close()


async def test_while_the_broker_is_away_requests_are_answered_and_it_is_told(
    postgres_url: str, broker_url: str, proxy: Proxy
) -> None:
    async with _programme(postgres_url, broker_url, proxy) as programme:
        await eventually(lambda: _ready(programme))
        proxy.fault = Fault.HALF_OPEN
        proxy.reset()
        await eventually(lambda: _checks(programme, broker=False, consumer=False))
        assert (await programme.register())["case_id"]
        # As if it had been away for longer than an event may wait.
        async with programme.apps["screening"].state.service.database.transaction() as connection:
            await run(connection, "UPDATE event_log SET recorded_at = recorded_at - interval '2 minutes'")
        await eventually(lambda: _checks(programme, relay=False))
        assert await _ready(programme)
        assert (await programme.officer.client.get("/healthz")).is_success
        told = await _health(programme)
        assert (told["ready"], told["signals"]["accepting"]) == (True, 0)
        assert "the broker takes nothing from this service" in told["alarms"]
        proxy.fault = Fault.NONE
        proxy.reset()
        await eventually(lambda: _published(programme), seconds=60)
        await eventually(lambda: _checks(programme, broker=True, consumer=True, relay=True), seconds=60)


async def test_a_service_that_has_not_reached_the_broker_since_its_start_is_alive_and_not_ready(
    postgres_url: str, broker_url: str, proxy: Proxy
) -> None:
    proxy.fault = Fault.HALF_OPEN
    async with _programme(postgres_url, broker_url, proxy) as programme:
        answer = await programme.officer.client.get("/readyz")
        assert (answer.status_code, answer.json()["checks"]["joined"]) == (503, {"ok": False})
        assert (await programme.officer.client.get("/healthz")).is_success
        proxy.fault = Fault.NONE
        proxy.reset()
        await eventually(lambda: _ready(programme), seconds=60)


@asynccontextmanager
async def _programme(postgres_url: str, broker_url: str, proxy: Proxy) -> AsyncIterator[Programme]:
    through = make_url(broker_url).set(host="127.0.0.1", port=proxy.port)
    bus = RabbitBus(through.render_as_string(hide_password=False), "readiness")
    try:
        async with Programme(postgres_url, bus=bus) as programme:
            yield programme
    finally:
        await bus.close()


async def _ready(programme: Programme) -> bool:
    answer: httpx.Response = await programme.officer.client.get("/readyz")
    assert answer.json()["ready"] is answer.is_success
    return bool(answer.is_success)


async def _checks(programme: Programme, **wanted: bool) -> bool:
    checks = (await programme.officer.client.get("/readyz")).json()["checks"]
    return all(checks[name]["ok"] is ok for name, ok in wanted.items())


async def _health(programme: Programme) -> dict[str, Any]:
    answer = await programme.user(Role.ADMIN, id="admin").client.get("/health")
    assert answer.is_success, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def _published(programme: Programme) -> bool:
    return (await _health(programme))["signals"]["unpublished"] == 0  # type: ignore[no-any-return]
