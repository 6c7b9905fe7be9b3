"""What agencies were told is known for as long as the person is, and its content is kept no longer than it may be."""

import itertools
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from services.partners.domain.fact import Fact
from services.partners.kept import Gone
from shared.ids import new_id
from shared.persistence.database import rows
from tests.integration.partners.answerers import Agency, World
from tests.integration.partners.world import go_on

pytestmark = pytest.mark.asyncio(loop_scope="module")

OURS = "org.homeward.partners"
ASKED = "org.homeward.travel.document-requested.v1"
#: Days for which agencies promise to keep what they get, here.
KEPT = 30
_NUMBERS = itertools.count(1)


async def agency(programme: World, kind: str, **agreed: Any) -> Agency:
    """An agency with a feed that keeps things for a month."""
    number = next(_NUMBERS)
    id, client = await programme.liaison.agency(f"Keeper {number}", kind)
    agreement = await programme.liaison.approved(id, retention_days=KEPT, **agreed)
    key = {"Idempotency-Key": f"subscribe-keeper-{number}"}
    made = await client.post("/subscriptions", json={"agreement_id": agreement, "way": "feed"}, headers=key)
    assert made.is_success, made.text
    return Agency(id, client, made.json()["subscription_id"], agreement)


async def takes(agency: Agency) -> list[dict[str, Any]]:
    """The agency has everything that its feed has, and has said so."""
    events = await agency.events()
    shown = await agency.client.get(f"/subscriptions/{agency.subscription}/deliveries")
    after = {"subscription": agency.subscription, "after": shown.json()["position"]}
    assert (await agency.client.get("/feed", params=after)).json()["events"] == []
    return events


async def told(programme: World, case_id: str, agency: Agency) -> list[dict[str, Any]]:
    """What a person who asks hears that the agency was told."""
    headers = programme.operators["protection"]._headers | {"Purpose": "data-subject-request"}
    answer = await programme.suite.gateway.get(f"/api/partners/subjects/{case_id}", headers=headers)
    assert answer.is_success, answer.text
    return [each for each in answer.json()["records"]["told"] if each["subscription_id"] == agency.subscription]


async def replay(agency: Agency, day: datetime) -> Any:
    """The agency wants everything from a day on once more."""
    key = {"Idempotency-Key": f"replay-keeper-{next(_NUMBERS)}"}
    path = f"/subscriptions/{agency.subscription}/replay"
    return await agency.client.post(path, json={"from": day.date().isoformat()}, headers=key)


async def kept(programme: World, agency: Agency) -> list[Any]:
    """What is in the database for the agency."""
    statement = "SELECT * FROM delivery WHERE subscription_id = :id ORDER BY position"
    async with programme.suite.apps["partners"].state.service.database.transaction() as connection:
        return await rows(connection, statement, id=UUID(agency.subscription))


async def is_erased(programme: World, case_id: str) -> None:
    """Somebody who has withdrawn is erased."""
    await programme.does(
        "caseworker", f"screening/cases/{case_id}/erasure", {"ground": "requested", "reason": "was asked"}
    )
    await programme.does("protection", f"screening/cases/{case_id}/erasure/approval")
    await programme.rests()


async def test_after_a_withdrawal_the_person_hears_what_whom_was_told_and_after_an_erasure_nobody(
    programme: World,
) -> None:
    embassy, clinic = await agency(programme, "embassy"), await agency(programme, "health_partner")
    case_id = await programme.person()
    await programme.asks(case_id)
    await programme.refers(case_id, clinic)
    assert len(await clinic.events()) == 1
    [event] = await takes(embassy)
    [known] = await told(programme, case_id, embassy)
    assert known["data"] and sorted(known["data"]) == known["fields"]
    assert (known["type"], known["event_id"], known["acknowledged"]) == (ASKED, event["id"], True)
    assert known["person"] == sorted(event["data"]["person"])

    await programme.withdraws(case_id)
    assert [each["type"] for each in await embassy.events()] == [f"{OURS}.withheld.v1", f"{OURS}.tombstone.v1"]
    before, tombstone = await told(programme, case_id, embassy)
    assert before == known | {"data": None}
    assert (tombstone["type"], tombstone["acknowledged"]) == (f"{OURS}.tombstone.v1", False)
    [unread] = await told(programme, case_id, clinic)
    assert (unread["type"], unread["acknowledged"]) == (f"{OURS}.referral-made.v1", False)
    assert "services" in unread["fields"] and unread["agreement_id"] == clinic.agreement
    # That the embassy has taken what is left of it makes nothing of it told.
    await takes(clinic)
    assert (await told(programme, case_id, clinic))[0] == unread
    assert all(
        b"document" not in row.disclosed and b"referral" not in row.disclosed
        for row in await _sealed(programme, case_id)
    )

    await is_erased(programme, case_id)
    assert await told(programme, case_id, embassy) == [] == await told(programme, case_id, clinic)
    for row in [*await kept(programme, embassy), *await kept(programme, clinic)]:
        assert row.disclosed is None and row.case_id is None


async def test_what_was_never_handed_out_is_not_said_to_have_been_told(programme: World) -> None:
    silent, asking = await agency(programme, "embassy"), await agency(programme, "embassy")
    case_id = await programme.person()
    await programme.asks(case_id)
    await asking.events()
    assert await told(programme, case_id, silent) == []
    [known] = await told(programme, case_id, asking)
    assert (known["type"], known["acknowledged"]) == (ASKED, False)
    await programme.withdraws(case_id)
    assert await told(programme, case_id, silent) == []
    assert await told(programme, case_id, asking) == [known | {"data": None}]
    assert [row.disclosed for row in await kept(programme, silent)] == [None, None]
    assert [each["type"] for each in await silent.events()] == [f"{OURS}.withheld.v1", f"{OURS}.tombstone.v1"]
    assert [each["type"] for each in await told(programme, case_id, silent)] == [f"{OURS}.tombstone.v1"]


async def test_what_a_paused_feed_was_given_was_told_though_what_comes_before_it_was_not(programme: World) -> None:
    clinic = await agency(programme, "health_partner")
    case_id, other = await programme.person(), await programme.person()
    referral = await programme.refers(case_id, clinic)
    await takes(clinic)
    key = {"Idempotency-Key": f"pause-keeper-{next(_NUMBERS)}"}
    assert (await clinic.client.post(f"/subscriptions/{clinic.subscription}/pause", headers=key)).is_success
    await programme.refers(other, clinic)
    path = f"partners/cases/{case_id}/referrals/{referral}/withdrawal"
    await programme.does("caseworker", path, {"reason": "no_longer_needed"})
    after: dict[str, Any] = {"subscription": clinic.subscription, "after": 1}
    given = [each["type"] for each in (await clinic.client.get("/feed", params=after)).json()["events"]]
    assert [each["type"] for each in await told(programme, case_id, clinic)][1:] == given
    assert [each.split(".")[-2] for each in given] == ["referral-withdrawn", "tombstone"]
    assert await told(programme, other, clinic) == []


async def test_what_happens_just_before_a_withdrawal_is_emptied_with_it(programme: World) -> None:
    embassy = await agency(programme, "embassy")
    case_id = await programme.person()
    await programme.asks(case_id)
    await embassy.events()
    service = programme.suite.apps["partners"].state.service
    async with service.database.transaction() as connection:
        # As when both are heard in one batch.
        unit = service.unit(connection)
        await unit.load(cases=[UUID(case_id)])
        case = unit.cases.get(UUID(case_id))
        fact = Fact(new_id(), "/homeward/travel", ASKED, case.id, unit.clock.now(), {"authority": "embassy-pk"})
        assert unit.tell(fact, case)
        unit.bury(case, Gone.CONSENT_WITHDRAWN)
        await unit.flush()
    found = [(row.type.split(".")[-2], row.data, bool(row.disclosed)) for row in await kept(programme, embassy)]
    gone = {"reason": "consent_withdrawn"}
    assert found == [("withheld", {}, True), ("withheld", {}, False), ("tombstone", gone, False)]


async def test_what_an_agency_may_keep_no_longer_is_not_told_again_and_still_known(programme: World) -> None:
    embassy, slow = await agency(programme, "embassy"), await agency(programme, "embassy")
    case_id = await programme.person()
    await programme.asks(case_id)
    [event] = await takes(embassy)
    [known] = await told(programme, case_id, embassy)
    day = datetime.fromisoformat(known["at"])
    assert (await replay(embassy, day)).json()["events"] == 1

    today = await go_on(programme.suite, days=KEPT)
    assert await embassy.events() == [event]
    today = await go_on(programme.suite, days=1)
    [withheld] = await embassy.events()
    assert (withheld["type"], withheld["data"]) == (f"{OURS}.withheld.v1", {})
    assert [withheld[name] for name in ("id", "subject", "sequence")] == [
        event[name] for name in ("id", "subject", "sequence")
    ]
    assert await told(programme, case_id, embassy) == [known | {"data": None}]
    first = (today - timedelta(days=KEPT)).date().isoformat()
    refused = await replay(embassy, day)
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/not-kept-any-more")
    assert refused.json()["kept_since"] == first
    shown = await embassy.client.get(f"/subscriptions/{embassy.subscription}/deliveries")
    assert (shown.json()["kept_since"], shown.json()["waiting"]) == (first, 0)
    # Who has not asked yet misses nothing.
    assert [each["id"] != event["id"] and each["data"] for each in await slow.events()] == [event["data"]]

    said = {"number": "LP-0012345", "kind": "laissez_passer", "issued_on": today.date().isoformat()}
    said["expires_on"] = (today + timedelta(days=90)).date().isoformat()
    answered = await embassy.answers("document-issued", said, subject=event["subject"])
    assert answered.is_success, answered.text
    await programme.rests()
    await programme.withdraws(case_id)
    after = await takes(embassy)
    assert [each["sequence"] for each in after] == [str(number + 1) for number in range(len(after))]
    assert (after[-1]["type"], after[-1]["subject"]) == (f"{OURS}.tombstone.v1", event["subject"])
    assert (await told(programme, case_id, embassy))[0] == known | {"data": None}


async def test_what_was_not_taken_before_an_agreement_s_end_is_emptied_and_not_told_of_as_taken(
    programme: World,
) -> None:
    embassy, silent = await agency(programme, "embassy"), await agency(programme, "embassy")
    case_id = await programme.person()
    await programme.asks(case_id)
    assert await embassy.events() and (await kept(programme, embassy))[0].data
    for each in (embassy, silent):
        await programme.does("partner_liaison", f"partners/agreements/{each.agreement}/end")
    await go_on(programme.suite, minutes=1)
    [row] = await kept(programme, embassy)
    assert (row.type, row.data) == (f"{OURS}.withheld.v1", {})
    await takes(embassy)
    [known] = await told(programme, case_id, embassy)
    assert (known["type"], known["acknowledged"]) == (ASKED, False)
    await takes(silent)
    assert await told(programme, case_id, silent) == []
    shown = await embassy.client.get(f"/subscriptions/{embassy.subscription}/deliveries")
    assert shown.json()["kept_since"] is None


async def test_what_is_left_of_who_was_erased_goes_once_every_tombstone_is_acknowledged(programme: World) -> None:
    embassy, slow = await agency(programme, "embassy"), await agency(programme, "embassy")
    case_id, other = await programme.person(), await programme.person()
    await programme.asks(case_id)
    await programme.withdraws(case_id)
    await is_erased(programme, case_id)
    await programme.asks(other)
    subject = (await takes(embassy))[0]["subject"]
    await go_on(programme.suite, days=7 + KEPT)
    assert [each["subject"] for each in await embassy.events()].count(subject) == 3
    await go_on(programme.suite, days=1)
    assert [(each["subject"] != subject, each["sequence"]) for each in await embassy.events()] == [(True, "1")]
    assert len(await kept(programme, slow)) == 4
    # A subscription's last event stays, or who is before it would wait for it for ever.
    await programme.withdraws(other)
    await is_erased(programme, other)
    await takes(embassy)
    await go_on(programme.suite, days=8 + KEPT)
    assert (await kept(programme, embassy))[-1].type == f"{OURS}.tombstone.v1"
    assert (await kept(programme, embassy))[-1].acknowledged_at


async def _sealed(programme: World, case_id: str) -> list[Any]:
    statement = "SELECT disclosed FROM delivery WHERE case_id = :id AND disclosed IS NOT NULL"
    async with programme.suite.apps["partners"].state.service.database.transaction() as connection:
        found = await rows(connection, statement, id=UUID(case_id))
    assert found
    return found
