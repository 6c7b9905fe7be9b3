"""Who was told something of a person owes that it is destroyed; who was told nothing owes nothing."""

from uuid import UUID

import pytest

from services.embedded import EmbeddedSuite
from shared.persistence.database import run
from tests.integration.partners.answerers import World
from tests.integration.partners.world import airline, go_on
from tests.support.receivers import Call, answer, receiving

pytestmark = pytest.mark.asyncio(loop_scope="module")

WITHHELD, TOMBSTONE = (f"org.homeward.partners.{what}.v1" for what in ("withheld", "tombstone"))


async def test_who_has_never_asked_owes_nothing_and_is_never_late(suite: EmbeddedSuite) -> None:
    silent, asking = await airline(suite, None, kind="embassy"), await airline(suite, None, kind="embassy")
    case_id = await silent.hears_of_somebody()
    # What it was given it has, whether it says so or not.
    assert len(await asking.asks()) == 1
    await silent.withdraws(case_id)
    assert [(await each.line())["tombstones_due"] for each in (silent, asking)] == [0, 1]
    await go_on(suite, days=9)
    found = [await each.line() for each in (silent, asking)]
    assert [each["tombstones_overdue"] for each in found] == [0, 1]
    assert [each["escalated_to"] for each in found] == [[], ["partner_liaison"]]
    assert "tombstones_overdue" not in [each["kind"] for each in found[0]["concerns"]]
    assert [(each["type"], each["sequence"]) for each in await silent.asks()] == [(WITHHELD, "1"), (TOMBSTONE, "2")]


async def test_what_was_handed_out_empty_is_not_owed_when_the_person_is_erased_either(programme: World) -> None:
    embassy = await programme.agency("embassy")
    case_id = await programme.person()
    await programme.asks(case_id)
    await programme.withdraws(case_id)
    assert [each["type"] for each in await embassy.events()] == [WITHHELD, TOMBSTONE]
    request = {"ground": "requested", "reason": "was asked for"}
    await programme.does("caseworker", f"screening/cases/{case_id}/erasure", request)
    await programme.does("protection", f"screening/cases/{case_id}/erasure/approval")
    await programme.rests()
    assert [each["type"] for each in await embassy.events()] == [WITHHELD, TOMBSTONE, TOMBSTONE]
    shown = (await embassy.client.get(f"/subscriptions/{embassy.subscription}/deliveries")).json()
    assert shown["tombstones_due"] == 0


async def test_a_receiver_that_never_agreed_or_was_never_there_owes_nothing(suite: EmbeddedSuite) -> None:
    async with receiving() as shy:
        unconfirmed = await airline(suite, shy, kind="embassy")
        async with receiving() as dead:
            away = await airline(suite, dead, kind="embassy")
            await away.shake_hands()
        case_id = await away.hears_of_somebody()
        await away.until_failing("no connection: ClientConnectorError")
        await away.withdraws(case_id)
        for each in (unconfirmed, away):
            found = await each.until(position=2)
            assert (found["tombstones_due"], found["tombstones"]) == (0, [])


async def test_what_a_receiver_was_sent_it_owes_whatever_it_has_answered(suite: EmbeddedSuite) -> None:
    async with receiving(reply=lambda _: answer(500)) as receiver:
        embassy = await airline(suite, receiver, kind="embassy")
        await embassy.shake_hands()
        case_id = await embassy.hears_of_somebody()
        await embassy.until_failing("500")
        await embassy.withdraws(case_id)
        assert (await embassy.until(position=2))["tombstones_due"] == 1


async def test_of_somebody_whose_event_waited_behind_another_s_nothing_is_owed(suite: EmbeddedSuite) -> None:
    async with receiving(reply=lambda _: answer(503, retry_after="3600")) as receiver:
        embassy = await airline(suite, receiver, kind="embassy")
        await embassy.shake_hands()
        first = await embassy.hears_of_somebody()
        await embassy.until_failing("503")
        second = await embassy.hears_of_somebody()
        await embassy.withdraws(first)
        await embassy.withdraws(second)
        assert (await embassy.until(position=4))["tombstones_due"] == 1
        assert len(receiver.posted) == 1


async def test_what_found_no_turn_in_a_round_is_not_owed(suite: EmbeddedSuite) -> None:
    async with receiving() as receiver:
        embassy = await airline(suite, receiver, kind="embassy")
        await embassy.shake_hands()
        # A receiver that is well gets more and more in one round.
        for count in range(1, 6):
            await embassy.post("test")
            await receiver.got(count)
        await embassy.until(waiting=0)
        await embassy.post("pause")
        cases = [await embassy.hears_of_somebody() for _ in range(6)]
        receiver.calls.clear()
        receiver.reply = lambda _: answer(503, retry_after="3600")
        await embassy.post("resume")
        await embassy.until(cause="503")
        for each in cases:
            await embassy.withdraws(each)
        told = {call.event["subject"] for call in receiver.posted}
        assert 0 < len(told) < len(cases)
        owed = (await embassy.until(position=17))["tombstones"]
        assert {each["subject"] for each in owed} == told


async def test_a_replay_that_does_not_arrive_makes_nothing_untold(suite: EmbeddedSuite) -> None:
    async with receiving() as receiver:
        embassy = await airline(suite, receiver, kind="embassy")
        await embassy.shake_hands()
        cases = [await embassy.hears_of_somebody() for _ in range(6)]
        await receiver.got(6)
        await embassy.until(waiting=0)
        receiver.reply = lambda _: answer(503, retry_after="3600")
        today = (await go_on(suite)).date().isoformat()
        assert (await embassy.post("replay", {"from": today})).json()["events"] == 6
        await embassy.until(cause="503")
        assert len(receiver.posted) < 12
        for each in cases:
            await embassy.withdraws(each)
        assert (await embassy.until(position=12))["tombstones_due"] == 6


async def test_what_a_process_of_an_older_version_has_given_is_owed_too(suite: EmbeddedSuite) -> None:
    refused: set[str] = set()

    def reply(call: Call) -> bytes:
        return answer(500) if not refused or call.event["subject"] in refused else answer(204)

    async with receiving(reply=reply) as receiver:
        called, asking = await airline(suite, receiver, kind="embassy"), await airline(suite, None, kind="embassy")
        await called.shake_hands()
        # Of this one nothing is taken, and of nobody it is known that all up to there is.
        cases = [await called.hears_of_somebody()]
        refused.add((await receiver.got(1))[0].event["subject"])
        cases.append(await called.hears_of_somebody())
        await called.until(position=2, waiting=1)
        await asking.asks()
        assert await asking.asks(after=2) == []
        async with suite.apps["partners"].state.service.database.transaction() as connection:
            # As it leaves it: it knows only how far each way is.
            both = [UUID(each.subscription) for each in (called, asking)]
            statement = "UPDATE subscription_head SET handed = 0 WHERE subscription_id = ANY(:ids)"
            assert await run(connection, statement, ids=both) == 2
        cases.append(await called.hears_of_somebody())
        await called.until(position=3, waiting=1)
        receiver.reply = lambda _: answer(503, retry_after="3600")
        for each in cases:
            await called.withdraws(each)
        assert [(await each.line())["tombstones_due"] for each in (called, asking)] == [3, 2]
