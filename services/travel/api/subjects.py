"""What travel holds of a person, for the person."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter

from services.travel.queries import read_case
from services.travel.repository import CASES, FLIGHTS, REASONS, SNAPSHOTS
from shared.web.commands import PersonalReading
from shared.web.subjects import FOR_THE_PERSON, Held, documents, held, look_everywhere, texts

router = APIRouter(tags=["subjects"])

#: Of a flight: the rest of its document is about everybody on it.
_OF_FLIGHT = ("id", "carrier", "number", "origin", "destination", "departs_at", "status", "departed_at")
_OF_DECISION = ("kind", "flight_id", "actor", "decided_at")
_OF_SNAPSHOT = ("flight_id", "lock", "taken_at")


@router.get("/subjects/{case_id}")
async def show_subject(case_id: UUID, reading: Annotated[PersonalReading, FOR_THE_PERSON]) -> Held:
    """The case with its papers' numbers, why something was decided, who the person was on manifests, the flights."""
    connection = reading.connection
    case = await read_case(connection, case_id)
    await look_everywhere(reading, [case_id], case.office or None)
    of_case = "case_id = :id"
    manifests = await texts(connection, SNAPSHOTS, _OF_SNAPSHOT, f"{of_case} ORDER BY taken_at", id=case_id)
    flights = [each for each in (case.flight_id, *(row["flight_id"] for row in manifests)) if each]
    boarded = await FLIGHTS.find(connection, "id = ANY(:ids) ORDER BY departs_at", ids=flights)
    records = {
        "cases": await documents(connection, CASES, "id = :id", id=case_id),
        "decisions": await texts(connection, REASONS, _OF_DECISION, f"{of_case} ORDER BY decided_at", id=case_id),
        "manifests": manifests,
        "flights": [{name: getattr(flight, name) for name in _OF_FLIGHT} for flight in boarded],
    }
    return await held(connection, case_id, [case_id], records)
