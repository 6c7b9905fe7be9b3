"""Who names a person otherwise than by a subject is never given the first that fits: a person decides."""

from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from tests.integration.partners.answerers import Agency, World, written
from tests.support.suite import OMAR

pytestmark = pytest.mark.asyncio(loop_scope="module")

DOCUMENT = {"number": "LP-0012345", "kind": "laissez_passer", "issued_on": "2026-01-05", "expires_on": "2026-04-05"}
BORN = {"date_of_birth": OMAR["date_of_birth"]}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def embassy(programme: World) -> Agency:
    return await programme.agency("embassy")


async def asked(programme: World, **identity: Any) -> str:
    case_id = await programme.person(**identity)
    await programme.asks(case_id)
    return case_id


async def status(programme: World, case_id: str) -> str:
    paper = await programme.paper(case_id)
    return str(paper and paper["status"])


async def test_who_is_alone_and_agrees_in_everything_is_meant(programme: World, embassy: Agency) -> None:
    case_id = await asked(programme, given_name="Zarmina", family_name="Afridi")
    person = {"given_name": " zarmina", "family_name": "AFRIDI"} | BORN
    answer = await embassy.answers("document-issued", DOCUMENT, person=person)
    assert answer.json()["state"] == "applied", answer.text
    assert await status(programme, case_id) == "issued"


async def test_of_two_siblings_with_one_name_a_person_chooses(programme: World, embassy: Agency) -> None:
    elder = await asked(programme, given_name="Spogmai", family_name="Yusufzai")
    younger = await asked(programme, given_name="Spogmai", family_name="Yusufzai", date_of_birth="1999-09-09")
    person = {"given_name": "Spogmai", "family_name": "Yusufzai", "date_of_birth": "1999-09-09"}
    answer = await embassy.answers("document-issued", DOCUMENT, person=person, id="siblings")
    assert (answer.status_code, answer.json()["state"]) == (202, "waiting")
    assert {await status(programme, each) for each in (elder, younger)} == {"requested"}
    receipt = answer.json()["receipt"]
    assert (await programme.listed("waiting"))[receipt]["candidates"] == 2
    caseworker = programme.operators["caseworker"]
    shown = (await caseworker.get(f"/api/partners/answers/{receipt}/candidates")).json()
    assert shown["candidates"] == sorted([elder, younger])
    assert "1999-09-09" in shown["content"]
    stranger = await programme.person()
    path = f"/api/partners/answers/{receipt}/decision"
    wrong = await caseworker.post(path, {"case_id": stranger, "reason": "a guess"})
    assert (wrong.status_code, wrong.json()["type"]) == (409, "/problems/not-a-candidate")
    both = await caseworker.post(path, {"case_id": younger, "reject": True, "reason": "a guess"})
    assert both.status_code == 422
    decided = await caseworker.post(path, {"case_id": younger, "reason": "was born on that day"})
    assert decided.json()["state"] == "applied", decided.text
    assert (await status(programme, elder), await status(programme, younger)) == ("requested", "issued")
    assert (await embassy.client.get("/answers/siblings")).json()["state"] == "applied"
    again = await caseworker.post(path, {"case_id": elder, "reason": "another one"})
    assert (again.status_code, again.json()["type"]) == (409, "/problems/answer-settled")
    kept = await programme.kept(receipt)
    assert "born on that day" not in str(kept.state) and kept.sealed_for == UUID(younger)


async def test_a_name_in_another_spelling_waits_and_may_be_nobody(programme: World, embassy: Agency) -> None:
    case_id = await asked(programme, given_name="Muhammad", family_name="Shinwari")
    person = {"given_name": "Mohamed", "family_name": "Shinwari"} | BORN
    answer = await embassy.answers("document-issued", DOCUMENT, person=person, id="spelled")
    assert (answer.status_code, answer.json()["state"]) == (202, "waiting")
    path = f"/api/partners/answers/{answer.json()['receipt']}/decision"
    decided = await programme.operators["movements"].post(path, {"reject": True, "reason": "it is his brother"})
    assert decided.json()["state"] == "refused"
    became = (await embassy.client.get("/answers/spelled")).json()
    assert became["problem"]["type"] == "/problems/rejected-by-person"
    assert "brother" not in str(became)
    assert await status(programme, case_id) == "requested"


async def test_what_a_person_chose_is_refused_if_a_rule_says_so(programme: World, embassy: Agency) -> None:
    case_id = await asked(programme, given_name="Muhammad", family_name="Khattak")
    answer = await embassy.answers(
        "document-issued", DOCUMENT, person={"given_name": "Mohamed", "family_name": "Khattak"} | BORN
    )
    await programme.does("movements", f"travel/cases/{case_id}/document/issue", {"number": "LP-1"})
    path = f"/api/partners/answers/{answer.json()['receipt']}/decision"
    decided = (await programme.operators["movements"].post(path, {"case_id": case_id, "reason": "is the same"})).json()
    assert (decided["state"], decided["problem"]["type"]) == ("refused", "/problems/not-in-this-state")


async def test_a_paper_with_its_owners_birth_names_somebody(programme: World, embassy: Agency) -> None:
    case_id = await asked(programme, given_name="Palwasha", document_numbers=["ZX 771-234"])
    document = {"number": "zx771234", "nationality": "PK"} | BORN
    answer = await embassy.answers("document-issued", DOCUMENT, document=document)
    assert answer.json()["state"] == "applied", answer.text
    assert await status(programme, case_id) == "issued"
    other = await embassy.answers("document-issued", DOCUMENT, document=document | {"date_of_birth": "1960-01-01"})
    assert (other.status_code, other.json()["type"]) == (404, "/problems/nobody-meant")


async def test_of_whom_the_agency_was_not_told_it_says_nothing(programme: World, embassy: Agency) -> None:
    case_id = await programme.person(given_name="Torpekai", family_name="Momand")
    person = {"given_name": "Torpekai", "family_name": "Momand"} | BORN
    answer = await embassy.answers("document-issued", DOCUMENT, person=person)
    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/nobody-meant")
    assert case_id not in written(answer)
    nobody = await embassy.answers("document-issued", DOCUMENT, person={"given_name": "...", **BORN})
    assert (nobody.status_code, nobody.json()["type"]) == (404, "/problems/nobody-meant")
    assert {"Torpekai"} & set(str((await programme.listed("refused")).values()).split()) == set()


async def test_who_withdrew_is_not_overlooked_when_another_fits(programme: World, embassy: Agency) -> None:
    gone = await asked(programme, given_name="Brekhna", family_name="Orakzai")
    there = await asked(programme, given_name="Brekhna", family_name="Orakzai", sex="female")
    await programme.withdraws(gone)
    person = {"given_name": "Brekhna", "family_name": "Orakzai"} | BORN
    answer = await embassy.answers("document-issued", DOCUMENT, person=person)
    assert (answer.status_code, answer.json()["state"]) == (202, "waiting")
    assert await status(programme, there) == "requested"


async def erased(programme: World, case_id: str) -> None:
    path = f"screening/cases/{case_id}"
    await programme.withdraws(case_id)
    await programme.does("caseworker", f"{path}/erasure", {"ground": "requested", "reason": "was asked for"})
    await programme.does("protection", f"{path}/erasure/approval")
    await programme.rests()


async def test_who_is_erased_takes_along_what_was_answered(programme: World, embassy: Agency) -> None:
    case_id = await asked(programme, given_name="Shaista", family_name="Bangash")
    subject = await embassy.subject()
    applied = (await embassy.answers("document-issued", DOCUMENT, subject=subject)).json()["receipt"]
    twin = await asked(programme, given_name="Shaista", family_name="Bangash", sex="female")
    person = {"given_name": "Shaista", "family_name": "Bangash"} | BORN
    waiting = await embassy.answers("document-issued", DOCUMENT, person=person, id="erased")
    assert waiting.json()["state"] == "waiting"
    await erased(programme, case_id)
    for receipt in (applied, waiting.json()["receipt"]):
        kept = await programme.kept(receipt)
        assert kept.sealed is None
    became = (await embassy.client.get("/answers/erased")).json()
    assert (became["state"], became["problem"]["type"]) == ("refused", "/problems/candidate-erased")
    assert await status(programme, twin) == "requested"
    unknown = await embassy.answers("document-issued", DOCUMENT, subject=subject)
    assert (unknown.status_code, unknown.json()["type"]) == (404, "/problems/unknown-subject")


async def test_a_person_gets_what_was_answered_about_them(programme: World, embassy: Agency) -> None:
    case_id = await asked(programme, given_name="Gharanai")
    subject = await embassy.subject()
    await embassy.answers("document-issued", DOCUMENT | {"number": "LP-4711"}, subject=subject)
    clinic = await programme.agency("health_partner")
    await programme.refers(case_id, clinic)
    protection = programme.operators["protection"]
    headers = protection._headers | {"Purpose": "data-subject-request"}
    answer = await programme.suite.gateway.get(f"/api/partners/subjects/{case_id}", headers=headers)
    assert answer.is_success, answer.text
    records = answer.json()["records"]
    [said] = records["answers"]
    assert "LP-4711" in said["content"] and said["state"] == "applied"
    [referral] = records["referrals"]
    assert referral["services"] == ["medical_care"]


async def test_what_is_nobodys_is_destroyed_after_a_month(programme: World, embassy: Agency) -> None:
    answer = await embassy.answers("document-issued", DOCUMENT, person={"given_name": "Nobody", **BORN})
    receipt = answer.json()["receipt"]
    assert (await programme.kept(receipt)).sealed
    moved = await programme.operators["admin"].post("/api/clock", {"now": "2026-02-08T08:00:00Z"})
    assert moved.is_success, moved.text
    assert (await programme.kept(receipt)).sealed is None
    assert (await programme.listed("refused"))[receipt]["cause"] == "/problems/nobody-meant"
