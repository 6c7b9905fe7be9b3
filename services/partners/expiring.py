"""What agencies have sent is destroyed after a while; what became of it stays."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.partners.domain.answer import KEPT
from services.partners.repository import Unit
from shared.persistence.database import rows
from shared.scheduler import Scheduled


async def due(connection: AsyncConnection, now: datetime, limit: int) -> list[UUID]:
    """Answers about which nobody has to decide any more, in which something is left."""
    found = await rows(
        connection,
        """SELECT id FROM answer WHERE perishable AND state_name <> 'waiting' AND received_at < :before
           ORDER BY received_at LIMIT :limit""",
        before=now - KEPT,
        limit=limit,
    )
    return [row.id for row in found]


async def empty(uow: Unit, id: UUID) -> None:
    """Destroy what is in it."""
    await uow.load(answers=[id])
    if answer := uow.answers.find(id):
        answer.empty()


FORGETTING = (Scheduled("answers-due", due=due, run=empty),)
