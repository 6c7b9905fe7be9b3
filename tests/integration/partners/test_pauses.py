"""A pause holds what happens, and never what must be destroyed."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from services.embedded import EmbeddedSuite
from shared.persistence.database import run, scalar
from tests.integration.partners.queues import queue_owner, with_broker
from tests.integration.partners.world import AIRLINES, airline, by_subject, refusing
from tests.support.agency_broker import AgencyBroker
from tests.support.bench import eventually
from tests.support.receivers import private_hosts, receiving

pytestmark = pytest.mark.asyncio(loop_scope="module")

WITHHELD, TOMBSTONE = (f"org.homeward.partners.{what}.v1" for what in ("withheld", "tombstone"))
ASKED = "org.homeward.travel.document-requested.v1"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def suite(module_path: Path, broker: AgencyBroker) -> AsyncIterator[EmbeddedSuite]:
    with pytest.MonkeyPatch.context() as environment, private_hosts(AIRLINES) as setting:
        environment.setenv("HOMEWARD_PARTNERS_WEBHOOK_PRIVATE_HOSTS", setting)
        async with with_broker(module_path, broker) as running:
            yield running


async def test_a_paused_feed_has_what_must_be_destroyed_and_nothing_else(suite: EmbeddedSuite) -> None:
    embassy = await airline(suite, None, kind="embassy")
    told = await embassy.hears_of_somebody()
    [first] = await embassy.asks()
    assert await embassy.asks(after=1) == []
    assert (await embassy.post("pause")).is_success
    other = await embassy.hears_of_somebody()
    await embassy.withdraws(told)
    # What it wasn't told is withheld, and nothing of it need be destroyed.
    never = await embassy.hears_of_somebody()
    await embassy.withdraws(never)

    asked: dict[str, Any] = {"subscription": embassy.subscription, "after": 1, "limit": 1}
    paused = (await embassy.client.get("/feed", params=asked)).json()
    [tombstone] = paused["events"]
    assert (tombstone["type"], tombstone["subject"], tombstone["sequence"]) == (TOMBSTONE, first["subject"], "2")
    # To ask on acknowledges nothing that is held, and not what comes after it.
    assert paused["next"] == 1
    assert (await embassy.deliveries())["tombstones_due"] == 1
    assert (await embassy.asks(after=1)) == [tombstone]
    said = await embassy.post("acknowledgements", {"event_ids": [tombstone["id"]]})
    assert said.is_success
    assert await embassy.asks(after=1) == []
    assert (await embassy.deliveries())["tombstones_due"] == 0

    assert (await embassy.post("resume")).is_success
    rest = await embassy.asks(after=1)
    assert [each["type"] for each in rest] == [ASKED, TOMBSTONE, WITHHELD, TOMBSTONE]
    assert other not in str(rest) and rest[1] == tombstone


async def test_a_paused_feed_goes_on_past_what_is_all_that_there_is(suite: EmbeddedSuite) -> None:
    embassy = await airline(suite, None, kind="embassy")
    case_id = await embassy.hears_of_somebody()
    await embassy.asks()
    await embassy.post("pause")
    await embassy.withdraws(case_id)
    asked: dict[str, Any] = {"subscription": embassy.subscription, "after": 0}
    paused = (await embassy.client.get("/feed", params=asked)).json()
    assert ([each["type"] for each in paused["events"]], paused["next"]) == ([WITHHELD, TOMBSTONE], 2)
    waited = await embassy.client.get("/feed", params=asked | {"after": 2, "wait": 0.01})
    assert waited.json() == {"events": [], "next": 2}
    assert (await embassy.deliveries())["tombstones_due"] == 0


async def test_a_paused_receiver_is_called_with_what_must_be_destroyed_and_nothing_else(suite: EmbeddedSuite) -> None:
    async with receiving() as receiver:
        embassy = await airline(suite, receiver, kind="embassy")
        await embassy.shake_hands()
        told = await embassy.hears_of_somebody()
        [first] = await receiver.got(1)
        await embassy.until(waiting=0)
        await embassy.post("pause")
        await embassy.hears_of_somebody()
        await embassy.hears_more(told)
        await embassy.withdraws(told)
        withheld, tombstone = (await receiver.got(3))[1:]
        assert (withheld.event["type"], withheld.event["sequence"]) == (WITHHELD, "2")
        assert (tombstone.event["type"], tombstone.event["sequence"]) == (TOMBSTONE, "3")
        assert tombstone.event["subject"] == first.event["subject"]
        paused = await embassy.until(tombstones_due=0)
        assert (paused["state"], paused["waiting"]) == ("paused", 3)
        await embassy.post("resume")
        await embassy.until(waiting=0)
        # What went during the pause may come once more, as everything may.
        assert by_subject(receiver)[first.event["subject"]] in ([1, 2, 3], [1, 2, 3, 2, 3])
        assert sorted(each[-1] for each in by_subject(receiver).values()) == [1, 3]


async def test_a_tombstone_that_a_paused_receiver_refuses_is_tried_again_and_keeps_no_other(
    suite: EmbeddedSuite,
) -> None:
    async with refusing(suite) as (embassy, receiver, refused):
        cases = [await embassy.hears_of_somebody() for _ in range(2)]
        first, second = (call.event["subject"] for call in await receiver.got(2))
        await embassy.until(waiting=0)
        await embassy.post("pause")
        held = await embassy.hears_of_somebody()
        refused.add(first)
        for each in cases:
            await embassy.withdraws(each)
        await embassy.until_failing("500")
        owed = (await embassy.until(tombstones_due=1))["tombstones"]
        assert [each["subject"] for each in owed] == [first]
        refused.clear()
        await embassy.retry()
        await embassy.until(tombstones_due=0)
        assert set(by_subject(receiver)) == {first, second}, held
        await embassy.post("resume")
        await embassy.until(waiting=0, failures=[])
        assert len(by_subject(receiver)) == 3
        assert [each[-1] for each in by_subject(receiver).values()] == [2, 2, 1]


async def test_a_paused_queue_is_given_what_must_be_destroyed_and_nothing_else(
    suite: EmbeddedSuite, broker: AgencyBroker
) -> None:
    embassy = await queue_owner(suite, broker, kind="embassy")
    helper = await airline(suite, None, kind="embassy")
    async with embassy.consuming() as consumed:
        told = await helper.hears_of_somebody()
        [first] = await consumed.got(1)
        await embassy.until_waiting(0)
        await embassy.post("pause")
        await helper.hears_of_somebody()
        await helper.hears_more(told)
        await helper.withdraws(told)
        _, withheld, tombstone = await consumed.got(3)
        assert [each["type"] for each in (withheld, tombstone)] == [WITHHELD, TOMBSTONE]
        assert (tombstone["subject"], tombstone["sequence"]) == (first["subject"], "3")

        async def taken() -> bool:
            return bool((await embassy.deliveries())["tombstones_due"] == 0)

        # It is seen by the broker's figures, as without a pause.
        await eventually(taken, seconds=60)
        assert (await embassy.standing())["waiting"] == 3
        await embassy.post("resume")
        await consumed.got(4)
        await embassy.until_waiting(0)
        # What went during the pause comes once more, under its id.
        assert sorted(each["type"] for each in consumed.once) == sorted([ASKED, ASKED, WITHHELD, TOMBSTONE])


async def test_a_tombstone_is_not_taken_before_the_last_one_of_its_subject_was_given(
    suite: EmbeddedSuite, broker: AgencyBroker
) -> None:
    embassy = await queue_owner(suite, broker, kind="embassy")
    helper, database = await airline(suite, None, kind="embassy"), suite.apps["partners"].state.service.database

    async def publishes(buried: int, hours: int) -> None:
        """Another process has the queue's turn for so long, and has come so far."""
        async with database.transaction() as connection:
            statement = """UPDATE amqp SET leased_by = :id, leased_until = now() + make_interval(hours => :hours),
                buried = :buried WHERE subscription_id = :id"""
            await run(connection, statement, id=UUID(embassy.subscription), hours=hours, buried=buried)

    async with embassy.consuming() as consumed:
        twice, once = [await helper.hears_of_somebody() for _ in range(2)]
        first, _ = (each["subject"] for each in await consumed.got(2))
        await embassy.until_waiting(0)
        await embassy.post("pause")
        await publishes(0, 1)
        await helper.withdraws(twice)
        await helper.withdraws(once)
        await helper.erases(twice)
        # It has given what is of the second one, and nothing of the first.
        await publishes(4, 1)

        async def taken() -> bool:
            return {each["subject"] for each in (await embassy.deliveries())["tombstones"]} == {first}

        await eventually(taken, seconds=60)
        assert [each["sequence"] for each in (await embassy.deliveries())["tombstones"]] == [2, 3]
        await publishes(4, -1)
        await consumed.got(4)

        async def all_taken() -> bool:
            return bool((await embassy.deliveries())["tombstones_due"] == 0)

        await eventually(all_taken, seconds=60)


async def test_tombstones_of_two_who_came_in_turns_all_come_though_there_is_room_for_one_event(
    suite: EmbeddedSuite, broker: AgencyBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    embassy = await queue_owner(suite, broker, kind="embassy")
    helper = await airline(suite, None, kind="embassy")
    async with embassy.consuming() as consumed:
        last, first = [await helper.hears_of_somebody() for _ in range(2)]
        subjects = [each["subject"] for each in await consumed.got(2)]
        await embassy.until_waiting(0)
    monkeypatch.setattr("services.partners.amqp.room.WAITING", 1)
    await embassy.post("pause")
    for each in (last, first):
        await helper.hears_more(each)
    for each in (first, last):
        await helper.withdraws(each)
    # None is acknowledged: what was published stays due.
    async with embassy.consuming(acknowledge=False) as rest:
        came = [(subjects.index(each["subject"]), each["type"]) for each in await rest.got(4)]
    assert came == [(1, WITHHELD), (1, TOMBSTONE), (0, WITHHELD), (0, TOMBSTONE)]


async def test_a_paused_queue_is_given_no_more_than_it_has_room_for_and_then_the_rest(
    suite: EmbeddedSuite, broker: AgencyBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    embassy = await queue_owner(suite, broker, kind="embassy")
    helper = await airline(suite, None, kind="embassy")
    async with embassy.consuming() as consumed:
        told = await helper.hears_of_somebody()
        await consumed.got(1)
        await embassy.until_waiting(0)
    monkeypatch.setattr("services.partners.amqp.room.WAITING", 1)
    await embassy.post("pause")
    await helper.hears_more(told)
    await helper.withdraws(told)
    database = suite.apps["partners"].state.service.database

    async def buried() -> int:
        async with database.transaction() as connection:
            statement = "SELECT buried FROM amqp WHERE subscription_id = :id"
            return int(await scalar(connection, statement, id=UUID(embassy.subscription)))

    assert await eventually(buried, seconds=30) == 2
    async with embassy.connected() as connection:
        found = await (await connection.channel()).declare_queue(embassy.queue, passive=True)
        assert found.declaration_result.message_count == 1
    async with embassy.consuming() as rest:
        assert [each["type"] for each in await rest.got(2)] == [WITHHELD, TOMBSTONE]
