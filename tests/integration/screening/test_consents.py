"""To whom a person's data may be transferred is asked for each recipient, and taken back for each."""

from typing import Any

import pytest

from services.screening.domain.consents import NEEDED, USE, Recipient
from tests.integration.screening.programme import DECLARATION, Programme, person

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def declared(programme: Programme, **changed: Any) -> str:
    case_id = str((await programme.register())["case_id"])
    await programme.officer.does(f"/cases/{case_id}/declaration", DECLARATION | changed)
    return case_id


async def shown(programme: Programme, case_id: str) -> Any:
    answer = await programme.officer.client.get(f"/cases/{case_id}")
    assert answer.status_code == 200, answer.text
    return answer.json()["consents"]


def said(recipient: str) -> dict[str, str]:
    return {"recipient": recipient, "reason": "as the person says"}


async def test_unless_it_is_said_consent_is_to_those_without_whom_nobody_can_travel(programme: Programme) -> None:
    assert await shown(programme, await declared(programme)) == {each.value: USE[each] for each in NEEDED}
    case_id = await declared(programme, recipients=["embassy", "unhcr"])
    assert set(await shown(programme, case_id)) == {"embassy", "unhcr"}
    nobody = str((await programme.register())["case_id"])
    assert await shown(programme, nobody) == {}


async def test_consent_to_one_recipient_is_given_and_taken_back_on_its_own(programme: Programme) -> None:
    case_id = await declared(programme)
    given = await programme.officer.does(f"/cases/{case_id}/consents", said("health_partner"))
    assert "health_partner" in given["recipients"]
    taken = await programme.officer.does(f"/cases/{case_id}/consents/withdrawal", said("health_partner"))
    assert taken["recipients"] == sorted(NEEDED, key=list(Recipient).index)
    assert (await programme.officer.client.get(f"/cases/{case_id}/consent")).json()["consent"] is True


@pytest.mark.parametrize("recipient", NEEDED)
async def test_what_nobody_can_travel_without_is_taken_back_with_consent_alone(
    programme: Programme, recipient: Recipient
) -> None:
    case_id = await declared(programme)
    answer = await programme.officer.post(f"/cases/{case_id}/consents/withdrawal", said(recipient))
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/needed-to-travel")
    assert "withdrawal of consent" in answer.text
    await programme.officer.does(f"/cases/{case_id}/consent/withdrawal", {"place": "here", "reason": "stays"})
    assert await shown(programme, case_id) == {}


async def test_another_declaration_starts_anew_and_without_one_there_is_nothing_to_add_to(programme: Programme) -> None:
    case_id = await declared(programme)
    await programme.officer.does(f"/cases/{case_id}/consents", said("unhcr"))
    await programme.officer.does(f"/cases/{case_id}/declaration", DECLARATION)
    assert "unhcr" not in await shown(programme, case_id)
    nobody = (await programme.register())["case_id"]
    assert (await programme.officer.post(f"/cases/{nobody}/consents", said("unhcr"))).status_code == 409


async def test_travel_is_told_who_those_are_alone_who_consent_to_the_carrier(programme: Programme) -> None:
    flies, doesnt = await declared(programme), await declared(programme, recipients=["embassy"])
    body = {"case_ids": [flies, doesnt]}
    officers = await programme.officer.client.post("/identities", json=body)
    assert set(officers.json()["identities"]) == {flies, doesnt}
    service = programme.neighbour("travel")
    assert set((await service.client.post("/identities", json=body)).json()["identities"]) == {flies}


async def met_twice(programme: Programme, *, elder: list[str], younger: list[str]) -> tuple[str, str]:
    """Two cases of one person, who has declared in both, to these recipients."""
    found = []
    body = person()
    for recipients in (elder, younger):
        found.append(str((await programme.officer.does("/cases", body))["case_id"]))
        await programme.officer.does(f"/cases/{found[-1]}/declaration", DECLARATION | {"recipients": recipients})
    return found[0], found[1]


async def test_consent_taken_back_in_a_merged_case_is_taken_back_where_the_person_goes_on(programme: Programme) -> None:
    both = [*NEEDED, "unhcr", "health_partner"]
    elder, younger = await met_twice(programme, elder=both, younger=both)
    await programme.officer.does(f"/cases/{younger}/consents/withdrawal", said("unhcr"))
    await programme.decide(younger, elder, same_person=True)
    assert set(await shown(programme, elder)) == {*NEEDED, "health_partner"}
    given = await programme.officer.does(f"/cases/{elder}/consents", said("unhcr"))
    assert "unhcr" in given["recipients"]


async def test_all_consent_withdrawn_in_a_merged_case_is_withdrawn_where_the_person_goes_on(
    programme: Programme,
) -> None:
    elder, younger = await met_twice(programme, elder=[*NEEDED], younger=[*NEEDED])
    await programme.officer.does(f"/cases/{younger}/consent/withdrawal", {"place": "here", "reason": "stays"})
    await programme.decide(younger, elder, same_person=True)
    assert await shown(programme, elder) == {}
    assert (await programme.officer.reads(f"/cases/{elder}"))["status"] == "withdrawn"


async def test_consent_given_in_a_merged_case_is_not_carried_over(programme: Programme) -> None:
    elder, younger = await met_twice(programme, elder=[*NEEDED], younger=[*NEEDED, "unhcr"])
    await programme.decide(younger, elder, same_person=True)
    assert set(await shown(programme, elder)) == {*NEEDED}


async def test_a_new_declaration_in_the_merged_case_gives_back_only_what_it_names(programme: Programme) -> None:
    both = [*NEEDED, "unhcr"]
    elder, younger = await met_twice(programme, elder=both, younger=both)
    await programme.officer.does(f"/cases/{younger}/consent/withdrawal", {"place": "here", "reason": "unsure"})
    await programme.officer.does(f"/cases/{younger}/declaration", DECLARATION)
    await programme.decide(younger, elder, same_person=True)
    assert set(await shown(programme, elder)) == {*NEEDED}
