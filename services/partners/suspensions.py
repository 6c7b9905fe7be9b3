"""Which agencies nothing leaves to, and since when."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.partners.domain.access import Suspension
from shared.persistence.database import rows, run

#: A condition over a subscription or whatever else has an ``agency_id``.
UNSUSPENDED = """NOT EXISTS (SELECT FROM agency_suspension
    WHERE agency_suspension.agency_id = subscription.agency_id AND resumed_at IS NULL)"""


async def suspensions(connection: AsyncConnection, agencies: Iterable[UUID] | None = None) -> Mapping[UUID, Suspension]:
    """By agency, of these or of all; those that are not suspended aren't there."""
    these = "" if agencies is None else "AND agency_id = ANY(:agencies)"
    parameters = {} if agencies is None else {"agencies": list(agencies)}
    found = await rows(
        connection,
        f"""SELECT agency_id, reason, suspended_by, suspended_at FROM agency_suspension
            WHERE resumed_at IS NULL {these}""",
        **parameters,
    )
    return {row.agency_id: Suspension(row.reason, row.suspended_by, row.suspended_at) for row in found}


async def resume(connection: AsyncConnection, agency_id: UUID, by: str, now: datetime) -> None:
    """What was kept leaves from now on."""
    await run(
        connection,
        """UPDATE agency_suspension SET resumed_by = :by, resumed_at = :now
           WHERE agency_id = :agency AND resumed_at IS NULL""",
        agency=agency_id,
        by=by,
        now=now,
    )


def suspension(id: UUID, agency_id: UUID, made: Suspension) -> dict[str, Any]:
    """The table's row of a new one."""
    return {
        "id": id,
        "agency_id": agency_id,
        "reason": made.reason,
        "suspended_by": made.suspended_by,
        "suspended_at": made.suspended_at,
    }
