"""What an agency must destroy is followed until it says so, and what ends is told before it does."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, NumberDataPoint

from services.embedded import EmbeddedSuite
from shared.persistence.database import rows
from shared.telemetry import Telemetry
from tests.integration.partners.world import Airline, airline, go_on
from tests.support.bench import eventually
from tests.support.suite import embedded, sign_in

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def reader() -> InMemoryMetricReader:
    """What the partners' service measures."""
    return InMemoryMetricReader()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def suite(module_path: Path, reader: InMemoryMetricReader) -> AsyncIterator[EmbeddedSuite]:
    module_path.chmod(0o711)

    def telemetry(service: str) -> Telemetry:
        return Telemetry(service, metric_reader=reader if service == "partners" else None)

    async with embedded(module_path / "data", telemetry=telemetry) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def embassy(suite: EmbeddedSuite) -> Airline:
    """It has heard of somebody who then withdrew, and has not asked since."""
    found = await airline(suite, None, kind="embassy")
    case_id = await found.hears_of_somebody()
    assert len(await found.asks()) == 1
    await found.withdraws(case_id)
    return found


async def test_an_overdue_acknowledgement_is_told_to_the_liaison_and_after_a_week_to_data_protection(
    suite: EmbeddedSuite, embassy: Airline, reader: InMemoryMetricReader
) -> None:
    [tombstone] = (await embassy.deliveries())["tombstones"]
    assert (tombstone["overdue"], tombstone["escalated_to"], tombstone["due_on"]) == (False, [], "2026-01-12")
    await go_on(suite, days=7)
    assert (await embassy.line())["tombstones_overdue"] == 0

    await go_on(suite, days=1)
    line = await embassy.line()
    assert line["concern"] == "1 tombstone is not acknowledged, due since 12 Jan 2026"
    assert (line["tombstones_due"], line["tombstones_overdue"], line["escalated_to"]) == (1, 1, ["partner_liaison"])
    await go_on(suite, days=6)
    assert (await embassy.line())["escalated_to"] == ["partner_liaison"]
    await go_on(suite, days=1)
    [tombstone] = (await embassy.deliveries())["tombstones"]
    assert tombstone["escalated_to"] == ["partner_liaison", "data_protection"]
    officer = await sign_in(suite, "data_protection")
    [seen] = (await officer.get("/api/partners/deliveries")).json()["deliveries"]
    assert (seen["escalated_to"], seen["contact"]) == (["partner_liaison", "data_protection"], "the consul")

    await eventually(lambda: _measured(reader, "homeward.partners.tombstones_overdue", 1), seconds=40)
    counts = _by_concern(reader)
    assert (counts["tombstones_overdue"], counts["silent"], counts["none"]) == (1, 0, 0)
    assert _gauges(reader)["homeward.partners.oldest_lag"][0][0] == 15 * 24 * 3600


async def test_who_approves_another_agreement_sees_what_the_agency_owes(embassy: Airline) -> None:
    liaison, manager = embassy.operators["partner_liaison"], embassy.operators["manager"]
    [first] = (await manager.get("/api/partners/agreements")).json()["agreements"]
    said = {name: first[name] for name in ("agency_id", "legal_basis", "purpose", "retention_days", "contact")}
    days = {"valid_from": "2026-01-05", "valid_until": "2027-01-05"}
    path = "/api/partners/agreements"
    path += f"/{(await liaison.post(path, said | days)).json()['agreement_id']}"
    await liaison.upload(f"{path}/signed-copy", "signed.pdf", b"%PDF-1.7 signed")
    assert (await manager.get(path)).json()["tombstones_overdue"] == 1
    assert (await manager.post(f"{path}/approval", {})).json()["in_force"]


async def test_a_liaison_writes_down_that_an_agency_has_said_by_letter_that_it_is_done(
    suite: EmbeddedSuite, embassy: Airline, reader: InMemoryMetricReader
) -> None:
    [tombstone] = (await embassy.deliveries())["tombstones"]
    path = f"/api/partners/subscriptions/{embassy.subscription}/tombstones/acknowledge"
    officer, liaison = await sign_in(suite, "data_protection"), embassy.operators["partner_liaison"]
    today = (await go_on(suite)).date()
    said = {"subject": tombstone["subject"], "by": "letter", "to": "Consul Rahman", "on": today.isoformat()}
    assert (await officer.post(path, said)).status_code == 403
    for day in ("2026-01-04", (today + timedelta(days=1)).isoformat()):
        assert (await liaison.post(path, said | {"on": day})).json()["type"] == "/problems/told-another-day"
    assert (await liaison.post(path, said)).is_success
    again = await liaison.post(path, said)
    assert again.json()["type"] == "/problems/nothing-owed"
    assert (await embassy.deliveries())["told_otherwise"] == [said]
    async with suite.apps["partners"].state.service.database.transaction() as connection:
        entries = await rows(connection, "SELECT convert_from(entry, 'UTF8') AS entry FROM audit_entry")
    assert any("acknowledge_for_agency" in row.entry and embassy.subscription in row.entry for row in entries)
    line = await embassy.line()
    assert (line["tombstones_due"], line["escalated_to"]) == (0, [])
    # It is still in the feed, for whenever the agency asks.
    assert line["concern"] == "2 events wait, the oldest for 15 days"
    await eventually(lambda: _measured(reader, "homeward.partners.tombstones_overdue", 0), seconds=40)


async def test_an_agreement_that_ends_soon_is_told_of_and_nothing_flows_once_it_has_ended(
    suite: EmbeddedSuite,
) -> None:
    agency = await airline(suite, None)
    await agency.flight()
    await agency.until(waiting=1)
    assert [each["type"].split(".")[-2] for each in await agency.asks()] == ["flight-scheduled"]
    today = (await go_on(suite)).date()
    until = today.replace(year=2026, month=12, day=31)
    await go_on(suite, days=(until - today).days - 31)
    assert "agreement_ending" not in _kinds(await agency.line())
    await go_on(suite, days=19)
    ending = (await agency.line())["concerns"][-1]
    assert ending == {"kind": "agreement_ending", "words": "agreement ends in 12 days"}
    await go_on(suite, days=12)
    assert (await agency.line())["concerns"][-1]["words"] == "agreement ends today"
    assert (await agency.line())["in_force"]

    await go_on(suite, days=1)
    line = await agency.line()
    assert not line["in_force"]
    assert line["concerns"][-1]["words"] == "agreement ended on 31 Dec 2026: nothing is told any more"
    assert [each["type"].split(".")[-2] for each in await agency.asks()] == ["withheld"]
    position = line["position"]
    await agency.flight(departs_at="2027-02-01T09:00:00Z")
    await go_on(suite)
    assert (await agency.line())["position"] == position


def _kinds(line: dict[str, Any]) -> list[str]:
    return [each["kind"] for each in line["concerns"]]


def _gauges(reader: InMemoryMetricReader) -> dict[str, list[tuple[float, dict[str, Any]]]]:
    data = reader.get_metrics_data()
    return {
        metric.name: [
            (point.value, dict(point.attributes or {}))
            for point in metric.data.data_points
            if isinstance(point, NumberDataPoint)
        ]
        for resource in (data.resource_metrics if data else ())
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }


async def _measured(reader: InMemoryMetricReader, name: str, value: float) -> bool:
    return [each for each, _ in _gauges(reader).get(name, [])] == [value]


def _by_concern(reader: InMemoryMetricReader) -> dict[str, float]:
    return {each["concern"]: value for value, each in _gauges(reader)["homeward.partners.subscriptions"]}
