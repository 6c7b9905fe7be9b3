"""Screening through its front door: HTTP and the bus, on a real database."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
import pytest_asyncio

from services.screening.app import create_app
from services.screening.settings import Settings
from shared.auth.roles import Role
from shared.contracts import screening as told
from shared.contracts import travel
from shared.contracts.envelope import Contract
from shared.contracts.vocabulary import AgeGroup, Gate, VulnerabilityBand
from shared.ids import new_id
from shared.web.access import unguarded_routes
from tests.integration.reintegration.stage import Stage, User

pytestmark = pytest.mark.asyncio(loop_scope="module")

TODAY = date(2026, 3, 2)
EXAMPLES = Path(__file__).parents[3] / "examples"
HEADER = "list_reference,household,given_name,family_name,date_of_birth,sex,nationality,place,place_kind"
DECLARATION = {
    "place": "Tripoli office",
    "place_kind": "office",
    "language": "ur",
    "interpreter": "An interpreter",
    "witness": "A counsellor",
    "alternatives_explained": True,
    "data_consent": True,
    "given_by": "self",
}


class Programme(Stage):
    """Screening beside travel."""

    def __init__(self, postgres_url: str) -> None:
        start = datetime(2026, 3, 2, 8, tzinfo=UTC)
        super().__init__("screening", create_app, Settings, ("travel",), postgres_url, start)
        self.officer: User = self.user(Role.CASEWORKER, id="officer")
        self.protection: User = self.user(Role.PROTECTION, id="protection")
        self.doctor: User = self.user(Role.MEDICAL, id="doctor")
        self.other: User = self.user(Role.SERVICE, id="travel")

    async def register(self, **changed: Any) -> Any:
        return await self.officer.does("/cases", person(**changed))

    async def screen(self, case_id: str, **changed: Any) -> None:
        await self.officer.does(f"/cases/{case_id}/declaration", DECLARATION | changed)
        await self.officer.does(f"/cases/{case_id}/assessment", {"band": 3})
        await self.doctor.does(f"/cases/{case_id}/fitness", {"outcome": "fit"})

    async def clear(self, case_id: str) -> Any:
        return await self.officer.does(f"/cases/{case_id}/clearance")

    async def send_list(self, content: bytes | str, name: str = "list.csv", office: str = "tripoli") -> httpx.Response:
        file = content.encode() if isinstance(content, str) else content
        return await self.officer.client.post(
            "/imports",
            files={"file": (name, file)},
            data={"office": office},
            headers={"Idempotency-Key": str(new_id())},
        )

    async def imported(self, content: bytes | str, name: str = "list.csv", office: str = "tripoli") -> Any:
        answer = await self.send_list(content, name, office)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def events(self, case_id: str) -> list[Contract]:
        return await self.log(UUID(case_id))

    async def happens(self, case_id: str, data: Contract) -> None:
        await self.tell(travel.SOURCE, UUID(case_id), data)


def person(**changed: Any) -> dict[str, Any]:
    identity = {
        "given_name": "Adeel",
        "family_name": f"Family {new_id()}",
        "date_of_birth": "1990-05-01",
        "sex": "male",
        "nationality": "PK",
    }
    case = {"office": "tripoli", "place": "Janzour", "place_kind": "urban"}
    for name, value in changed.items():
        (identity if name in identity or name in ("phone", "document_numbers") else case)[name] = value
    return {**case, "identity": identity}


def member(role: str, born: str = "1990-05-01", **changed: Any) -> dict[str, Any]:
    return {"role": role, "identity": person(date_of_birth=born, **changed)["identity"]}


def row(reference: str, given: str, born: str = "1990-05-01", household: str = "", sex: str = "male") -> str:
    return f"{reference},{household},{given},Gill {reference[:3]},{born},{sex},PK,Abu Salim,detention_centre"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def programme(postgres_url: str) -> AsyncIterator[Programme]:
    async with Programme(postgres_url) as running:
        yield running


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
        list_reference=None,
        office="tripoli",
        country_of_origin="PK",
        age_group=AgeGroup.ADULT,
        registered_on=TODAY,
    )
    assert rest == [
        told.DeclarationSigned(signed_on=TODAY),
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


async def test_a_child_alone_is_cleared_with_best_interests_and_a_receiver_only(programme: Programme) -> None:
    case_id = (await programme.register(date_of_birth="2011-05-01", unaccompanied=True))["case_id"]
    await programme.screen(case_id, given_by="guardian", proxy_reason="A child")
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
    decided = await programme.officer.does(path, {"same_person": True, "reason": "The same face"})
    assert decided["merged_into"] == elder["case_id"]
    assert (await programme.events(younger["case_id"]))[-2:] == [
        told.DuplicateDecided(other_case_id=elder["case_id"], same_person=True, person_id=elder["person_id"]),
        told.CaseMerged(into_case_id=elder["case_id"]),
    ]
    again = await programme.officer.refused(path, {"same_person": False, "reason": "No"})
    assert again["type"] == "/problems/not-suspected"
    third = await programme.officer.does("/cases", body)
    assert third["suspected_duplicates"] == [elder["case_id"]]


async def test_two_people_of_one_name_both_go_on(programme: Programme) -> None:
    body = person()
    first = await programme.officer.does("/cases", body)
    second = await programme.officer.does("/cases", body)
    path = f"/cases/{first['case_id']}/duplicates/{second['case_id']}"
    decided = await programme.officer.does(path, {"same_person": False, "reason": "Seen together"})
    assert decided["merged_into"] is None
    await programme.screen(second["case_id"])
    await programme.clear(second["case_id"])


async def test_the_elder_case_takes_the_mergeds_place_in_the_family(programme: Programme) -> None:
    father = member("head")
    elder = await programme.officer.does("/cases", person() | {"identity": father["identity"]})
    unit = await programme.officer.does("/households", household(father, member("child", "2018-01-01")))
    again, child = unit["cases"]
    path = f"/cases/{again['case_id']}/duplicates/{elder['case_id']}"
    await programme.officer.does(path, {"same_person": True, "reason": "The same"})
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


async def test_the_charters_list_is_taken_whole_and_the_second_time_changes_nothing(programme: Programme) -> None:
    content = (EXAMPLES / "tripoli-islamabad-133.csv").read_bytes()
    first = await programme.imported(content)
    assert first["rejected"] == []
    assert first["registered"] == first["rows"]
    assert first["ignored_columns"] == []
    suspected = [each for each in first["cases"] if each["suspected_duplicates"]]
    assert suspected
    second = await programme.imported(content)
    assert (second["registered"], second["unchanged"]) == (0, first["rows"])
    assert second["cases"] == first["cases"]
    assert len(await programme.events(first["cases"][0]["case_id"])) == 1


async def test_a_workbook_is_taken_too(programme: Programme) -> None:
    content = (EXAMPLES / "tripoli-abidjan-160.xlsx").read_bytes()
    first = await programme.imported(content, "list.xlsx", "abidjan")
    assert first["rejected"] == []
    second = await programme.imported(content, "list.xlsx", "abidjan")
    assert second["unchanged"] == first["rows"] == first["registered"]


async def test_bad_rows_are_named_and_join_their_family_once_they_are_mended(programme: Programme) -> None:
    good = [row("BAD-2", "Qasim", "2018-01-01", "F1"), row("BAD-3", "Ijaz", "1992-02-03")]
    broken = row("BAD-1", "Adeel", "1890-01-01", "F1")
    first = await programme.imported("\n".join([HEADER, broken, *good, row("BAD-3", "Other"), ""]))
    assert (first["rows"], first["registered"]) == (4, 2)
    assert first["rejected"] == [
        {"row": 2, "reasons": ["date_of_birth is more than 120 years ago"]},
        {"row": 5, "reasons": ["list_reference is that of row 4"]},
    ]
    child = first["cases"][0]
    assert (await programme.officer.reads(f"/cases/{child['case_id']}"))["care_required"]
    mended = await programme.imported("\n".join([HEADER, row("BAD-1", "Adeel", "1990-01-01", "F1"), *good]))
    assert (mended["registered"], mended["unchanged"], mended["rejected"]) == (1, 2, [])
    father = mended["cases"][0]
    assert father["household_id"] == child["household_id"]
    assert not (await programme.officer.reads(f"/cases/{child['case_id']}"))["care_required"]
    [*_, changed] = await programme.log(UUID(child["household_id"]))
    assert changed == told.HouseholdChanged(case_ids=[child["case_id"], father["case_id"]])


async def test_a_list_without_references_is_known_by_its_people(programme: Programme) -> None:
    rows = [row("", "Ahmád", "1980-01-01"), row("", "Ahmad", "1980-01-01"), row("", "Ahmad", "1981-01-01")]
    first = await programme.imported("\n".join([HEADER, *rows]))
    assert first["registered"] == 2
    [rejected] = first["rejected"]
    assert rejected["row"] == 3
    assert rejected["reasons"][0].startswith("says the same as row 2")
    second = await programme.imported("\n".join([HEADER, *rows]))
    assert (second["registered"], second["unchanged"]) == (0, 2)


async def test_a_reference_is_never_given_to_another_person(programme: Programme) -> None:
    await programme.imported("\n".join([HEADER, row("REF-1", "Adeel")]))
    second = await programme.imported("\n".join([HEADER, row("REF-1", "Bilal")]))
    assert second["rejected"][0]["reasons"][0].startswith("list_reference is that of another person")
    refused = await programme.officer.refused("/cases", person(list_reference="REF-1"))
    assert refused["type"] == "/problems/reference-taken"


async def test_two_imports_of_one_list_at_once_register_everybody_once(programme: Programme) -> None:
    content = "\n".join([HEADER, *(row(f"TWO-{number}", f"Name{number:c}") for number in range(65, 85))])
    first, second = await asyncio.gather(programme.imported(content), programme.imported(content))
    assert sorted([first["registered"], second["registered"]]) == [0, 20]


@pytest.mark.parametrize(
    ("content", "name", "office", "told_why"),
    [
        (b"", "list.csv", "tripoli", "empty"),
        (b"\xff\xd8\xff", "photo.jpg", "tripoli", "UTF-8"),
        (b"a,b\n1,2", "list.csv", "tripoli", "missing"),
        (HEADER.encode() + b"\n" + row("X-1", "Adeel").encode(), "list.csv", "atlantis", "no office"),
    ],
)
async def test_what_is_no_list_is_refused(
    programme: Programme, content: bytes, name: str, office: str, told_why: str
) -> None:
    answer = await programme.send_list(content, name, office)
    assert answer.status_code == 422
    assert told_why in answer.json()["detail"]


async def test_people_are_named_for_a_purpose_and_found_by_name_and_reference(programme: Programme) -> None:
    body = person(given_name="Zülfikar", document_numbers=["AB1234567"], phone="0917654321", list_reference="FND-1")
    case = await programme.officer.does("/cases", body)
    asked = {"case_ids": [case["case_id"], str(new_id())], "purpose": "manifest"}
    answer = await programme.other.client.post("/identities", json=asked)
    [found] = answer.json()["identities"].values()
    assert found["given_name"] == "Zülfikar"
    assert found["document_numbers"] == ["AB1234567"]
    assert found["phone"] is None
    family = body["identity"]["family_name"].split()[1]
    for words in (f"zulfikar {family}", case["reference"], "fnd-1"):
        assert (await programme.officer.reads(f"/search?q={words}"))["case_ids"] == [case["case_id"]]
    assert (await programme.officer.reads("/search?q=nobody"))["case_ids"] == []
    without = await programme.other.client.post("/identities", json={"case_ids": []})
    assert without.status_code == 422


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


def household(*members: dict[str, Any]) -> dict[str, Any]:
    return {"office": "tripoli", "place": "Janzour", "place_kind": "urban", "members": list(members)}


def _flagged(answers: list[Any]) -> Any:
    return next(each for each in answers if each["suspected_duplicates"])
