"""A preview says what an agency is really told, also of what it must destroy, and when."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
import pytest_asyncio

from tests.integration.partners.answerers import Agency, World
from tests.integration.partners.world import go_on
from tests.support.suite import OMAR

pytestmark = pytest.mark.asyncio(loop_scope="module")

WITHHELD, TOMBSTONE = (f"org.homeward.partners.{what}.v1" for what in ("withheld", "tombstone"))
Told = list[dict[str, Any]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def agencies(programme: World) -> dict[str, Agency]:
    """Of each kind one; the mission has a second subscription, to departures alone."""
    kinds = {"embassy": "embassy", "clinic": "health_partner", "mission": "receiving_office"}
    found = {name: await programme.agency(kind) for name, kind in kinds.items()}
    mission = found["mission"]
    wanted = {"agreement_id": mission.agreement, "way": "feed", "types": ["org.homeward.travel.departed.v1"]}
    key = {"Idempotency-Key": "departures-alone"}
    made = (await mission.client.post("/subscriptions", json=wanted, headers=key)).json()
    return found | {"departures": replace(mission, subscription=made["subscription_id"])}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cases(programme: World, agencies: dict[str, Agency]) -> dict[str, str]:
    """Somebody who flies, who withdraws a day later, who is of another country, who is not referred any more."""
    clinic = agencies["clinic"]
    found = {name: await programme.person() for name in ("flown", "withdrawn", "corrected", "unreferred")}
    for case_id in found.values():
        await programme.asks(case_id)
        await programme.refers(case_id, clinic)
    identity = OMAR | {"nationality": "BD", "given_name": "Rahim", "family_name": "Another"}
    said = {"identity": identity, "reason": "another passport was found"}
    await programme.does("caseworker", f"screening/cases/{found['corrected']}/identity", said)
    shown = await programme.operators["caseworker"].get(f"/api/partners/cases/{found['unreferred']}/referrals")
    referral = shown.json()["referrals"][0]["referral_id"]
    path = f"partners/cases/{found['unreferred']}/referrals/{referral}/withdrawal"
    await programme.does("caseworker", path, {"reason": "made_in_error"})
    await programme.departs(found["flown"])
    await go_on(programme.suite, days=1)
    await programme.withdraws(found["withdrawn"])
    return found


@pytest.mark.parametrize("name", ["embassy", "clinic", "mission", "departures"])
@pytest.mark.parametrize("fate", ["flown", "withdrawn", "corrected", "unreferred"])
async def test_a_preview_shows_what_was_really_told(
    programme: World, agencies: dict[str, Agency], cases: dict[str, str], name: str, fate: str
) -> None:
    agency = agencies[name]
    lines = await _previewed(programme, agency, cases[fate], agency.subscription)
    sent = [each for each in lines if each["sequence"]]
    assert bool(sent) == (fate == "flown" or name in ("embassy", "clinic"))
    subjects = {each["event"]["subject"] for each in sent if each["event"]}
    told = [each for each in await agency.events() if each["subject"] in subjects]
    assert [each["sequence"] for each in sent] == [int(each["sequence"]) for each in told]
    for line, event in zip(sent, told, strict=True):
        if line["type"] == "tombstone":
            assert (event["type"], event["data"]["reason"]) == (TOMBSTONE, line["verdict"])
        else:
            assert event["type"] in (line["type"], WITHHELD)
            assert event["type"] == WITHHELD or _shared(event["data"]) == _shared(line["event"]["data"])


async def test_a_tombstone_is_shown_at_the_time_at_which_it_was_made(
    programme: World, agencies: dict[str, Agency], cases: dict[str, str]
) -> None:
    lines = await _previewed(programme, agencies["embassy"], cases["withdrawn"])
    [tombstone] = [each for each in lines if each["type"] == "tombstone"]
    before = datetime.fromisoformat(lines[lines.index(tombstone) - 1]["time"])
    assert datetime.fromisoformat(tombstone["time"]).date() > before.date()


async def test_what_a_subscription_does_not_ask_for_is_shown_as_that(
    programme: World, agencies: dict[str, Agency], cases: dict[str, str]
) -> None:
    departures = agencies["departures"]
    whole = await _previewed(programme, departures, cases["flown"])
    part = await _previewed(programme, departures, cases["flown"], departures.subscription)
    sent, asked = _verdicts(whole).count("sent"), _verdicts(part)
    assert "not_subscribed" not in _verdicts(whole)
    assert (asked.count("sent"), asked.count("not_subscribed")) == (1, sent - 1)
    manager, other = programme.operators["manager"], agencies["embassy"].subscription
    path = f"/api/partners/agreements/{departures.agreement}/preview/{cases['flown']}"
    assert (await manager.get(path, subscription=other)).status_code == 404


def _verdicts(lines: Iterable[dict[str, Any]]) -> list[str]:
    return [each["verdict"] for each in lines]


def _shared(data: dict[str, Any]) -> dict[str, Any]:
    """But for who the person is, which is added at delivery."""
    return {name: value for name, value in data.items() if name != "person"}


async def _previewed(programme: World, agency: Agency, case_id: str, subscription: str | None = None) -> Told:
    named = {"subscription": subscription} if subscription else {}
    path = f"/api/partners/agreements/{agency.agreement}/preview/{case_id}"
    shown = await programme.operators["manager"].get(path, **named)
    assert shown.is_success, shown.text
    return list(shown.json()["lines"])
