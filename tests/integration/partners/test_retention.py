"""What one event keeps waiting keeps no other longer than agencies may have it, and nobody waits for ever."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest

from services.embedded import EmbeddedSuite
from services.partners import expiring
from services.partners.kept import Gone
from shared.persistence.database import rows, run, scalar
from tests.integration.partners.world import Airline, airline, go_on, refusing
from tests.support.bench import eventually
from tests.support.receivers import Receiver, answer, receiving

pytestmark = pytest.mark.asyncio(loop_scope="module")

WITHHELD, TOMBSTONE = (f"org.homeward.partners.{what}.v1" for what in ("withheld", "tombstone"))
#: Days for which agencies may keep what they get, here.
KEPT = 90


async def kept(embassy: Airline) -> list[Any]:
    """What is in the database for it."""
    statement = "SELECT * FROM delivery WHERE subscription_id = :id ORDER BY position"
    async with embassy.suite.apps["partners"].state.service.database.transaction() as connection:
        return await rows(connection, statement, id=UUID(embassy.subscription))


async def is_stuck(embassy: Airline, receiver: Receiver, refused: set[str]) -> None:
    """Of one case it has taken something, and refuses what came next."""
    stuck = await embassy.hears_of_somebody()
    [first] = await receiver.got(1)
    await embassy.until(waiting=0)
    refused.add(first.event["subject"])
    await embassy.hears_more(stuck)
    await embassy.until_failing("500")


async def test_what_a_receiver_refuses_keeps_nothing_else_beyond_its_time_and_goes_once_it_is_taken(
    suite: EmbeddedSuite,
) -> None:
    async with refusing(suite) as (embassy, receiver, refused):
        await is_stuck(embassy, receiver, refused)
        await embassy.hears_of_somebody()
        await embassy.until(position=3, waiting=1)
        await go_on(suite, days=KEPT + 1)
        assert [row.type == WITHHELD for row in await kept(embassy)] == [True, False, True]
        refused.clear()
        await embassy.retry()
        await embassy.until(waiting=0)
        assert receiver.posted[-1].event["type"] == "org.homeward.travel.document-refused.v1"
        await go_on(suite, minutes=1)
        assert {row.type for row in await kept(embassy)} == {WITHHELD}


async def test_what_a_receiver_refuses_is_emptied_when_nothing_of_it_can_be_told_any_more(suite: EmbeddedSuite) -> None:
    async with refusing(suite) as (embassy, receiver, refused):
        await is_stuck(embassy, receiver, refused)
        await go_on(suite, days=KEPT + 1)
        assert [row.type == WITHHELD for row in await kept(embassy)] == [True, False]
        await embassy.post("end")
        await go_on(suite, minutes=1)
        assert {row.type for row in await kept(embassy)} == {WITHHELD}


async def test_what_is_left_of_who_was_erased_goes_also_where_the_receiver_is_gone(suite: EmbeddedSuite) -> None:
    async with receiving() as receiver:
        embassy = await airline(suite, receiver, kind="embassy")
        await embassy.shake_hands()
        gone, other = [await embassy.hears_of_somebody() for _ in range(2)]
        subject = (await receiver.got(2))[0].event["subject"]
        await embassy.until(waiting=0)
        receiver.reply = lambda _: answer(410)
        await embassy.post("test")
        await embassy.until(cause="410", state="ended")
        await embassy.withdraws(gone)
        await embassy.erases(gone)
        await embassy.withdraws(other)
        said = {"subject": subject, "by": "letter", "to": "Vice Consul Noor", "on": (await go_on(suite)).date()}
        path = f"/api/partners/subscriptions/{embassy.subscription}/tombstones/acknowledge"
        said["on"] = said["on"].isoformat()
        assert (await embassy.operators["partner_liaison"].post(path, said)).is_success
        await go_on(suite, days=7 + KEPT)
        assert subject in {str(row.subject) for row in await kept(embassy)}
        await go_on(suite, days=1)
        left = [row.type for row in await kept(embassy) if str(row.subject) != subject]
        assert len(left) == len(await kept(embassy)) and TOMBSTONE in left


async def expiry(unit: Any, subscription: UUID, _: UUID) -> None:
    """Its agreement is over."""
    await expiring.expire(unit, subscription)
    await unit.flush()


async def erasure(unit: Any, _: UUID, case_id: UUID) -> None:
    """Of whom it was told is erased."""
    await unit.load(cases=[case_id])
    unit.bury(unit.cases.get(case_id), Gone.ERASED)
    unit.forget(case_id)
    await unit.flush()


_WAITS = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%subscription_head%'"


@pytest.mark.parametrize("work", [expiry, erasure])
async def test_who_empties_events_waits_for_who_hands_them_out_and_keeps_nothing_from_it(
    suite: EmbeddedSuite, work: Callable[[Any, UUID, UUID], Awaitable[None]]
) -> None:
    service = suite.apps["partners"].state.service
    embassy = await airline(suite, None, kind="embassy")
    case_id = await embassy.hears_of_somebody()
    await embassy.asks()
    subscription, database = UUID(embassy.subscription), service.database

    async def emptied() -> None:
        async with database.transaction() as connection:
            await work(service.unit(connection), subscription, UUID(case_id))

    async with database.transaction() as sending:
        statement = "SELECT 1 FROM subscription_head WHERE subscription_id = :id FOR NO KEY UPDATE"
        await rows(sending, statement, id=subscription)
        other = asyncio.create_task(emptied())

        async def waits() -> bool:
            async with database.transaction() as connection:
                return bool(await scalar(connection, _WAITS))

        await eventually(waits, seconds=30)
        await run(sending, "SET LOCAL lock_timeout = '5s'")
        taken = "UPDATE delivery SET acknowledged_at = NULL WHERE subscription_id = :id"
        assert await run(sending, taken, id=subscription) == 1
    await other
