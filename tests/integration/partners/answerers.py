"""Agencies that answer, and the people whom they answer about."""

import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx

from services.embedded import EmbeddedSuite
from shared.persistence.database import rows
from tests.integration.screening.programme import DECLARATION
from tests.support.liaison import Liaison
from tests.support.suite import OMAR, REGISTRATION, Operator, at_rest, sign_in

ROLES = ("caseworker", "protection", "medical", "movements", "airport", "admin", "partner_liaison", "manager")
RECIPIENTS = ("embassy", "exit_authority", "carrier", "receiving_office", "reintegration_partner", "health_partner")
AGENCY = "org.homeward.agency"
_NUMBERS = itertools.count(1)


@dataclass
class Agency:
    """An agency with an agreement and a feed."""

    id: str
    client: httpx.AsyncClient
    subscription: str
    agreement: str

    async def events(self) -> list[dict[str, Any]]:
        """Everything that its feed has."""
        answer = await self.client.get("/feed", params={"subscription": self.subscription, "limit": 1000})
        assert answer.is_success, answer.text
        return list(answer.json()["events"])

    async def subject(self) -> str:
        """Of whom it heard last."""
        return str((await self.events())[-1]["subject"])

    async def answers(self, type: str, said: Mapping[str, Any], **more: Any) -> httpx.Response:
        """An answer under an id of its own, unless it has one."""
        body = {"id": f"own-{next(_NUMBERS)}", "type": f"{AGENCY}.{type}.v1", "data": said, **more}
        return await self.client.post("/answers", json=body)


@dataclass
class World:
    """The suite, who works there, and who looks after agencies."""

    suite: EmbeddedSuite
    operators: dict[str, Operator] = field(default_factory=dict)

    @property
    def liaison(self) -> Liaison:
        return Liaison(self.suite, self.operators["partner_liaison"], self.operators["manager"])

    async def agency(self, kind: str, **changes: Any) -> Agency:
        """An agency of a kind."""
        id, client = await self.liaison.agency(f"Agency {next(_NUMBERS)}", kind, **changes)
        agreement = await self.liaison.approved(id)
        body = {"agreement_id": agreement, "way": "feed"}
        key = {"Idempotency-Key": f"subscribe-{next(_NUMBERS):06}"}
        made = await client.post("/subscriptions", json=body, headers=key)
        assert made.is_success, made.text
        return Agency(id, client, made.json()["subscription_id"], agreement)

    async def does(self, role: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """A command that succeeds."""
        answer = await self.operators[role].post(f"/api/{path}", body or {})
        assert answer.is_success, answer.text
        return answer.json()

    async def person(self, *, to: tuple[str, ...] = RECIPIENTS, **identity: Any) -> str:
        """Somebody who has declared to return and agrees to these recipients; the case's id."""
        body = REGISTRATION | {"identity": OMAR | {"given_name": f"Omar{next(_NUMBERS)}"} | identity}
        case_id = str((await self.does("caseworker", "screening/cases", body))["case_id"])
        await self.does("caseworker", f"screening/cases/{case_id}/declaration", DECLARATION | {"recipients": list(to)})
        await self.rests()
        return case_id

    async def asks(self, case_id: str, paper: str = "document") -> None:
        """An authority is asked for a paper."""
        body = {"document": {"authority": "embassy-pk"}, "exit-visa": {"authority": "migration-ly"}}[paper]
        await self.does("movements", f"travel/cases/{case_id}/{paper}/request", body)
        await self.rests()

    async def departs(self, case_id: str) -> str:
        """The person flies; the flight's id."""
        await self.does("caseworker", f"screening/cases/{case_id}/assessment", {"band": 2})
        await self.does("medical", f"screening/cases/{case_id}/fitness", {"outcome": "fit"})
        await self.does("caseworker", f"screening/cases/{case_id}/clearance")
        for paper, number in (("document", {"number": "LP-77"}), ("exit-visa", {"reference": "EV-77"})):
            await self.asks(case_id, paper)
            await self.does("movements", f"travel/cases/{case_id}/{paper}/issue", number)
        await self.rests()
        flight = {"carrier": "YL", "number": str(100 + next(_NUMBERS)), "origin": "MJI", "destination": "ISB"}
        flight |= {"departs_at": "2026-01-06T09:00:00Z", "kind": "charter", "office": "tripoli"}
        planned = await self.does("movements", "travel/flights", flight | {"capacity": 9, "country_of_origin": "PK"})
        path = f"travel/flights/{planned['flight_id']}"
        seats = {"case_ids": [case_id], "override_reason": "is this test's"}
        await self.does("movements", f"{path}/seats", seats)
        await self.rests()
        await self.does("movements", f"{path}/manifest/lock")
        await self.does("airport", f"{path}/boarding", {"case_id": case_id, "kit": True})
        await self.does("airport", f"{path}/manifest/validate")
        await self.does("airport", f"{path}/departure", {})
        await self.rests()
        return str(planned["flight_id"])

    async def withdraws(self, case_id: str) -> None:
        """The person no longer wants to return."""
        said = {"place": "office", "reason": "stays"}
        await self.does("caseworker", f"screening/cases/{case_id}/consent/withdrawal", said)
        await self.rests()

    async def refers(self, case_id: str, agency: Agency, *services: str) -> str:
        """The case is referred; the referral's id."""
        body = {"case_id": case_id, "agency_id": agency.id, "services": list(services or ("medical_care",))}
        return str((await self.does("caseworker", "partners/referrals", body))["referral_id"])

    async def paper(self, case_id: str, gate: str = "document") -> dict[str, Any] | None:
        """A paper as travel knows it."""
        shown = await self.operators["movements"].get(f"/api/travel/cases/{case_id}")
        assert shown.is_success, shown.text
        found: dict[str, Any] | None = shown.json()[gate]
        return found

    async def stage(self, case_id: str) -> dict[str, Any]:
        """The case at the gateway."""
        await self.rests()
        shown = await self.operators["caseworker"].get(f"/api/cases/{case_id}")
        assert shown.is_success, shown.text
        return dict(shown.json())

    async def listed(self, state: str) -> dict[str, dict[str, Any]]:
        """What the liaison sees of answers in a state, by receipt."""
        shown = await self.operators["partner_liaison"].get("/api/partners/answers", state=state)
        assert shown.is_success, shown.text
        return {each["receipt"]: each for each in shown.json()["answers"]}

    async def rests(self) -> None:
        await at_rest(self.operators["admin"])

    async def kept(self, receipt: str) -> Any:
        """The row in which an answer is kept."""
        async with self.suite.apps["partners"].state.service.database.transaction() as connection:
            [row] = await rows(connection, "SELECT * FROM answer WHERE id = :id", id=UUID(receipt))
        return row


async def world(suite: EmbeddedSuite) -> World:
    """Everybody is signed in."""
    return World(suite, {role: await sign_in(suite, role) for role in ROLES})


def written(answer: httpx.Response) -> str:
    """As somebody reads it who looks for what must not be there."""
    return json.dumps(answer.json())
