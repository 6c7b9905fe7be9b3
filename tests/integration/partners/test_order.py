"""What a service tells of somebody before screening has is kept until it is known who may hear of it."""

from collections.abc import AsyncIterator
from datetime import date

import pytest_asyncio

from shared.contracts import screening, travel
from shared.contracts.vocabulary import AgeGroup, Recipient
from shared.ids import new_id
from shared.persistence.database import rows
from tests.integration.partners.donors import START, Donors, declared
from tests.integration.reintegration.stage import eventually

ASKED = travel.DocumentRequested.type


@pytest_asyncio.fixture
async def stage(postgres_url: str) -> AsyncIterator[Donors]:
    async with Donors(postgres_url) as running:
        yield running


async def test_what_comes_before_its_case_waits_until_consent_is_known(stage: Donors) -> None:
    terms = {"events": {ASKED: ["authority"]}, "scope": "own_nationals"}
    feed = await stage.subscriber("embassy", "PK", terms=terms)
    case, other, today = new_id(), new_id(), START.date()
    for each in (case, other):
        await stage.record(travel.SOURCE, each, travel.DocumentRequested(authority="embassy-pk"))

    async def waiting() -> bool:
        return await _parked(stage) == 2

    await eventually(waiting)
    await stage.record(screening.SOURCE, case, _registered(today))
    await stage.record(screening.SOURCE, other, _registered(today))
    await stage.record(screening.SOURCE, other, declared(today, Recipient.CARRIER))
    # That somebody is registered says nothing yet of whom they agree to.
    await eventually(lambda: _knows(stage, 2))
    assert await feed.events() == []
    await stage.record(screening.SOURCE, case, declared(today, Recipient.EMBASSY))
    await stage.settle()
    [told] = await feed.events()
    assert (told["type"], told["data"], told["sequence"]) == (ASKED, {"authority": "embassy-pk"}, "1")


def _registered(on: date) -> screening.CaseRegistered:
    return screening.CaseRegistered(
        person_id=new_id(),
        household_id=None,
        reference="TRP-2026-00001",
        office="tripoli",
        country_of_origin="PK",
        age_group=AgeGroup.ADULT,
        registered_on=on,
    )


async def _parked(stage: Donors) -> int:
    return await _count(stage, "SELECT count(*) AS found FROM inbox_parked WHERE state = 'not_yet'")


async def _knows(stage: Donors, cases: int) -> bool:
    return await _count(stage, "SELECT count(*) AS found FROM partner_case") == cases


async def _count(stage: Donors, statement: str) -> int:
    async with stage.apps["partners"].state.service.database.transaction() as connection:
        [row] = await rows(connection, statement)
    return int(row.found)
