"""A family's journey through the gateway, step by step: who looks on from another office shouldn't notice."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from shared.auth.roles import Role
from shared.ids import new_id
from tests.integration.gateway.suite import Suite, person

ROLES = tuple(Role)
_DECLARATION = {
    "place": "Tripoli",
    "place_kind": "office",
    "language": "ur",
    "witness": "W-1",
    "alternatives_explained": True,
    "data_consent": True,
    "given_by": "self",
}


def officer(suite: Suite, *offices: str) -> httpx.AsyncClient:
    """Somebody with every role in these offices."""
    return suite.user(*ROLES, offices=offices, name=f"officer-{'-'.join(offices)}")


@dataclass
class Family:
    """Two people of one household of the Tripoli office, who go home to Pakistan."""

    suite: Suite
    office: str = "tripoli"
    household_id: str = ""
    case_ids: list[str] = field(default_factory=list)
    references: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    hold_id: str = ""
    flight_id: str = ""
    fund_id: str = ""

    def __post_init__(self) -> None:
        self._everybody, self._approver = (
            self.suite.user(*ROLES, name=name) for name in ("for-every-office", "approver")
        )

    async def register(self) -> None:
        """Both come to the office; one is held for a while."""
        self.names = [f"{given}{new_id().hex[-8:]}" for given in ("Zarghuna", "Yakta", "Wrasta")]
        members = [
            {"identity": person(given_name=given, family_name=self.names[2])["identity"], "role": role}
            for given, role in zip(self.names, ("head", "spouse"), strict=False)
        ]
        body = {"office": self.office, "place": "Janzour", "place_kind": "urban", "members": members}
        made = await self.does("screening/households", body)
        self.household_id = made["household_id"]
        self.case_ids = [each["case_id"] for each in made["cases"]]
        self.references = [each["reference"] for each in made["cases"]]
        held = await self.does(f"screening/cases/{self.case_ids[0]}/holds", {"kind": "medical", "note": "a cough"})
        self.hold_id = held["hold_id"]
        await self.does(f"screening/cases/{self.case_ids[0]}/holds/{self.hold_id}/lift", {"outcome": "is well"})
        await self.rests()

    async def prepare(self) -> None:
        """Both are cleared and have their papers; a flight is planned."""
        for case_id in self.case_ids:
            await self.does(f"screening/cases/{case_id}/declaration", _DECLARATION)
            await self.does(f"screening/cases/{case_id}/assessment", {"band": 2})
            await self.does(f"screening/cases/{case_id}/fitness", {"outcome": "fit"})
            await self.does(f"screening/cases/{case_id}/clearance")
            paper = f"travel/cases/{case_id}"
            await self.does(f"{paper}/document/request", {"authority": "embassy-pk"})
            await self.does(f"{paper}/document/issue", {"number": f"LP-{case_id[-6:]}"})
            await self.does(f"{paper}/exit-visa/request", {"authority": "migration-ly"})
            await self.does(f"{paper}/exit-visa/issue", {"reference": f"EV-{case_id[-6:]}"})
        self.flight_id = (await self.does("travel/flights", flight(self.office)))["flight_id"]
        await self.rests()

    async def book(self) -> None:
        """They get their seats."""
        seats = {"case_ids": self.case_ids, "override_reason": "They are this test's"}
        await self.does(f"travel/flights/{self.flight_id}/seats", seats)
        await self.rests()

    async def release(self) -> None:
        """They lose them again."""
        path = f"travel/flights/{self.flight_id}/seats/release"
        await self.does(path, {"case_id": self.case_ids[0], "reason": "the seats are needed"})
        await self.rests()

    async def fly(self) -> None:
        """They leave and are met."""
        path = f"travel/flights/{self.flight_id}"
        await self.does(f"{path}/manifest/lock")
        for case_id in self.case_ids:
            await self.does(f"{path}/boarding", {"case_id": case_id, "kit": True})
        await self.does(f"{path}/manifest/validate")
        await self.does(f"{path}/departure", {"departed_at": datetime.now(UTC).isoformat()})
        for case_id in self.case_ids:
            await self.does(f"travel/cases/{case_id}/arrival", {"place": "Islamabad arrivals hall"})
        await self.rests()

    async def settle(self) -> None:
        """One has a plan, and is visited."""
        case_id, today = self.case_ids[0], datetime.now(UTC).date()
        fund = {"code": f"F-{new_id()}", "donor": "a donor", "currency": "EUR", "amount": 100_000}
        days = {"starts_on": str(today), "ends_on": str(today + timedelta(days=300))}
        self.fund_id = (await self.does("reintegration/funds", {**fund, **days}))["fund_id"]
        line = {"kind": "tools", "description": "a sewing machine", "supplier": "a shop", "amount": 20_000}
        await self.does(f"reintegration/cases/{case_id}/plan", {"fund_id": self.fund_id, "lines": [line]})
        await self.suite.command(self._approver, f"reintegration/cases/{case_id}/plan/approve", {})
        visits = (await self.reads(f"monitoring/cases/{case_id}"))["visits"]
        attempt = f"monitoring/cases/{case_id}/visits/{visits[0]['code']}/attempts"
        await self.does(attempt, {"outcome": "no_answer", "note": "rang twice"})
        await self.rests()

    async def go(self) -> None:
        """All of it."""
        for step in (self.register, self.prepare, self.book, self.fly, self.settle):
            await step()

    async def does(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """A command of somebody who works for every office."""
        return await self.suite.command(self._everybody, path, body or {})

    async def reads(self, path: str) -> Any:
        """A read of the same."""
        answer = await self._everybody.get(f"/api/{path}")
        assert answer.is_success, answer.text
        return answer.json()

    async def rests(self) -> None:
        """Every service knows."""
        await self.suite.at_rest(self._everybody)

    @property
    def secrets(self) -> list[str]:
        """What nobody may see who may not see the family."""
        ids = [*self.case_ids, self.household_id, self.hold_id, self.flight_id]
        return [*(each for each in ids if each), *self.references, *self.names]


def flight(office: str) -> dict[str, Any]:
    """A charter from the office's airport to Islamabad."""
    return {
        "carrier": "YL",
        "number": "6402",
        "origin": {"tripoli": "MJI", "abidjan": "ABJ"}[office],
        "destination": "ISB",
        "departs_at": (datetime.now(UTC) + timedelta(days=2)).isoformat(),
        "capacity": 20,
        "kind": "charter",
        "office": office,
        "country_of_origin": "PK",
    }
