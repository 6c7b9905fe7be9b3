"""Subscriptions by AMQP: which queue and password an agency has at the broker."""

from collections.abc import Iterable
from uuid import UUID

from fastapi import Request

from services.partners.amqp import passwords
from services.partners.amqp.delivery import AmqpDelivery, QueueAddress
from services.partners.amqp.wanted import MOST_QUEUES
from services.partners.domain.subscription import State, Subscription, Way
from services.partners.repository import Unit
from shared.errors import RuleBroken
from shared.persistence.database import rows


class NoBrokerForAgencies(RuleBroken):
    """Nothing is delivered by AMQP here, for the programme has set no broker that agencies use: receive another way."""


class TooManyQueues(RuleBroken):
    """An agency has so many queues at most: end a subscription by AMQP, or receive another way."""


#: An agency's subscriptions have one password, whoever makes or changes one of them.
_ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtextextended('amqp ' || :agency, 0))"


def delivery_of(request: Request) -> AmqpDelivery:
    """Raises NoBrokerForAgencies."""
    delivery: AmqpDelivery | None = request.app.state.amqp
    if delivery is None:
        raise NoBrokerForAgencies
    return delivery


def address_of(request: Request, agency: UUID, subscription: UUID) -> QueueAddress | None:
    """Where it is consumed; None where the programme has a broker no more."""
    delivery: AmqpDelivery | None = request.app.state.amqp
    return delivery.address(agency, subscription) if delivery else None


def wake(request: Request) -> None:
    """Have the broker looked after now."""
    delivery: AmqpDelivery | None = request.app.state.amqp
    if delivery is not None:
        delivery.reconciler.wake()
        delivery.sender.wake()


async def add_queue(uow: Unit, subscription: Subscription) -> str | None:
    """Give the new subscription a queue, and its agency a password unless it has one; its generation if it is new."""
    others = await _load_others(uow, subscription)
    going = [each for each in others if each.state is not State.ENDED]
    if len(going) >= MOST_QUEUES:
        raise TooManyQueues(most=MOST_QUEUES)
    uow.insert("amqp", {"subscription_id": subscription.id})
    if going:
        subscription.secrets = dict(going[0].secrets)
        return None
    return _give_all([subscription, *others], passwords.rotated(others[0].secrets) if others else passwords.first())


async def change_password(uow: Unit, subscription: Subscription) -> str:
    """Another password for all queues of the agency; its generation."""
    others = await _load_others(uow, subscription)
    return _give_all([subscription, *others], passwords.rotated(subscription.secrets))


def _give_all(subscriptions: Iterable[Subscription], secrets: dict[str, str]) -> str:
    for each in subscriptions:
        each.secrets = dict(secrets)
    return secrets["generation"]


async def _load_others(uow: Unit, subscription: Subscription) -> list[Subscription]:
    """The agency's other subscriptions by AMQP, also those that have ended: a tombstone may bring their queue back."""
    agency = subscription.agency_id
    await rows(uow.connection, _ONE_AT_A_TIME, agency=str(agency))
    found = await rows(
        uow.connection,
        "SELECT id FROM subscription WHERE agency_id = :agency AND state ->> 'way' = :way AND id <> :id",
        agency=agency,
        way=Way.AMQP,
        id=subscription.id,
    )
    ids = sorted(row.id for row in found)
    await uow.load(subscriptions=ids)
    return [uow.subscriptions.get(id) for id in ids]
