"""Screening through its front door: HTTP and the bus, on a real database."""

import asyncio
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from shared.auth.roles import Role
from shared.contracts import screening as told
from shared.contracts import travel
from shared.contracts.vocabulary import AgeGroup, Gate, Recipient, VulnerabilityBand
from shared.ids import new_id
from shared.web.access import unguarded_routes
from tests.integration.screening.programme import DECLARATION, TODAY, Programme, household, member, person

#: Without these nobody can travel.
NEEDED = [Recipient.EMBASSY, Recipient.EXIT_AUTHORITY, Recipient.CARRIER, Recipient.RECEIVING_OFFICE]

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_every_route_requires_a_role_or_says_that_it_has_none(programme: Programme) -> None:
    assert unguarded_routes(programme.apps["screening"]) in ([], ["GET|HEAD /openapi.json"])
    answer = await programme.doctor.post("/cases", person())
    assert answer.status_code == 403


async def test_a_person_is_registered_screened_and_cleared(programme: Programme) -> None:
    registered = await programme.register()
    case_id = registered["case_id"]
    refused = await programme.officer.refused(f"/cases/{case_id}/clearance")
    assert refused["type"] == "/problems/gates-missing"
    assert refused["missing"] == ["consent", "assessment", "fitness"]
    await programme.screen(case_id)
    gates = await programme.officer.reads(f"/cases/{case_id}/gates")
    assert gates == {"met": ["consent", "assessment", "identity", "hold", "care", "fitness"], "missing": []}
    assert await programme.clear(case_id) == {"case_id": case_id, "cleared_on": "2026-03-02"}
    first, *rest = await programme.events(case_id)
    assert first == told.CaseRegistered(
        person_id=registered["person_id"],
        household_id=None,
        reference=registered["reference"],
        office="tripoli",
        country_of_origin="PK",
        age_group=AgeGroup.ADULT,
        registered_on=TODAY,
    )
    assert rest == [
        told.DeclarationSigned(signed_on=TODAY, recipients=NEEDED),
        told.CaseAssessed(band=VulnerabilityBand.MEDIUM, assistance=[], escort_required=False, care_required=False),
        told.FitnessRecorded(
            fit=True,
            valid_from=datetime(2026, 3, 2, 8, tzinfo=UTC),
            valid_until=datetime(2026, 3, 5, 8, tzinfo=UTC),
            assistance=[],
            escort_required=False,
        ),
        told.CaseCleared(cleared_on=TODAY),
    ]


async def test_the_same_key_gives_the_same_answer_and_one_case(programme: Programme) -> None:
    body, key = person(), str(new_id())
    first, second = [await programme.officer.post("/cases", body, key=key) for _ in range(2)]
    assert (first.status_code, first.json()) == (second.status_code, second.json())


async def test_a_hold_stops_a_cleared_case_and_only_some_may_read_why(programme: Programme) -> None:
    case_id = (await programme.register())["case_id"]
    await programme.screen(case_id)
    await programme.clear(case_id)
    body = {"kind": "trafficking", "note": "A debt to the recruiter"}
    hold_id = (await programme.protection.does(f"/cases/{case_id}/holds", body))["hold_id"]
    assert (await programme.events(case_id))[-2:] == [
        told.HoldPlaced(hold_id=hold_id),
        told.ClearanceRevoked(missing=[Gate.HOLD]),
    ]
    assert (await programme.other.reads(f"/cases/{case_id}/consent"))["holds"] == 1
    assert (await programme.officer.reads(f"/cases/{case_id}"))["holds"][0]["kind"] is None
    assert (await programme.protection.reads(f"/cases/{case_id}"))["holds"][0]["kind"] == "trafficking"
    await programme.protection.does(f"/cases/{case_id}/holds/{hold_id}/lift", {"outcome": "Debt cancelled"})
    await programme.clear(case_id)


CHILDS = {"given_by": "guardian", "proxy_reason": "A child"}
#: Of a file: what is found and why.
SENSITIVE = {"care_required", "declaration", "assessment", "fitness"}


@pytest.mark.parametrize(
    ("role", "known"),
    [
        *((role, set()) for role in (Role.MOVEMENTS, Role.AIRPORT, Role.MANAGER)),
        (Role.CASEWORKER, SENSITIVE - {"fitness"}),
        *((role, SENSITIVE) for role in (Role.PROTECTION, Role.MEDICAL)),
    ],
)
async def test_who_moves_a_person_is_told_what_is_needed_and_not_why(
    programme: Programme, role: Role, known: set[str]
) -> None:
    case_id = (await programme.register(date_of_birth="2011-05-01", unaccompanied=True))["case_id"]
    await programme.officer.does(f"/cases/{case_id}/declaration", DECLARATION | CHILDS)
    await programme.officer.does(f"/cases/{case_id}/assessment", {"band": 1, "assistance": ["MAAS"]})
    examined = {"outcome": "fit_with_assistance", "assistance": ["WCHR"], "escort": "medical"}
    await programme.doctor.does(f"/cases/{case_id}/fitness", examined)
    await programme.protection.does(f"/cases/{case_id}/holds", {"kind": "trafficking", "note": "Sold by an uncle"})
    shown = await programme.user(role).reads(f"/cases/{case_id}")
    assert (shown["assistance"], shown["escort_required"], shown["fit"]) == (["MAAS", "WCHR"], True, True)
    assert {name for name in SENSITIVE if shown[name] is not None} == known
    assert (shown["holds"][0]["kind"] is not None) == (role in (Role.PROTECTION, Role.MEDICAL))
    if not known:
        assert not any(word in str(shown) for word in ("medical", "operational", "uncle", "guardian", "assistance_"))


async def test_a_child_alone_is_cleared_with_best_interests_and_a_receiver_only(programme: Programme) -> None:
    case_id = (await programme.register(date_of_birth="2011-05-01", unaccompanied=True))["case_id"]
    await programme.screen(case_id, **CHILDS)
    refused = await programme.officer.refused(f"/cases/{case_id}/clearance")
    assert refused["missing"] == ["care"]
    body = {"decision": "positive", "family_traced": True, "receiver": "An aunt"}
    assert (await programme.protection.does(f"/cases/{case_id}/best-interests", body))["arranged"]
    await programme.clear(case_id)
    kinds = {type(event): event for event in await programme.events(case_id)}
    assessed = kinds[told.CaseAssessed]
    assert isinstance(assessed, told.CaseAssessed)
    assert assessed.care_required
    assert assessed.escort_required


async def test_two_registrations_of_one_person_at_once_flag_one_of_them(programme: Programme) -> None:
    body = person()
    answers = await asyncio.gather(*(programme.officer.does("/cases", body) for _ in range(4)))
    flagged = sorted(len(each["suspected_duplicates"]) for each in answers)
    assert flagged == [0, 1, 2, 3]
    refused = await programme.officer.refused(f"/cases/{_flagged(answers)['case_id']}/clearance")
    assert "identity" in refused["missing"]


async def test_a_suspicion_stops_both_cases_until_somebody_decides_from_either_side(programme: Programme) -> None:
    body = person()
    elder = (await programme.officer.does("/cases", body))["case_id"]
    await programme.screen(elder)
    await programme.clear(elder)
    younger = (await programme.officer.does("/cases", body))["case_id"]
    assert (await programme.events(elder))[-2:] == [
        told.DuplicateSuspected(other_case_id=younger),
        told.ClearanceRevoked(missing=[Gate.IDENTITY]),
    ]
    await programme.screen(younger)
    for one, other in ((elder, younger), (younger, elder)):
        assert (await programme.officer.reads(f"/cases/{one}"))["suspected_duplicates"] == [other]
        assert (await programme.officer.refused(f"/cases/{one}/clearance"))["missing"] == ["identity"]
    open_ones = (await programme.officer.reads("/duplicates"))["duplicates"]
    assert [each["other_case_id"] for each in open_ones if each["case_id"] in (elder, younger)] == [elder]
    await programme.decide(elder, younger, same_person=False)
    for one in (elder, younger):
        assert (await programme.officer.reads(f"/cases/{one}"))["suspected_duplicates"] == []
        assert isinstance((await programme.events(one))[-1], told.DuplicateDecided)
        await programme.clear(one)


async def test_of_one_person_the_younger_case_is_merged_into_the_elder(programme: Programme) -> None:
    body = person(phone="0911234567")
    elder = await programme.officer.does("/cases", body)
    body["identity"] |= {"date_of_birth": "1991-01-01", "phone": "+218 91 123 4567"}
    younger = await programme.officer.does("/cases", body)
    assert younger["suspected_duplicates"] == [elder["case_id"]]
    open_ones = (await programme.officer.reads("/duplicates"))["duplicates"]
    [mine] = [each for each in open_ones if each["case_id"] == younger["case_id"]]
    assert mine["likeness"] == ["name and phone"]
    path = f"/cases/{younger['case_id']}/duplicates/{elder['case_id']}"
    decided = await programme.colleague.does(path, {"same_person": True, "reason": "The same face"})
    assert decided["merged_into"] == elder["case_id"]
    assert (await programme.events(younger["case_id"]))[-2:] == [
        told.DuplicateDecided(other_case_id=elder["case_id"], same_person=True, person_id=elder["person_id"]),
        told.CaseMerged(into_case_id=elder["case_id"]),
    ]
    again = await programme.colleague.refused(path, {"same_person": False, "reason": "No"})
    assert again["type"] == "/problems/not-suspected"
    third = await programme.officer.does("/cases", body)
    assert third["suspected_duplicates"] == [elder["case_id"]]


@pytest.mark.parametrize("same_person", [True, False])
async def test_who_has_registered_either_case_does_not_decide_that_it_is_a_duplicate(
    programme: Programme, same_person: bool
) -> None:
    body = person()
    elder = (await programme.officer.does("/cases", body))["case_id"]
    younger = (await programme.colleague.does("/cases", body))["case_id"]
    decision = {"same_person": same_person, "reason": "The same face"}
    for path in (f"/cases/{elder}/duplicates/{younger}", f"/cases/{younger}/duplicates/{elder}"):
        for registrar in (programme.officer, programme.colleague):
            assert (await registrar.refused(path, decision))["type"] == "/problems/own-registration"
    assert (await programme.officer.reads(f"/cases/{elder}"))["suspected_duplicates"] == [younger]
    decided = await programme.protection.does(path, decision)
    assert decided["merged_into"] == (elder if same_person else None)


async def test_who_has_made_a_case_like_another_by_a_correction_does_not_decide(programme: Programme) -> None:
    one, papers = person(), {"document_numbers": ["V7777777"]}
    known = (await programme.colleague.does("/cases", one | {"identity": one["identity"] | papers}))["case_id"]
    other = person()
    other["identity"] |= {"date_of_birth": one["identity"]["date_of_birth"]}
    corrected = (await programme.colleague.does("/cases", other))["case_id"]
    correction = {"identity": papers, "reason": "so it stands in the passport"}
    found = await programme.officer.does(f"/cases/{corrected}/identity", correction)
    assert found["suspected_duplicates"] == [known]
    path, decision = f"/cases/{corrected}/duplicates/{known}", {"same_person": True, "reason": "the same papers"}
    for who in (programme.officer, programme.colleague):
        assert (await who.refused(path, decision))["type"] == "/problems/own-registration"
    assert (await programme.protection.does(path, decision))["merged_into"] == known


async def test_who_has_registered_a_case_that_has_ended_in_one_of_the_two_does_not_decide(programme: Programme) -> None:
    def alike(*numbers: str) -> dict[str, Any]:
        made = person()
        made["identity"] |= {"date_of_birth": "1990-07-08", "document_numbers": list(numbers)}
        return made

    first = (await programme.colleague.does("/cases", alike("X5550001")))["case_id"]
    between = (await programme.officer.does("/cases", alike("X5550001", "Y5550002")))["case_id"]
    decision = {"same_person": True, "reason": "the same papers"}
    await programme.protection.does(f"/cases/{between}/duplicates/{first}", decision)
    last = (await programme.colleague.does("/cases", alike("Y5550002")))["case_id"]
    refused = await programme.officer.refused(f"/cases/{last}/duplicates/{first}", decision)
    assert refused["type"] == "/problems/own-registration"


async def test_two_people_of_one_name_both_go_on(programme: Programme) -> None:
    body = person()
    first = await programme.officer.does("/cases", body)
    second = await programme.officer.does("/cases", body)
    decided = await programme.decide(first["case_id"], second["case_id"], same_person=False)
    assert decided["merged_into"] is None
    await programme.screen(second["case_id"])
    await programme.clear(second["case_id"])


async def test_the_elder_case_takes_the_mergeds_place_in_the_family(programme: Programme) -> None:
    father = member("head")
    elder = await programme.officer.does("/cases", person() | {"identity": father["identity"]})
    unit = await programme.officer.does("/households", household(father, member("child", "2018-01-01")))
    again, child = unit["cases"]
    await programme.decide(again["case_id"], elder["case_id"], same_person=True)
    assert await programme.log(UUID(unit["household_id"])) == [
        told.HouseholdChanged(case_ids=[again["case_id"], child["case_id"]]),
        told.HouseholdChanged(case_ids=[child["case_id"], elder["case_id"]]),
    ]
    assert not (await programme.officer.reads(f"/cases/{child['case_id']}"))["care_required"]


async def test_a_household_is_registered_and_split_by_its_members_decision(programme: Programme) -> None:
    members = [member("head"), member("spouse"), member("child", "2018-01-01")]
    unit = await programme.officer.does("/households", household(*members))
    father, mother, child = (each["case_id"] for each in unit["cases"])
    assert await programme.log(UUID(unit["household_id"])) == [told.HouseholdChanged(case_ids=[father, mother, child])]
    assert not (await programme.officer.reads(f"/cases/{child}"))["care_required"]
    path = f"/households/{unit['household_id']}/split"
    split = await programme.officer.does(path, {"case_ids": [father], "reason": "He wants to stay"})
    assert split == {"household_id": unit["household_id"], "case_ids": [mother, child], "new_household_id": None}
    parted = await programme.officer.does(path, {"case_ids": [mother], "reason": "She goes another way"})
    assert parted["case_ids"] == [child]
    assert (await programme.officer.reads(f"/cases/{child}"))["care_required"]


async def test_consent_is_withdrawn_until_boarding_and_given_again(programme: Programme) -> None:
    case_id = (await programme.register())["case_id"]
    await programme.screen(case_id)
    path, body = f"/cases/{case_id}/consent/withdrawal", {"place": "Tripoli office", "reason": "Wants to stay"}
    await programme.officer.does(path, body)
    assert not (await programme.other.reads(f"/cases/{case_id}/consent"))["consent"]
    await programme.officer.does(f"/cases/{case_id}/declaration", DECLARATION)
    await programme.happens(case_id, travel.WithdrawnAtGate(withdrawn_on=TODAY))
    assert (await programme.other.reads(f"/cases/{case_id}/consent"))["consent"]
    flight = new_id()
    now = datetime(2026, 3, 2, 9, tzinfo=UTC)
    await programme.happens(case_id, travel.Boarded(flight_id=flight, boarded_at=now, kit=True))
    assert (await programme.officer.refused(path, body))["type"] == "/problems/withdrawal-too-late"
    await programme.happens(case_id, travel.BoardingCorrected(flight_id=flight, boarded=False))
    await programme.officer.does(path, body)


async def test_a_withdrawal_at_the_airport_desk_is_recorded_once(programme: Programme) -> None:
    case_id = (await programme.register())["case_id"]
    await programme.screen(case_id)
    await programme.clear(case_id)
    for _ in range(2):
        await programme.happens(case_id, travel.WithdrawnAtGate(withdrawn_on=TODAY))
    assert (await programme.events(case_id))[-2:] == [
        told.ConsentWithdrawn(withdrawn_on=TODAY),
        told.ClearanceRevoked(missing=[Gate.CONSENT]),
    ]


async def test_people_are_named_for_a_purpose_and_found_by_name_and_reference(programme: Programme) -> None:
    body = person(given_name="Zülfikar", document_numbers=["AB1234567"], phone="0917654321", list_reference="FND-1")
    case = await programme.officer.does("/cases", body)
    await programme.officer.does(f"/cases/{case['case_id']}/declaration", DECLARATION)
    asked = {"case_ids": [case["case_id"], str(new_id())]}
    answer = await programme.other.client.post("/identities", json=asked)
    [found] = answer.json()["identities"].values()
    assert found["given_name"] == "Zülfikar"
    assert found["document_numbers"] == ["AB1234567"]
    assert found["phone"] is None
    # An officer's list is nothing that an airline is told.
    assert found["list_reference"] is None
    assert "FND-1" not in str(case)
    own = await programme.officer.client.post("/identities", json=asked)
    assert [each["list_reference"] for each in own.json()["identities"].values()] == ["FND-1"]
    family = body["identity"]["family_name"].split()[1]
    for words in (f"zulfikar {family}", case["reference"], "fnd-1"):
        assert (await programme.officer.reads(f"/search?q={words}"))["case_ids"] == [case["case_id"]]
    assert (await programme.officer.reads("/search?q=nobody"))["case_ids"] == []
    without = await programme.other.client.post("/identities", json=asked, headers={"Purpose": ""})
    assert without.status_code == 422


async def test_a_name_in_another_spelling_is_found_and_suspected(programme: Programme) -> None:
    elder = await programme.officer.does("/cases", body := person(given_name="Mohamed Keita"))
    body["identity"] |= {"given_name": "محمد كيتا", "nationality": "ML"}
    younger = await programme.officer.does("/cases", body)
    assert younger["suspected_duplicates"] == [elder["case_id"]]
    [_, family] = body["identity"]["family_name"].split()
    for words in (f"Muhammad {family}", f"{family} مُحَمّد", f"KEÏTA Mouhamed {family}"):
        found = (await programme.officer.reads(f"/search?q={words}"))["case_ids"]
        assert found == [younger["case_id"], elder["case_id"]]
    assert (await programme.officer.reads(f"/search?q=Mahmoud {family}"))["case_ids"] == []


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"nationality": "XX"}, 422),
        ({"date_of_birth": "2030-01-01"}, 422),
        ({"office": "atlantis"}, 422),
        ({"given_name": " "}, 422),
        ({"unaccompanied": True}, 409),
    ],
)
async def test_what_can_not_be_right_is_not_registered(
    programme: Programme, changed: dict[str, Any], status: int
) -> None:
    assert (await programme.officer.post("/cases", person(**changed))).status_code == status


async def test_an_unknown_case_is_not_found(programme: Programme) -> None:
    for answer in (
        await programme.officer.client.get(f"/cases/{new_id()}"),
        await programme.officer.post(f"/cases/{new_id()}/clearance"),
        await programme.officer.post(
            f"/cases/{new_id()}/duplicates/{new_id()}", {"same_person": True, "reason": "Alike"}
        ),
    ):
        assert answer.status_code == 404


def _flagged(answers: list[Any]) -> Any:
    return next(each for each in answers if each["suspected_duplicates"])
