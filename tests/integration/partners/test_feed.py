"""An agency gets what its agreement says of its own nationals, by asking for it, and nothing else."""

import asyncio
from typing import Any

import pytest

from services.embedded import EmbeddedSuite
from tests.integration.partners.world import airline
from tests.integration.screening.programme import DECLARATION
from tests.support.liaison import Liaison
from tests.support.suite import OMAR, REGISTRATION, at_rest, sign_in

pytestmark = pytest.mark.asyncio(loop_scope="module")

TRAVEL = "org.homeward.travel"


async def test_an_embassy_hears_of_its_nationals_who_consent(suite: EmbeddedSuite) -> None:
    officer, movements, admin, liaison, manager = [
        await sign_in(suite, role) for role in ("caseworker", "movements", "admin", "partner_liaison", "manager")
    ]
    keeper = Liaison(suite, liaison, manager)
    agency, embassy = await keeper.agency("Embassy of Pakistan", "embassy")
    agreement = await keeper.agreement(agency)
    early = await embassy.post("/subscriptions", json={"agreement_id": agreement, "way": "feed"}, headers=_key())
    assert early.json()["type"] == "/problems/not-in-force"
    base = f"/api/partners/agreements/{agreement}"
    unsigned = await manager.post(f"{base}/approval", {})
    assert unsigned.json()["type"] == "/problems/agreement-without-copy"
    assert (await manager.get(f"{base}/signed-copy")).status_code == 404
    scan = b"%PDF-1.7 signed" + bytes(2 * 1024 * 1024)
    signed = await liaison.upload(f"{base}/signed-copy", "signed.pdf", scan)
    assert signed.is_success, signed.text
    seen = await manager.get(f"{base}/signed-copy")
    assert (seen.content, seen.headers["content-type"]) == (scan, "application/pdf")
    assert (await manager.post(f"{base}/approval", {})).json()["in_force"]
    by_queue = await embassy.post("/subscriptions", json={"agreement_id": agreement, "way": "amqp"}, headers=_key())
    assert by_queue.json()["type"] == "/problems/no-broker-for-agencies"
    assert "set no broker" in by_queue.json()["detail"]
    made = await embassy.post("/subscriptions", json={"agreement_id": agreement, "way": "feed"}, headers=_key())
    assert made.is_success, made.text
    subscription = made.json()["subscription_id"]

    case_id = (await officer.post("/api/screening/cases", REGISTRATION)).json()["case_id"]
    await officer.post(f"/api/screening/cases/{case_id}/declaration", DECLARATION)
    await at_rest(admin)
    asked = await movements.post(
        f"/api/travel/cases/{case_id}/document/request", {"authority": "embassy-pk", "kind": "laissez_passer"}
    )
    assert asked.is_success, asked.text
    await at_rest(admin)
    feed = (await embassy.get("/feed", params={"subscription": subscription})).json()
    [event] = feed["events"]
    assert event["type"] == f"{TRAVEL}.document-requested.v1"
    assert event["sequence"] == "1"
    assert event["subject"] != case_id
    assert event["data"]["authority"] == "embassy-pk"
    assert event["data"]["person"]["given_name"] == OMAR["given_name"]
    assert "phone" not in event["data"]["person"]

    withdrawal = {"place": "office", "reason": "stays"}
    await officer.post(f"/api/screening/cases/{case_id}/consent/withdrawal", withdrawal)
    await at_rest(admin)
    [withheld, tombstone] = (await embassy.get("/feed", params={"subscription": subscription})).json()["events"]
    assert (withheld["id"], withheld["type"]) == (event["id"], "org.homeward.partners.withheld.v1")
    assert (tombstone["subject"], tombstone["sequence"]) == (event["subject"], "2")
    assert tombstone["data"] == {"reason": "consent_withdrawn"}


async def test_a_poll_waits_until_there_is_something_and_acknowledges_what_was_had(suite: EmbeddedSuite) -> None:
    agency = await airline(suite, None)
    asked: dict[str, Any] = {"subscription": agency.subscription, "after": 0, "wait": 30}
    poll = asyncio.create_task(agency.client.get("/feed", params=asked))
    flight = await agency.flight()
    [event] = (await poll).json()["events"]
    assert event["type"] == f"{TRAVEL}.flight-scheduled.v1"
    nothing = await agency.client.get("/feed", params=asked | {"after": 1, "wait": 0.01})
    assert nothing.json() == {"events": [], "next": 1}
    assert (await agency.deliveries())["waiting"] == 0
    await agency.moved(flight)
    await agency.until(waiting=1)


async def test_more_polls_of_one_subscription_than_a_client_needs_are_refused(suite: EmbeddedSuite) -> None:
    agency, other = await airline(suite, None), await airline(suite, None)
    asked: dict[str, Any] = {"subscription": agency.subscription, "wait": 30}
    polls = [asyncio.create_task(agency.client.get("/feed", params=asked)) for _ in range(5)]
    done, waiting = await asyncio.wait(polls, return_when=asyncio.FIRST_COMPLETED)
    assert [each.result().status_code for each in done] == [429]
    assert done.pop().result().headers["Retry-After"] == "1"
    nothing = await other.client.get("/feed", params=asked | {"subscription": other.subscription, "wait": 0.01})
    assert nothing.is_success
    await agency.flight()
    assert [len((await each).json()["events"]) for each in waiting] == [1] * 4


def _key() -> dict[str, str]:
    _key.count = getattr(_key, "count", 0) + 1  # type: ignore[attr-defined]
    return {"Idempotency-Key": f"agency-{_key.count}"}  # type: ignore[attr-defined]
