"""An embassy that has been told of somebody by the feed: of a document that was asked for."""

from dataclasses import dataclass
from typing import Any

import httpx

from services.embedded import EmbeddedSuite
from tests.integration.screening.programme import DECLARATION
from tests.support.liaison import Liaison
from tests.support.suite import REGISTRATION, Operator, at_rest, sign_in


@dataclass(frozen=True)
class Told:
    """The embassy, its subscription, and whose work it hears of."""

    embassy: httpx.AsyncClient
    subscription: str
    case_id: str
    #: Under what the embassy knows the case.
    subject: str
    officer: Operator

    @property
    def key(self) -> str:
        """With what the embassy signs in."""
        return str(self.embassy.headers["Authorization"]).removeprefix("Bearer ")

    async def events(self) -> list[dict[str, Any]]:
        """Everything that the feed has."""
        answer = await self.embassy.get("/feed", params={"subscription": self.subscription})
        events: list[dict[str, Any]] = answer.json()["events"]
        return events


async def tell(suite: EmbeddedSuite) -> Told:
    """Onboard the embassy of Pakistan, and ask it for a document."""
    officer, movements, admin, liaison, manager = [
        await sign_in(suite, role) for role in ("caseworker", "movements", "admin", "partner_liaison", "manager")
    ]
    keeper = Liaison(suite, liaison, manager)
    agency, embassy = await keeper.agency("Embassy of Pakistan", "embassy")
    wanted = {"agreement_id": await keeper.approved(agency), "way": "feed"}
    made = await embassy.post("/subscriptions", json=wanted, headers={"Idempotency-Key": "the-subscription"})
    subscription = made.json()["subscription_id"]
    tested = await embassy.post(f"/subscriptions/{subscription}/test", headers={"Idempotency-Key": "the-test"})
    assert tested.is_success, tested.text
    case_id = (await officer.post("/api/screening/cases", REGISTRATION)).json()["case_id"]
    await officer.post(f"/api/screening/cases/{case_id}/declaration", DECLARATION)
    await at_rest(admin)
    request = {"authority": "embassy-pk", "kind": "laissez_passer"}
    asked = await movements.post(f"/api/travel/cases/{case_id}/document/request", request)
    assert asked.is_success, asked.text
    await at_rest(admin)
    feed = (await embassy.get("/feed", params={"subscription": subscription})).json()
    return Told(embassy, subscription, case_id, feed["events"][-1]["subject"], officer)
