"""What an agency says that it has taken, where its way of delivery can't tell for sure."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncConnection

from services.partners.api.queues import wake
from services.partners.api.subscriptions import loaded
from services.partners.repository import Unit
from shared.auth.permissions import Permission
from shared.errors import NotFound
from shared.persistence.database import scalar
from shared.web.bodies import Body
from shared.web.commands import Command, command

router = APIRouter(tags=["subscriptions"])

Receiver = Annotated[Command[Unit], Depends(command(Permission.EVENTS_RECEIVE))]

_ACKNOWLEDGE = """
    WITH named AS (SELECT position FROM delivery WHERE subscription_id = :id AND id = ANY(:events)),
    acknowledged AS (
        UPDATE delivery SET acknowledged_at = now() WHERE subscription_id = :id AND due_on IS NOT NULL
            AND acknowledged_at IS NULL AND position IN (SELECT position FROM named))
    SELECT count(*) FROM named"""


class Acknowledgement(Body):
    """Events that the agency has taken: of a tombstone, that what it names is destroyed."""

    event_ids: list[UUID] = Field(min_length=1, max_length=1000)


class Acknowledged(BaseModel):
    """How many events that were."""

    acknowledged: int


@router.post("/subscriptions/{subscription_id}/acknowledgements")
async def acknowledge(subscription_id: UUID, body: Acknowledgement, command: Receiver) -> Acknowledged:
    """Say that what tombstones name is destroyed."""
    events = set(body.event_ids)

    async def work(uow: Unit) -> dict[str, int]:
        await loaded(uow, subscription_id, command.principal)
        uow.write(lambda connection: _acknowledge(connection, subscription_id, events))
        return {"acknowledged": len(events)}

    acknowledged = Acknowledged.model_validate(await command.run(work))
    wake(command.request)
    return acknowledged


async def _acknowledge(connection: AsyncConnection, id: UUID, events: set[UUID]) -> None:
    """All of them or none. Raises NotFound."""
    if await scalar(connection, _ACKNOWLEDGE, id=id, events=list(events)) < len(events):
        raise NotFound("This subscription has no such event; nothing was acknowledged.")
