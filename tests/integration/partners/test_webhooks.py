"""Agencies that are called get everything, in order for each subject, whatever their receivers answer."""

import asyncio
import base64
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import UUID

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from standardwebhooks.webhooks import Webhook

from services.embedded import EmbeddedSuite
from services.partners.leases import LEASE, STARTING
from services.partners.webhooks import rounds
from shared.clock import ProgrammeClock
from shared.persistence.database import Database, rows, run, scalar
from tests.integration.partners.world import airline, by_subject
from tests.integration.screening.programme import DECLARATION
from tests.support.bench import eventually
from tests.support.receivers import Call, answer, receiving
from tests.support.suite import OMAR, REGISTRATION, at_rest, sign_in

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_receiver_is_called_once_it_has_said_that_it_wants_that(suite: EmbeddedSuite) -> None:
    async with receiving(handshake=lambda _: answer(200)) as receiver:
        agency = await airline(suite, receiver)
        refused = await agency.shake_hands()
        assert refused.json()["type"] == "/problems/handshake-refused"
        await agency.flight()
        assert (await agency.post("resume")).json()["type"] == "/problems/subscription-unconfirmed"
        await agency.until(waiting=1, confirmed_at=None)
        receiver.handshake = lambda _: answer(200, webhook_allowed_origin="partners", webhook_allowed_rate="6000")
        assert (await agency.shake_hands()).json() == {"state": "active", "rate": 6000}
        [call] = await receiver.got(1)
        assert [each.method for each in receiver.calls] == ["OPTIONS", "OPTIONS", "POST"]
        assert receiver.calls[0].headers["webhook-request-origin"] == "partners"
        assert call.headers["content-type"] == "application/cloudevents+json"
        assert call.event["type"] == "org.homeward.travel.flight-scheduled.v1"
        assert call.event["id"] == call.headers["webhook-id"]
        done = await agency.until(waiting=0)
        assert done["last_success_at"] and not done["failures"]


async def test_signatures_are_those_of_standard_webhooks_also_while_a_secret_is_changed(suite: EmbeddedSuite) -> None:
    async with receiving() as receiver:
        agency = await airline(suite, receiver)
        await agency.shake_hands()
        await agency.post("test")
        [call] = await receiver.got(1)
        assert Webhook(agency.secret).verify(call.body, call.headers) == call.event
        rotated = (await agency.post("secret")).json()
        assert rotated["secret"] not in (None, agency.secret)
        await agency.post("test")
        call = (await receiver.got(2))[1]
        for secret in (agency.secret, rotated["secret"]):
            assert Webhook(secret).verify(call.body, call.headers)
        assert len(call.headers["webhook-signature"].split()) == 2


async def test_a_receiver_may_check_with_a_public_key(suite: EmbeddedSuite) -> None:
    async with receiving() as receiver:
        agency = await airline(suite, receiver, signature="ed25519")
        await agency.shake_hands()
        await agency.post("test")
        [call] = await receiver.got(1)
        assert agency.secret.startswith("whpk_")
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(agency.secret.removeprefix("whpk_")))
        signed = f"{call.headers['webhook-id']}.{call.headers['webhook-timestamp']}.".encode() + call.body
        version, signature = call.headers["webhook-signature"].split(",")
        assert version == "v1a"
        key.verify(base64.b64decode(signature), signed)
        with pytest.raises(InvalidSignature):
            key.verify(base64.b64decode(signature), signed + b" ")


async def test_a_subject_whose_event_fails_waits_and_the_others_go_on(suite: EmbeddedSuite) -> None:
    refused: set[str] = set()

    def reply(call: Call) -> bytes:
        return answer(400, b"no\x07 such \xff flight") if call.event["subject"] in refused else answer(204)

    async with receiving(reply=reply) as receiver:
        agency = await airline(suite, receiver)
        await agency.shake_hands()
        bad = await agency.flight()
        [first] = await receiver.got(1)
        refused.add(first.event["subject"])
        good = await agency.flight()
        await receiver.got(2)
        await agency.moved(bad, times=3)
        await agency.moved(good, times=3)
        await agency.until(waiting=3)
        [failure] = await agency.until_failing("400: no such flight")
        assert failure["subject"] == first.event["subject"]
        assert (failure["sequence"], failure["waiting"], failure["held"]) == (2, 2, False)
        assert (await agency.client.get("/subscriptions")).json()["subscriptions"][0]["acknowledged"] == 2
        refused.clear()
        await agency.retry()
        await agency.until(waiting=0)
        assert sorted(by_subject(receiver).values()) == [[1, 2, 2, 3, 4], [1, 2, 3, 4]]
        assert (await agency.client.get("/subscriptions")).json()["subscriptions"][0]["waiting"] == 0


async def test_what_failed_is_tried_again_by_itself_until_it_succeeds(suite: EmbeddedSuite) -> None:
    statuses = [500, 503]
    async with receiving(reply=lambda _: answer(statuses.pop(0) if statuses else 200)) as receiver:
        agency = await airline(suite, receiver)
        await agency.shake_hands()
        await agency.post("test")
        await receiver.got(1)
        for status in ("500", "503"):
            await agency.until_failing(status)
            await agency.retry()
        calls = await receiver.got(3)
        assert len({call.headers["webhook-id"] for call in calls}) == 1
        await agency.until(waiting=0, failures=[])


async def test_a_receiver_that_asks_for_time_gets_it(suite: EmbeddedSuite) -> None:
    async with receiving(reply=lambda _: answer(429, retry_after="3600")) as receiver:
        agency = await airline(suite, receiver)
        await agency.shake_hands()
        for _ in range(3):
            await agency.post("test")
        found = await agency.until(waiting=3, cause="429")
        confirmed, resting = [datetime.fromisoformat(found[name]) for name in ("confirmed_at", "next_attempt_at")]
        assert resting - confirmed >= timedelta(hours=1)
        assert len(receiver.posted) == 1
        receiver.reply = lambda _: answer(204)
        await agency.retry()
        await agency.until(waiting=0)


async def test_a_receiver_that_is_gone_hears_nothing_more(suite: EmbeddedSuite) -> None:
    async with receiving(reply=lambda _: answer(410)) as receiver:
        agency = await airline(suite, receiver)
        await agency.shake_hands()
        await agency.post("test")
        await receiver.got(1)
        found = await agency.until(cause="410")
        assert found["gone_at"]
        assert (await agency.client.get("/subscriptions")).json()["subscriptions"][0]["state"] == "ended"
        assert (await agency.shake_hands()).json()["type"] == "/problems/subscription-ended"


async def test_a_receiver_is_not_gone_when_the_turn_was_lost_in_which_it_said_so(suite: EmbeddedSuite) -> None:
    database = suite.apps["partners"].state.service.database
    async with receiving() as receiver:
        agency = await airline(suite, receiver)
        await agency.shake_hands()

        async def lost(_: Call) -> bytes:
            statement = "UPDATE webhook SET leased_by = NULL, leased_until = NULL WHERE subscription_id = :id"
            async with database.transaction() as connection:
                await run(connection, statement, id=UUID(agency.subscription))
            receiver.reply = lambda _: answer(204)
            return answer(410)

        receiver.reply = lost
        await agency.post("test")
        await receiver.got(2)
        found = await agency.until(waiting=0)
        assert (found["state"], found["gone_at"]) == ("active", None)


async def test_a_slow_receiver_slows_nobody(suite: EmbeddedSuite) -> None:
    awake = asyncio.Event()

    async def slow(_: Call) -> bytes:
        await awake.wait()
        return answer(200)

    async with receiving(reply=slow) as sleepy, receiving() as quick:
        one, other = await airline(suite, sleepy), await airline(suite, quick)
        await one.shake_hands()
        await other.shake_hands()
        for _ in range(5):
            await one.post("test")
            await other.post("test")
        await sleepy.got(1)
        await quick.got(5)
        await other.until(waiting=0)
        found = await one.deliveries()
        assert (found["waiting"], found["failures"], len(sleepy.posted)) == (5, [], 1)
        awake.set()
        await one.until(waiting=0)


async def test_what_fails_for_three_days_is_held_until_the_liaison_has_it_tried_again(suite: EmbeddedSuite) -> None:
    sender = suite.apps["partners"].state.sender
    clock = ProgrammeClock(datetime.now(UTC))
    async with receiving(reply=lambda _: answer(500)) as receiver:
        agency = await airline(suite, receiver)
        await agency.shake_hands()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sender, "clock", clock)
            flight = await agency.flight()
            await agency.until_failing("500")
            for days in (1, 1, 1):
                tried = (await agency.until_failing("500"))[0]["attempts"]
                clock.set(clock.now() + timedelta(days=days))
                await agency.until_attempted(tried + 1)
            [failure] = await agency.until_failing("500")
            assert failure["held"]
            receiver.reply = lambda _: answer(204)
            clock.set(clock.now() + timedelta(days=30))
            await agency.moved(flight)
            await agency.post("test")
            await receiver.got(len(receiver.posted) + 1)
            assert (await agency.until(waiting=2))["held"] == 1
            await agency.retry()
            await agency.until(waiting=0, held=0)
            assert [1, 1, 1, 1, 1, 2] in by_subject(receiver).values()


async def test_another_process_goes_on_where_this_one_was(suite: EmbeddedSuite) -> None:
    """What one process has in hand no other sends; once it is gone, the other sends it."""
    partners = suite.apps["partners"]
    sender, database = partners.state.sender, partners.state.service.database
    async with receiving() as receiver:
        agency = await airline(suite, receiver)
        await agency.shake_hands()
        id = UUID(agency.subscription)
        taken = "UPDATE webhook SET leased_by = :id, leased_until = now() + interval :lease WHERE subscription_id = :id"
        async with database.transaction() as connection:
            await run(connection, taken.replace(":lease", "'1 hour'"), id=id)
        await agency.flight()
        await agency.until(waiting=1)
        async with database.transaction() as connection:
            assert id not in await rounds.LEASES.find(connection, sender.clock.now(), None)
            assert await rounds.begin(connection, [id], sender.clock.now()) == [None]
        assert receiver.posted == []
        async with database.transaction() as connection:
            await run(connection, taken.replace(":lease", "'-1 second'"), id=id)
        await receiver.got(1)
        await agency.until(waiting=0)


async def test_time_that_passes_before_a_turn_is_begun_is_the_turns_own(suite: EmbeddedSuite) -> None:
    """The lease is counted from where it was asked for: whoever waited long for a lock begins anew."""
    database, left = suite.apps["partners"].state.service.database, list[float]()
    leased = "UPDATE webhook SET leased_until = now() + make_interval(hours => :hours) WHERE subscription_id = :id"

    async def remember(_: Call) -> bytes:
        statement = "SELECT extract(epoch FROM leased_until - now()) AS left FROM webhook WHERE subscription_id = :id"
        async with database.transaction() as connection:
            left.extend(float(row.left) for row in await rows(connection, statement, id=id))
        return answer(204)

    async with receiving(reply=remember) as receiver:
        agency = await airline(suite, receiver)
        await agency.shake_hands()
        id = UUID(agency.subscription)
        async with database.transaction() as connection:
            await run(connection, leased, id=id, hours=1)
        await agency.flight()
        await agency.until(waiting=1)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("services.partners.webhooks.sender.STARTING", 2)
            async with database.transaction() as connection:
                await run(connection, "SELECT FROM subscription_head WHERE subscription_id = :id FOR UPDATE", id=id)
                async with database.transaction() as other:
                    await run(other, leased, id=id, hours=-1)
                await eventually(partial(_waits_for_heads, database), seconds=30)
            await receiver.got(1)
            await agency.until(waiting=0)
        assert min(left) > LEASE - 2.5


async def _waits_for_heads(database: Database) -> bool:
    """Whether somebody has waited for positions for some seconds."""
    statement = """SELECT true FROM pg_stat_activity WHERE wait_event_type = 'Lock'
        AND query LIKE '%FROM subscription_head%' AND clock_timestamp() - query_start > interval '3 seconds'"""
    async with database.statement() as connection:
        return bool(await rows(connection, statement))


async def test_a_call_ends_before_its_turn_does(suite: EmbeddedSuite) -> None:
    awake = asyncio.Event()

    async def slow(_: Call) -> bytes:
        await awake.wait()
        return answer(204)

    async with receiving(reply=slow) as receiver:
        agency = await airline(suite, receiver)
        await agency.shake_hands()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("services.partners.webhooks.sender._LAST", 3 - STARTING)
            await agency.post("test")
            await agency.until(cause="no answer while it was its turn")
        awake.set()
        await agency.retry()
        await agency.until(waiting=0, cause=None)


async def test_a_call_that_finds_no_place_in_time_has_told_nothing(suite: EmbeddedSuite) -> None:
    state = suite.apps["partners"].state
    place, untold = state.sender.caller.place(), "SELECT untold FROM delivery WHERE subscription_id = :id"
    async with receiving() as receiver:
        agency = await airline(suite, receiver)
        await agency.shake_hands()
        taken = 0
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("services.partners.webhooks.sender._LAST", 3 - STARTING)
            while not place.locked():
                await place.acquire()
                taken += 1
            await agency.post("test")
            await agency.until(cause="no answer while it was its turn")
            async with state.service.database.transaction() as connection:
                assert await scalar(connection, untold, id=UUID(agency.subscription)) is True
        for _ in range(taken):
            place.release()
        await agency.retry()
        await agency.until(waiting=0, cause=None)
        assert len(receiver.posted) == 1


async def test_of_who_a_person_is_no_answer_is_kept(suite: EmbeddedSuite) -> None:
    """An embassy is told names, and its receiver quotes what it was sent."""
    async with receiving(reply=lambda call: answer(400, call.body)) as receiver:
        embassy = await airline(suite, receiver, kind="embassy")
        await embassy.shake_hands()
        officer = await sign_in(suite, "caseworker")
        case_id = (await officer.post("/api/screening/cases", REGISTRATION)).json()["case_id"]
        await officer.post(f"/api/screening/cases/{case_id}/declaration", DECLARATION)
        await at_rest(embassy.operators["admin"])
        asked = {"authority": "embassy-pk", "kind": "laissez_passer"}
        await embassy.operators["movements"].post(f"/api/travel/cases/{case_id}/document/request", asked)
        [call] = await receiver.got(1)
        assert call.event["data"]["person"]["given_name"] == OMAR["given_name"]
        await embassy.until_failing("400")
        database = suite.apps["partners"].state.service.database
        async with database.transaction() as connection:
            entries = await rows(connection, "SELECT convert_from(entry, 'UTF8') AS entry FROM audit_entry")
        assert any(case_id in row.entry and "deliver by webhook" in row.entry for row in entries)

        await officer.post(f"/api/screening/cases/{case_id}/consent/withdrawal", {"place": "office", "reason": "stays"})
        await at_rest(embassy.operators["admin"])
        receiver.reply = lambda _: answer(204)
        await embassy.retry()
        withheld, tombstone = (await receiver.got(len(receiver.posted) + 2))[-2:]
        assert withheld.event["type"].endswith(".withheld.v1") and withheld.event["id"] == call.event["id"]
        assert tombstone.event["type"].endswith(".tombstone.v1") and tombstone.event["sequence"] == "2"
        await embassy.until(waiting=0)
        async with database.transaction() as connection:
            statement = "SELECT 1 FROM delivery WHERE due_on IS NOT NULL AND acknowledged_at IS NULL"
            assert not await rows(connection, statement)
