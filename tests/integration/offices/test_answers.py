"""Who works for one office hears nothing of another's referrals, and doesn't decide about another's people."""

from typing import Any

import httpx
import pytest

from shared.ids import new_id
from tests.integration.gateway.suite import Suite, person
from tests.integration.offices.journey import ROLES, officer

pytestmark = pytest.mark.asyncio(loop_scope="package")

DECLARATION = {"place": "Tripoli", "place_kind": "office", "language": "ur", "witness": "W-1"} | {
    "alternatives_explained": True,
    "data_consent": True,
    "given_by": "self",
    "recipients": ["embassy", "exit_authority", "carrier", "receiving_office", "health_partner"],
}


async def clinic(suite: Suite, everybody: httpx.AsyncClient) -> tuple[str, httpx.AsyncClient]:
    """A clinic to which people are referred, with a feed."""
    made = {"name": f"Clinic {new_id()}", "kind": "health_partner", "country": "PK"}
    id = (await suite.command(everybody, "partners/agencies", made))["agency_id"]
    said = {"agency_id": id, "legal_basis": "consent", "purpose": "caring for people", "retention_days": 90}
    days = {"contact": "the doctor", "valid_from": "2020-01-01", "valid_until": "2099-12-31"}
    agreement = (await suite.command(everybody, "partners/agreements", said | days))["agreement_id"]
    path = f"/api/partners/agreements/{agreement}/signed-copy"
    file = {"file": ("signed.pdf", b"%PDF-1.7")}
    assert (await everybody.post(path, files=file, headers=suite.idempotency())).is_success
    approver = suite.user(*ROLES, name="approver")
    await suite.command(approver, f"partners/agreements/{agreement}/approval", {})
    wanted = {"contact": "the doctor", "reason": "a first key"}
    opened = await suite.command(everybody, f"partners/agencies/{id}/access-requests", wanted)
    path = f"partners/agencies/{id}/access-requests/{opened['request_id']}/approval"
    codes = opened | await suite.command(approver, path, {})
    claim = {name: codes[name] for name in ("request_code", "claim_code")}
    key = (await suite.client("partners").post("/claims", json=claim)).json()["key"]
    client = suite.client("partners", key)
    wanted = {"agreement_id": agreement, "way": "feed"}
    assert (await client.post("/subscriptions", json=wanted, headers=suite.idempotency())).is_success
    return id, client


async def referred(suite: Suite, user: httpx.AsyncClient, agency: str, **changes: Any) -> str:
    """Somebody who is referred to the agency."""
    case_id = str((await suite.register(user, **changes))["case_id"])
    await suite.command(user, f"screening/cases/{case_id}/declaration", DECLARATION)
    await suite.at_rest(suite.user(*ROLES))
    body = {"case_id": case_id, "agency_id": agency, "services": ["medical_care"]}
    await suite.command(user, "partners/referrals", body)
    return case_id


async def test_an_answer_about_two_offices_people_is_decided_by_who_works_for_both(suite: Suite) -> None:
    home, other, both = officer(suite, "tripoli"), officer(suite, "abidjan"), officer(suite, "tripoli", "abidjan")
    id, agency = await clinic(suite, suite.user(*ROLES))
    name = {"given_name": f"Zalmai{new_id().hex[-8:]}", "family_name": "Sahak"}
    mine = await referred(suite, home, id, **name)
    await referred(suite, other, id, **name, office="abidjan")
    born = person()["identity"]["date_of_birth"]
    body = {"id": new_id().hex, "type": "org.homeward.agency.referral-accepted.v1", "data": {}}
    answer = await agency.post("/answers", json=body | {"person": {**name, "date_of_birth": born}})
    assert answer.json()["state"] == "waiting", answer.text
    receipt = answer.json()["receipt"]
    shown = (await home.get(f"/api/partners/answers/{receipt}/candidates")).json()
    assert shown["candidates"] == [mine]
    path, decision = f"partners/answers/{receipt}/decision", {"case_id": mine, "reason": "was seen there"}
    refused = await home.post(f"/api/{path}", json=decision, headers=suite.idempotency())
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/elsewhere-too")
    stranger = officer(suite, "islamabad")
    assert (await stranger.get(f"/api/partners/answers/{receipt}/candidates")).status_code == 404
    assert receipt not in (await stranger.get("/api/partners/answers", params={"state": "waiting"})).text
    unknown = await stranger.post(f"/api/{path}", json=decision, headers=suite.idempotency())
    assert unknown.status_code == 404
    assert (await suite.command(both, path, decision))["state"] == "applied"
    assert (await home.get(f"/api/partners/cases/{mine}/referrals")).json()["referrals"][0]["state"] == "accepted"
    assert receipt in (await home.get("/api/partners/answers", params={"state": "applied"})).text
    assert receipt not in (await other.get("/api/partners/answers", params={"state": "applied"})).text


async def test_another_office_hears_of_no_referral_and_makes_none(suite: Suite) -> None:
    home, stranger = officer(suite, "tripoli"), officer(suite, "abidjan")
    id, _ = await clinic(suite, suite.user(*ROLES))
    case_id = await referred(suite, home, id, given_name=f"Zalmai{new_id().hex[-8:]}")
    for path in ("referrals", f"cases/{case_id}/referrals"):
        assert case_id in (await home.get(f"/api/partners/{path}", params={"limit": 500})).text
    assert case_id not in (await stranger.get("/api/partners/referrals", params={"limit": 500})).text
    assert (await stranger.get(f"/api/partners/cases/{case_id}/referrals")).status_code == 404
    body = {"case_id": case_id, "agency_id": id, "services": ["shelter"]}
    refused = await stranger.post("/api/partners/referrals", json=body, headers=suite.idempotency())
    assert (refused.status_code, refused.json()["type"]) == (404, "/problems/not-found")
