"""Donors get figures: of whole months, of enough people, once, and again when enough of them has changed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, date, datetime
from typing import Any

import jsonschema_rs
import pytest_asyncio

from services.partners.contracts.schemas import schema_of
from shared.auth.roles import Role
from shared.contracts import reintegration, screening, travel
from shared.contracts.vocabulary import AgeGroup
from shared.ids import new_id
from tests.integration.partners.donors import CANARY, FIGURES, Donor, Donors, numbers

JANUARY, FEBRUARY = date(2026, 1, 12), date(2026, 2, 12)
#: Days on which the figures of January, of February and so on are there.
SETTLED = [datetime(2026, month, 6, tzinfo=UTC) for month in range(2, 9)]
#: The members of a figures' event that say what it is of.
FRAME = ["country_of_origin", "month", "edition"]


@pytest_asyncio.fixture
async def stage(postgres_url: str) -> AsyncIterator[Donors]:
    async with Donors(postgres_url) as running:
        yield running


async def test_a_donor_gets_figures_of_enough_people_and_nothing_of_any_of_them(stage: Donors) -> None:
    donor = await stage.donor()
    adults = await stage.registered(9, JANUARY)
    infants = await stage.registered(3, JANUARY, AgeGroup.INFANT)
    children = await stage.registered(5, JANUARY, AgeGroup.CHILD)
    await stage.arrived(adults[:7], JANUARY)
    await stage.helped(adults[:4], JANUARY)
    await stage.registered(4, JANUARY, country="CI")
    assert await donor.events() == []
    await stage.until(datetime(2026, 2, 5, 23, 59, tzinfo=UTC))
    assert await donor.events() == []
    await stage.until(SETTLED[0])

    answer = await donor.feed()
    ivory, pakistan = sorted(answer.json()["events"], key=lambda each: str(each["data"]["country_of_origin"]))
    assert [pakistan["data"][name] for name in FRAME] == ["PK", "2026-01", 1]
    assert numbers(pakistan["data"], "registered") == [17, 9, 8, None, None]
    assert numbers(pakistan["data"], "arrived") == [7, None, None, None, None]
    assert numbers(pakistan["data"], "departed") == numbers(pakistan["data"], "arrived")
    # Four and nobody look the same, in one country and in another.
    for data, measures in ((pakistan["data"], ("closed", "followed_up", "cleared")), (ivory["data"], ("registered",))):
        assert all(numbers(data, each) == [None] * 5 for each in measures)
    assert {each["type"] for each in (ivory, pakistan)} == {FIGURES}
    assert {each["sequence"] for each in (ivory, pakistan)} == {"1"}
    assert ivory["subject"] != pakistan["subject"]
    assert pakistan["time"] == "2026-02-01T00:00:00Z"
    assert CANARY not in answer.text
    assert not [case for case in (*adults, *infants, *children) if str(case) in answer.text]
    jsonschema_rs.validator_for(schema_of(FIGURES), validate_formats=True).validate(pakistan["data"])


async def test_a_correction_comes_when_enough_has_changed_and_not_before(stage: Donors) -> None:
    donor = await stage.donor()
    cases = await stage.registered(30, JANUARY)
    await stage.arrived(cases, JANUARY)
    await stage.until(SETTLED[0])
    missing = travel.ArrivalCorrected(flight_id=new_id(), arrived=False, corrected_on=FEBRUARY)
    await stage.all_tell(travel.SOURCE, cases[:4], missing)
    await stage.until(SETTLED[1])
    assert [each["data"]["month"] for each in await donor.of("PK")] == ["2026-01", "2026-02"]
    await stage.all_tell(travel.SOURCE, cases[4:6], missing)
    await stage.until(SETTLED[2])
    told = await donor.of("PK")
    assert [(each["data"]["month"], each["data"]["edition"]) for each in told] == [
        *(("2026-01", 1), ("2026-02", 1)),
        *(("2026-01", 2), ("2026-03", 1)),
    ]
    assert [each["sequence"] for each in told] == ["1", "2", "3", "4"]
    assert numbers(told[2]["data"], "arrived")[0] == 24
    assert numbers(told[2]["data"], "departed")[0] == 30
    # Two came after all, with their flight: that is what was told already, but for few.
    await stage.all_tell(travel.SOURCE, cases[:2], missing.model_copy(update={"arrived": True}))
    await stage.until(SETTLED[3])
    assert [each["data"]["month"] for each in (await donor.of("PK"))[4:]] == ["2026-04"]
    assert len({each["id"] for each in await donor.events()}) == len(await donor.events())


async def test_what_was_wrong_or_counted_twice_is_taken_back(stage: Donors) -> None:
    donor = await stage.donor()
    cases = await stage.registered(20, JANUARY)
    await stage.all_tell(screening.SOURCE, cases[:3], screening.CaseMerged(into_case_id=cases[-1]))
    elsewhere = screening.IdentityCorrected(country_of_origin="CI", age_group=AgeGroup.CHILD)
    await stage.all_tell(screening.SOURCE, cases[3:10], elsewhere)
    approved = reintegration.PlanApproved(fund_id=new_id(), amount=1, currency="EUR")
    await stage.all_tell(reintegration.SOURCE, cases[10:], approved)
    undone = reintegration.ReintegrationCancelled(reason="arrival_corrected", spent=0, currency="EUR")
    await stage.all_tell(reintegration.SOURCE, cases[10:14], undone)
    await stage.helped(cases[10:], JANUARY)
    back = reintegration.DeliveryCorrected(line=1, amount=1, currency="EUR")
    await stage.all_tell(reintegration.SOURCE, cases[10:12], back)
    await stage.until(SETTLED[0])
    [pakistan], [ivory] = await donor.of("PK"), await donor.of("CI")
    assert numbers(pakistan["data"], "registered")[0] == 10
    assert numbers(ivory["data"], "registered") == [7, None, None, None, None]
    assert numbers(pakistan["data"], "plans_approved")[0] == 6
    assert numbers(pakistan["data"], "reintegrations_completed")[0] == 8


async def test_who_is_erased_stays_counted_and_nothing_leads_to_the_person(stage: Donors) -> None:
    donor = await stage.donor()
    cases = await stage.registered(6, JANUARY)
    await stage.all_tell(screening.SOURCE, cases[:5], screening.PersonErased(erased_on=JANUARY))
    await stage.until(SETTLED[0])
    [told] = await donor.of("PK")
    assert numbers(told["data"], "registered")[0] == 6
    reader = stage.user(Role.PROTECTION, id="reader")
    reader.client.headers["Purpose"] = "data-subject-request"
    erased, other = [await reader.reads(f"/subjects/{case}") for case in (cases[0], cases[5])]
    assert other["records"]["cases"][0]["reached"] == {"registered": "2026-01-01"}
    assert erased["records"]["cases"][0]["reached"] == {}
    assert erased["records"]["cases"][0]["age_group"] is None


async def test_after_a_pause_of_months_each_month_comes_once_and_a_late_subscriber_gets_them_all(stage: Donors) -> None:
    first = await stage.donor()
    await stage.registered(8, JANUARY)
    await stage.registered(6, FEBRUARY)
    await stage.until(SETTLED[3])
    late = await stage.donor(valid_from="2026-02-01")
    await stage.until(SETTLED[3].replace(day=7))
    months = ["2026-01", "2026-02", "2026-03", "2026-04"]
    assert [each["data"]["month"] for each in await first.of("PK")] == months
    assert [each["data"]["month"] for each in await late.of("PK")] == months[1:]
    both = {each["id"] for each in await first.events()}, {each["id"] for each in await late.events()}
    assert not both[0] & both[1]


async def test_no_figures_are_made_before_everything_was_heard_that_the_services_have_told(postgres_url: str) -> None:
    stage = Donors(postgres_url, start=SETTLED[0])
    stage.past = 30
    async with stage:
        donor = await stage.donor()
        await stage.settle()
        await stage.until(SETTLED[0].replace(hour=12))
        [told] = await donor.of("PK")
        assert numbers(told["data"], "registered")[0] == 30


async def test_two_replicas_tell_of_each_month_once(stage: Donors) -> None:
    donor = await stage.donor()
    await stage.registered(8, JANUARY)
    async with AsyncExitStack() as stack:
        services = [app.state.service for app in (stage.apps["partners"], await stage.replica(stack))]
        while not all(service.reconciler.complete for service in services):
            await asyncio.sleep(0.02)
        for settled in SETTLED[:3]:
            await asyncio.gather(*(service.set_clock(settled) for service in services))
            await asyncio.gather(*(service.scheduler.run_due() for service in services for _ in range(3)))
        told = await donor.events()
    assert [each["data"]["month"] for each in told if each["data"]["country_of_origin"] == "PK"] == [
        *("2026-01", "2026-02", "2026-03")
    ]
    assert len(told) == 6 and len({each["id"] for each in told}) == 6


async def test_nothing_is_told_but_what_is_agreed_and_nothing_after_the_end(stage: Donors) -> None:
    events = {FIGURES: [*FRAME, "registered"]}
    narrow = await stage.donor(terms={"events": events, "scope": "figures", "countries": ["CI"], "precision": "month"})
    ended = await stage.donor()
    await stage.registered(12, JANUARY, country="CI")
    await stage.arrived(await stage.registered(12, JANUARY), JANUARY)
    await stage.until(SETTLED[0])
    assert len(await ended.events()) == 2
    await stage.liaison.does(f"/agreements/{ended.agreement}/end")
    await stage.until(SETTLED[1])
    assert {each["type"] for each in await ended.events()} == {"org.homeward.partners.withheld.v1"}
    assert len(await ended.events()) == 2
    told = await narrow.events()
    assert [each["data"].keys() for each in told] == [{*FRAME, "registered"}] * 2
    assert [each["data"]["country_of_origin"] for each in told] == ["CI", "CI"]
    # What others hear of has changed: this one hears nothing of it.
    late = await stage.registered(9, FEBRUARY, country="CI")
    await stage.arrived(late, JANUARY)
    await stage.until(SETTLED[2])
    assert [each["data"]["month"] for each in (await narrow.events())[2:]] == ["2026-02", "2026-03"]


async def test_who_looks_after_agencies_sees_what_a_donor_is_told(stage: Donors) -> None:
    donor = await stage.donor()
    await stage.registered(9, JANUARY)
    await stage.registered(3, JANUARY, AgeGroup.INFANT)
    path = f"/figures?agreement={donor.agreement}"
    assert (await stage.liaison.reads(path))["months"] == []
    await stage.until(SETTLED[0])
    shown = await stage.liaison.reads(path)
    assert (shown["smallest"], shown["in_force"]) == (5, True)
    for event, month in zip(await donor.events(), shown["months"], strict=True):
        assert [month[name] for name in FRAME] == [event["data"][name] for name in FRAME]
        for row in month["rows"]:
            assert row["all"] == event["data"][row["measure"]]
            assert row["by_age_group"] == event["data"][f"{row['measure']}_by_age_group"]
    [pakistan] = [each for each in shown["months"] if each["country_of_origin"] == "PK"]
    [registered] = [each for each in pakistan["rows"] if each["measure"] == "registered"]
    assert registered["all"] == {"count": 12, "suppressed": False}
    assert registered["by_age_group"]["INF"] == {"count": None, "suppressed": True}
    embassy, _ = await stage.agency("embassy")
    other = (await stage.liaison.does("/agreements", stage.agreement(embassy)))["agreement_id"]
    assert (await stage.liaison.client.get(f"/figures?agreement={other}")).status_code == 404
    assert (await donor.user.client.get(path)).status_code == 403


async def test_a_donor_agrees_on_figures_alone_and_nobody_else_does(stage: Donors) -> None:
    donor = await stage.donor()
    departed = "org.homeward.travel.departed.v1"
    wanted = {"agreement_id": donor.agreement, "way": "feed", "types": [departed]}
    assert (await donor.user.refused("/subscriptions", wanted))["type"] == "/problems/outside-agreement"

    async def refused(kind: str, **terms: Any) -> str:
        agency, _ = await stage.agency(kind)
        body = stage.agreement(agency, terms=terms)
        return str((await stage.liaison.refused("/agreements", body))["type"]).removeprefix("/problems/")

    figures = {FIGURES: [*FRAME, "arrived"]}
    cases: dict[str, list[str]] = {departed: []}
    assert await refused("donor", events=figures | cases, scope="figures") == "figures-alone"
    assert await refused("donor", events=figures, scope="figures", person=["sex"]) == "figures-alone"
    assert await refused("donor", events=cases, scope="own_nationals") == "scope-of-other-kind"
    assert await refused("donor", events={FIGURES: ["arrived"]}, scope="figures") == "figures-of-nothing"
    assert await refused("embassy", events=figures, scope="own_nationals") == "figures-alone"
    assert await refused("embassy", events=figures, scope="figures") == "scope-of-other-kind"


async def test_a_paused_donor_is_told_when_it_resumes(stage: Donors) -> None:
    donor: Donor = await stage.donor()
    await donor.user.does(f"/subscriptions/{donor.subscription}/pause")
    await stage.registered(8, JANUARY)
    await stage.until(SETTLED[0])
    assert await donor.events() == []
    await donor.user.does(f"/subscriptions/{donor.subscription}/resume")
    assert len(await donor.of("PK")) == 1
