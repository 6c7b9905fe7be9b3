"""Who a person is is put right: what was wrong is kept, and the person is found by what is right."""

from typing import Any
from uuid import UUID

import pytest

from shared.auth.roles import Role
from shared.contracts import screening as told
from shared.contracts.vocabulary import AgeGroup
from shared.persistence.database import rows
from tests.integration.screening.holdings import everything, service_of
from tests.integration.screening.programme import Programme
from tests.integration.screening.test_erasure import ended, erased

pytestmark = pytest.mark.asyncio(loop_scope="module")

WHY = "was misheard at the desk"


async def corrected(programme: Programme, case_id: str, **identity: Any) -> Any:
    return await programme.officer.does(f"/cases/{case_id}/identity", {"identity": identity, "reason": WHY})


async def found_by(programme: Programme, word: str) -> list[str]:
    found: list[str] = (await programme.officer.reads(f"/search?q={word}"))["case_ids"]
    return found


async def test_a_corrected_person_is_found_by_what_is_right_and_what_was_wrong_is_kept(programme: Programme) -> None:
    case = await programme.register(given_name="Wrongella", family_name="Misspelt")
    case_id = case["case_id"]
    answer = await corrected(programme, case_id, given_name="Rightolda", phone="091 555 3141")
    assert (answer["corrections"], answer["suspected_duplicates"]) == (1, [])
    assert (await found_by(programme, "rightolda"), await found_by(programme, "wrongella")) == ([case_id], [])
    assert await found_by(programme, "misspelt") == await found_by(programme, case["reference"]) == [case_id]
    shown = await programme.officer.reads(f"/cases/{case_id}")
    assert (shown["identity"]["given_name"], shown["identity"]["phone"]) == ("Rightolda", "+218915553141")
    [kept] = shown["corrections"]
    assert (kept["former"]["given_name"], kept["reason"], kept["by"]) == ("Wrongella", WHY, "officer")
    assert shown["corrected"] == 1
    # Others ask for names when they need them: they hear that there are others.
    assert [type(each) for each in await programme.log(UUID(case_id))] == [told.CaseRegistered, told.IdentityCorrected]


async def test_who_may_not_read_assessments_sees_how_often_it_was_corrected_alone(programme: Programme) -> None:
    case_id = (await programme.register(given_name="Oncemore"))["case_id"]
    await corrected(programme, case_id, given_name="Oncemoor")
    shown = await programme.user(Role.MOVEMENTS).reads(f"/cases/{case_id}")
    assert (shown["corrected"], shown["corrections"]) == (1, None)


async def test_another_country_or_age_group_is_told(programme: Programme) -> None:
    case_id = (await programme.register(given_name="Youngling"))["case_id"]
    await corrected(programme, case_id, nationality="CI", date_of_birth="2018-01-01")
    assert (await programme.log(UUID(case_id)))[1:] == [
        told.IdentityCorrected(country_of_origin="CI", age_group=AgeGroup.CHILD)
    ]


async def test_a_correction_shows_that_somebody_is_known_already(programme: Programme) -> None:
    elder = (await programme.register(given_name="Samesamea", document_numbers=["QQ998877"]))["case_id"]
    case_id = (await programme.register(given_name="Otherother", document_numbers=["QQ998878"]))["case_id"]
    answer = await corrected(programme, case_id, document_numbers=["QQ998877"])
    assert answer["suspected_duplicates"] == [elder]
    again = await corrected(programme, case_id, family_name="Somebody")
    assert again["suspected_duplicates"] == [elder]


async def test_what_cant_be_right_or_changes_nothing_is_refused(programme: Programme) -> None:
    case_id = (await programme.register(given_name="Unchanged"))["case_id"]
    path = f"/cases/{case_id}/identity"
    for wrong in ({"date_of_birth": "2099-01-01"}, {"nationality": "XX"}, {"given_name": " "}, {}):
        assert (await programme.officer.post(path, {"identity": wrong, "reason": WHY})).status_code == 422, wrong
    problem = await programme.officer.refused(path, {"identity": {"given_name": "Unchanged"}, "reason": WHY})
    assert problem["type"] == "/problems/nothing-corrected"
    medical = programme.user(Role.MEDICAL)
    assert (await medical.post(path, {"identity": {"given_name": "X"}, "reason": WHY})).status_code == 403


async def test_erasure_takes_the_history_too_and_nothing_is_corrected_afterwards(programme: Programme) -> None:
    case_id = await ended(programme, given_name="Formerlia", family_name="Bygone")
    await corrected(programme, case_id, given_name="Latterlia")
    await erased(programme, case_id)
    body = {"identity": {"given_name": "Thirdlia"}, "reason": WHY}
    assert (await programme.officer.post(f"/cases/{case_id}/identity", body)).status_code == 410
    async with service_of(programme).database.transaction() as connection:
        [kept] = await rows(connection, "SELECT sealed FROM screening_case WHERE id = :id", id=UUID(case_id))
    assert kept.sealed is None
    held = str(await everything(service_of(programme)))
    assert [word for word in ("Formerlia", "Latterlia", WHY) if word in held] == []
    assert await found_by(programme, "latterlia") == await found_by(programme, "formerlia") == []


async def test_what_a_merged_case_brought_still_finds_the_person(programme: Programme) -> None:
    kept = (await programme.register(given_name="Mergella", document_numbers=["MM112233"]))["case_id"]
    ended_case = await programme.register(given_name="Mergella", document_numbers=["MM112233"], phone="091 555 9797")
    await programme.decide(kept, ended_case["case_id"], same_person=True)
    await corrected(programme, kept, given_name="Novella", document_numbers=["MM445566"])
    third = await programme.register(given_name="Mergella", document_numbers=["MM112233"])
    assert third["suspected_duplicates"] == [kept]


async def test_an_adult_who_turns_out_to_be_a_child_is_not_cleared_any_more(programme: Programme) -> None:
    case_id = (await programme.register(given_name="Seventeen"))["case_id"]
    await programme.screen(case_id)
    await programme.clear(case_id)
    await corrected(programme, case_id, date_of_birth="2010-01-01")
    told_last = (await programme.log(UUID(case_id)))[-2:]
    assert isinstance(told_last[0], told.CaseAssessed)
    assert told_last[0].care_required
    assert isinstance(told_last[1], told.ClearanceRevoked)
