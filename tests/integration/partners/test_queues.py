"""Agencies consume from queues of their own: everything, in order for each subject, and nothing of anybody else's."""

import asyncio
import re
import ssl
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import aio_pika
import httpx
import pytest
import pytest_asyncio
from cloudevents.core.bindings.rabbitmq import RabbitMQMessage, from_rabbitmq_event

from services.embedded import EmbeddedSuite
from services.partners.amqp import rounds
from services.partners.amqp.broker import Broker
from services.partners.amqp.reconciler import Reconciler
from services.partners.amqp.wanted import WAITING
from shared.clock import SystemClock
from shared.persistence.database import rows, run
from tests.integration.partners.queues import QueueOwner, api, in_order, queue_owner, until_there, with_broker
from tests.integration.screening.programme import DECLARATION
from tests.support.agency_broker import AgencyBroker
from tests.support.bench import eventually
from tests.support.suite import OMAR, REGISTRATION, at_rest, sign_in

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Shifted(SystemClock):
    """A clock that is ahead."""

    def __init__(self, minutes: int) -> None:
        self._ahead = timedelta(minutes=minutes)

    def now(self) -> datetime:
        return super().now() + self._ahead


REFUSED = (aio_pika.exceptions.AMQPError, OSError)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def suite(module_path: Path, broker: AgencyBroker) -> AsyncIterator[EmbeddedSuite]:
    async with with_broker(module_path, broker) as running:
        yield running


async def test_an_agency_consumes_by_tls_what_a_webhook_would_bring(suite: EmbeddedSuite, broker: AgencyBroker) -> None:
    owner = await queue_owner(suite, broker)
    async with owner.consuming() as consumed:
        flight = await owner.flight()
        await owner.moved(flight, times=5)
        await consumed.got(6)
        assert in_order(consumed.events)
        for message in consumed.messages:
            read = from_rabbitmq_event(RabbitMQMessage({}, message.content_type, message.body))
            assert message.content_type == "application/cloudevents+json"
            assert message.message_id == read.get_id()
            assert message.delivery_mode == aio_pika.DeliveryMode.PERSISTENT
            assert read.get_dataschema() == f"http://partners/schemas/{read.get_type()}.json"
        assert consumed.events[0]["type"] == "org.homeward.travel.flight-scheduled.v1"
        # Nothing says so but the broker's figures.
        await owner.until_waiting(0)


async def test_an_agency_may_read_its_own_queue_and_nothing_else(suite: EmbeddedSuite, broker: AgencyBroker) -> None:
    owner, other = await queue_owner(suite, broker), await queue_owner(suite, broker)
    await owner.until_connected()
    await other.until_connected()
    async with owner.connected() as connection:

        async def refused(work: Any) -> None:
            channel = await connection.channel()
            with pytest.raises(REFUSED, match="ACCESS_REFUSED"):
                await work(channel)

        await refused(lambda channel: channel.declare_queue("mine", durable=True))
        await refused(lambda channel: channel.declare_exchange("mine"))
        await refused(lambda channel: channel.queue_delete(owner.queue))
        message = aio_pika.Message(b"{}")
        await refused(lambda channel: channel.default_exchange.publish(message, owner.queue, timeout=10))
    with pytest.raises(REFUSED):
        async with owner.connected(vhost=other.vhost):
            pass
    async with httpx.AsyncClient(auth=(owner.vhost, owner.secret)) as client:
        shown = await client.get(f"http://127.0.0.1:{broker.management_port}/api/queues")
        assert shown.status_code == 401
    # Whoever doesn't trust the authority talks to nobody.
    with pytest.raises((ssl.SSLError, *REFUSED)):
        await aio_pika.connect(owner.url(), ssl_context=ssl.create_default_context(), timeout=10)


async def test_a_queue_that_nobody_consumes_stays_small_and_slows_nobody(
    suite: EmbeddedSuite, broker: AgencyBroker
) -> None:
    dead, quick = await queue_owner(suite, broker), await queue_owner(suite, broker)
    async with quick.consuming() as consumed:
        await dead.tests(WAITING + 30)
        await quick.tests(20)
        await consumed.got(20)
        async with dead.connected() as connection:

            async def waiting() -> int:
                channel = await connection.channel()
                found = await channel.declare_queue(dead.queue, passive=True)
                return int(found.declaration_result.message_count or 0)

            async def full() -> bool:
                return await waiting() == WAITING

            await eventually(full, seconds=30)
            await quick.tests(5)
            await consumed.got(25)
            assert await waiting() == WAITING
    assert (await dead.standing())["waiting"] == WAITING + 30
    async with dead.consuming(prefetch=5) as late:
        await late.got(WAITING + 30)
        await dead.until_waiting(0)


async def test_what_a_consumer_holds_and_does_not_acknowledge_counts_as_not_taken(
    suite: EmbeddedSuite, broker: AgencyBroker
) -> None:
    owner = await queue_owner(suite, broker)
    async with owner.consuming(prefetch=0, acknowledge=False) as consumed:
        await owner.tests(3)
        await consumed.got(3)
        # Figures come every second, and three of them are enough.
        seen: set[int] = set()
        async with api(broker) as client:

            async def figures() -> bool:
                found = (await client.get(f"queues/{owner.vhost}/{owner.queue}")).json()
                if found.get("messages_unacknowledged") == 3:
                    seen.add(found["reductions"])
                return len(seen) > 6

            await eventually(figures, seconds=40)
        assert (await owner.standing())["waiting"] == 3
        await consumed.messages[-1].ack(multiple=True)
        await owner.until_waiting(0)


async def test_what_is_rejected_is_not_taken_and_comes_again_later(suite: EmbeddedSuite, broker: AgencyBroker) -> None:
    owner, sender = await queue_owner(suite, broker), suite.apps["partners"].state.amqp.sender
    await owner.tests(1)
    async with owner.consuming(acknowledge=False) as consumed:
        await consumed.got(1)
        await consumed.messages[0].reject(requeue=False)

        async def told() -> bool:
            line = await owner.deliveries()
            return bool(line["cause"] == "the agency has rejected events")

        await eventually(told, seconds=60)
        assert (await owner.standing())["waiting"] == 1
        with pytest.MonkeyPatch.context() as later:
            later.setattr(sender, "clock", Shifted(minutes=2))
            sender.wake()

            async def again() -> bool:
                return len(consumed.messages) == 2

            await eventually(again, seconds=30)
        assert consumed.events[0] == consumed.events[1]
        await consumed.messages[1].ack()
        await owner.until_waiting(0)


async def test_a_replay_that_lies_in_a_queue_that_is_lost_comes_all_the_same(
    suite: EmbeddedSuite, broker: AgencyBroker
) -> None:
    owner = await queue_owner(suite, broker)
    async with owner.consuming() as consumed:
        await owner.tests(3)
        await consumed.got(3)
        await owner.until_waiting(0)
    assert (await owner.post("replay", {"from": "2026-01-05"})).is_success

    async def inside() -> bool:
        async with owner.connected() as connection:
            queue = await (await connection.channel()).declare_queue(owner.queue, passive=True)
            return bool(queue.declaration_result.message_count == 3)

    await eventually(inside, seconds=30)
    await asyncio.to_thread(broker.control, "delete_queue", "--vhost", owner.vhost, owner.queue)
    async with owner.consuming() as again:
        await again.got(3)
    assert {each["id"] for each in again.events} == {each["id"] for each in consumed.events}


async def test_what_lies_in_a_queue_when_the_agreement_ends_is_taken_out_of_it(
    suite: EmbeddedSuite, broker: AgencyBroker
) -> None:
    owner = await queue_owner(suite, broker)
    await owner.until_connected()
    flight = await owner.flight()
    await owner.moved(flight)
    await owner.until_waiting(2)
    ended = await owner.operators["partner_liaison"].post(f"/api/partners/agreements/{owner.agreement}/end", {})
    assert ended.is_success, ended.text

    async def taken_out() -> bool:
        async with suite.apps["partners"].state.service.database.transaction() as connection:
            [row] = await rows(
                connection, "SELECT emptied FROM amqp WHERE subscription_id = :id", id=UUID(owner.subscription)
            )
        return bool(row.emptied)

    await eventually(taken_out, seconds=30)
    async with owner.consuming() as consumed:
        await consumed.got(2)
    # Whoever was just about to consume may have had one before.
    assert [each["type"] for each in consumed.once] == ["org.homeward.partners.withheld.v1"] * 2


async def test_a_queue_that_is_gone_is_made_anew_and_nothing_is_lost(
    suite: EmbeddedSuite, broker: AgencyBroker
) -> None:
    owner = await queue_owner(suite, broker)
    await owner.until_connected()
    await owner.tests(4)
    async with owner.consuming(prefetch=1) as consumed:
        await consumed.got(4)
        await owner.until_waiting(0)
    flight = await owner.flight()
    await owner.moved(flight, times=4)

    async def published() -> bool:
        async with owner.connected() as connection:
            channel = await connection.channel()
            found = await channel.declare_queue(owner.queue, passive=True)
            return bool(found.declaration_result.message_count == 5)

    await eventually(published, seconds=30)
    async with api(broker) as client:
        assert (await client.delete(f"queues/{owner.vhost}/{owner.queue}")).is_success
        await owner.until_connected()
        await client.delete(f"vhosts/{owner.vhost}")
        await client.delete(f"users/{owner.vhost}")
        await client.put("vhosts/somebody-s")
        await client.put("vhosts/homeward.agency.nobody")
    await owner.moved(flight)
    async with owner.consuming() as consumed:
        await consumed.got(6)
        assert in_order(consumed.once) and len(consumed.once) == 6
        await owner.until_waiting(0)
    # What isn't ours stays.
    await until_there(broker, "vhosts/somebody-s", True)
    await until_there(broker, "vhosts/homeward.agency.nobody", True)


async def test_what_differs_at_the_broker_is_put_right(suite: EmbeddedSuite, broker: AgencyBroker) -> None:
    owner, other = await queue_owner(suite, broker), await queue_owner(suite, broker)
    await owner.until_connected()
    await other.until_connected()
    everything = {"configure": ".*", "write": ".*", "read": ".*"}
    async with api(broker) as client:
        await client.put(f"permissions/{owner.vhost}/{owner.vhost}", json=everything)
        await client.put(f"permissions/{other.vhost}/{owner.vhost}", json=everything)
        await client.put(f"users/{other.vhost}", json={"password": "guessed", "tags": "administrator"})
        await client.put(f"vhost-limits/{owner.vhost}/max-queues", json={"value": 1000})
        await client.delete(f"user-limits/{owner.vhost}/max-channels")

        async def right() -> bool:
            found = {
                (each["vhost"], each["user"]): each["configure"] for each in (await client.get("permissions")).json()
            }
            user = (await client.get(f"users/{other.vhost}")).json()
            limits = (await client.get(f"vhost-limits/{owner.vhost}")).json()
            channels = (await client.get(f"user-limits/{owner.vhost}")).json()
            return (
                found[owner.vhost, owner.vhost] == "^$"
                and (other.vhost, owner.vhost) not in found
                and user.get("tags") == []
                and limits[0]["value"]["max-queues"] < 1000
                and "max-channels" in channels[0]["value"]
            )

        await eventually(right, seconds=30)
    await other.until_connected()


async def test_a_paused_subscription_gets_nothing_until_it_goes_on(suite: EmbeddedSuite, broker: AgencyBroker) -> None:
    owner = await queue_owner(suite, broker)
    async with owner.consuming() as consumed:
        await owner.tests(1)
        await consumed.got(1)
        await owner.post("pause")
        await owner.tests(2)
        await owner.until_waiting(2)
        assert len(consumed.messages) == 1
        await owner.post("resume")
        await consumed.got(3)


async def test_a_new_password_cuts_off_whoever_has_the_one_before(suite: EmbeddedSuite, broker: AgencyBroker) -> None:
    owner = await queue_owner(suite, broker)
    again = await owner.client.post(
        "/subscriptions",
        json={"agreement_id": owner.agreement, "way": "amqp"},
        headers={"Idempotency-Key": "another-queue"},
    )
    assert (again.json()["secret"], again.json()["amqp"]["user"]) == (None, owner.vhost)
    await owner.until_connected()
    async with owner.connected() as connection:
        answer = (await owner.post("secret")).json()
        assert answer["secret"] not in (None, owner.secret) and answer["previous_valid_until"] is None

        async def cut() -> bool:
            return bool(connection.is_closed or connection.transport.connection.is_closed)

        await eventually(cut, seconds=30)
    with pytest.raises(REFUSED):
        async with owner.connected():
            pass
    before, owner.secret = owner.secret, answer["secret"]
    await owner.until_connected()
    async with suite.apps["partners"].state.service.database.transaction() as connection:
        kept = await rows(connection, "SELECT convert_from(answer, 'UTF8') AS answer FROM idempotency")
    assert not any(secret in (row.answer or "") for row in kept for secret in (before, owner.secret))


async def test_of_a_subscription_that_has_ended_nothing_stays_at_the_broker(
    suite: EmbeddedSuite, broker: AgencyBroker
) -> None:
    owner = await queue_owner(suite, broker)
    await owner.until_connected()
    await owner.post("end")
    await until_there(broker, f"vhosts/{owner.vhost}", False)
    await until_there(broker, f"users/{owner.vhost}", False)


_DUE = "SELECT acknowledged_at IS NOT NULL AS taken FROM delivery WHERE subscription_id = :id AND due_on IS NOT NULL"


async def test_a_tombstone_counts_as_taken_when_the_queue_is_past_it_or_the_agency_says_so(
    suite: EmbeddedSuite, broker: AgencyBroker
) -> None:
    embassy, silent = [await queue_owner(suite, broker, kind="embassy") for _ in range(2)]
    database = suite.apps["partners"].state.service.database

    async def taken(owner: QueueOwner) -> list[bool]:
        async with database.transaction() as connection:
            return [row.taken for row in await rows(connection, _DUE, id=UUID(owner.subscription))]

    async with embassy.consuming() as consumed, silent.consuming(acknowledge=False) as held:
        officer = await sign_in(suite, "caseworker")
        case_id = (await officer.post("/api/screening/cases", REGISTRATION)).json()["case_id"]
        await officer.post(f"/api/screening/cases/{case_id}/declaration", DECLARATION)
        await at_rest(embassy.operators["admin"])
        asked = {"authority": "embassy-pk", "kind": "laissez_passer"}
        await embassy.operators["movements"].post(f"/api/travel/cases/{case_id}/document/request", asked)
        [told] = await consumed.got(1)
        assert told["data"]["person"]["given_name"] == OMAR["given_name"]
        await officer.post(f"/api/screening/cases/{case_id}/consent/withdrawal", {"place": "office", "reason": "stays"})
        tombstone = (await consumed.got(2))[1]
        assert tombstone["type"].endswith(".tombstone.v1")
        assert (tombstone["subject"], tombstone["sequence"]) == (told["subject"], "2")
        await embassy.until_waiting(0)
        assert await taken(embassy) == [True]
        id = (await held.got(2))[1]["id"]
        assert await taken(silent) == [False]
        # It has ended, and its queue stays until this is taken.
        await silent.post("end")
        await embassy.post("end")
        await until_there(broker, f"vhosts/{embassy.vhost}", False)
        await until_there(broker, f"queues/{silent.vhost}/{silent.queue}", True)
        unknown = await silent.post("acknowledgements", {"event_ids": [id, tombstone["id"]]})
        assert (unknown.status_code, await taken(silent)) == (404, [False])
        said = await silent.post("acknowledgements", {"event_ids": [id]})
        assert (said.json(), await taken(silent)) == ({"acknowledged": 1}, [True])
        await until_there(broker, f"vhosts/{silent.vhost}", False)
    async with database.transaction() as connection:
        entries = await rows(connection, "SELECT convert_from(entry, 'UTF8') AS entry FROM audit_entry")
    assert any(case_id in row.entry and "deliver by amqp" in row.entry for row in entries)


@asynccontextmanager
async def another_process(suite: EmbeddedSuite, broker: AgencyBroker, every: float) -> AsyncIterator[None]:
    """Looks after the broker as well."""
    state = suite.apps["partners"].state
    reached = Broker(broker.url)
    other = Reconciler(
        state.service.database, SystemClock(), broker.management_url, reached, state.amqp.naming, lambda: None
    )
    other.every = every
    running = asyncio.create_task(other.run())
    try:
        yield
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_another_process_goes_on_where_this_one_was(suite: EmbeddedSuite, broker: AgencyBroker) -> None:
    """What one process has in hand no other publishes, and both may look after the broker."""
    partners = suite.apps["partners"].state
    delivery, database = partners.amqp, partners.service.database
    async with another_process(suite, broker, every=0.2):
        owner = await queue_owner(suite, broker)
        id = UUID(owner.subscription)
        taken = "UPDATE amqp SET leased_by = :id, leased_until = now() + interval :lease WHERE subscription_id = :id"
        async with owner.consuming() as consumed:
            async with database.transaction() as connection:
                await run(connection, taken.replace(":lease", "'1 hour'"), id=id)
            await owner.tests(2)
            await owner.until_waiting(2)
            async with database.transaction() as connection:
                assert id not in await rounds.LEASES.find(connection, delivery.sender.clock.now(), None)
                assert await rounds.begin(connection, id, delivery.sender.clock.now()) is None
            assert consumed.messages == []
            async with database.transaction() as connection:
                await run(connection, taken.replace(":lease", "'-1 second'"), id=id)
            await consumed.got(2)
            await owner.until_waiting(0)


async def test_who_is_let_in_stays_let_in_while_another_process_looks_too(
    suite: EmbeddedSuite, broker: AgencyBroker
) -> None:
    async with AsyncExitStack() as stack:
        for _ in range(4):
            await stack.enter_async_context(another_process(suite, broker, every=0.01))
        owners = [await queue_owner(suite, broker) for _ in range(4)]
        for owner in owners:
            await owner.until_connected()
    # A user who is removed and made again was refused in between, and its connections were cut.
    made = Counter(re.findall("Created user '([^']+)'", broker.log.read_text()))
    assert [made[owner.vhost] for owner in owners] == [1] * 4
