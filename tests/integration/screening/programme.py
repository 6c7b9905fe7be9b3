"""Screening on stage: the service, travel beside it, and who works there. Everybody is made up."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx

from services.screening.app import create_app
from services.screening.settings import Settings
from shared.auth.roles import Role
from shared.contracts import travel
from shared.contracts.envelope import Contract
from shared.ids import new_id
from tests.integration.reintegration.stage import Stage, User

TODAY = date(2026, 3, 2)
EXAMPLES = Path(__file__).parents[3] / "examples"
HEADER = "list_reference,household,given_name,family_name,date_of_birth,sex,nationality,place,place_kind"
DECLARATION = {
    "place": "Tripoli office",
    "place_kind": "office",
    "language": "ur",
    "interpreter": "An interpreter",
    "witness": "A counsellor",
    "alternatives_explained": True,
    "data_consent": True,
    "given_by": "self",
}


class Programme(Stage):
    """Screening beside travel."""

    def __init__(self, postgres_url: str, **settings: Any) -> None:
        start = datetime(2026, 3, 2, 8, tzinfo=UTC)
        super().__init__("screening", create_app, Settings, ("travel", "monitoring"), postgres_url, start, **settings)
        self.officer: User = self.user(Role.CASEWORKER, id="officer")
        #: Decides about those whom the officer has registered.
        self.colleague: User = self.user(Role.CASEWORKER, id="colleague")
        self.protection: User = self.user(Role.PROTECTION, id="protection")
        self.doctor: User = self.user(Role.MEDICAL, id="doctor")
        self.other: User = self.neighbour("travel")

    async def register(self, **changed: Any) -> Any:
        return await self.officer.does("/cases", person(**changed))

    async def screen(self, case_id: str, **changed: Any) -> None:
        await self.officer.does(f"/cases/{case_id}/declaration", DECLARATION | changed)
        await self.officer.does(f"/cases/{case_id}/assessment", {"band": 3})
        await self.doctor.does(f"/cases/{case_id}/fitness", {"outcome": "fit"})

    async def clear(self, case_id: str) -> Any:
        return await self.officer.does(f"/cases/{case_id}/clearance")

    async def send_list(self, content: bytes | str, name: str = "list.csv", office: str = "tripoli") -> httpx.Response:
        file = content.encode() if isinstance(content, str) else content
        return await self.officer.client.post(
            "/imports",
            files={"file": (name, file)},
            data={"office": office},
            headers={"Idempotency-Key": str(new_id())},
        )

    async def decide(self, case_id: str, other_id: str, *, same_person: bool, reason: str = "as they say") -> Any:
        decision = {"same_person": same_person, "reason": reason}
        return await self.colleague.does(f"/cases/{case_id}/duplicates/{other_id}", decision)

    async def imported(self, content: bytes | str, name: str = "list.csv", office: str = "tripoli") -> Any:
        answer = await self.send_list(content, name, office)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def events(self, case_id: str) -> list[Contract]:
        return await self.log(UUID(case_id))

    async def happens(self, case_id: str, data: Contract) -> None:
        await self.tell(travel.SOURCE, UUID(case_id), data)


def person(**changed: Any) -> dict[str, Any]:
    identity = {
        "given_name": "Adeel",
        "family_name": f"Family {new_id()}",
        "date_of_birth": "1990-05-01",
        "sex": "male",
        "nationality": "PK",
    }
    case = {"office": "tripoli", "place": "Janzour", "place_kind": "urban"}
    for name, value in changed.items():
        (identity if name in identity or name in ("phone", "document_numbers") else case)[name] = value
    return {**case, "identity": identity}


def member(role: str, born: str = "1990-05-01", **changed: Any) -> dict[str, Any]:
    return {"role": role, "identity": person(date_of_birth=born, **changed)["identity"]}


def row(reference: str, given: str, born: str = "1990-05-01", household: str = "", sex: str = "male") -> str:
    return f"{reference},{household},{given},Gill {reference[:3]},{born},{sex},PK,Abu Salim,detention_centre"


def household(*members: dict[str, Any]) -> dict[str, Any]:
    return {"office": "tripoli", "place": "Janzour", "place_kind": "urban", "members": list(members)}
