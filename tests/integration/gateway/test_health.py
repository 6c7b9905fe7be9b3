"""What operators are told of each service: ready or not, what should alarm, and the gauges behind it."""

import asyncio
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import httpx
import pytest
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, NumberDataPoint
from pydantic import SecretStr

from services.gateway.app import MIGRATIONS, create_app
from services.gateway.settings import Settings
from shared.auth.roles import Role
from shared.contracts.screening import DeclarationSigned
from shared.health import Signals
from shared.ids import new_id
from shared.messaging.bus import Message
from shared.messaging.inprocess import InProcessBus
from shared.messaging.outbox import Lease, Outgoing, Recorded, append
from shared.persistence import migrations
from shared.protection.wrapping import first_keys
from shared.telemetry import Telemetry
from tests.integration.gateway.poison import poison
from tests.integration.gateway.suite import Suite
from tests.support.bench import eventually

pytestmark = pytest.mark.asyncio(loop_scope="package")

QUIET = Signals(
    unpublished=0, oldest_unpublished=0, expired_leases=0, reclaimed=0, oldest_unhandled=4, parked=3, dead=0,
    diverged=0, unreadable=0, consumers=1, accepting=1,
)  # fmt: skip


@pytest.fixture(scope="module")
def admin(suite: Suite) -> httpx.AsyncClient:
    return suite.user(Role.ADMIN, Role.CASEWORKER)


async def _health(admin: httpx.AsyncClient) -> dict[str, Any]:
    answer = await admin.get("/api/health")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_suite_that_is_well_is_ready_and_alarms_nobody(suite: Suite, admin: httpx.AsyncClient) -> None:
    await suite.at_rest(admin)

    async def well() -> bool:
        found = await _health(admin)
        return bool(found["ready"]) and found["alarms"] == []

    await eventually(well)
    assert set((await _health(admin))["services"]) == {
        "screening",
        "travel",
        "reintegration",
        "monitoring",
        "partners",
        "gateway",
    }


async def test_a_dead_letter_and_what_could_not_be_read_alarm_and_leave_the_service_ready(
    suite: Suite, admin: httpx.AsyncClient
) -> None:
    case = (await suite.register(admin, given_name="Alarming"))["case_id"]
    await poison(suite, case)
    await suite.bus.publish("homeward.monitoring", [Message(b"hello", "text/plain")])

    async def told() -> bool:
        alarms = (await _health(admin))["alarms"]
        return {"travel: 1 dead letters", "gateway: 1 dead letters", "gateway: 1 unreadable elements"} <= set(alarms)

    await eventually(told)
    assert (await _health(admin))["ready"]
    [kept] = (await admin.get("/api/gateway/unreadable")).json()["unreadable"]
    await admin.post(f"/api/gateway/unreadable/{kept['id']}/dismiss", json={"reason": "sent by a test"})
    body = {"case": case, "reason": "recorded by a test", "count": 2}
    assert (await admin.post("/api/dead-letters/skip", json=body)).is_success


async def test_a_service_that_is_down_is_told(suite: Suite, admin: httpx.AsyncClient) -> None:
    suite.down.add("travel")
    try:
        found = await _health(admin)
    finally:
        suite.down.clear()
    assert (found["ready"], found["gaps"]) == (False, ["travel"])
    assert "travel: no answer" in found["alarms"]


@pytest.mark.parametrize(
    ("signal", "value", "alarm"),
    [
        ("oldest_unpublished", 61.0, "an event has waited 61 s to be published"),
        ("expired_leases", 2, "2 events were claimed by a relay that did not publish them in time"),
        ("reclaimed", 3, "3 events were claimed anew lately: a relay had not published them in time"),
        ("oldest_unhandled", 121.0, "an event has waited 121 s to be handled"),
        ("dead", 3, "3 dead letters"),
        ("diverged", 1, "1 diverged subjects"),
        ("unreadable", 4, "4 unreadable elements"),
        ("consumers", 0, "the bus has no consumer of this service"),
        ("accepting", 0, "the broker takes nothing from this service"),
    ],
)
async def test_each_signal_alarms_by_itself(signal: str, value: float, alarm: str) -> None:
    values = {name: getattr(QUIET, name) for name in Signals.__slots__} | {signal: value}
    assert list(QUIET.alarms()) == []
    assert list(Signals(**values).alarms()) == [alarm]


async def test_every_signal_is_a_gauge_that_is_read_without_asking_the_database(database_url: str) -> None:
    reader = InMemoryMetricReader()
    telemetry = Telemetry("gateway", metric_reader=reader)
    app = create_app(
        Settings(database_url=database_url, amqp_url="amqp://nowhere/", keys=SecretStr(first_keys().text())),
        bus=InProcessBus(),
        connect=lambda name: httpx.AsyncClient(base_url=f"http://{name}"),
        telemetry=telemetry,
    )
    service = app.state.service
    assert _gauges(reader) == {}
    await migrations.upgrade(service.database, MIGRATIONS)
    watching = asyncio.create_task(service.health.watch())
    await eventually(lambda: _measured(service))
    found = _gauges(reader)
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    await service.database.close()
    telemetry.shutdown()
    # It publishes nothing, so it has no gauge of what it publishes; and nothing consumes yet.
    assert found.keys() == {
        "homeward.inbox.oldest_age", "homeward.inbox.parked", "homeward.inbox.dead_letters", "homeward.inbox.diverged",
        "homeward.inbox.unreadable", "homeward.bus.consumers", "homeward.bus.accepting",
    }  # fmt: skip
    assert (found["homeward.inbox.dead_letters"], found["homeward.bus.consumers"]) == (0, 0)


async def _measured(service: Any) -> bool:
    return service.health.signals is not None


def _gauges(reader: InMemoryMetricReader) -> dict[str, float]:
    data = reader.get_metrics_data()
    if data is None:
        return {}
    return {
        metric.name: point.value
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        for point in metric.data.data_points
        if isinstance(point, NumberDataPoint)
        and metric.name.startswith(("homeward.inbox", "homeward.outbox", "homeward.bus"))
    }


async def test_events_that_a_dead_relay_left_are_told_of_after_another_has_published_them(
    suite: Suite, admin: httpx.AsyncClient
) -> None:
    await suite.at_rest(admin)
    case = (await suite.register(admin, given_name="Reclaimed"))["case_id"]
    await suite.at_rest(admin)
    service = suite.apps["screening"].state.service
    data = [Recorded(Outgoing(UUID(case), DeclarationSigned(signed_on=date(2026, 1, 6))), datetime.now(UTC), None)]
    async with service.database.transaction() as connection:
        await append(connection, "/homeward/screening", data, Lease(new_id(), -1))
    alarm = "screening: 1 events were claimed anew lately: a relay had not published them in time"

    async def told() -> bool:
        return alarm in (await _health(admin))["alarms"]

    await eventually(told)
    await suite.at_rest(admin)
    # Later tests find a suite that is well.
    service.relay._reclaimed.clear()
    assert alarm not in (await _health(admin))["alarms"]
