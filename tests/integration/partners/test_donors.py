"""A donor beside the whole suite hears how many there were, and nothing of who they are."""

from datetime import UTC, datetime
from typing import Any

import pytest

from services.embedded import EmbeddedSuite
from tests.integration.partners.donors import FIGURES, numbers
from tests.support.bench import eventually
from tests.support.liaison import Liaison
from tests.support.suite import OMAR, REGISTRATION, at_rest, sign_in

pytestmark = pytest.mark.asyncio(loop_scope="module")

#: Names, a day of birth, a phone's number and a document's: of each of these people, and in nothing that a donor gets.
CANARIES = ("Omarcanary", "Testcanary", "1991-02-03", "+923001112223", "CANARY1234")


async def test_a_donor_hears_how_many_and_never_who(suite: EmbeddedSuite) -> None:
    officer, admin, liaison, manager = [
        await sign_in(suite, role) for role in ("caseworker", "admin", "partner_liaison", "manager")
    ]
    keeper = Liaison(suite, liaison, manager)
    agency, donor = await keeper.agency("A donor", "donor", "DE")
    agreement = await keeper.approved(agency)
    made = await donor.post(
        "/subscriptions", json={"agreement_id": agreement, "way": "feed"}, headers={"Idempotency-Key": "the-donor"}
    )
    assert made.json()["types"] == [FIGURES]
    registered = []
    for number in range(6):
        who: dict[str, Any] = {**OMAR, "given_name": f"Omarcanary {number}", "family_name": f"Testcanary {number}"}
        who |= {"phone": CANARIES[3], "document_numbers": [f"{CANARIES[4]}{number}"]}
        answer = await officer.post("/api/screening/cases", REGISTRATION | {"identity": who})
        assert answer.is_success, answer.text
        registered.append(answer.json())
    await at_rest(admin)
    moved = await admin.post("/api/clock", {"now": datetime(2026, 2, 6, tzinfo=UTC).isoformat()})
    assert moved.is_success, moved.text

    async def told() -> list[str]:
        feed = await donor.get("/feed", params={"subscription": made.json()["subscription_id"]})
        return [feed.text] if feed.json()["events"] else []

    # Unless a comparison with the logs was under way, they are there: the next look is half a minute later.
    [text] = await eventually(told, seconds=60)
    events = (await donor.get("/feed", params={"subscription": made.json()["subscription_id"]})).json()["events"]
    [pakistan] = [each for each in events if each["data"]["country_of_origin"] == "PK"]
    assert numbers(pakistan["data"], "registered")[0] == 6
    ours = {str(value) for each in registered for value in each.values() if isinstance(value, str)}
    assert not [each for each in (*CANARIES, *ours) if len(each) > 3 and each in text]
    shown = await liaison.get("/api/partners/figures", agreement=agreement)
    assert shown.json()["months"][-1]["rows"][0]["all"] == {"count": 6, "suppressed": False}
