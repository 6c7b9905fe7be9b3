"""How delivery stands, by whichever way; replay; and acknowledgements that agencies gave by word of mouth."""

from datetime import date
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import Field

from services.partners.api.agencies import Liaison
from services.partners.api.subscriptions import NotInForce, Reader, Subscriber, loaded, own
from services.partners.api.webhooks import Sending
from services.partners.domain.concern import Times
from services.partners.domain.vocabulary import Means
from services.partners.health import standing, tombstones
from services.partners.health.replay import Replayed, replay
from services.partners.health.standing import Deliveries, Line
from services.partners.health.tombstones import Otherwise
from services.partners.keys import agency_of
from services.partners.repository import Unit
from services.partners.tables import AGREEMENTS, SUBSCRIPTIONS
from shared.web.bodies import Body
from shared.web.commands import Desk

router = APIRouter(tags=["deliveries"])


class ReplayFrom(Body):
    """The day, by the programme's clock, from whose beginning on all is delivered again."""

    since: Annotated[date, Field(alias="from")]


class Destroyed(Body):
    """What the agency says that it has destroyed: by which means it was told, who there, and on which day."""

    subject: UUID
    by: Means
    to: Annotated[str, Field(min_length=1, max_length=100)]
    on: date


@router.get("/deliveries")
async def list_deliveries(request: Request, reading: Reader, sender: Sending) -> dict[str, list[Line]]:
    """How delivery to each subscription stands, the worst first; to an agency, its own."""
    agency = agency_of(reading.principal)
    found = await SUBSCRIPTIONS.find(
        reading.connection, "(CAST(:agency AS uuid) IS NULL OR agency_id = :agency) ORDER BY id", agency=agency
    )
    desk: Desk = request.app.state.desk
    return {"deliveries": await standing.lines(desk.database, found, Times(desk.clock.now(), sender.clock.now()))}


@router.get("/subscriptions/{subscription_id}/deliveries")
async def show_deliveries(request: Request, subscription_id: UUID, reading: Reader, sender: Sending) -> Deliveries:
    """How far delivery is, what fails and why, what is held, and what must still be destroyed."""
    found = await SUBSCRIPTIONS.find(reading.connection, "id = :id", id=subscription_id)
    subscription = own(found[0] if found else None, reading.principal, f"subscription {subscription_id}")
    desk: Desk = request.app.state.desk
    return await standing.deliveries(desk.database, subscription, Times(desk.clock.now(), sender.clock.now()))


@router.post("/subscriptions/{subscription_id}/replay", status_code=202)
async def replay_deliveries(subscription_id: UUID, body: ReplayFrom, command: Subscriber, sender: Sending) -> Replayed:
    """Deliver again what was kept from a day on. Whom it is about is looked up anew: who withdrew is not told."""

    async def again(uow: Unit) -> dict[str, Any]:
        subscription = await loaded(uow, subscription_id, command.principal)
        [agreement] = await AGREEMENTS.find(uow.connection, "id = :id", id=subscription.agreement_id)
        today = uow.clock.today()
        if not agreement.in_force(today):
            raise NotInForce("The agreement is not in force: nothing is delivered again under it.")
        subscription.check_replay(agreement, body.since, today)
        return (await replay(uow, subscription, body.since)).model_dump()

    replayed = Replayed.model_validate(await command.run(again))
    sender.wake()
    return replayed


@router.post("/subscriptions/{subscription_id}/tombstones/acknowledge")
async def acknowledge_for_agency(subscription_id: UUID, body: Destroyed, command: Liaison) -> dict[str, UUID]:
    """Write down that the agency was told by other means than its way, and has destroyed what it held of a subject."""

    async def acknowledge(uow: Unit) -> dict[str, UUID]:
        await loaded(uow, subscription_id, command.principal)
        said, now = Otherwise.model_validate(body.model_dump()), uow.clock.now()
        uow.write(lambda connection: tombstones.acknowledge(connection, subscription_id, said, uow.actor, now))
        return {"subject": body.subject}

    return await command.run(acknowledge)
