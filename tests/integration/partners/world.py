"""An airline that is called with what happens to its flights: events of nobody, and many of one subject."""

import itertools
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx

from services.embedded import EmbeddedSuite
from services.partners.leases import Leases
from shared.auth.roles import Role
from tests.integration.screening.programme import DECLARATION
from tests.support.bench import eventually
from tests.support.liaison import Liaison
from tests.support.receivers import Call, Receiver, answer, receiving
from tests.support.suite import REGISTRATION, Operator, at_rest, sign_in

FLIGHT = {
    "origin": "MJI",
    "destination": "ISB",
    "departs_at": "2026-02-01T09:00:00Z",
    "capacity": 150,
    "kind": "commercial",
    "office": "tripoli",
    "country_of_origin": "PK",
}
_NUMBERS = itertools.count(100)
_CODES = [f"{letter}{digit}" for letter in "QZXVYWGHJK" for digit in range(10)]
#: Carriers' codes, one for each test.
codes = iter(_CODES)
#: What the agencies are called that may receive on loopback.
AIRLINES = [f"Agency {code}" for code in _CODES]


@dataclass
class Airline:
    """An airline with a subscription, and those who plan its flights."""

    suite: EmbeddedSuite
    client: httpx.AsyncClient
    carrier: str
    subscription: str
    secret: str
    operators: Mapping[str, Operator]
    id: str = ""
    _keys: Any = field(default_factory=itertools.count)

    async def post(self, path: str, body: Mapping[str, Any] | None = None) -> httpx.Response:
        """A command of the airline's own."""
        key = {"Idempotency-Key": f"{self.carrier}-{next(self._keys):08}"}
        return await self.client.post(f"/subscriptions/{self.subscription}/{path}", json=body or {}, headers=key)

    async def shake_hands(self) -> httpx.Response:
        return await self.post("handshake")

    async def retry(self) -> None:
        """The liaison has it tried now, however long it rests."""
        path = f"/api/partners/subscriptions/{self.subscription}/deliveries/retry"
        assert (await self.operators["partner_liaison"].post(path, {})).is_success

    async def asks(self, after: int = 0) -> list[dict[str, Any]]:
        """What the feed has after a number."""
        answer = await self.client.get("/feed", params={"subscription": self.subscription, "after": after})
        assert answer.is_success, answer.text
        return list(answer.json()["events"])

    async def is_due(self, leases: Leases) -> bool:
        """Whether a process would give it something now."""
        partners = self.suite.apps["partners"].state
        async with partners.service.database.transaction() as connection:
            return UUID(self.subscription) in await leases.find(connection, partners.sender.clock.now(), None)

    async def suspended(self) -> None:
        """The liaison has nothing leave to the agency."""
        path = f"/api/partners/agencies/{self.id}/suspend"
        answer = await self.operators["partner_liaison"].post(path, {"reason": "its keys were stolen"})
        assert answer.json() == {"agency_id": self.id, "suspended": True}, answer.text

    async def resumed(self) -> None:
        """A manager has it go on."""
        answer = await self.operators["manager"].post(f"/api/partners/agencies/{self.id}/resume", {})
        assert answer.json() == {"agency_id": self.id, "suspended": False}, answer.text

    async def line(self) -> dict[str, Any]:
        """How the liaison sees it in the list of all."""
        answer = await self.operators["partner_liaison"].get("/api/partners/deliveries")
        assert answer.is_success, answer.text
        [found] = [each for each in answer.json()["deliveries"] if each["subscription_id"] == self.subscription]
        return dict(found)

    async def deliveries(self) -> dict[str, Any]:
        answer = await self.client.get(f"/subscriptions/{self.subscription}/deliveries")
        assert answer.is_success, answer.text
        return dict(answer.json())

    async def until(self, **expected: Any) -> dict[str, Any]:
        """How delivery stands, once it is as expected."""

        async def so() -> dict[str, Any] | None:
            found = await self.deliveries()
            return found if all(found[name] == value for name, value in expected.items()) else None

        return dict(await eventually(so, seconds=60))

    async def until_failing(self, *reasons: str) -> list[dict[str, Any]]:
        """What fails, once that is for these reasons."""

        async def so() -> list[dict[str, Any]] | None:
            failures = (await self.deliveries())["failures"]
            return failures if sorted(each["cause"] or "" for each in failures) == sorted(reasons) else None

        return list(await eventually(so, seconds=60))

    async def until_attempted(self, times: int) -> None:
        """Once its only failure was tried so often."""

        async def so() -> bool:
            return [each["attempts"] for each in (await self.deliveries())["failures"]] == [times]

        await eventually(so, seconds=60)

    async def hears_of_somebody(self) -> str:
        """A case of which embassies have heard."""
        officer, admin = self.operators["caseworker"], self.operators["admin"]
        case_id = str((await officer.post("/api/screening/cases", REGISTRATION)).json()["case_id"])
        await officer.post(f"/api/screening/cases/{case_id}/declaration", DECLARATION)
        await at_rest(admin)
        asked = {"authority": "embassy-pk", "kind": "laissez_passer"}
        await self.operators["movements"].post(f"/api/travel/cases/{case_id}/document/request", asked)
        await at_rest(admin)
        return case_id

    async def hears_more(self, case_id: str) -> None:
        """Of somebody of whom it has heard."""
        path = f"/api/travel/cases/{case_id}/document/refuse"
        answered = await self.operators["movements"].post(path, {"reason": "no such person"})
        assert answered.is_success, answered.text
        await at_rest(self.operators["admin"])

    async def erases(self, case_id: str) -> None:
        """Who has withdrawn is erased."""
        protection = await sign_in(self.suite, "protection")
        path, asked = f"/api/screening/cases/{case_id}/erasure", {"ground": "requested", "reason": "was asked"}
        assert (await self.operators["caseworker"].post(path, asked)).is_success
        assert (await protection.post(f"{path}/approval", {})).is_success
        await at_rest(self.operators["admin"])

    async def withdraws(self, case_id: str) -> None:
        """The person no longer consents."""
        said = {"place": "office", "reason": "stays"}
        path = f"/api/screening/cases/{case_id}/consent/withdrawal"
        assert (await self.operators["caseworker"].post(path, said)).is_success
        await at_rest(self.operators["admin"])

    async def flight(self, **changes: Any) -> str:
        """A new flight of the airline's."""
        body = FLIGHT | {"carrier": self.carrier, "number": str(next(_NUMBERS))} | changes
        planned = await self.operators["movements"].post("/api/travel/flights", body)
        assert planned.is_success, planned.text
        return str(planned.json()["flight_id"])

    async def moved(self, flight: str, *, times: int = 1) -> None:
        """The flight leaves at other times."""
        for hours in range(1, times + 1):
            at = datetime(2026, 2, 2, tzinfo=UTC) + timedelta(hours=hours)
            path = f"/api/travel/flights/{flight}/reschedule"
            answer = await self.operators["movements"].post(path, {"departs_at": at.isoformat()})
            assert answer.is_success, answer.text


async def airline(suite: EmbeddedSuite, receiver: Receiver | None, *, kind: str = "carrier", **changes: Any) -> Airline:
    """An airline, or another agency, that has subscribed; nobody has shaken hands yet. Without a receiver it asks."""
    roles = (Role.CASEWORKER, Role.MOVEMENTS, Role.PARTNER_LIAISON, Role.MANAGER, Role.ADMIN)
    operators = {role.value: await sign_in(suite, role) for role in roles}
    liaison = Liaison(suite, operators["partner_liaison"], operators["manager"])
    carrier = next(codes)
    agency, client = await liaison.agency(f"Agency {carrier}", kind, carrier=carrier)
    agreement = await liaison.approved(agency, purpose="flying people home")
    way = {"way": "webhook", "url": receiver.url} if receiver else {"way": "feed"}
    body = {"agreement_id": agreement} | way | changes
    made = await client.post("/subscriptions", json=body, headers={"Idempotency-Key": f"subscribe-{carrier}"})
    assert made.status_code == 201, made.text
    found = made.json()
    assert found["state"] == ("unconfirmed" if receiver else "active")
    return Airline(suite, client, carrier, found["subscription_id"], found["secret"] or "", operators, agency)


async def go_on(suite: EmbeddedSuite, **time: float) -> datetime:
    """The programme's clock is set on; what it shows then."""
    admin = await sign_in(suite, Role.ADMIN)
    await at_rest(admin)
    now = datetime.fromisoformat((await admin.get("/api/clock")).json()["now"]) + timedelta(**time)
    assert (await admin.post("/api/clock", {"now": now.isoformat()})).is_success
    return now


def by_subject(receiver: Receiver) -> dict[str, list[int]]:
    """The sequences that the receiver was sent, by subject."""
    found: dict[str, list[int]] = {}
    for call in receiver.posted:
        found.setdefault(call.event["subject"], []).append(int(call.event["sequence"]))
    return found


@asynccontextmanager
async def refusing(suite: EmbeddedSuite) -> AsyncIterator[tuple[Airline, Receiver, set[str]]]:
    """An embassy whose receiver refuses what is of these subjects."""
    refused: set[str] = set()

    def reply(call: Call) -> bytes:
        return answer(500) if call.event["subject"] in refused else answer(204)

    async with receiving(reply=reply) as receiver:
        embassy = await airline(suite, receiver, kind="embassy")
        await embassy.shake_hands()
        yield embassy, receiver, refused
