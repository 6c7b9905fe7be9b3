"""What screening holds of a person, for the person."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter

from services.screening import repository
from services.screening.repository import CASES
from shared.errors import NotFound
from shared.web.commands import PersonalReading
from shared.web.subjects import FOR_THE_PERSON, Held, documents, held, look_everywhere

router = APIRouter(tags=["subjects"])


@router.get("/subjects/{case_id}")
async def show_subject(case_id: UUID, reading: Annotated[PersonalReading, FOR_THE_PERSON]) -> Held:
    """All cases of the person who has this one that the caller sees, what was said of them, and who has read them."""
    connection = reading.connection
    found = await repository.cases_of(connection, [case_id])
    if not found:
        raise NotFound(f"There is no case {case_id}.")
    [case] = found
    ids = sorted(row.id for row in await repository.of_the_same_people(connection, [case_id]))
    await look_everywhere(reading, [case_id], case.office)
    for other in await repository.cases_of(connection, ids):
        reading.disclose([other.id], other.office)
    cases = await documents(connection, CASES, "id = ANY(:ids) ORDER BY id", ids=ids)
    return await held(connection, case.person_id, ids, {"cases": cases})
