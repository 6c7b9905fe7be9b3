"""One command lets nothing leave to an agency. What happens is kept, and comes once a second person says so."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from uuid import UUID

import pytest
import pytest_asyncio

from services.embedded import EmbeddedSuite
from services.partners.domain.access import Suspension
from services.partners.registry import registry_of
from services.partners.suspensions import suspension
from services.partners.webhooks import rounds
from shared.ids import new_id
from shared.persistence.database import run
from tests.integration.partners.world import Airline, airline, by_subject, go_on
from tests.support.bench import eventually
from tests.support.liaison import Liaison
from tests.support.receivers import Call, Receiver, answer, receiving
from tests.support.suite import at_rest, sign_in

Suspend = Callable[[Airline], Awaitable[None]]

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as running:
        yield running


async def test_nothing_leaves_to_an_agency_that_is_suspended_and_all_of_it_comes_afterwards(
    suite: EmbeddedSuite, receiver: Receiver
) -> None:
    agency = await airline(suite, receiver)
    feed = await also_asks(agency)
    await agency.shake_hands()
    flight = await agency.flight()
    await receiver.got(1)
    await agency.until(waiting=0)
    calls = len(receiver.posted)

    await agency.suspended()
    await agency.moved(flight, times=3)
    await at_rest(agency.operators["admin"])
    refused = await agency.client.get("/feed", params={"subscription": feed})
    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/agency-suspended")
    for path in ("/subscriptions", "/deliveries", "/access/keys"):
        assert (await agency.client.get(path)).status_code == 403
    # What others are called with afterwards was kept afterwards.
    async with receiving() as another:
        witness = await airline(suite, another)
        await witness.shake_hands()
        await witness.flight()
        await another.got(1)
    await agency.retry()
    assert not await agency.is_due(rounds.LEASES)
    line = await agency.line()
    day = (await go_on(suite)).date()
    assert line["concern"] == f"suspended since {day.day} {day:%b %Y}: nothing leaves, 3 events wait"
    assert (line["suspended_on"], line["waiting"]) == (day.isoformat(), 3)
    assert len(receiver.posted) == calls

    await agency.resumed()
    await agency.until(waiting=0, concern=None, suspended_on=None)
    assert by_subject(receiver) == {receiver.posted[0].event["subject"]: [1, 2, 3, 4]}
    events = (await agency.client.get("/feed", params={"subscription": feed})).json()["events"]
    assert [int(each["sequence"]) for each in events] == [1, 2, 3, 4]


async def also_asks(agency: Airline) -> str:
    """Another subscription, a feed."""
    [mine] = (await agency.client.get("/subscriptions")).json()["subscriptions"]
    body = {"agreement_id": mine["agreement_id"], "way": "feed"}
    made = await agency.client.post(
        "/subscriptions", json=body, headers={"Idempotency-Key": f"also-asks-{agency.carrier}"}
    )
    return str(made.json()["subscription_id"])


async def here(agency: Airline) -> None:
    await agency.suspended()


async def elsewhere(agency: Airline) -> None:
    """As another process leaves it, once this one may know."""
    database = agency.suite.apps["partners"].state.service.database
    async with database.transaction() as connection:
        made = Suspension("a breach", "user:another", datetime(2026, 1, 6, tzinfo=UTC))
        values = suspension(new_id(), UUID(agency.id), made)
        names = ", ".join(values)
        marks = ", ".join(f":{name}" for name in values)
        await run(connection, f"INSERT INTO agency_suspension ({names}) VALUES ({marks})", **values)
        await run(connection, "UPDATE partner_registry SET version = version + 1")
        registry = registry_of(connection)

    async def known() -> bool:
        return UUID(agency.id) in registry.suspended

    await eventually(known, seconds=5)


@pytest.mark.parametrize("suspend", [here, elsewhere])
async def test_a_round_of_calls_that_is_under_way_stops(suite: EmbeddedSuite, suspend: Suspend) -> None:
    going, called = asyncio.Event(), asyncio.Event()

    async def hold(_: Call) -> bytes:
        called.set()
        await going.wait()
        return answer(204)

    async with receiving() as receiver:
        agency = await airline(suite, receiver)
        await agency.shake_hands()
        flight = await agency.flight()
        await receiver.got(1)
        await agency.until(waiting=0)
        assert (await agency.post("pause")).is_success
        await agency.moved(flight, times=6)
        await agency.until(waiting=6)
        receiver.reply = hold
        assert (await agency.post("resume")).is_success
        await called.wait()
        await suspend(agency)
        going.set()

        async def told_of_one() -> bool:
            return bool((await agency.line())["waiting"] == 5)

        await eventually(told_of_one, seconds=30)
        assert len(receiver.posted) == 2
        receiver.reply = lambda _: answer(204)
        await agency.resumed()
        await agency.until(waiting=0)
        assert list(by_subject(receiver).values()) == [[1, 2, 3, 4, 5, 6, 7]]


async def test_a_poll_that_waits_is_told_nothing(suite: EmbeddedSuite) -> None:
    agency = await airline(suite, None)
    query = {"subscription": agency.subscription, "wait": "20"}
    poll = asyncio.create_task(agency.client.get("/feed", params=query))
    arrivals = suite.apps["partners"].state.arrivals

    async def waits() -> bool:
        return bool(arrivals._polls[UUID(agency.subscription)])

    await eventually(waits)
    await agency.suspended()
    await agency.flight()
    assert (await poll).status_code == 403


async def test_who_suspended_an_agency_does_not_resume_it_and_no_liaison_does(suite: EmbeddedSuite) -> None:
    agency = await airline(suite, None)
    path, why = f"/api/partners/agencies/{agency.id}", {"reason": "a breach"}
    manager, officer = agency.operators["manager"], await sign_in(suite, "data_protection")
    assert (await agency.operators["caseworker"].post(f"{path}/suspend", why)).status_code == 403
    assert (await manager.post(f"{path}/resume", {})).json()["type"] == "/problems/not-suspended"
    assert (await manager.post(f"{path}/suspend", why)).is_success
    again = await officer.post(f"{path}/suspend", why)
    assert (again.status_code, again.json()["type"]) == (409, "/problems/suspended-already")
    assert (await agency.operators["partner_liaison"].post(f"{path}/resume", {})).status_code == 403
    own = await manager.post(f"{path}/resume", {})
    assert (own.status_code, own.json()["type"]) == (409, "/problems/own-suspension")
    listed = (await manager.get("/api/partners/agencies")).json()["agencies"]
    [view] = [each["suspension"] for each in listed if each["agency_id"] == agency.id]
    assert view["reason"] == "a breach"
    assert (await agency.client.get("/access/keys")).status_code == 403
    assert (await officer.post(f"{path}/resume", {})).is_success
    assert (await agency.client.get("/access/keys")).is_success
    audit = (await (await sign_in(suite, "auditor")).get("/api/audit", case=agency.id)).json()["entries"]
    assert {"suspend_agency", "resume_agency"} <= {each["action"] for each in audit}


async def test_nobody_claims_a_key_of_an_agency_that_is_suspended(suite: EmbeddedSuite) -> None:
    agency = await airline(suite, None)
    keeper = Liaison(suite, agency.operators["partner_liaison"], agency.operators["manager"])
    codes = await keeper.codes(agency.id)
    await agency.suspended()
    stranger = suite._client("partners")
    assert (await stranger.post("/claims", json=codes)).json()["type"] == "/problems/claim-unusable"
    await agency.resumed()
    assert (await stranger.post("/claims", json=codes)).is_success


async def test_tombstones_that_fall_due_meanwhile_are_escalated_as_ever(suite: EmbeddedSuite) -> None:
    agency = await airline(suite, None, kind="embassy")
    case_id = await agency.hears_of_somebody()
    assert await agency.asks()
    await agency.suspended()
    await agency.withdraws(case_id)
    await go_on(suite, days=15)
    line = await agency.line()
    assert (line["tombstones_overdue"], line["escalated_to"]) == (1, ["partner_liaison", "data_protection"])
    assert [each["kind"] for each in line["concerns"]][:2] == ["tombstones_overdue", "suspended"]
    await agency.resumed()
    assert [each["type"] for each in await agency.asks()][-1] == "org.homeward.partners.tombstone.v1"
