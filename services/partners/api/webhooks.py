"""Delivery by webhook: the handshake, the secret, and another try."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel

from services.partners.api.agencies import Liaison
from services.partners.api.queues import change_password, wake
from services.partners.api.subscriptions import Subscriber, loaded, own, secret_of
from services.partners.domain.agreement import Agency
from services.partners.domain.subscription import State, Subscription, Way
from services.partners.repository import Unit
from services.partners.tables import AGENCIES, SUBSCRIPTIONS
from services.partners.webhooks import signatures, state
from services.partners.webhooks.handshake import shake_hands
from services.partners.webhooks.sender import Sender
from shared.errors import RuleBroken
from shared.web.bodies import Body
from shared.web.commands import Command

router = APIRouter(tags=["webhooks"])


class NoWebhook(RuleBroken):
    """This subscription is not delivered by webhook."""


class Confirmed(BaseModel):
    """``rate``: calls a minute that the receiver allows; null for as many as there are."""

    state: State
    rate: int | None


class SecretMade(BaseModel):
    """What signatures are checked with from now on; until then the one before is signed with too. By AMQP the new
    password; the one before opens nothing any more, and who is connected by it is cut off.
    """

    secret: str | None
    previous_valid_until: datetime | None


class Again(Body):
    """Without ``subject``: all that failed or is held."""

    subject: UUID | None = None


def _sender(request: Request) -> Sender:
    sender: Sender = request.app.state.sender
    return sender


Sending = Annotated[Sender, Depends(_sender)]


@router.post("/subscriptions/{subscription_id}/handshake")
async def ask_for_handshake(subscription_id: UUID, command: Subscriber, sender: Sending) -> Confirmed:
    """Ask the receiver whether it wants to be called; before it has said so, it isn't."""
    kept, agency = await _kept(subscription_id, command)
    # Before the command, which must not keep a transaction open for so long.
    rate = await shake_hands(sender.caller, agency.name, kept.secrets["url"], sender.base)

    async def confirm(uow: Unit) -> dict[str, Any]:
        subscription = await loaded(uow, subscription_id, command.principal)
        subscription.confirm()
        uow.agreed_anew = True
        now = sender.clock.now()
        uow.write(lambda connection: state.confirm(connection, subscription.id, rate, now))
        return {"state": subscription.state, "rate": rate}

    confirmed = Confirmed.model_validate(await command.run(confirm))
    sender.wake()
    return confirmed


@router.post("/subscriptions/{subscription_id}/secret")
async def rotate_secret(subscription_id: UUID, command: Subscriber, sender: Sending) -> SecretMade:
    """Sign with a new secret, and for some days with the present one too; by AMQP, have a new password."""

    async def rotate(uow: Unit) -> dict[str, str | None]:
        subscription = await loaded(uow, subscription_id, command.principal)
        uow.agreed_anew = True
        if subscription.way is Way.AMQP:
            return {"generation": await change_password(uow, subscription), "previous_until": None}
        _called(subscription)
        subscription.secrets = signatures.rotated(subscription.secrets, sender.clock.now())
        return {name: subscription.secrets[name] for name in ("generation", "previous_until")}

    rotated = await command.run(rotate)
    secret = await secret_of(subscription_id, command, rotated["generation"])
    wake(command.request)
    return SecretMade.model_validate({"secret": secret, "previous_valid_until": rotated["previous_until"]})


@router.post("/subscriptions/{subscription_id}/deliveries/retry", status_code=202)
async def retry_deliveries(subscription_id: UUID, body: Again, command: Liaison, sender: Sending) -> dict[str, UUID]:
    """Try now what failed or is held, and go on with what waits for it. One that has answered 410 is tried again while
    it must destroy something, and hears of nothing else.
    """

    async def retry(uow: Unit) -> dict[str, UUID]:
        _called(await loaded(uow, subscription_id, command.principal))
        now = sender.clock.now()
        uow.write(lambda connection: state.again(connection, subscription_id, body.subject, now))
        return {"subscription_id": subscription_id}

    retried = await command.run(retry)
    sender.wake()
    return retried


async def _kept(id: UUID, command: Command[Unit]) -> tuple[Subscription, Agency]:
    async with command.looking() as connection:
        found = await SUBSCRIPTIONS.find(connection, "id = :id", id=id)
        subscription = _called(own(found[0] if found else None, command.principal, f"subscription {id}"))
        [agency] = await AGENCIES.find(connection, "id = :id", id=subscription.agency_id)
    return subscription, agency


def _called(subscription: Subscription) -> Subscription:
    if subscription.way is not Way.WEBHOOK:
        raise NoWebhook
    return subscription
