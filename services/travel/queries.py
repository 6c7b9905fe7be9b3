"""What travel looks up without locking."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection

from services.travel.domain.case import Case
from services.travel.domain.flight import Flight
from services.travel.domain.party import Party, Policy
from services.travel.repository import CASES, FLIGHTS, SNAPSHOTS
from shared.errors import NotFound
from shared.persistence.database import rows


@dataclass(frozen=True)
class Waiting:
    """A travel unit that could be given seats."""

    cases: list[UUID]
    priority: tuple[int, str]


async def waiting_units(
    connection: AsyncConnection,
    flight: Flight,
    after_booking: Collection[str],
    limit: int,
    *,
    without: Collection[UUID] = (),
) -> list[Waiting]:
    """Units of the flight's office and country whose members could all get a seat, the first in line first: their
    papers are under way, the exit visa's too unless the document's authority is one of ``after_booking``.
    """
    found = await rows(
        connection,
        f"""SELECT array_agg(id) AS cases, min(coalesce(band, 9)) AS band, min(registered_on)::text AS since
           FROM travel_case
           WHERE office = :office AND country_of_origin = :country AND bookable AND id <> ALL(:without)
             AND {_under_way("travel_case")}
             AND NOT EXISTS (
                 SELECT FROM travel_case AS companion
                 WHERE companion.household_id = travel_case.household_id
                   AND NOT (companion.bookable AND {_under_way("companion")})
                   AND companion.status NOT IN ('departed', 'arrived', 'missing', 'merged'))
           GROUP BY coalesce(household_id, id) ORDER BY band, since, coalesce(household_id, id) LIMIT :limit""",
        office=flight.office,
        country=flight.country_of_origin,
        after=list(after_booking),
        without=list(without),
        limit=limit,
    )
    return [Waiting(list(row.cases), (row.band, row.since)) for row in found]


async def blocked_cases(
    connection: AsyncConnection, flight: Flight, after_booking: Collection[str], limit: int
) -> dict[UUID, list[str]]:
    """Cases of the flight's office and country that could not be given a seat, with what they miss."""
    found = await rows(
        connection,
        f"""SELECT id, state -> 'gates' -> 'missing' AS missing FROM travel_case
           WHERE office = :office AND country_of_origin = :country
             AND NOT (bookable AND {_under_way("travel_case")})
             AND status IN ('preparing', 'ready') ORDER BY band, registered_on, id LIMIT :limit""",
        office=flight.office,
        country=flight.country_of_origin,
        after=list(after_booking),
        limit=limit,
    )
    return {row.id: list(row.missing or []) for row in found}


def _under_way(case: str) -> str:
    """Whether nothing has to be asked for before it is the person's turn, as the domain decides under lock."""
    there = "coalesce({0}.state -> 'papers' -> '{1}' ->> 'status' IN ('requested', 'issued', 'renewing'), false)"
    waits = f"coalesce({case}.state -> 'papers' -> 'document' ->> 'authority' = ANY(:after), false)"
    return f"({there.format(case, 'document')} AND ({waits} OR {there.format(case, 'exit_visa')}))"


async def read_flight(connection: AsyncConnection, flight_id: UUID) -> Flight:
    """One flight, unlocked."""
    found = await FLIGHTS.find(connection, "id = :id", id=flight_id)
    if not found:
        raise NotFound(f"There is no flight {flight_id}.")
    return found[0]


async def read_flights(connection: AsyncConnection, limit: int) -> list[Flight]:
    """The flights, the latest departure first."""
    return await FLIGHTS.find(connection, "true ORDER BY departs_at DESC, id LIMIT :limit", limit=limit)


async def read_cases(connection: AsyncConnection, ids: Sequence[UUID]) -> dict[UUID, Case]:
    """Cases by id, unlocked."""
    return {case.id: case for case in await CASES.find(connection, "id = ANY(:ids)", ids=list(ids))}


async def read_party(connection: AsyncConnection, case_id: UUID, policy: Policy) -> tuple[Case, Party]:
    """A case with its travel unit, unlocked."""
    home = "SELECT household_id FROM travel_case WHERE id = :id"
    found = await CASES.find(connection, f"id = :id OR household_id = ({home})", id=case_id)
    members = {case.id: case for case in found}
    if case_id not in members:
        raise NotFound(f"There is no case {case_id}.")
    flights = {id: await read_flight(connection, id) for id in {each.flight_id for each in found if each.flight_id}}
    return members[case_id], Party(list(members.values()), flights, policy)


async def identities_of(connection: AsyncConnection, flight: Flight) -> dict[UUID, dict[str, Any]]:
    """The identities as they were when the manifest was last locked."""
    condition = "flight_id = :id AND lock = :lock"
    found = await SNAPSHOTS.read(connection, condition, id=flight.id, lock=flight.locks)
    return {row.case_id: orjson.loads(identity) for row, identity in found if identity}


async def due_cases(connection: AsyncConnection, now: datetime, limit: int) -> list[UUID]:
    """Cases with a paper or a fitness that has lapsed unnoticed."""
    statement = "SELECT id FROM travel_case WHERE due_at <= :now ORDER BY due_at, id LIMIT :limit"
    return [row.id for row in await rows(connection, statement, now=now, limit=limit)]


async def read_case(connection: AsyncConnection, case_id: UUID) -> Case:
    """One case, unlocked."""
    found = await CASES.find(connection, "id = :id", id=case_id)
    if not found:
        raise NotFound(f"Travel has no case {case_id}.")
    return found[0]
