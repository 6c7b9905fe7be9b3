"""What operators do for one travel unit, a person or a family, from registration to the last visit."""

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.faults.charter import Charters, Flight
from tests.faults.desk import Desk, Record

#: Seconds for which a unit waits for what another service must hear first.
_WAIT = 60.0
_PLACE = {"place": "Tripoli office", "place_kind": "office"}
_LINES = ((("equipment", 320_00), ("training", 120_00)), (("stock", 450_00),), (("housing", 100_00), ("stock", 150_00)))


class Ended(Exception):
    """The unit goes no further."""


@dataclass
class Unit:
    """Who travels together; the first is the head."""

    number: int
    random: random.Random
    case_ids: list[str] = field(default_factory=list)
    holds: dict[str, str] = field(default_factory=dict)

    @property
    def head(self) -> str:
        """The first member's case."""
        return self.case_ids[0]

    def chance(self, share: float) -> bool:
        """Whether this unit is one of so many."""
        return self.random.random() < share


@dataclass
class Journeys:
    """Takes units through the programme."""

    desk: Desk
    charters: Charters
    fund_ids: list[str] = field(default_factory=list)

    async def travel(self, unit: Unit) -> None:
        """The whole way, as far as this unit goes."""
        try:
            await self._register(unit)
            await self._screen(unit)
            await self._get_papers(unit)
            flight = await self._find_seat(unit)
            if await flight.departs_with(unit.head):
                for case_id in unit.case_ids:
                    await self._arrive(unit, case_id)
                for case_id in unit.case_ids:
                    await self._reintegrate(unit, case_id)
                    await self._follow_up(unit, case_id)
        except Ended:
            pass

    async def _case(
        self, kind: str, role: str, case_id: str, path: str, body: Mapping[str, Any] = {}, **about: Any
    ) -> Record:
        service, _, rest = path.partition("/")
        return await self.desk.command(
            kind, role, f"/api/{service}/cases/{case_id}/{rest}", body, case_id=case_id, **about
        )

    async def _must(
        self, kind: str, role: str, case_id: str, path: str, body: Mapping[str, Any] = {}, **about: Any
    ) -> Record:
        """Until it is accepted: what is refused now may wait for an event that another service must hear."""
        ends = asyncio.get_running_loop().time() + _WAIT
        while True:
            record = await self._case(kind, role, case_id, path, body, **about)
            if record.accepted:
                return record
            if asyncio.get_running_loop().time() > ends:
                raise Ended
            await asyncio.sleep(0.5)

    async def _register(self, unit: Unit) -> None:
        if unit.chance(0.25):
            members = [{"identity": _identity(unit, 0, 1988), "role": "head"}]
            members.append({"identity": _identity(unit, 1, 2017), "role": "child"})
            body = {"office": "tripoli", **_PLACE, "members": members}
            record = await self.desk.command("household", "caseworker", "/api/screening/households", body)
            self._check(record)
            unit.case_ids = [each["case_id"] for each in record.answer["cases"]]
            return
        unit.case_ids = [await self._register_person(unit)]
        if unit.chance(0.12):
            younger = await self._register_person(unit)
            await self._case(
                "same-person",
                "protection",
                younger,
                f"screening/duplicates/{unit.head}",
                {"same_person": True, "reason": "Met again in another centre"},
                other=unit.head,
            )

    async def _register_person(self, unit: Unit) -> str:
        body = {"office": "tripoli", "identity": _identity(unit, 0, 1991), **_PLACE}
        record = await self.desk.command("register", "caseworker", "/api/screening/cases", body)
        self._check(record)
        return str(record.answer["case_id"])

    def _check(self, record: Record) -> None:
        if not record.accepted:
            raise Ended

    async def _screen(self, unit: Unit) -> None:
        for case_id in unit.case_ids:
            assessment = {"band": unit.random.randint(1, 4), "assistance": [], "escort": "none"}
            self._check(await self._case("assess", "caseworker", case_id, "screening/assessment", assessment))
            child = case_id != unit.head
            declaration = {
                **_PLACE,
                "language": "ur",
                "witness": "Counsellor",
                "alternatives_explained": True,
                "data_consent": True,
                "given_by": "guardian" if child else "self",
                "proxy_reason": "A child" if child else None,
            }
            self._check(await self._case("declare", "caseworker", case_id, "screening/declaration", declaration))
        if unit.chance(0.3):
            await self._hold(unit)
        for case_id in unit.case_ids:
            self._check(await self._case("examine", "medical", case_id, "screening/fitness", {"outcome": "fit"}))
        if unit.chance(0.08):
            await self._withdraw(unit)
        await self._lift(unit)
        await self._clear(unit)

    async def _hold(self, unit: Unit) -> None:
        body = {"kind": "medical", "note": "An examination is awaited"}
        record = await self._case("hold", "protection", unit.head, "screening/holds", body)
        self._check(record)
        unit.holds[record.answer["hold_id"]] = unit.head

    async def _lift(self, unit: Unit) -> None:
        for hold_id, case_id in list(unit.holds.items()):
            path = f"screening/holds/{hold_id}/lift"
            self._check(await self._case("lift", "protection", case_id, path, {"outcome": "Cleared"}, hold_id=hold_id))
            del unit.holds[hold_id]

    async def _clear(self, unit: Unit, only: str = "") -> None:
        for case_id in unit.case_ids:
            if only in ("", case_id):
                self._check(await self._case("clear", "caseworker", case_id, "screening/clearance"))

    async def _withdraw(self, unit: Unit) -> None:
        body = {"place": "Tripoli office", "reason": "Stays with relatives"}
        await self._case("withdraw", "caseworker", unit.head, "screening/consent/withdrawal", body)
        raise Ended

    async def _get_papers(self, unit: Unit) -> None:
        for case_id in unit.case_ids:
            await self._must(
                "ask-document", "movements", case_id, "travel/document/request", {"authority": "embassy-pk"}
            )
            number = {"number": f"PK-{unit.number:05}"}
            self._check(await self._case("document", "movements", case_id, "travel/document/issue", number))
            authority = {"authority": "passport-authority-ly"}
            await self._must("ask-visa", "movements", case_id, "travel/exit-visa/request", authority)
            reference = {"reference": f"EXIT-{unit.number:05}"}
            self._check(await self._case("visa", "movements", case_id, "travel/exit-visa/issue", reference))

    async def _find_seat(self, unit: Unit) -> Flight:
        flight = await self.charters.seat(unit.case_ids)
        if unit.chance(0.2):
            with flight.busy():
                flight = await self._trouble(unit, flight)
        return flight

    async def _trouble(self, unit: Unit, flight: Flight) -> Flight:
        """After the booking: a hold, and a seat again once travel has heard of all; or a change of mind."""
        if unit.chance(0.4):
            flight.leave(unit.case_ids)
            await self._withdraw(unit)
        flight.leave(unit.case_ids)
        await self._hold(unit)
        await self._until(unit, lambda case: case["flight_id"] is None)
        await self._lift(unit)
        await self._clear(unit, only=unit.head)
        await self._until(unit, lambda case: "clearance" in case["gates"]["met"] and "hold" in case["gates"]["met"])
        return await self.charters.seat(unit.case_ids)

    async def _until(self, unit: Unit, holds: Any) -> None:
        """Until travel's own answer shows it."""
        ends = asyncio.get_running_loop().time() + _WAIT
        while True:
            case = await self.desk.read("movements", f"/api/travel/cases/{unit.head}")
            if case is not None and holds(case):
                return
            if self.desk.closed or asyncio.get_running_loop().time() > ends:
                raise Ended
            await asyncio.sleep(0.5)

    async def _arrive(self, unit: Unit, case_id: str) -> None:
        if unit.chance(0.15):
            self._check(await self._case("missing", "reintegration", case_id, "travel/missing", {"note": "Not seen"}))
            body = {"arrived": True, "reason": "Had left with relatives"}
            self._check(await self._case("found", "reintegration", case_id, "travel/arrival/correct", body))
            return
        place = {"place": "Islamabad International Airport"}
        self._check(await self._case("arrive", "reintegration", case_id, "travel/arrival", place))

    async def _reintegrate(self, unit: Unit, case_id: str) -> None:
        amounts = await self._plan(unit, case_id)
        if unit.chance(0.15):
            reason = {"reason": "Too dear for what it is"}
            self._check(await self._case("reject", "finance", case_id, "reintegration/plan/reject", reason))
            amounts = await self._plan(unit, case_id)
        self._check(await self._case("approve", "finance", case_id, "reintegration/plan/approve"))
        if unit.chance(0.15):
            reason = {"reason": "Has found work elsewhere"}
            await self._case("cancel", "reintegration", case_id, "reintegration/cancel", reason)
            raise Ended
        for line, amount in enumerate(amounts, start=1):
            body = {"proof_reference": f"RECEIPT-{unit.number}-{line}", "amount": amount - 5_00}
            path = f"reintegration/lines/{line}/delivery"
            self._check(
                await self._case("deliver", "reintegration", case_id, path, body, amount=body["amount"], line=line)
            )
        self._check(await self._case("complete", "reintegration", case_id, "reintegration/completion"))

    async def _plan(self, unit: Unit, case_id: str) -> tuple[int, ...]:
        """On the first fund that has enough left."""
        lines = unit.random.choice(_LINES)
        wanted = [{"kind": kind, "description": kind, "supplier": "Local", "amount": amount} for kind, amount in lines]
        total = sum(amount for _, amount in lines)
        ends = asyncio.get_running_loop().time() + _WAIT
        while asyncio.get_running_loop().time() < ends:
            overdrawn = 0
            for fund_id in unit.random.sample(self.fund_ids, len(self.fund_ids)):
                body = {"fund_id": fund_id, "lines": wanted}
                about = {"fund_id": fund_id, "amount": total}
                record = await self._case("plan", "reintegration", case_id, "reintegration/plan", body, **about)
                if record.accepted:
                    return tuple(amount for _, amount in lines)
                overdrawn += "overdrawn" in str(record.answer)
            if overdrawn == len(self.fund_ids):
                break
            await asyncio.sleep(0.5)
        raise Ended

    async def _follow_up(self, unit: Unit, case_id: str) -> None:
        path = "monitoring/visits/one-month"
        if unit.chance(0.3):
            attempt = {"outcome": "no_answer"}
            await self._must("attempt", "monitoring", case_id, f"{path}/attempts", attempt, code="one-month")
        phone = {"method": "phone", "findings": {"housing": "stable"}, "satisfied": True}
        await self._must("visit", "monitoring", case_id, f"{path}/completion", phone, code="one-month")
        site = {"method": "site", "findings": {"housing": "stable"}, "satisfied": True}
        path = "monitoring/visits/four-months/completion"
        self._check(await self._case("visit", "monitoring", case_id, path, site, code="four-months"))
        await self._must("close", "monitoring", case_id, "monitoring/closure", {"reason": "followed_up"})


def _identity(unit: Unit, member: int, year: int) -> dict[str, Any]:
    # Syllables that sound different: names that are spellings of one another are suspected to be one person's.
    name = "".join(
        ("ba", "ta", "fa", "ga", "ja", "ka", "la", "ma", "na", "ra")[int(digit)] for digit in f"{unit.number:05}"
    )
    return {
        "given_name": ("Omar", "Amina")[member],
        "family_name": f"Testman{name}",
        "date_of_birth": f"{year}-{unit.number % 12 + 1:02}-{unit.number % 28 + 1:02}",
        "sex": ("male", "female")[member],
        "nationality": "PK",
    }
