"""133 people fly home while four agencies listen, one by each way and a donor: one is away for an hour, one answers 500
for a day, one answers slowly, one is hostile. Afterwards each has what its agreement says, and nothing else.
"""

import asyncio
import csv
import json
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from services.embedded import EmbeddedSuite
from services.partners.amqp.wanted import WAITING
from services.simulator.calendar import Calendar
from services.simulator.departure import fly, prepare, receive
from services.simulator.follow_up import follow_up
from services.simulator.gateway import Gateway
from services.simulator.journey import Journey
from services.simulator.people import Traveller, read_list
from services.simulator.reintegration import reintegrate
from services.simulator.scenarios import ISLAMABAD
from services.simulator.screening import screen
from shared.clock import SystemClock
from shared.persistence.database import rows
from tests.integration.partners.queues import Consumed, QueueOwner, with_broker
from tests.support.agency_broker import AgencyBroker
from tests.support.bench import eventually
from tests.support.liaison import Liaison
from tests.support.receivers import Call, Receiver, answer, private_hosts, receiving
from tests.support.suite import at_rest, sign_in

pytestmark = pytest.mark.asyncio(loop_scope="module")

Told = dict[str, Any]

OURS = "org.homeward.partners"
TRAVEL, HELP = "org.homeward.travel", "org.homeward.reintegration"
FLIGHTS = tuple(f"{TRAVEL}.flight-{what}.v1" for what in ("scheduled", "rescheduled", "cancelled"))
#: What the agreements say, written out: not what the service takes for its templates.
EMBASSY = (
    *(f"{TRAVEL}.document-{what}.v1" for what in ("requested", "issued", "refused", "lapsed")),
    *(*FLIGHTS, f"{TRAVEL}.departed.v1"),
)
MISSION = (
    *FLIGHTS,
    *(f"{TRAVEL}.{what}.v1" for what in ("seat-booked", "seat-released", "departed", "arrival-confirmed")),
    *(f"{TRAVEL}.{what}.v1" for what in ("missing-at-arrival", "arrival-corrected")),
)
NGO = (f"{HELP}.plan-approved.v1", f"{HELP}.line-delivered.v1", f"{HELP}.completed.v1")
SENT_WITH_REFERRAL = f"{OURS}.referral-made.v1"
#: How many of those who have arrived are referred to the NGO.
REFERRED = 25


class Later(SystemClock):
    """The clock by which receivers are tried again, in the test's hands."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        return super().now() + self.ahead


@dataclass
class Subscriber:
    """An agency and one of its subscriptions."""

    id: str
    client: httpx.AsyncClient
    made: Told = field(default_factory=dict)

    @property
    def subscription(self) -> str:
        return str(self.made["subscription_id"])

    async def deliveries(self) -> Told:
        found = await self.client.get(f"/subscriptions/{self.subscription}/deliveries")
        assert found.is_success, found.text
        return dict(found.json())

    async def until_all_is_delivered(self) -> None:
        async def so() -> bool:
            return bool((await self.deliveries())["waiting"] == 0)

        await eventually(so, seconds=120)


@dataclass
class World:
    """The suite, the journey, and who listens."""

    suite: EmbeddedSuite
    broker: AgencyBroker
    liaison: Liaison
    journey: Journey
    clock: Later
    agencies: dict[str, Subscriber] = field(default_factory=dict)
    receivers: dict[str, Receiver] = field(default_factory=dict)
    #: What each agency was sent, in its order and as it keeps it: each id once.
    got: dict[str, list[Told]] = field(default_factory=dict)
    raw: dict[str, str] = field(default_factory=dict)
    referred: list[Traveller] = field(default_factory=list)

    async def subscribe(self, name: str, kind: str, **wanted: Any) -> Subscriber:
        id, client = await self.liaison.agency(name, kind)
        agreement = await self.liaison.approved(id, purpose="work with people who return")
        return await self.subscribe_again(name, Subscriber(id, client), agreement, **wanted)

    async def subscribe_again(self, name: str, agency: Subscriber, agreement: str, **wanted: Any) -> Subscriber:
        key = {"Idempotency-Key": f"subscribe-{name}"}
        made = await agency.client.post("/subscriptions", json={"agreement_id": agreement, **wanted}, headers=key)
        assert made.status_code == 201, made.text
        found = self.agencies[name] = Subscriber(agency.id, agency.client, made.json())
        if wanted["way"] == "webhook":
            path = f"/subscriptions/{found.subscription}/handshake"
            shaken = await agency.client.post(path, headers={"Idempotency-Key": f"handshake-{name}"})
            assert shaken.is_success, shaken.text
        return found

    @property
    def partners(self) -> Any:
        return self.suite.apps["partners"].state

    async def later(self, hours: int) -> None:
        """So many hours pass for those who try receivers again."""
        self.clock.ahead += timedelta(hours=hours)
        self.partners.sender.wake()

    @cached_property
    def people(self) -> Mapping[str, Mapping[str, str]]:
        """The rows of the list, by reference."""
        with ISLAMABAD.list.open(encoding="utf-8") as file:
            return {row["list_reference"]: row for row in csv.DictReader(file)}

    def name_of(self, traveller: Traveller) -> tuple[str, str]:
        row = self.people[traveller.reference]
        return row["given_name"], row["family_name"]

    async def logged(self, service: str, types: Sequence[str]) -> Mapping[str, list[str]]:
        """By subject: what the producer's own log has of these types, in its order."""
        async with self.suite.apps[service].state.service.database.transaction() as connection:
            found = await rows(
                connection,
                "SELECT subject, type FROM event_log WHERE type = ANY(:types) ORDER BY subject, sequence",
                types=list(types),
            )
        told: dict[str, list[str]] = {}
        for row in found:
            told.setdefault(row.subject, []).append(row.type)
        return told


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(module_path: Path, broker: AgencyBroker) -> AsyncIterator[World]:
    """The journey is over, and everything is delivered."""
    async with AsyncExitStack() as stack:
        setting = stack.enter_context(private_hosts(("ngo", "mission", "donor"), count=3))
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("HOMEWARD_PARTNERS_WEBHOOK_PRIVATE_HOSTS", setting)
            suite = await stack.enter_async_context(with_broker(module_path, broker))
        world = await _world(suite, broker)
        for name in ("ngo", "slow", "donor"):
            world.receivers[name] = await stack.enter_async_context(receiving())
        await _onboard(world)
        await _play(world)
        yield world


async def _world(suite: EmbeddedSuite, broker: AgencyBroker) -> World:
    liaison = Liaison(suite, await sign_in(suite, "partner_liaison"), await sign_in(suite, "manager"))
    gateway = Gateway(suite.gateway, suite.credentials)
    journey = Journey(ISLAMABAD, read_list(ISLAMABAD.list), gateway, Calendar(gateway, lambda _: None))
    await journey.calendar.begin()
    clock = Later()
    suite.apps["partners"].state.sender.clock = clock
    return World(suite, broker, liaison, journey, clock)


async def _onboard(world: World) -> None:
    await world.subscribe("embassy", "embassy", way="amqp")
    await world.subscribe("ngo", "reintegration_partner", way="webhook", url=world.receivers["ngo"].url)
    mission = await world.subscribe("mission", "receiving_office", way="feed")
    slow = {"way": "webhook", "url": world.receivers["slow"].url}
    await world.subscribe_again("slow", mission, str(mission.made["agreement_id"]), **slow)
    await world.subscribe("donor", "donor", way="webhook", url=world.receivers["donor"].url)


async def _play(world: World) -> None:
    """The journey, act by act; the embassy's consumer is away for two of them, the others have their troubles."""
    journey, ngo, slow, donor = world.journey, *(world.receivers[each] for each in ("ngo", "slow", "donor"))
    ngo.reply = lambda _: answer(500, b"the database is away")
    never = asyncio.Event()

    async def after_a_while(_: Call) -> bytes:
        try:
            async with asyncio.timeout(0.2):
                await never.wait()
        except TimeoutError:
            pass
        return answer(204)

    slow.reply = after_a_while
    hostile = _Hostile(world.suite)
    donor.reply = hostile.reply
    async with _owner(world).consuming() as before:
        for act in (screen, prepare):
            await act(journey)
        await world.agencies["embassy"].until_all_is_delivered()
    left = journey.calendar.now
    for act in (fly, receive):
        await act(journey)
    await _was_away(world, left)
    async with _owner(world).consuming() as consumed:
        consumed.messages[:0] = before.messages
        await _refer(world)
        await reintegrate(journey)
        await _a_day_of_500(world)
        await follow_up(journey)
        await at_rest(await sign_in(world.suite, "admin"))
        await world.later(24)
        await _hear_all(world, consumed)
    assert hostile.told == 3


def _owner(world: World) -> QueueOwner:
    embassy = world.agencies["embassy"]
    return QueueOwner(
        *(world.suite, embassy.client, "", embassy.subscription, str(embassy.made["secret"]), {}),
        made=embassy.made,
        broker=world.broker,
    )


async def _was_away(world: World, since: datetime) -> None:
    """Nobody has consumed for more than an hour of what came since, and the broker holds little of it."""
    embassy = world.agencies["embassy"]
    shown = await embassy.deliveries()
    assert shown["waiting"] > WAITING
    assert since <= datetime.fromisoformat(shown["oldest_at"]) <= world.journey.calendar.now - timedelta(hours=1)
    vhost, queue = (embassy.made["amqp"][name] for name in ("virtual_host", "queue"))
    async with _owner(world).connected() as connection:
        channel = await connection.channel()
        found = await channel.declare_queue(queue, passive=True)
        assert 0 < found.declaration_result.message_count <= WAITING, vhost
        assert found.declaration_result.consumer_count == 0


async def _refer(world: World) -> None:
    """Some of those who have arrived agree to be helped by the NGO, and are referred to it."""
    gateway = world.journey.gateway
    world.referred = world.journey.people.received[:REFERRED]
    for each in world.referred:
        consent = {"recipient": "reintegration_partner", "reason": "wants help near home"}
        await gateway.post("caseworker", f"/api/screening/cases/{each.case_id}/consents", consent)
    await world.journey.calendar.rest()
    for each in world.referred:
        body = {"case_id": each.case_id, "agency_id": world.agencies["ngo"].id, "services": ["business_support"]}
        await gateway.post("caseworker", "/api/partners/referrals", body)


async def _a_day_of_500(world: World) -> None:
    """The NGO answers 500 for a day, is tried again, and then it works."""
    ngo = world.receivers["ngo"]
    for _ in range(3):
        before = len(ngo.posted)
        await world.later(8)
        await ngo.got(before + 1)
    failures = (await world.agencies["ngo"].deliveries())["failures"]
    assert failures and all(each["cause"].startswith("500") for each in failures)
    assert {each["subject"] for each in failures} == {call.event["subject"] for call in ngo.posted}
    ngo.calls.clear()
    ngo.reply = lambda _: answer(204)
    await world.later(8)


class _Hostile:
    """Answers with headers without end, sends us to ourselves, writes a body without end; then it behaves."""

    def __init__(self, suite: EmbeddedSuite) -> None:
        self._suite, self.told = suite, 0

    def reply(self, _: Call) -> bytes | Iterable[bytes]:
        if self.told == 3:
            return answer(204)
        self.told += 1
        match self.told:
            case 1:
                return chain([b"HTTP/1.1 200 OK\r\n"], (b"X-%d: %s\r\n" % (n, b"x" * 1000) for n in range(100_000)))
            case 2:
                return answer(302, location="http://127.0.0.1:5432/")
            case _:
                return chain([b"HTTP/1.1 500 .\r\n\r\n"], (b"x" * 10_000 for _ in range(10_000)))


async def _hear_all(world: World, consumed: Consumed) -> None:
    """Until every receiver has everything."""
    donor = world.agencies["donor"]
    for _ in range(4):
        await world.later(8)
        await eventually(lambda: _tried(donor, world.clock), seconds=60)
    for name in ("ngo", "slow", "donor", "embassy"):
        await world.agencies[name].until_all_is_delivered()
    world.got["embassy"] = consumed.once
    world.raw["embassy"] = b"".join(each.body for each in consumed.messages).decode()
    for name in ("ngo", "slow", "donor"):
        posted = world.receivers[name].posted
        world.got[name] = list({call.event["id"]: call.event for call in posted}.values())
        world.raw[name] = b"".join(call.body for call in posted).decode()
    world.got["mission"] = await _poll(world.agencies["mission"])
    world.raw["mission"] = json.dumps(world.got["mission"])


async def _tried(subscriber: Subscriber, clock: Later) -> bool:
    shown = await subscriber.deliveries()
    next_at = shown["next_attempt_at"]
    return shown["waiting"] == 0 or (next_at is not None and datetime.fromisoformat(next_at) > clock.now())


async def _poll(subscriber: Subscriber) -> list[Told]:
    """Page by page, as an agency does with nothing but an HTTP client."""
    found: list[Told] = []
    after = 0
    while True:
        asked: Told = {"subscription": subscriber.subscription, "after": after, "limit": 100}
        page = (await subscriber.client.get("/feed", params=asked)).json()
        if not page["events"]:
            return found
        found += page["events"]
        after = page["next"]


def by_subject(events: Iterable[Told]) -> dict[str, list[Told]]:
    found: dict[str, list[Told]] = {}
    for event in events:
        found.setdefault(event["subject"], []).append(event)
    return found


@pytest.mark.parametrize("name", ["embassy", "ngo", "mission", "slow", "donor"])
async def test_each_event_came_once_and_in_order_without_holes(world: World, name: str) -> None:
    assert world.got[name]
    for subject, events in by_subject(world.got[name]).items():
        sequences = [int(each["sequence"]) for each in events]
        assert sequences == list(range(1, len(events) + 1)), subject
        assert len({each["id"] for each in events}) == len(events)


@pytest.mark.parametrize(
    ("name", "types", "members"),
    [
        ("embassy", EMBASSY, {"given_name", "family_name", "date_of_birth", "document_numbers", "sex"}),
        ("mission", MISSION, {"given_name", "family_name", "date_of_birth", "sex", "phone"}),
        ("slow", MISSION, {"given_name", "family_name", "date_of_birth", "sex", "phone"}),
    ],
)
async def test_who_hears_of_nationals_hears_all_of_them_and_of_those_who_stay_that_they_must_be_forgotten(
    world: World, name: str, types: Sequence[str], members: set[str]
) -> None:
    expected = dict(await world.logged("travel", types))
    cases = {each.case_id: each for each in world.journey.people if each.case_id}
    flights = sorted(told for subject, told in expected.items() if subject not in cases)
    heard = by_subject(world.got[name])
    known = {_named(events): events for events in heard.values() if _named(events)}
    # Those who have stayed have no names any more, in what came before as in what came after.
    stayed = [each for each in cases.values() if each.ended and each.case_id in expected]
    going = [each for each in cases.values() if not each.ended and each.case_id in expected]
    for traveller in going:
        events = known.pop(world.name_of(traveller))
        assert [each["type"] for each in events] == expected[traveller.case_id]
        assert all(each["data"]["person"].keys() == members for each in events)
    nameless = [events for events in heard.values() if not _named(events)]
    buried = [events for events in nameless if events[-1]["type"] == f"{OURS}.tombstone.v1"]
    buried += known.values()
    assert sorted(len(events) - 1 for events in buried) == sorted(len(expected[each.case_id]) for each in stayed)
    for events in buried:
        assert events[-1]["data"] == {"reason": "consent_withdrawn"}
    told_of_flights = [[each["type"] for each in events] for events in nameless if events not in buried]
    assert sorted(told_of_flights) == flights


def _named(events: Sequence[Told]) -> tuple[str, str] | None:
    """Of whom they are."""
    people = {(one["given_name"], one["family_name"]) for each in events if (one := each["data"].get("person"))}
    assert len(people) < 2
    return next(iter(people), None)


async def test_an_ngo_hears_of_those_who_were_referred_to_it_from_then_on(world: World) -> None:
    expected = await world.logged("reintegration", NGO)
    heard = {_named(events): events for events in by_subject(world.got["ngo"]).values()}
    assert heard.keys() == {world.name_of(each) for each in world.referred}
    for traveller in world.referred:
        events = heard[world.name_of(traveller)]
        told = [each["type"] for each in events]
        assert told == [SENT_WITH_REFERRAL, *expected.get(traveller.case_id, [])]
        assert all(each["data"]["person"].keys() == {"given_name", "family_name", "phone"} for each in events)


async def test_a_donor_hears_of_figures_alone(world: World) -> None:
    assert {each["type"] for each in world.got["donor"]} == {f"{OURS}.figures.v1"}
    last = {each["data"]["month"]: each["data"] for each in world.got["donor"]}
    arrived = [each["arrived"]["count"] for each in last.values() if each["arrived"]["count"]]
    assert arrived == [len(world.journey.people.received)]


def _who(row: Mapping[str, str]) -> set[str]:
    """As it stands in an event: whole values."""
    return {f'"{row[name]}"' for name in ("given_name", "family_name", "phone") if row[name]}


async def test_nobody_has_a_canary_beyond_the_agreement(world: World) -> None:
    people = world.people
    phones = [row["phone"] for row in people.values() if row["phone"]]
    born = [row["date_of_birth"] for row in people.values()]
    names = [row[name] for row in people.values() for name in ("given_name", "family_name")]
    referred = {each.reference for each in world.referred}
    told = {value for reference in referred for value in _who(people[reference])}
    strangers = {value for row in people.values() for value in _who(row)} - told
    cases = [each.case_id for each in world.journey.people if each.case_id]
    papers = [f"PK-LP-{each.row:05}" for each in world.journey.people]
    inside = [*cases, *people, *papers, world.journey.flight_id, "traceparent", "Janzour", "WCHR", "HW-EU"]
    beyond = {
        "embassy": [*inside, *phones],
        "mission": inside,
        "slow": inside,
        "ngo": [*inside, *born, *strangers],
        "donor": [*inside, *phones, *born, *names],
    }
    assert beyond.keys() == world.raw.keys()
    # So names stand there where they may.
    assert all(each in world.raw["ngo"] for each in told)
    for name, canaries in beyond.items():
        assert [each for each in canaries if each and each in world.raw[name]] == [], name


async def test_two_agencies_that_lay_their_data_side_by_side_find_no_id_in_both(world: World) -> None:
    def ids(name: str) -> set[str]:
        return {each[member] for each in world.got[name] for member in ("id", "subject")}

    def told(name: str) -> set[str]:
        return {each["id"] for each in world.got[name] if each["type"] != f"{OURS}.tombstone.v1"}

    assert ids("embassy") & ids("mission") == set()
    assert ids("mission") & ids("ngo") == set()
    # One agency's two subscriptions know the same by one name; a tombstone is a subscription's own.
    assert told("mission") == told("slow")
