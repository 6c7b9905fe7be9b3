"""A newer build has stored words that this build doesn't know: what needs them waits, and nothing fails."""

from datetime import date, datetime
from uuid import UUID

import pytest

from shared.contracts import travel
from shared.ids import new_id
from shared.persistence.database import rows, run, scalar
from tests.integration.partners.donors import Donors, numbers
from tests.integration.reintegration.stage import Stage
from tests.integration.screening.programme import Programme
from tests.support.bench import eventually

pytestmark = pytest.mark.asyncio
JANUARY = date(2026, 1, 12)


async def test_a_donors_figures_are_counted_on_when_a_case_counts_by_what_is_newer(postgres_url: str) -> None:
    async with Donors(postgres_url) as stage:
        donor = await stage.donor()
        first, *others = cases = await stage.registered(9, JANUARY)
        was = await _state(stage, "partner_case", first)
        newer = was.replace('"reached":{', '"reached":{"welcomed":"2026-01-01",')
        await _put(stage, "partner_case", first, newer)
        await _execute(stage, "INSERT INTO figure VALUES ('PK', '2026-01-01', 'welcomed', 'ADT', 7)")
        for case in cases:
            await stage.record(travel.SOURCE, case, travel.ArrivalConfirmed(flight_id=new_id(), arrived_on=JANUARY))
        await eventually(lambda: _handled(stage, len(others)))
        await eventually(lambda: _parked(stage, (str(first), "not_yet", 0)))
        # Of the others this build goes on to tell, by the measures that it knows.
        await stage.until(datetime.fromisoformat("2026-02-06T00:00Z"))
        [told] = await donor.of("PK")
        assert [numbers(told["data"], each)[0] for each in ("registered", "arrived")] == [9, 8]
        assert "welcomed" not in told["data"]
        # Who knows the word handles it; here the word is gone.
        await _put(stage, "partner_case", first, was)
        await stage.settle()
        assert '"arrived"' in await _state(stage, "partner_case", first)


async def test_a_request_that_needs_what_is_newer_is_to_be_sent_again(postgres_url: str) -> None:
    async with Programme(postgres_url) as stage:
        case_id = (await stage.register())["case_id"]
        was = await _state(stage, "screening_case", UUID(case_id))
        assert '"status":"open"' in was
        await _put(stage, "screening_case", UUID(case_id), was.replace('"status":"open"', '"status":"resting"'))
        answers = [
            await stage.officer.client.get(f"/cases/{case_id}"),
            await stage.officer.post(f"/cases/{case_id}/assessment", {"band": 3}),
        ]
        assert [(each.status_code, each.json()["type"]) for each in answers] == [(503, "/problems/of-newer-build")] * 2
        assert "resting" not in answers[0].text
        await _put(stage, "screening_case", UUID(case_id), was.replace('"registered_at"', '"entered_at"'))
        assert (await stage.officer.client.get(f"/cases/{case_id}")).status_code == 500


async def _state(stage: Stage, table: str, id: UUID) -> str:
    async with stage.apps[stage.name].state.service.database.transaction() as connection:
        return str(await scalar(connection, f"SELECT state::text FROM {table} WHERE id = :id", id=id))


async def _put(stage: Stage, table: str, id: UUID, state: str) -> None:
    await _execute(stage, f"UPDATE {table} SET state = CAST(:state AS json) WHERE id = :id", id=id, state=state)


async def _execute(stage: Stage, statement: str, **values: object) -> None:
    async with stage.apps[stage.name].state.service.database.transaction() as connection:
        await run(connection, statement, **values)


async def _parked(stage: Stage, *wanted: tuple[str, str, int]) -> bool:
    async with stage.apps[stage.name].state.service.database.transaction() as connection:
        found = await rows(connection, "SELECT subject, state, attempts FROM inbox_parked")
    return [tuple(row) for row in found] == [*wanted]


async def _handled(stage: Stage, count: int) -> bool:
    """Whether so many cases have heard of travel."""
    async with stage.apps[stage.name].state.service.database.transaction() as connection:
        statement = "SELECT count(*) FROM inbox_position WHERE source = :source AND sequence > 0"
        return bool(await scalar(connection, statement, source=travel.SOURCE) == count)
