"""Donors of a programme whose journeys are told by the services around: many cases, month after month."""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import UTC, date, datetime
from typing import Any, Self
from uuid import UUID

import httpx
from fastapi import FastAPI

from services.partners.app import create_app
from services.partners.settings import Settings
from shared.auth.roles import Role
from shared.contracts import monitoring, reintegration, screening, travel
from shared.contracts.vocabulary import AgeGroup, Recipient
from shared.ids import new_id
from shared.messaging.inprocess import InProcessBus
from tests.integration.reintegration.stage import Stage, User, eventually

FIGURES = "org.homeward.partners.figures.v1"
START = datetime(2026, 1, 10, 8, tzinfo=UTC)
#: What registrations tell of persons, and nobody who hears of figures.
CANARY = "TRP-2026-00417"


def declared(on: date, *recipients: Recipient) -> screening.DeclarationSigned:
    """Somebody wants to return, and agrees that these hear of it."""
    return screening.DeclarationSigned(signed_on=on, recipients=list(recipients))


class Donors(Stage):
    """The partners' service, those who look after agencies, and the services whose events it follows."""

    #: Registered in January before the partners' service was there.
    past = 0

    def __init__(self, postgres_url: str, start: datetime = START) -> None:
        self._chosen: dict[str, dict[str, Any]] = {}
        neighbours = ("screening", "travel", "reintegration", "monitoring")
        super().__init__("partners", create_app, Settings, neighbours, postgres_url, start)
        self.liaison = self.user(Role.PARTNER_LIAISON, id="liaison")
        self.manager = self.user(Role.MANAGER, id="manager")

    async def __aenter__(self) -> Self:
        for name, app in self.apps.items():
            if name == self.name:
                await self._register(self.past, START.date(), AgeGroup.ADULT, "PK")
            await self._stack.enter_async_context(app.router.lifespan_context(app))
        return self

    def _settings(self, name: str) -> dict[str, Any]:
        """The same for another process of the service."""
        if name not in self._chosen:
            self._chosen[name] = super()._settings(name)
        return self._chosen[name]

    async def replica(self, stack: AsyncExitStack) -> FastAPI:
        """Another process of the service, on the same database."""
        app = create_app(Settings(**self._settings("partners")), bus=InProcessBus(), connect=self.wire)
        await stack.enter_async_context(app.router.lifespan_context(app))
        return app

    async def agency(self, kind: str = "donor", country: str = "DE") -> tuple[str, User]:
        """An agency's id, and itself."""
        body = {"name": f"Agency {new_id()}", "kind": kind, "country": country}
        id = (await self.liaison.does("/agencies", body))["agency_id"]
        client = self.wire("partners")
        base = f"/agencies/{id}/access-requests"
        opened = await self.liaison.does(base, {"contact": "the desk officer", "reason": "a first key"})
        approved = await self.manager.does(f"{base}/{opened['request_id']}/approval")
        codes = {"request_code": opened["request_code"], "claim_code": approved["claim_code"]}
        client.headers["Authorization"] = f"Bearer {(await client.post('/claims', json=codes)).json()['key']}"
        return id, User(client)

    def agreement(self, agency: str, **changes: Any) -> dict[str, Any]:
        """One as it is entered."""
        return {
            "agency_id": agency,
            "legal_basis": "public_interest",
            "purpose": "reporting on what was paid for",
            "retention_days": 900,
            "contact": "the desk officer",
            "valid_from": "2026-01-01",
            "valid_until": "2027-12-31",
        } | changes

    async def approved(self, agency: str, **changes: Any) -> str:
        """An agreement that is signed and in force."""
        made = await self.liaison.does("/agreements", self.agreement(agency, **changes))
        base = f"/agreements/{made['agreement_id']}"
        signed = await self.liaison.client.post(
            f"{base}/signed-copy",
            files={"file": ("signed.pdf", b"%PDF-1.7 signed")},
            headers={"Idempotency-Key": str(new_id())},
        )
        assert signed.is_success, signed.text
        await self.manager.does(f"{base}/approval")
        return str(made["agreement_id"])

    async def donor(self, **changes: Any) -> "Donor":
        """A donor who has subscribed by the feed."""
        return await self.subscriber("donor", "DE", **changes)

    async def subscriber(self, kind: str, country: str, **changes: Any) -> "Donor":
        """An agency that has subscribed by the feed."""
        id, user = await self.agency(kind, country)
        agreement = await self.approved(id, **changes)
        made = await user.does("/subscriptions", {"agreement_id": agreement, "way": "feed"})
        return Donor(self, user, agreement, made["subscription_id"])

    async def registered(
        self, count: int, on: date, age_group: AgeGroup = AgeGroup.ADULT, country: str = "PK"
    ) -> list[UUID]:
        """So many persons have asked to return."""
        cases = await self._register(count, on, age_group, country)
        await self.settle()
        return cases

    async def _register(self, count: int, on: date, age_group: AgeGroup, country: str) -> list[UUID]:
        cases = [new_id() for _ in range(count)]
        for case in cases:
            await self.record(
                screening.SOURCE,
                case,
                screening.CaseRegistered(
                    person_id=new_id(),
                    household_id=None,
                    reference=CANARY,
                    office="tripoli",
                    country_of_origin=country,
                    age_group=age_group,
                    registered_on=on,
                ),
            )
            await self.record(screening.SOURCE, case, declared(on, Recipient.EMBASSY))
        return cases

    async def all_tell(self, source: str, cases: list[UUID], told: Any) -> None:
        """The same happens to all of these."""
        for case in cases:
            await self.record(source, case, told)
        await self.settle()

    async def arrived(self, cases: list[UUID], on: date) -> None:
        """They arrive on the day on which they have left."""
        flight, left = new_id(), datetime(on.year, on.month, on.day, 9, tzinfo=UTC)
        await self.all_tell(travel.SOURCE, cases, travel.Departed(flight_id=flight, departed_at=left))
        await self.all_tell(travel.SOURCE, cases, travel.ArrivalConfirmed(flight_id=flight, arrived_on=on))

    async def helped(self, cases: list[UUID], on: date) -> None:
        """They get what their plans say, are followed up, and leave the programme."""
        completed = reintegration.ReintegrationCompleted(spent=1, currency="EUR", completed_on=on)
        await self.all_tell(reintegration.SOURCE, cases, completed)
        visit = monitoring.FollowUpCompleted(code="one-month", completed_on=on, late=False)
        await self.all_tell(monitoring.SOURCE, cases, visit)
        await self.all_tell(monitoring.SOURCE, cases, monitoring.CaseClosed(reason="followed_up", closed_on=on))

    async def until(self, now: datetime) -> None:
        """The programme's time has come, and what was due is done."""

        async def compared() -> bool:
            return bool(self.apps["partners"].state.service.reconciler.complete)

        await eventually(compared)
        await self.set_clock(now)


class Donor:
    """A donor and its subscription."""

    def __init__(self, stage: Donors, user: User, agreement: str, subscription: str) -> None:
        self.stage, self.user, self.agreement, self.subscription = stage, user, agreement, subscription

    async def events(self) -> list[dict[str, Any]]:
        """All that the feed has."""
        answer = await self.feed()
        found: list[dict[str, Any]] = answer.json()["events"]
        return found

    async def feed(self) -> httpx.Response:
        """The feed's answer."""
        answer = await self.user.client.get("/feed", params={"subscription": self.subscription, "limit": 1000})
        assert answer.is_success, answer.text
        return answer

    async def of(self, country: str) -> list[dict[str, Any]]:
        """What was told of a country, in order."""
        return [each for each in await self.events() if each["data"].get("country_of_origin") == country]


def numbers(data: Mapping[str, Any], measure: str) -> list[int | None]:
    """What an event tells of a measure: of all, of those of twelve and older, of the younger ones, and of these."""
    by_age = data.get(f"{measure}_by_age_group", {})
    cells = [data[measure], *(by_age[each] for each in ("ADT", "CHD_INF", "CHD", "INF") if by_age)]
    assert all(cell["suppressed"] == (cell["count"] is None) for cell in cells)
    return [cell["count"] for cell in cells]
