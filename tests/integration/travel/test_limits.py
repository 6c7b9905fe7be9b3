"""Dates and airports that can not be are refused by a rule."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.integration.travel.office import Office, flight_body

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def office(postgres_url: str) -> AsyncIterator[Office]:
    async with Office(postgres_url) as running:
        yield running


async def test_a_flight_leaves_from_an_airport_of_its_office(office: Office) -> None:
    problem = await office.movements.refused("/flights", {**flight_body(), "origin": "ABJ"})
    assert (problem["type"], problem["airports"]) == ("/problems/wrong-origin", ["MJI"])
    assert problem["detail"] == "ABJ is not an airport of the office tripoli: MJI."


@pytest.mark.parametrize("departs_at", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59Z"])
async def test_a_flight_at_an_end_of_the_calendar_is_refused(office: Office, departs_at: str) -> None:
    flight_id = await office.flight()
    body = {"departs_at": departs_at}
    problems = [
        await office.movements.refused("/flights", {**flight_body(), **body}),
        await office.movements.refused(f"/flights/{flight_id}/reschedule", body),
    ]
    assert {each["type"] for each in problems} <= {"/problems/flight-in-the-past", "/problems/flight-too-far-ahead"}


async def test_a_departure_that_can_not_be_is_refused(office: Office) -> None:
    case_id = await office.person()
    flight_id = await office.manifest([case_id])
    await office.boards(flight_id, case_id)
    await office.airport.does(f"/flights/{flight_id}/manifest/validate")
    for moment in ("0001-01-01T00:00:00+14:00", "1900-01-01T00:00:00Z", "2999-01-01T00:00:00Z"):
        problem = await office.airport.refused(f"/flights/{flight_id}/departure", {"departed_at": moment})
        assert problem["type"] == "/problems/departure-time"
    await office.airport.does(f"/flights/{flight_id}/departure")


@pytest.mark.parametrize("paper", ["document", "exit-visa"])
async def test_a_paper_with_days_at_the_end_of_the_calendar_is_refused(office: Office, paper: str) -> None:
    case_id = await office.person(papers=False)
    await office.movements.does(f"/cases/{case_id}/{paper}/request", {"authority": "embassy-pk"})
    body = {"number" if paper == "document" else "reference": "X-12345"}
    for days, rule in (
        ({"issued_on": "9999-12-30"}, "issued-in-the-future"),
        ({"expires_on": "9999-12-31"}, "expires-too-late"),
        ({"issued_on": "0001-01-01"}, "paper-validity"),
    ):
        problem = await office.movements.refused(f"/cases/{case_id}/{paper}/issue", {**body, **days})
        assert problem["type"] == f"/problems/{rule}"
