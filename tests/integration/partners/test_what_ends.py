"""What an agency was told of a person doesn't outlive its reason: erasure, another nationality, work that is over."""

from typing import Any
from uuid import UUID

import pytest

from shared.persistence.database import rows
from tests.integration.partners.answerers import World
from tests.support.suite import OMAR

pytestmark = pytest.mark.asyncio(loop_scope="module")

OURS = "org.homeward.partners"


async def test_an_agency_is_told_to_destroy_what_it_holds_of_somebody_who_is_erased(programme: World) -> None:
    embassy, clinic = await programme.agency("embassy"), await programme.agency("health_partner")
    case_id = await programme.person()
    await programme.asks(case_id)
    await programme.refers(case_id, clinic)
    await programme.withdraws(case_id)
    request = {"ground": "requested", "reason": "was asked for"}
    await programme.does("caseworker", f"screening/cases/{case_id}/erasure", request)
    await programme.does("protection", f"screening/cases/{case_id}/erasure/approval")
    await programme.rests()
    told = [await agency.events() for agency in (embassy, clinic)]
    for events in told:
        assert events[-1]["type"] == f"{OURS}.tombstone.v1"
        assert events[-1]["data"] == {"reason": "erased"}
        assert events[-1]["subject"] == events[0]["subject"]
        assert OMAR["family_name"] not in str(events)
    first, second = (events[-1]["id"] for events in told)
    # Ids that count time would show that both were told in one moment.
    assert UUID(first).version == UUID(second).version == 8
    assert first[:13] != second[:13]
    kept = await _kept(programme, case_id)
    assert (kept["referrals"], kept["recipients"], kept["referred_to"]) == ([], [], [])


async def test_who_is_of_another_country_after_all_is_no_longer_told_to_the_country_before(programme: World) -> None:
    embassy = await programme.agency("embassy")
    case_id = await programme.person(family_name="Correctedson")
    await programme.asks(case_id)
    [before] = await embassy.events()
    assert before["data"]["person"]["family_name"] == "Correctedson"
    identity = OMAR | {"nationality": "BD", "given_name": "Rahim", "family_name": "Secretname"}
    said = {"identity": identity, "reason": "another passport was found"}
    await programme.does("caseworker", f"screening/cases/{case_id}/identity", said)
    await programme.rests()
    [withheld, tombstone] = await embassy.events()
    assert (withheld["id"], withheld["type"]) == (before["id"], f"{OURS}.withheld.v1")
    assert (tombstone["type"], tombstone["data"]) == (f"{OURS}.tombstone.v1", {"reason": "of_another_country"})
    key = {"Idempotency-Key": "replay-after-correction"}
    path = f"/subscriptions/{embassy.subscription}/replay"
    replayed = await embassy.client.post(path, json={"from": "2026-01-05"}, headers=key)
    assert replayed.is_success, replayed.text
    assert "Secretname" not in str(await embassy.events())


async def test_who_was_told_a_name_hears_that_it_was_put_right_and_nobody_else(programme: World) -> None:
    told, not_told = await programme.agency("embassy"), await programme.agency("embassy")
    case_id = await programme.person(family_name="Mispelt")
    paused = f"/subscriptions/{not_told.subscription}/end"
    assert (await not_told.client.post(paused, headers={"Idempotency-Key": "hears-nothing"})).is_success
    await programme.asks(case_id)
    late = await programme.agency("embassy")
    identity = OMAR | {"given_name": "Rahim", "family_name": "Misspelt"}
    body = {"identity": identity, "reason": "a letter was missing"}
    await programme.does("caseworker", f"screening/cases/{case_id}/identity", body)
    await programme.rests()
    first, corrected = await told.events()
    assert corrected["type"] == "org.homeward.screening.identity-corrected.v1"
    assert (corrected["subject"], corrected["sequence"]) == (first["subject"], "2")
    assert corrected["data"].keys() == {"person"}
    assert corrected["data"]["person"]["family_name"] == "Misspelt"
    assert await late.events() == await not_told.events() == []


async def test_an_authority_is_not_told_that_somebody_seeks_protection(programme: World) -> None:
    border = await programme.agency("exit_authority")
    case_id = await programme.person()
    body = {"case_id": case_id, "agency_id": border.id, "services": ["exit_visa", "international_protection"]}
    refused = await programme.operators["caseworker"].post("/api/partners/referrals", body)
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/need-of-other-kind")
    assert refused.json()["services"] == ["international_protection"]
    await programme.refers(case_id, border, "exit_visa")
    [event] = await border.events()
    assert event["data"]["services"] == ["exit_visa"]


async def test_a_feed_is_not_acknowledged_further_than_it_goes(programme: World) -> None:
    embassy = await programme.agency("embassy")
    case_id = await programme.person()
    await programme.asks(case_id)
    ahead = await embassy.client.get("/feed", params={"subscription": embassy.subscription, "after": 10**12})
    assert (ahead.status_code, ahead.json()["type"]) == (422, "/problems/ahead-of-feed")
    shown = (await embassy.client.get(f"/subscriptions/{embassy.subscription}/deliveries")).json()
    assert shown["waiting"] == 1


async def test_who_puts_an_agreement_in_force_sees_before_what_it_would_tell(programme: World) -> None:
    case_id = await programme.person()
    await programme.asks(case_id)
    agency, _ = await programme.liaison.agency("Embassy that waits", "embassy")
    agreement = await programme.liaison.agreement(agency)
    shown = await programme.operators["manager"].get(f"/api/partners/agreements/{agreement}/preview/{case_id}")
    verdicts = {line["type"].split(".")[-2]: line["verdict"] for line in shown.json()["lines"]}
    assert verdicts["document-requested"] == "sent"


async def _kept(programme: World, case_id: str) -> dict[str, Any]:
    async with programme.suite.apps["partners"].state.service.database.transaction() as connection:
        [row] = await rows(connection, "SELECT state FROM partner_case WHERE id = :id", id=UUID(case_id))
    return dict(row.state)
