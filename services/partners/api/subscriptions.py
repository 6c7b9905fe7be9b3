"""Subscriptions: made, paused, resumed and ended by the agency within its agreement, or by the partner liaison."""

from typing import Annotated, Any, TypeVar
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from services.partners.amqp.delivery import QueueAddress
from services.partners.api.agencies import Country
from services.partners.api.queues import add_queue, address_of, delivery_of, wake
from services.partners.domain.agreement import Agreement
from services.partners.domain.rules import AgencyNamesUrl
from services.partners.domain.subscription import State, Subscription, Way
from services.partners.keys import agency_of
from services.partners.repository import Unit
from services.partners.tables import SUBSCRIPTIONS
from services.partners.webhooks.addresses import Guards
from services.partners.webhooks.signatures import FIRST, Signature, first, shown
from shared.auth.permissions import Permission
from shared.auth.principal import Principal
from shared.errors import Invalid, NotFound, RuleBroken
from shared.ids import new_id
from shared.persistence.database import rows
from shared.web.bodies import Body
from shared.web.commands import Command, Reading, command, reading

router = APIRouter(tags=["subscriptions"])

Subscriber = Annotated[Command[Unit], Depends(command(Permission.SUBSCRIPTIONS_KEEP))]
Reader = Annotated[Reading, Depends(reading(Permission.SUBSCRIPTIONS_READ))]
#: Of one agency: what is kept is kept for each of them.
MOST = 50
T = TypeVar("T", Agreement, Subscription)
Type = Annotated[str, Field(max_length=200)]


class NotInForce(RuleBroken):
    """This agreement is not in force: nothing can be subscribed to under it."""


class TooManySubscriptions(RuleBroken):
    """An agency has only so many subscriptions: end one that is not needed any more."""


class WebhookWithoutUrl(Invalid):
    """Delivery by webhook needs the URL that is called, and the other ways have none."""


class SubscriptionNew(Body):
    """What part of an agreement is wanted, and how it is delivered. Without ``types``: all of it."""

    agreement_id: UUID
    way: Way
    types: list[Type] = Field(default_factory=list, max_length=100)
    countries: list[Country] = Field(default_factory=list, max_length=60)
    #: Of a webhook: whom we call, and how that is signed.
    url: Annotated[str, Field(max_length=2000, pattern=r"^[\x21-\x7e]+$")] | None = None
    signature: Signature = Signature.SYMMETRIC


class SubscriptionView(BaseModel):
    """A subscription, and how far it is: ``waiting`` events were kept that the agency has not acknowledged."""

    subscription_id: UUID
    agreement_id: UUID
    agency_id: UUID
    way: Way
    state: State
    types: list[str]
    countries: list[str]
    position: int
    acknowledged: int
    waiting: int


class SubscriptionMade(SubscriptionView):
    """The new subscription; of a webhook, with what its signatures are checked with: it is not told again. By AMQP with
    the queue, and with the password if it is the agency's first one: all its queues have the same.
    """

    secret: str | None = None
    amqp: QueueAddress | None = None


@router.post("/subscriptions", status_code=201)
async def subscribe(body: SubscriptionNew, command: Subscriber) -> SubscriptionMade:
    """Subscribe under an agreement that is in force."""
    if (body.way is Way.WEBHOOK) != (body.url is not None):
        raise WebhookWithoutUrl
    # Who looks after agencies could have itself called.
    if body.url is not None and agency_of(command.principal) is None:
        raise AgencyNamesUrl
    guards: Guards = command.request.app.state.sender.caller.guards
    if body.way is Way.AMQP:
        delivery_of(command.request)

    async def make(uow: Unit) -> dict[str, Any]:
        await uow.load(agreements=[body.agreement_id])
        agreement = own(uow.agreements.find(body.agreement_id), command.principal, f"agreement {body.agreement_id}")
        if body.url is not None:
            guards.of(agreement.agency.name).check(body.url)
        if not agreement.in_force(uow.clock.today()):
            raise NotInForce
        mine = await SUBSCRIPTIONS.find(
            uow.connection, "agency_id = :agency AND state_name <> 'ended'", agency=agreement.agency.id
        )
        if len(mine) >= MOST:
            raise TooManySubscriptions(most=MOST)
        types = frozenset(body.types or agreement.terms.events)
        subscription = Subscription(
            new_id(), agreement.agency.id, agreement.id, body.way, types, frozenset(body.countries)
        )
        subscription.check(agreement)
        if body.url is not None:
            subscription.state, subscription.secrets = State.UNCONFIRMED, first(body.url, body.signature)
            uow.insert("webhook", {"subscription_id": subscription.id})
        generation: str | None = FIRST
        if body.way is Way.AMQP:
            generation = await add_queue(uow, subscription)
        uow.subscriptions.add(subscription)
        uow.agreed_anew = True
        uow.insert("subscription_head", {"subscription_id": subscription.id, "position": 0, "acknowledged": 0})
        return _view(subscription, 0, 0).model_dump() | {"generation": generation}

    answer = await command.run(make)
    made = SubscriptionMade.model_validate(answer)
    made.secret = await secret_of(made.subscription_id, command, answer.get("generation", FIRST))
    if made.way is Way.AMQP:
        made.amqp = address_of(command.request, made.agency_id, made.subscription_id)
        wake(command.request)
    return made


@router.get("/subscriptions")
async def list_subscriptions(reading: Reader) -> dict[str, list[SubscriptionView]]:
    """An agency's own subscriptions; everybody's for who looks after agencies."""
    agency = agency_of(reading.principal)
    found = await SUBSCRIPTIONS.find(
        reading.connection, "(CAST(:agency AS uuid) IS NULL OR agency_id = :agency) ORDER BY id", agency=agency
    )
    heads = {row.subscription_id: row for row in await rows(reading.connection, "SELECT * FROM subscription_head")}
    return {"subscriptions": [_view(each, heads[each.id].position, heads[each.id].acknowledged) for each in found]}


@router.post("/subscriptions/{subscription_id}/pause")
async def pause(subscription_id: UUID, command: Subscriber) -> dict[str, State]:
    """Keep what happens, and deliver nothing until it is resumed."""
    return await _change(subscription_id, command, lambda subscription, uow: subscription.pause(uow.clock.today()))


@router.post("/subscriptions/{subscription_id}/resume")
async def resume(subscription_id: UUID, command: Subscriber) -> dict[str, State]:
    """Deliver again, first what was kept."""
    return await _change(subscription_id, command, lambda subscription, _: subscription.resume())


@router.post("/subscriptions/{subscription_id}/end")
async def end_subscription(subscription_id: UUID, command: Subscriber) -> dict[str, State]:
    """End it. What must be destroyed of what it was told is still told."""
    return await _change(subscription_id, command, lambda subscription, uow: subscription.end(uow.clock.today()))


@router.post("/subscriptions/{subscription_id}/test", status_code=202)
async def send_test(subscription_id: UUID, command: Subscriber) -> dict[str, UUID]:
    """Have an event delivered that tells of nobody."""

    async def send(uow: Unit) -> dict[str, Any]:
        subscription = await loaded(uow, subscription_id, command.principal)
        return {"event_id": uow.try_out(subscription)}

    sent = await command.run(send)
    command.request.app.state.arrivals.wake()
    return sent


async def secret_of(id: UUID, command: Command[Unit], generation: str | None) -> str | None:
    """What signatures are checked with, or the password, unless it is another by now: no stored answer holds it. None
    for who looks after agencies: it is the agency's alone.
    """
    if agency_of(command.principal) is None:
        return None
    async with command.looking() as connection:
        [found] = await SUBSCRIPTIONS.find(connection, "id = :id", id=id)
    if found.secrets.get("generation") != generation or generation is None:
        return None
    return found.secrets["password"] if found.way is Way.AMQP else shown(found.secrets)


async def _change(id: UUID, command: Command[Unit], change: Any) -> dict[str, State]:
    async def work(uow: Unit) -> dict[str, State]:
        subscription = await loaded(uow, id, command.principal)
        change(subscription, uow)
        uow.agreed_anew = True
        return {"state": subscription.state}

    changed = await command.run(work)
    wake(command.request)
    return changed


async def loaded(uow: Unit, id: UUID, principal: Principal) -> Subscription:
    """The subscription, locked. Raises NotFound of another agency's."""
    await uow.load(subscriptions=[id])
    return own(uow.subscriptions.find(id), principal, f"subscription {id}")


def own(found: T | None, principal: Principal, what: str) -> T:
    """What is there and the caller's: another agency's is as if there were none. Raises NotFound."""
    if found is None or agency_of(principal) not in (None, found.agency_id):
        raise NotFound(f"There is no {what}.")
    return found


def _view(subscription: Subscription, position: int, acknowledged: int) -> SubscriptionView:
    return SubscriptionView(
        subscription_id=subscription.id,
        agreement_id=subscription.agreement_id,
        agency_id=subscription.agency_id,
        way=subscription.way,
        state=subscription.state,
        types=sorted(subscription.types),
        countries=sorted(subscription.countries),
        position=position,
        acknowledged=acknowledged,
        waiting=position - acknowledged,
    )
