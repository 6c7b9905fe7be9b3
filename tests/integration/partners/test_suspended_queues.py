"""An agency that is suspended has nothing at the broker, and gets all that it had not taken once it goes on."""

from collections.abc import AsyncIterator
from pathlib import Path

import aio_pika
import pytest
import pytest_asyncio

from services.embedded import EmbeddedSuite
from services.partners.amqp import rounds
from tests.integration.partners.queues import queue_owner, until_there, with_broker
from tests.support.agency_broker import AgencyBroker
from tests.support.bench import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def suite(module_path: Path, broker: AgencyBroker) -> AsyncIterator[EmbeddedSuite]:
    async with with_broker(module_path, broker) as running:
        yield running


async def test_of_an_agency_that_is_suspended_nothing_stays_open_at_the_broker(
    suite: EmbeddedSuite, broker: AgencyBroker
) -> None:
    owner, other = await queue_owner(suite, broker), await queue_owner(suite, broker)
    async with owner.consuming() as consumed:
        await owner.tests(1)
        await consumed.got(1)
        await owner.until_waiting(0)
    await owner.tests(2)
    async with owner.connected() as connection:
        await owner.suspended()

        async def cut() -> bool:
            return bool(connection.is_closed or connection.transport.connection.is_closed)

        await eventually(cut, seconds=30)
    for kind in ("users", "vhosts"):
        await until_there(broker, f"{kind}/{owner.vhost}", False)
    with pytest.raises((aio_pika.exceptions.AMQPError, OSError)):
        async with owner.connected():
            pass
    await other.until_connected()
    path = f"/api/partners/subscriptions/{owner.subscription}/test"
    assert (await owner.operators["partner_liaison"].post(path, {})).is_success
    assert not await owner.is_due(rounds.LEASES)
    assert (await owner.line())["concern"].endswith("nothing leaves, 3 events wait")

    await owner.resumed()
    async with owner.consuming() as consumed:
        await consumed.got(3)
        await owner.until_waiting(0)


async def test_who_looks_after_an_agency_is_told_no_password_of_its_queues(
    suite: EmbeddedSuite, broker: AgencyBroker
) -> None:
    owner = await queue_owner(suite, broker)
    liaison = owner.operators["partner_liaison"]
    body = {"agreement_id": owner.agreement, "way": "amqp"}
    made = (await liaison.post("/api/partners/subscriptions", body)).json()
    assert (made["secret"], made["amqp"]["user"]) == (None, owner.vhost)
    path = f"/api/partners/subscriptions/{owner.subscription}/secret"
    assert (await liaison.post(path, {})).json()["secret"] is None
    before, owner.secret = owner.secret, (await owner.post("secret")).json()["secret"]
    assert owner.secret not in (None, before)
    await owner.until_connected()
