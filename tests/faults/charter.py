"""Flights with few seats that many want: one operator plans, fills, locks, boards and sends off each of them."""

import asyncio
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tests.faults.desk import Closed, Desk

#: Seats of a flight; and how many flights take bookings at once.
SEATS, OPEN = 6, 2
#: Seconds for which a flight takes bookings after its first.
_BOOKING = 12.0


@dataclass
class Flight:
    """One flight, as its operator knows it."""

    id: str
    #: The head of each unit that has seats, with its members.
    units: dict[str, list[str]] = field(default_factory=dict)
    open: bool = True
    first_booked: float | None = None
    #: Units with which something is going on: the manifest waits for them.
    under_way: int = 0
    #: The heads of those who have left on it, once it is known.
    gone: "asyncio.Future[set[str]]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Something goes on with a unit on this flight."""
        self.under_way += 1
        try:
            yield
        finally:
            self.under_way -= 1

    def leave(self, case_ids: Sequence[str]) -> None:
        """The unit no longer counts on this flight."""
        self.units.pop(case_ids[0], None)

    async def departs_with(self, head: str) -> bool:
        """Whether it has left with this unit."""
        return head in await asyncio.shield(self.gone)


class Charters:
    """All flights of a run."""

    def __init__(self, desk: Desk, seed: int, now: datetime) -> None:
        self.flights: list[Flight] = []
        self._desk, self._random = desk, random.Random(seed)
        self._departs_at = (now + timedelta(days=2)).isoformat()
        self._number = 0

    async def run(self) -> None:
        """Keep some flights open until the desk is closed."""
        async with asyncio.TaskGroup() as group:
            try:
                while not self._desk.closed:
                    if sum(each.open for each in self.flights) < OPEN and (flight := await self._plan()):
                        group.create_task(self._operate(flight))
                    await asyncio.sleep(0.5)
            except Closed:
                pass

    async def _plan(self) -> Flight | None:
        self._number += 1
        body = {
            "carrier": "UZ",
            "number": str(self._number),
            "origin": "MJI",
            "destination": "ISB",
            "departs_at": self._departs_at,
            "capacity": SEATS,
            "kind": "charter",
            "office": "tripoli",
            "country_of_origin": "PK",
        }
        record = await self._desk.command("flight", "movements", "/api/travel/flights", body, capacity=SEATS)
        if not record.accepted:
            return None
        self.flights.append(flight := Flight(record.answer["flight_id"]))
        return flight

    async def seat(self, case_ids: Sequence[str]) -> Flight:
        """Book the unit on the first flight that has room; as long as it takes. Raises Closed."""
        body = {"case_ids": [case_ids[0]], "override_reason": "In the order of asking"}
        while True:
            for flight in [each for each in self.flights if each.open]:
                with flight.busy():
                    path = f"/api/travel/flights/{flight.id}/seats"
                    about = {"flight_id": flight.id, "case_ids": list(case_ids)}
                    record = await self._desk.command("seats", "movements", path, body, **about)
                    if record.accepted and case_ids[0] in record.answer["booked"]:
                        flight.units[case_ids[0]] = list(case_ids)
                        flight.first_booked = flight.first_booked or asyncio.get_running_loop().time()
                        return flight
            if self._desk.closed:
                raise Closed
            await asyncio.sleep(self._random.uniform(0.5, 1.5))

    async def _operate(self, flight: Flight) -> None:
        gone: set[str] = set()
        try:
            await self._fill(flight)
            await self._lock(flight)
            gone = await self._board(flight)
            path = f"/api/travel/flights/{flight.id}"
            for kind in ("validate", "departure"):
                step = "manifest/validate" if kind == "validate" else kind
                record = await self._desk.command(kind, "airport", f"{path}/{step}", flight_id=flight.id)
                if not record.accepted:
                    gone = set()
        except (Closed, _Abandoned):
            gone = set()
        finally:
            flight.open = False
            if not flight.gone.done():
                flight.gone.set_result(gone)

    async def _fill(self, flight: Flight) -> None:
        """Until it is full, or the booking time is over; then until everybody's affairs are settled."""
        loop = asyncio.get_running_loop()
        while sum(map(len, flight.units.values())) < SEATS:
            if flight.first_booked is not None and loop.time() > flight.first_booked + _BOOKING:
                break
            if self._desk.closed:
                raise Closed
            await asyncio.sleep(0.2)
        flight.open = False
        while flight.under_way:
            await asyncio.sleep(0.1)

    async def _lock(self, flight: Flight) -> None:
        for _ in range(15):
            path = f"/api/travel/flights/{flight.id}/manifest/lock"
            record = await self._desk.command("lock", "movements", path, flight_id=flight.id)
            if record.accepted:
                return
            await asyncio.sleep(1)
        raise _Abandoned

    async def _board(self, flight: Flight) -> set[str]:
        """Who comes boards, with the family; the heads of those on board."""
        on_board = set()
        for head, members in flight.units.items():
            fate = self._random.random()
            if fate < 0.1:
                await self._desk_command(flight, "no-show", "no-shows", head)
            elif fate < 0.2:
                body = {"reason": "Wants to stay after all"}
                path = f"/api/travel/cases/{head}/withdrawal"
                about = {"case_id": head, "flight_id": flight.id}
                await self._desk.command("desk-withdrawal", "airport", path, body, **about)
            elif all([await self._desk_command(flight, "board", "boarding", each, kit=True) for each in members]):
                on_board.add(head)
        return on_board

    async def _desk_command(self, flight: Flight, kind: str, path: str, case_id: str, **more: bool) -> bool:
        body = {"case_id": case_id, **more}
        about = {"case_id": case_id, "flight_id": flight.id}
        record = await self._desk.command(kind, "airport", f"/api/travel/flights/{flight.id}/{path}", body, **about)
        return record.accepted


class _Abandoned(Exception):
    """The manifest can't be locked."""
