"""People are referred to agencies, which hear of them from then on until the referral is over."""

import pytest
import pytest_asyncio

from tests.integration.partners.answerers import Agency, World, written

pytestmark = pytest.mark.asyncio(loop_scope="module")

PARTNERS = "org.homeward.partners"
MADE, WITHDRAWN = f"{PARTNERS}.referral-made.v1", f"{PARTNERS}.referral-withdrawn.v1"
TOMBSTONE, WITHHELD = f"{PARTNERS}.tombstone.v1", f"{PARTNERS}.withheld.v1"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def clinic(programme: World) -> Agency:
    return await programme.agency("health_partner")


async def of(agency: Agency, subject: str) -> list[dict[str, object]]:
    return [each for each in await agency.events() if each["subject"] == subject]


async def refused(programme: World, case_id: str, agency: Agency, *services: str) -> dict[str, object]:
    body = {"case_id": case_id, "agency_id": agency.id, "services": list(services or ("medical_care",))}
    answer = await programme.operators["caseworker"].post("/api/partners/referrals", body)
    return {"status": answer.status_code, **answer.json()}


async def test_who_is_referred_is_told_to_that_agency_alone(programme: World, clinic: Agency) -> None:
    other = await programme.agency("health_partner")
    case_id = await programme.person(given_name="Gulalai")
    await programme.refers(case_id, other, "psychosocial_support")
    before = len(await other.events())
    referral = await programme.refers(case_id, clinic, "medical_care", "psychosocial_support")
    made = (await clinic.events())[-1]
    assert (made["type"], made["source"], made["sequence"]) == (MADE, "/homeward/partners", "1")
    assert made["data"]["services"] == ["medical_care", "psychosocial_support"]
    assert made["data"]["requested_on"] == "2026-01-05"
    assert made["data"]["person"]["given_name"] == "Gulalai"
    assert not {case_id, referral} & {made["subject"], made["data"]["referral_id"]}
    assert len(await other.events()) == before


async def test_an_accepted_referral_goes_on(programme: World, clinic: Agency) -> None:
    case_id = await programme.person()
    referral = await programme.refers(case_id, clinic)
    made = (await clinic.events())[-1]
    answer = await clinic.answers(
        "referral-accepted", {"referral_id": made["data"]["referral_id"]}, subject=made["subject"]
    )
    assert answer.json()["state"] == "applied", answer.text
    shown = await programme.operators["caseworker"].get(f"/api/partners/cases/{case_id}/referrals")
    [listed] = shown.json()["referrals"]
    assert (listed["referral_id"], listed["state"], listed["told"]) == (referral, "accepted", 1)
    again = await clinic.answers("referral-accepted", {}, subject=made["subject"])
    assert (again.status_code, again.json()["type"]) == (409, "/problems/referral-state")
    await programme.departs(case_id)
    arrival = {"place": "Islamabad airport"}
    await programme.does("airport", f"travel/cases/{case_id}/arrival", arrival)
    await programme.rests()
    types = [each["type"] for each in await of(clinic, made["subject"])]
    assert types == [MADE, "org.homeward.travel.arrival-confirmed.v1"]


async def test_a_rejected_referral_is_over_and_what_was_told_is_destroyed(programme: World, clinic: Agency) -> None:
    case_id = await programme.person()
    await programme.refers(case_id, clinic)
    subject = await clinic.subject()
    unknown = await clinic.answers("referral-rejected", {"reason": "no-room"}, subject=subject)
    assert unknown.status_code == 422
    answer = await clinic.answers("referral-rejected", {"reason": "no_capacity"}, subject=subject)
    assert answer.json()["state"] == "applied", answer.text
    [withheld, tombstone] = await of(clinic, subject)
    assert (withheld["type"], tombstone["type"], tombstone["sequence"]) == (WITHHELD, TOMBSTONE, "2")
    assert tombstone["data"] == {"reason": "referral_ended"}
    shown = await programme.operators["caseworker"].get(f"/api/partners/cases/{case_id}/referrals")
    [listed] = shown.json()["referrals"]
    assert (listed["state"], listed["reason"]) == ("rejected", "no_capacity")
    await programme.refers(case_id, clinic)
    assert [each["sequence"] for each in await of(clinic, subject)] == ["1", "2", "3"]


async def test_a_withdrawn_referral_is_told_and_nothing_after_it(programme: World, clinic: Agency) -> None:
    case_id = await programme.person()
    referral = await programme.refers(case_id, clinic)
    subject = await clinic.subject()
    path = f"partners/cases/{case_id}/referrals/{referral}/withdrawal"
    await programme.does("caseworker", path, {"reason": "no_longer_needed"})
    [_, withdrawn, tombstone] = await of(clinic, subject)
    assert (withdrawn["type"], tombstone["type"]) == (WITHDRAWN, TOMBSTONE)
    answer = await clinic.answers("referral-accepted", {}, subject=subject)
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/no-agreement-for-this")
    await programme.departs(case_id)
    await programme.does("airport", f"travel/cases/{case_id}/arrival", {"place": "Islamabad airport"})
    await programme.rests()
    assert len(await of(clinic, subject)) == 3


async def test_one_of_two_referrals_is_named(programme: World, clinic: Agency) -> None:
    case_id = await programme.person()
    await programme.refers(case_id, clinic, "medical_care")
    first = (await clinic.events())[-1]
    await programme.refers(case_id, clinic, "psychosocial_support")
    unnamed = await clinic.answers("referral-rejected", {"reason": "no_capacity"}, subject=first["subject"])
    assert (unnamed.status_code, unnamed.json()["type"]) == (409, "/problems/referral-not-named")
    said = {"referral_id": first["data"]["referral_id"]}
    rejected = await clinic.answers("referral-rejected", said | {"reason": "no_capacity"}, subject=first["subject"])
    assert rejected.json()["state"] == "applied"
    # The other one is open: nothing need be destroyed.
    assert [each["type"] for each in await of(clinic, first["subject"])] == [MADE, MADE]
    unknown = await clinic.answers("referral-accepted", {"referral_id": first["subject"]}, subject=first["subject"])
    assert (unknown.status_code, unknown.json()["type"]) == (409, "/problems/no-such-referral")


async def test_nobody_is_referred_twice_for_the_same(programme: World, clinic: Agency) -> None:
    case_id = await programme.person()
    referral = await programme.refers(case_id, clinic, "medical_care", "psychosocial_support")
    problem = await refused(programme, case_id, clinic, "psychosocial_support")
    assert (problem["status"], problem["type"]) == (409, "/problems/already-referred")
    assert (problem["services"], problem["referral_id"]) == (["psychosocial_support"], referral)


async def test_nobody_is_referred_against_their_will(programme: World, clinic: Agency) -> None:
    case_id = await programme.person(to=("embassy", "exit_authority", "carrier", "receiving_office"))
    problem = await refused(programme, case_id, clinic)
    assert (problem["type"], problem["recipient"]) == ("/problems/no-consent-to-referral", "health_partner")


async def test_nobody_is_referred_without_an_agreement_on_it(programme: World, clinic: Agency) -> None:
    case_id = await programme.person()
    embassy = await programme.agency("embassy")
    assert (await refused(programme, case_id, embassy))["type"] == "/problems/need-of-other-kind"
    ended = await programme.agency("health_partner")
    await programme.does("partner_liaison", f"partners/agreements/{ended.agreement}/end")
    problem = await refused(programme, case_id, ended)
    assert problem["reasons"] == ["agreement_not_in_force"]
    assert (await refused(programme, case_id, clinic, "legal"))["status"] == 422


async def test_consent_withdrawn_ends_the_referral(programme: World, clinic: Agency) -> None:
    case_id = await programme.person()
    await programme.refers(case_id, clinic)
    subject = await clinic.subject()
    path = f"screening/cases/{case_id}/consents/withdrawal"
    await programme.does("caseworker", path, {"recipient": "health_partner", "reason": "is afraid"})
    await programme.rests()
    assert [each["type"] for each in await of(clinic, subject)] == [WITHHELD, TOMBSTONE]
    shown = await programme.operators["caseworker"].get(f"/api/partners/cases/{case_id}/referrals")
    [listed] = shown.json()["referrals"]
    assert (listed["state"], listed["reason"]) == ("withdrawn", "consent_or_case_ended")
    answer = await clinic.answers("referral-accepted", {}, subject=subject)
    assert answer.status_code == 409
    assert case_id not in written(answer)


async def test_what_waits_for_an_answer_is_a_worklist_with_its_age(programme: World) -> None:
    ngo = await programme.agency("reintegration_partner")
    case_id = await programme.person()
    referral = await programme.refers(case_id, ngo, "business_support")
    asked = programme.operators["caseworker"]
    waiting = (await asked.get("/api/partners/referrals", state="waiting", limit=500)).json()["referrals"]
    [mine] = [each for each in waiting if each["referral_id"] == referral]
    assert (mine["case_id"], mine["days"], mine["services"]) == (case_id, 0, ["business_support"])
    answered = (await asked.get("/api/partners/referrals", state="accepted")).json()["referrals"]
    assert referral not in [each["referral_id"] for each in answered]
    page = (await asked.get("/api/partners/referrals", state="waiting", limit=1)).json()
    assert len({each["case_id"] for each in page["referrals"]}) == 1 and page["next"]
    nobody = await programme.operators["partner_liaison"].get("/api/partners/referrals")
    assert nobody.status_code == 403


async def test_the_preview_shows_what_the_agency_was_told_of_the_referral(programme: World, clinic: Agency) -> None:
    case_id = await programme.person()
    referral = await programme.refers(case_id, clinic)
    path = f"partners/cases/{case_id}/referrals/{referral}/withdrawal"
    await programme.does("caseworker", path, {"reason": "made_in_error"})
    shown = await programme.operators["manager"].get(f"/api/partners/agreements/{clinic.agreement}/preview/{case_id}")
    assert shown.is_success, shown.text
    lines = [(each["type"], each["verdict"]) for each in shown.json()["lines"]]
    assert lines[-3:] == [(MADE, "sent"), (WITHDRAWN, "sent"), ("tombstone", "referral_ended")]
