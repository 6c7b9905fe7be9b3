"""What the gateway holds of a person, for the person: emergency accesses to a case, and who read it here."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter

from services.gateway import emergencies
from services.gateway.repository import find_case
from shared.errors import NotFound
from shared.web.commands import PersonalReading
from shared.web.subjects import FOR_THE_PERSON, Held, held, look_everywhere

router = APIRouter(prefix="/api/subjects", tags=["subjects"])


@router.get("/{case_id}")
async def show_subject(case_id: UUID, reading: Annotated[PersonalReading, FOR_THE_PERSON]) -> Held:
    """Emergency accesses to the case, and the reads of it; the case itself is what the services' events tell."""
    connection = reading.connection
    case = await find_case(connection, case_id)
    if case is None:
        raise NotFound(f"There is no case {case_id}.")
    await look_everywhere(reading, [case_id], case.screening.office)
    # Staff are told of by the number of their account.
    opened = [each.model_dump(mode="json", exclude={"name"}) for each in await emergencies.of_case(connection, case_id)]
    return await held(connection, case_id, [case_id], {"emergencies": opened})
