"""The loops that run as long as a service: each of them is missed when it ends."""

import asyncio
from collections.abc import AsyncIterator
from typing import Literal

import httpx
import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from services.travel.app import create_app
from services.travel.settings import Settings
from shared.messaging.inprocess import InProcessBus
from shared.persistence.database import Database
from shared.protection.wrapping import first_keys
from shared.service import Service
from tests.support.bench import eventually


def travel(environment: Literal["production", "demo"], database_url: str) -> Service:
    """Not started yet."""
    settings = Settings(environment=environment, keys=SecretStr(first_keys().text()))
    database = Database(database_url, name="loops")
    service: Service = create_app(settings, bus=InProcessBus(), database=database).state.service
    return service


@pytest.fixture(params=["production", "demo"])
async def service(request: pytest.FixtureRequest, database_url: str) -> AsyncIterator[Service]:
    service = travel(request.param, database_url)
    await service.start()
    yield service
    await service.stop()


async def test_a_service_that_runs_has_all_its_loops(service: Service) -> None:
    await eventually(lambda: _measured(service))
    assert (await service.health.readiness())["checks"]["loops"] == {"ok": True, "ended": []}
    assert await _health(service) == (200, {"status": "ok"})


async def test_a_loop_that_has_ended_is_named_and_the_process_is_to_be_started_anew(service: Service) -> None:
    for task in service._tasks:
        if task.get_name() == "Relay.run":
            task.cancel()
    await eventually(lambda: _ended(service))
    assert (await service.health.readiness())["checks"]["loops"] == {"ok": False, "ended": ["Relay.run"]}
    assert not (await service.health.report())["ready"]
    assert await _health(service) == (503, {"status": "ended", "ended": ["Relay.run"]})


async def test_a_loop_that_fails_says_why_and_takes_its_process_with_it(database_url: str) -> None:
    service, ended = travel("production", database_url), asyncio.Event()
    service.end = ended.set

    async def fails() -> None:
        raise LookupError("nothing there")

    service.also_run(fails)
    with capture_logs() as logs:
        await service.start()
        await asyncio.wait_for(ended.wait(), 10)
    await service.stop()
    [told] = [each for each in logs if each["event"].startswith("a loop has ended")]
    assert "fails" in told["loop"] and isinstance(told["exc_info"], LookupError)


async def _health(service: Service) -> tuple[int, object]:
    """As whoever looks after processes asks."""
    transport = httpx.ASGITransport(app=service.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://travel") as client:
        answer = await client.get("/healthz")
    return answer.status_code, answer.json()


async def _measured(service: Service) -> bool:
    return service.health.signals is not None


async def _ended(service: Service) -> bool:
    return bool(service.ended)
