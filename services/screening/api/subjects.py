"""What screening holds of a person, for the person."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter
from sqlalchemy.ext.asyncio import AsyncConnection

from services.screening import repository
from services.screening.repository import CASES, HOUSEHOLDS
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
    return await held(connection, case.person_id, ids, {"cases": cases, "splits": await _splits(connection, ids)})


async def _splits(connection: AsyncConnection, ids: list[UUID]) -> list[dict[str, Any]]:
    """Why these have left those with whom they travelled; who left with them is not told."""
    left = {each for case in await repository.cases_of(connection, ids) for each in case.left}
    households = await HOUSEHOLDS.find(connection, "id = ANY(:ids) ORDER BY id", ids=sorted(left))
    found = [split for household in households for split in household.splits if set(split.case_ids) & set(ids)]
    return [{"reason": each.reason, "at": each.at, "by": each.by} for each in found]
