"""Travel beside screening: people whom screening has cleared, officers who use travel, and a line that can be cut."""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import httpx
from fastapi import FastAPI, Request

from services.travel.app import create_app
from services.travel.repository import REASONS
from services.travel.settings import Settings
from shared.auth.roles import Role
from shared.contracts import screening
from shared.contracts.envelope import Contract
from shared.contracts.vocabulary import AgeGroup, VulnerabilityBand
from shared.ids import new_id
from shared.messaging.outbox import Outgoing
from tests.integration.reintegration.stage import Stage, User

NOW = datetime(2026, 3, 20, 9, tzinfo=UTC)
DEPARTURE = datetime(2026, 3, 27, 10, tzinfo=UTC)
LAST_DAY = date(2026, 4, 20)


class Line(httpx.AsyncBaseTransport):
    """The way to screening."""

    def __init__(self, app: Callable[[], FastAPI]) -> None:
        self.cut = False
        self._app = app

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.cut:
            raise httpx.ConnectError("nobody answers")
        return await httpx.ASGITransport(app=self._app()).handle_async_request(request)


class Office(Stage):
    """The Tripoli office on the way to a departure."""

    def __init__(self, postgres_url: str) -> None:
        self.line = Line(lambda: self.apps["screening"])
        super().__init__("travel", create_app, Settings, ("screening",), postgres_url, NOW)
        self.withdrawn: set[UUID] = set()
        #: A recipient to whom nobody consents.
        self.kept_from: str | None = None
        self.movements: User = self.user(Role.MOVEMENTS, id="movements")
        self.airport: User = self.user(Role.AIRPORT, id="airport")
        self._answer_reads(self.apps["screening"])

    def wire(self, service: str) -> httpx.AsyncClient:
        if service == "screening":
            return httpx.AsyncClient(transport=self.line, base_url="http://screening")
        return super().wire(service)

    def _answer_reads(self, app: FastAPI) -> None:
        """Screening's two reads: everybody consents who has not withdrawn there."""

        @app.get("/cases/{case_id}/consent")
        async def consent(case_id: UUID, request: Request) -> dict[str, Any]:
            assert request.headers["Purpose"] in ("travel-documents", "boarding")
            to = [] if case_id in self.withdrawn else ["embassy", "exit_authority", "carrier"]
            return {"consent": bool(to), "recipients": [each for each in to if each != self.kept_from], "holds": 0}

        @app.post("/identities")
        async def identities(body: dict[str, Any], request: Request) -> dict[str, Any]:
            assert request.headers["Purpose"] == "travel-arrangement"
            return {"identities": {each: _identity(each) for each in body["case_ids"] if self.kept_from != "carrier"}}

    async def hears(self, subject: UUID, *data: Contract) -> None:
        """Screening tells something, all of it in one transaction."""
        service = self.apps["screening"].state.service
        async with service.database.transaction() as connection:
            unit = service.unit(connection)
            unit.record(*(Outgoing(subject, each) for each in data))
            await unit.flush()
        service.committed(unit.logged)
        await self.settle()

    async def person(
        self,
        *,
        family: UUID | None = None,
        country: str = "PK",
        band: VulnerabilityBand = VulnerabilityBand.MEDIUM,
        papers: bool = True,
        age: AgeGroup = AgeGroup.ADULT,
        case_id: UUID | None = None,
    ) -> UUID:
        """Somebody whom screening has cleared, with papers unless it says otherwise."""
        case_id = case_id or new_id()
        await self.hears(
            case_id,
            _registered(family, country, age),
            screening.CaseAssessed(band=band, assistance=[], escort_required=False, care_required=False),
            screening.DeclarationSigned(signed_on=NOW.date()),
            screening.FitnessRecorded(
                fit=True,
                valid_from=NOW,
                valid_until=DEPARTURE + timedelta(hours=3),
                assistance=[],
                escort_required=False,
            ),
            screening.CaseCleared(cleared_on=NOW.date()),
        )
        if papers:
            await self.papers(case_id)
        return case_id

    async def family(self, size: int, country: str = "PK") -> list[UUID]:
        """A family of adults."""
        household = new_id()
        members = [await self.person(family=household, country=country) for _ in range(size)]
        await self.hears(household, screening.HouseholdChanged(case_ids=members))
        return members

    async def papers(self, case_id: UUID, until: date = LAST_DAY) -> None:
        """Both papers are requested and issued."""
        ask = {"authority": "embassy-pk"}
        await self.movements.does(f"/cases/{case_id}/document/request", {**ask, "kind": "laissez_passer"})
        issued = {"expires_on": until.isoformat()}
        await self.movements.does(f"/cases/{case_id}/document/issue", {"number": "LP-12345", **issued})
        await self.movements.does(f"/cases/{case_id}/exit-visa/request", {"authority": "migration-ly"})
        await self.movements.does(f"/cases/{case_id}/exit-visa/issue", {"reference": "EV-9", **issued})

    async def flight(self, capacity: int = 20, *, country: str = "PK", departs_at: datetime = DEPARTURE) -> UUID:
        """A charter from Mitiga."""
        answer = await self.movements.does("/flights", flight_body(capacity, country, departs_at))
        return UUID(answer["flight_id"])

    async def manifest(self, case_ids: Sequence[UUID], **flight: Any) -> UUID:
        """A flight with these people on its locked manifest."""
        flight_id = await self.flight(**flight)
        chosen = {"case_ids": [str(each) for each in case_ids], "override_reason": "these people are the test's"}
        answer = await self.movements.does(f"/flights/{flight_id}/seats", chosen)
        assert not answer["waiting"]
        await self.movements.does(f"/flights/{flight_id}/manifest/lock")
        return flight_id

    async def boards(self, flight_id: UUID, *case_ids: UUID) -> None:
        """These people board."""
        for case_id in case_ids:
            await self.airport.does(f"/flights/{flight_id}/boarding", {"case_id": str(case_id), "kit": True})

    async def leaves(self, flight_id: UUID) -> None:
        """The manifest is validated and the flight leaves."""
        await self.airport.does(f"/flights/{flight_id}/manifest/validate")
        await self.airport.does(f"/flights/{flight_id}/departure", {"departed_at": NOW.isoformat()})

    async def case(self, case_id: UUID) -> Any:
        """What travel shows of a case."""
        return await self.movements.reads(f"/cases/{case_id}")

    async def status(self, case_id: UUID) -> str:
        """Where travel has a case."""
        return str((await self.case(case_id))["status"])

    async def told(self, subject: UUID) -> list[str]:
        """The names of what was published about a case or a flight, without the gates."""
        return [type(each).__name__ for each in await self.log(subject) if type(each).__name__ != "GatesEvaluated"]

    async def decisions(self, kind: str, subject: UUID) -> list[Any]:
        """The reasons that were kept."""
        condition = "kind = :kind AND :subject IN (case_id, flight_id)"
        async with self.apps["travel"].state.service.database.transaction() as connection:
            found = await REASONS.read(connection, condition, kind=kind, subject=subject)
        return [SimpleNamespace(**{**row._mapping, "reason": reason}) for row, reason in found]


def flight_body(capacity: int = 20, country: str = "PK", departs_at: datetime = DEPARTURE) -> dict[str, Any]:
    """What plans a charter."""
    return {
        "carrier": "YL",
        "number": "6402",
        "origin": "MJI",
        "destination": {"PK": "ISB", "CI": "ABJ", "BD": "DAC", "NG": "LOS", "ML": "BKO", "NE": "NIM", "SN": "DSS"}[
            country
        ],
        "departs_at": departs_at.isoformat(),
        "capacity": capacity,
        "kind": "charter",
        "office": "tripoli",
        "country_of_origin": country,
    }


def _registered(family: UUID | None, country: str, age: AgeGroup) -> screening.CaseRegistered:
    return screening.CaseRegistered(
        person_id=new_id(),
        household_id=family,
        reference="HW-1",
        office="tripoli",
        country_of_origin=country,
        age_group=age,
        registered_on=NOW.date() - timedelta(days=30),
    )


def _identity(case_id: str) -> dict[str, Any]:
    day = {"date_of_birth": "1990-01-01", "sex": "male", "nationality": "PK"}
    return {"given_name": "Person", "family_name": case_id[-4:], **day, "document_numbers": []}
