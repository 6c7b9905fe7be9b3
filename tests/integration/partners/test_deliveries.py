"""How delivery stands is seen by the agency and by who looks after it, and what was kept is delivered again."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from services.embedded import EmbeddedSuite
from shared.clock import ProgrammeClock
from shared.persistence.database import rows
from tests.integration.partners.world import airline, by_subject, go_on
from tests.support.receivers import answer, receiving
from tests.support.suite import OMAR, sign_in

pytestmark = pytest.mark.asyncio(loop_scope="module")


@contextmanager
def later(suite: EmbeddedSuite, **time: float) -> Iterator[None]:
    """So much real time has gone by, for whoever looks."""
    clock = ProgrammeClock(datetime.now(UTC) + timedelta(**time))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(suite.apps["partners"].state.sender, "clock", clock)
        yield


async def test_who_has_not_asked_for_days_is_seen_before_it_complains(suite: EmbeddedSuite) -> None:
    agency = await airline(suite, None)
    assert (await agency.line())["concern"] is None
    await agency.flight()
    found = await agency.until(waiting=1, way="feed", position=1, acknowledged=0, last_success_at=None)
    assert (found["concern"], found["lag_seconds"], found["failures"]) == (None, 0, [])
    assert (found["days"][-1]["events"], len(found["days"])) == (1, 14)

    await go_on(suite, days=2)
    found = await agency.deliveries()
    assert (found["concern"], found["lag_seconds"]) == ("has never asked, 1 event waits", 2 * 24 * 3600)
    [event] = await agency.asks()
    with later(suite, hours=75):
        line = await agency.line()
        assert line["concern"] == "has not asked for 3 days, 1 event waits"
        assert line["concerns"] == [{"kind": "silent", "words": line["concern"]}]
        assert line["contact"] == "the consul"
    assert (await agency.line())["concern"] == "1 event waits, the oldest for 2 days"
    assert event["sequence"] == "1" and await agency.asks(after=1) == []
    assert (await agency.line())["concern"] is None


async def test_what_a_receiver_answers_and_since_when_is_seen_and_that_it_is_well_again(suite: EmbeddedSuite) -> None:
    async with receiving(reply=lambda _: answer(500, b"out of order")) as receiver:
        agency = await airline(suite, receiver)
        await agency.flight()
        assert (await agency.until(waiting=1))["concern"] == (
            "unconfirmed: its receiver has not agreed to be called, 1 event waits"
        )
        await agency.shake_hands()
        await agency.until_failing("500: out of order")
        found = await agency.deliveries()
        since = datetime.fromisoformat(found["failing_since"])
        assert found["concern"] == f"answers 500 (out of order) since {since:%H:%M} UTC, 1 event waits"
        assert found["next_attempt_at"] > found["failing_since"]
        assert found["failures"][0]["cause"] == "500: out of order"
        with later(suite, days=2):
            assert f"since {since.day} {since:%b %Y}" in (await agency.line())["concern"]
        receiver.reply = lambda _: answer(204)
        await agency.retry()
        found = await agency.until(waiting=0, concern=None, failing_since=None, cause=None)
        assert found["last_success_at"] and found["acknowledged"] == 1

        assert (await agency.post("pause")).is_success
        await agency.flight()
        found = await agency.until(waiting=1)
        assert found["concern"] == f"paused since {_day(await go_on(suite))}, 1 event waits"
        assert (await agency.post("resume")).is_success
        await agency.until(waiting=0, concern=None)


async def test_the_worst_comes_first_and_an_agency_sees_its_own_alone(suite: EmbeddedSuite) -> None:
    async with receiving(reply=lambda _: answer(410)) as receiver:
        gone, well = await airline(suite, receiver), await airline(suite, None)
        await gone.shake_hands()
        await gone.post("test")
        found = await gone.until(cause="410")
        assert found["concern"].startswith("wants nothing any more since ")
    listed = (await gone.operators["partner_liaison"].get("/api/partners/deliveries")).json()["deliveries"]
    order = [each["subscription_id"] for each in listed]
    assert order.index(gone.subscription) < order.index(well.subscription)
    assert [each["concern"] is None for each in listed] == sorted(each["concern"] is None for each in listed)

    own = (await well.client.get("/deliveries")).json()["deliveries"]
    assert [each["subscription_id"] for each in own] == [well.subscription]
    for method, path in (("GET", "deliveries"), ("POST", "replay"), ("POST", "pause")):
        answered = await well.client.request(
            method,
            f"/subscriptions/{gone.subscription}/{path}",
            json={"from": "2026-01-05"} if path == "replay" else None,
            headers={"Idempotency-Key": f"another-{path}"},
        )
        assert answered.status_code == 404, path
    caseworker = await sign_in(suite, "caseworker")
    assert (await caseworker.get("/api/partners/deliveries")).status_code == 403


async def test_a_webhook_is_sent_again_what_was_kept_from_a_day_on(suite: EmbeddedSuite) -> None:
    async with receiving() as receiver:
        agency = await airline(suite, receiver)
        await agency.shake_hands()
        old = await agency.flight()
        await agency.until(waiting=0)
        today = (await go_on(suite, days=1)).date().isoformat()
        new = await agency.flight()
        await agency.moved(old, times=2)
        await agency.moved(new, times=2)
        await receiver.got(6)
        await agency.until(waiting=0)
        first = [call.event for call in receiver.posted]

        replayed = await agency.post("replay", {"from": today})
        assert replayed.status_code == 202, replayed.text
        assert replayed.json() == {"subscription_id": agency.subscription, "events": 5, "after": None}
        await receiver.got(11)
        await agency.until(waiting=0)
        again = [call.event for call in receiver.posted][6:]
        assert sorted(each["id"] for each in again) == sorted(each["id"] for each in first[1:])
        assert {each["id"]: each for each in again} == {each["id"]: each for each in first[1:]}
        assert sorted(by_subject(receiver).values()) == [[1, 2, 3, 1, 2, 3], [1, 2, 3, 2, 3]]


async def test_a_replay_begins_again_what_was_failing_and_is_done_once_for_each_key(suite: EmbeddedSuite) -> None:
    async with receiving(reply=lambda call: answer(204 if call.event["sequence"] == "1" else 500)) as receiver:
        agency = await airline(suite, receiver)
        await agency.shake_hands()
        flight = await agency.flight()
        await agency.moved(flight, times=2)
        await agency.until_failing("500")
        receiver.reply = lambda _: answer(204)
        today = (await go_on(suite)).date().isoformat()
        key = {"Idempotency-Key": f"replay-{agency.carrier}"}
        path = f"/subscriptions/{agency.subscription}/replay"
        for _ in range(2):
            answered = await agency.client.post(path, json={"from": today}, headers=key)
            assert answered.json()["events"] == 3
            await agency.until(waiting=0, failures=[])
        assert by_subject(receiver).popitem()[1] == [1, 2, 1, 2, 3]


async def test_a_feed_is_told_after_which_number_to_ask_again(suite: EmbeddedSuite) -> None:
    agency = await airline(suite, None)
    await agency.flight()
    await agency.until(position=1)
    tomorrow = (await go_on(suite, days=1)).date()
    await agency.flight()
    await agency.until(position=2)
    had = await agency.asks()
    assert await agency.asks(after=2) == []
    replayed = (await agency.post("replay", {"from": tomorrow.isoformat()})).json()
    assert (replayed["events"], replayed["after"]) == (1, 1)
    assert await agency.asks(after=replayed["after"]) == had[1:]
    later_on = (await agency.post("replay", {"from": (tomorrow + timedelta(days=1)).isoformat()})).json()
    assert (later_on["events"], later_on["after"]) == (0, 2)


async def test_nothing_is_replayed_from_before_or_after_an_agreement(suite: EmbeddedSuite) -> None:
    agency = await airline(suite, None)
    early = await agency.post("replay", {"from": "2025-12-31"})
    assert early.status_code == 409
    assert early.json()["type"] == "/problems/replay-before-agreement"
    assert early.json()["valid_from"] == "2026-01-01"
    liaison = agency.operators["partner_liaison"]
    agreement = (await agency.deliveries())["agreement_id"]
    assert (await liaison.post(f"/api/partners/agreements/{agreement}/end", {})).is_success
    ended = await liaison.post(f"/api/partners/subscriptions/{agency.subscription}/replay", {"from": "2026-01-05"})
    assert ended.json()["type"] == "/problems/not-in-force"
    assert (await agency.line())[
        "concern"
    ] == f"agreement ended on {_day(await go_on(suite))}: nothing is told any more"


async def test_a_replay_tells_nothing_of_who_has_withdrawn(suite: EmbeddedSuite) -> None:
    async with receiving() as receiver:
        called = await airline(suite, receiver, kind="embassy")
        asking = await airline(suite, None, kind="embassy")
        await called.shake_hands()
        case_id = await called.hears_of_somebody()
        [told] = await receiver.got(1)
        assert told.event["data"]["person"]["given_name"] == OMAR["given_name"]
        assert (await asking.asks())[0]["data"]["person"]["given_name"] == OMAR["given_name"]

        await called.withdraws(case_id)
        await receiver.got(2)
        assert (await called.until(waiting=0))["tombstones_due"] == 0
        assert (await asking.deliveries())["tombstones_due"] == 1
        today = (await go_on(suite)).date().isoformat()
        assert (await called.post("replay", {"from": today})).json()["events"] == 2
        withheld, tombstone = (await receiver.got(4))[-2:]
        assert (withheld.event["id"], withheld.event["data"]) == (told.event["id"], {})
        assert withheld.event["type"].endswith(".withheld.v1") and tombstone.event["type"].endswith(".tombstone.v1")
        assert (await called.until(waiting=0))["tombstones"] == []
        after = (await asking.post("replay", {"from": today})).json()["after"]
        assert [each["type"].split(".")[-2] for each in await asking.asks(after)] == ["withheld", "tombstone"]


async def test_a_replay_asks_anew_who_people_are_also_before_it_has_heard_of_a_withdrawal(suite: EmbeddedSuite) -> None:
    async with receiving() as receiver:
        embassy = await airline(suite, receiver, kind="embassy")
        await embassy.shake_hands()
        case_id = await embassy.hears_of_somebody()
        [told] = await receiver.got(1)
        await embassy.until(waiting=0)
        today = (await go_on(suite)).date().isoformat()
        withdrawal = {"place": "office", "reason": "stays"}
        path = f"/api/screening/cases/{case_id}/consent/withdrawal"
        async with suite.apps["partners"].state.service.database.transaction() as connection:
            # The partners' service can't learn of it as long as this is locked; screening knows it.
            await rows(connection, "SELECT 1 FROM partner_case WHERE id = :id FOR UPDATE", id=UUID(case_id))
            assert (await embassy.operators["caseworker"].post(path, withdrawal)).is_success
            assert (await embassy.post("replay", {"from": today})).json()["events"] == 1
            again = (await receiver.got(2))[1]
        assert again.event["id"] == told.event["id"]
        assert again.event["type"].endswith(".withheld.v1") and again.event["data"] == {}
        await receiver.got(3)


def _day(moment: datetime) -> str:
    return f"{moment.day} {moment:%b %Y}"
