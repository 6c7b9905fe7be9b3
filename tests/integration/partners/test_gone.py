"""What can't be delivered any more is told by other means, and nobody waits for a receiver that is gone."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.embedded import EmbeddedSuite
from shared.clock import ProgrammeClock
from tests.integration.partners.world import Airline, airline, go_on
from tests.support.bench import eventually
from tests.support.receivers import Receiver, answer, receiving

pytestmark = pytest.mark.asyncio(loop_scope="module")

TOMBSTONE = "org.homeward.partners.tombstone.v1"


async def gone(suite: EmbeddedSuite, receiver: Receiver) -> Airline:
    """An embassy that has heard of somebody, and whose receiver then wanted nothing more."""
    embassy = await airline(suite, receiver, kind="embassy")
    await embassy.shake_hands()
    case_id = await embassy.hears_of_somebody()
    await receiver.got(1)
    receiver.reply = lambda _: answer(410)
    await embassy.post("test")
    await embassy.until(cause="410", state="ended")
    await embassy.withdraws(case_id)
    return embassy


async def until_told(suite: EmbeddedSuite, embassy: Airline) -> dict[str, Any]:
    """How delivery stands, once the liaison was told."""
    await go_on(suite, minutes=1)
    return await embassy.until(escalated_to=["partner_liaison"])


async def test_the_liaison_is_told_at_once_of_what_a_receiver_that_is_gone_must_destroy(suite: EmbeddedSuite) -> None:
    async with receiving() as receiver:
        embassy = await gone(suite, receiver)
        found = await until_told(suite, embassy)
        assert (found["tombstones_due"], found["tombstones_overdue"], found["tombstones_undeliverable"]) == (1, 0, 1)
        assert [each["undeliverable"] for each in found["tombstones"]] == [True]
        assert found["concern"] == "1 tombstone can't be delivered: the agency must be told by other means"
        assert [each["kind"] for each in found["concerns"]] == ["tombstones_undeliverable", "receiver_gone"]
        assert len(receiver.posted) == 2

        # If it wasn't meant so, what must be destroyed is tried again, and nothing else flows.
        await embassy.retry()
        await embassy.until(cause="410", tombstones_due=1)
        await eventually(lambda: _posted(receiver, 3), seconds=30)
        receiver.reply = lambda _: answer(204)
        await embassy.hears_of_somebody()
        await embassy.retry()
        found = await embassy.until(tombstones_due=0, waiting=0)
        assert (found["state"], found["concerns"]) == ("ended", [])
        told = [call.event["type"].split(".")[-2] for call in receiver.posted[3:]]
        assert told.count("tombstone") == 1 and set(told) <= {"test", "tombstone", "withheld"}


async def test_an_agency_whose_receiver_is_gone_is_told_by_letter(suite: EmbeddedSuite) -> None:
    async with receiving() as receiver:
        embassy = await gone(suite, receiver)
        [tombstone] = (await embassy.until(tombstones_undeliverable=1))["tombstones"]
        path = f"/api/partners/subscriptions/{embassy.subscription}"
        today = (await go_on(suite)).date().isoformat()
        said = {"subject": tombstone["subject"], "by": "letter", "to": "Vice Consul Noor", "on": today}
        liaison = embassy.operators["partner_liaison"]
        assert (await liaison.post(f"{path}/tombstones/acknowledge", said)).is_success
        found = await embassy.deliveries()
        assert (found["tombstones"], found["told_otherwise"]) == ([], [said])
        assert [each["kind"] for each in found["concerns"]] == ["receiver_gone"]
        tried = await liaison.post(f"{path}/deliveries/retry", {})
        assert (tried.status_code, tried.json()["type"]) == (409, "/problems/receiver-gone")


async def test_a_tombstone_that_is_held_is_told_of_at_once_and_can_be_tried_again(suite: EmbeddedSuite) -> None:
    sender, clock = suite.apps["partners"].state.sender, ProgrammeClock(datetime.now(UTC))
    async with receiving() as receiver:
        embassy = await airline(suite, receiver, kind="embassy")
        await embassy.shake_hands()
        case_id = await embassy.hears_of_somebody()
        await receiver.got(1)
        await embassy.until(waiting=0)
        await embassy.post("end")
        receiver.reply = lambda _: answer(500)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sender, "clock", clock)
            await embassy.withdraws(case_id)
            await embassy.until_failing("500")
            assert (await embassy.deliveries())["tombstones_undeliverable"] == 0
            clock.set(clock.now() + timedelta(days=3))
            await embassy.until(held=1)
            found = await until_told(suite, embassy)
            assert (found["tombstones_undeliverable"], found["tombstones_overdue"]) == (1, 0)
            receiver.reply = lambda _: answer(204)
            await embassy.retry()
            await embassy.until(tombstones_due=0)
        assert receiver.posted[-1].event["type"] == TOMBSTONE


async def _posted(receiver: Receiver, count: int) -> bool:
    return len(receiver.posted) == count
