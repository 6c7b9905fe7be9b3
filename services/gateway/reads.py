"""The gateway's reads: the projections, with what only the services know added on the caller's behalf."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import httpx
from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway import repository
from services.gateway.answers import CasePage, CaseStatus, FlightRow, case_row, case_status, flight_row
from services.gateway.clients import Neighbours, ServiceDown
from services.gateway.repository import CASES, FLIGHTS, Filter
from shared.audit.trail import Deed, Trail, by_office
from shared.auth.principal import Principal
from shared.auth.purposes import Purpose
from shared.errors import NotFound
from shared.persistence.database import Database
from shared.persistence.offices import Sight, seen_by
from shared.web.purpose import HEADER

#: What the services say of a case themselves.
PARTS = {
    "screening": "/cases/{id}/gates",
    "travel": "/cases/{id}",
    "reintegration": "/cases/{id}",
    "monitoring": "/cases/{id}",
}


@dataclass(frozen=True)
class Reader:
    """Who reads of cases, and what for; ``action`` is what the audit calls it."""

    principal: Principal
    token: str
    purpose: Purpose
    action: str


@dataclass(frozen=True)
class Reads:
    """One caller's reads of what tells of no case."""

    database: Database
    sight: Sight

    async def flights(self, limit: int) -> list[FlightRow]:
        """Flights, the latest departure first."""
        async with seen_by(self.sight, self.database) as connection:
            found = await repository.list_flights(connection, limit)
        return [flight_row(FLIGHTS.load(row.state), row.seats) for row in found]

    async def figures(self) -> dict[str, dict[str, int]]:
        """Cases per stage, corridor and office."""
        async with seen_by(self.sight, self.database) as connection:
            return await repository.figures(connection)


@dataclass(frozen=True)
class CaseReads(Reads):
    """One caller's reads of cases. No database connection is held while a service is asked.

    What the projections tell of is written down here, in the transaction of the read; the services write down who has
    read what of theirs.
    """

    neighbours: Neighbours
    trail: Trail
    reader: Reader

    async def cases(
        self, filter: Filter, *, q: str | None, after: UUID | None, limit: int, with_names: bool
    ) -> CasePage:
        """A page of cases; ``q`` is a name, which screening is asked for, or the beginning of a reference."""
        gaps: set[str] = set()
        if q:
            filter = replace(filter, reference=q.strip().upper(), ids=await self._found(q, gaps))
        async with seen_by(self.sight, self.database) as connection:
            found = await repository.list_cases(connection, filter, after=after, limit=limit + 1)
            await self._disclose(connection, [(row.id, row.office) for row in found[:limit]])
        page = [case_row(CASES.load(row.state)) for row in found[:limit]]
        if with_names:
            people = await self.people([row.case_id for row in page], gaps)
            page = [row.model_copy(update=people.get(str(row.case_id), {})) for row in page]
        return CasePage(cases=page, next=page[-1].case_id if len(found) > limit else None, gaps=sorted(gaps))

    async def case(self, name: UUID | str, *, with_parts: bool, with_names: bool) -> CaseStatus:
        """One case by its id or reference. Raises NotFound, also when the caller may not see it."""
        status = await self._status(name)
        gaps: set[str] = set()
        if with_parts:
            urls = {service: path.format(id=status.case_id) for service, path in PARTS.items()}
            asked = await self.neighbours.ask_each(urls, token=self.reader.token, headers=self._named)
            status.parts = dict(asked.answers)
            gaps.update(asked.gaps)
        if with_names:
            people = await self.people([status.case_id], gaps)
            status = status.model_copy(update=people.get(str(status.case_id), {}))
        status.gaps = sorted(gaps)
        return status

    async def _status(self, name: UUID | str) -> CaseStatus:
        async with seen_by(self.sight, self.database) as connection:
            case = await repository.find_case(connection, name)
            if case is None:
                raise NotFound("There is no such case, or it is another office's.")
            household = await repository.family_of(connection, case.id)
            flight = None
            if case.travel.flight_id:
                flight = await repository.find_flight(connection, case.travel.flight_id)
            subjects = [each for each in (case.id, household[0], flight and flight.id) if each]
            events = await repository.timeline(connection, subjects)
            seats = await repository.seats_on(connection, flight.id) if flight else 0
            family = [(each.id, each.office) for each in household[1]]
            await self._disclose(connection, [(case.id, case.screening.office), *family])
        return case_status(case, household, flight_row(flight, seats) if flight else None, events)

    async def _disclose(self, connection: AsyncConnection, told_of: Iterable[tuple[UUID, str | None]]) -> None:
        """``told_of``: cases with their offices."""
        deed = Deed(self.reader.principal, self.reader.action, self.reader.purpose, by_office(told_of))
        await self.trail.append(connection, deed)

    async def people(self, case_ids: Iterable[UUID], gaps: set[str]) -> dict[str, dict[str, str | None]]:
        """Who people are from screening, as the members of answers, by case.

        None for who may not see them, and a gap when screening is down.
        """
        body = {"case_ids": [str(case_id) for case_id in case_ids]}
        found = await self._screening("POST", "/identities", gaps, json=body) if body["case_ids"] else None
        identities = (found or {}).get("identities", {})
        return {
            case_id: {
                "name": f"{each['given_name']} {each['family_name']}",
                "list_reference": each.get("list_reference"),
            }
            for case_id, each in identities.items()
        }

    async def _found(self, q: str, gaps: set[str]) -> list[UUID]:
        url = str(httpx.URL("/search", params={"q": q}))
        found = await self._screening("GET", url, gaps)
        return [UUID(case_id) for case_id in (found or {}).get("case_ids", [])]

    async def _screening(self, method: str, url: str, gaps: set[str], **content: Any) -> Any:
        asked = {"token": self.reader.token, "headers": self._named, **content}
        try:
            return await self.neighbours.answer("screening", method, url, **asked)
        except ServiceDown:
            gaps.add("screening")
            return None

    @property
    def _named(self) -> dict[str, str]:
        return {HEADER: self.reader.purpose}
