"""The suite as a whole: is it at rest, its clock, and its account of events."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

import httpx
from fastapi import APIRouter, Depends, Request

from services.gateway.accounting import Position, account
from services.gateway.clients import PRODUCERS, SERVICES, Neighbours, ServiceDown
from services.gateway.repository import effects
from services.gateway.rest import RestReport, unrest
from shared.auth.permissions import Permission
from shared.errors import Refused, RuleBroken
from shared.service import Service
from shared.web.access import access_token, of_every_office, require
from shared.web.deeds import note
from shared.web.internal import Conductor, NewTime

router = APIRouter(prefix="/api", tags=["suite"], dependencies=[Depends(of_every_office)])
#: Everybody may know what day it is.
dates = APIRouter(prefix="/api", tags=["suite"])

#: Rows that a service gives at once.
_PAGE = 1000

READERS = Depends(require(Permission.SUITE_READ))


class NotAtRest(RuleBroken):
    """The clock is advanced only when the suite is at rest: wait until every event is handled."""


@dataclass(frozen=True)
class Suite:
    """Every service, the gateway included, seen with one caller's token."""

    gateway: Service
    neighbours: Neighbours
    token: str

    async def rest(self) -> dict[str, Any]:
        """Whether the suite is at rest, why not, and what each service says. A service that is down is a gap."""
        first, gaps = await self._round()
        reasons = [f"{name} can't be reached" for name in gaps] + unrest(first, first)
        if not reasons:
            second, gaps = await self._round()
            reasons = [f"{name} can't be reached" for name in gaps] + unrest(first, second)
            first = second
        services = {name: report.model_dump() for name, report in first.items()}
        return {"at_rest": not reasons, "reasons": reasons, "services": services, "gaps": gaps}

    async def _round(self) -> tuple[dict[str, RestReport], list[str]]:
        asked = await self.neighbours.ask_each(dict.fromkeys(SERVICES, "/rest"), token=self.token)
        own = await self.gateway.health.rest()
        reports = {**asked.answers, "gateway": own}
        refused = [name for name in SERVICES if name not in asked.answers]
        return {name: RestReport.model_validate(report) for name, report in reports.items()}, refused

    async def health(self) -> dict[str, Any]:
        """What each service says of its health. A service that is down is a gap, and an alarm."""
        asked = await self.neighbours.ask_each(dict.fromkeys(SERVICES, "/health"), token=self.token)
        services = {**asked.answers, "gateway": await self.gateway.health.report()}
        alarms = [f"{name}: no answer" for name in asked.gaps]
        alarms += [f"{name}: {alarm}" for name, report in services.items() for alarm in report["alarms"]]
        ready = not asked.gaps and all(report["ready"] for report in services.values())
        return {"ready": ready, "alarms": alarms, "services": services, "gaps": asked.gaps}

    async def clocks(self) -> dict[str, Any]:
        """The programme's time, here and in every service."""
        asked = await self.neighbours.ask_each(dict.fromkeys(SERVICES, "/clock"), token=self.token)
        services = {name: answer["now"] for name, answer in asked.answers.items()}
        return {"now": self.gateway.clock.now(), "services": services, "gaps": asked.gaps}

    async def advance(self, now: datetime) -> None:
        """Set every service's clock. Raises NotAtRest; after ServiceDown, say it again: a clock may be set twice."""
        rest = await self.rest()
        if not rest["at_rest"]:
            raise NotAtRest(reasons=rest["reasons"], gaps=rest["gaps"])
        body = {"now": now.isoformat()}
        replies = await asyncio.gather(
            *(self.neighbours.send(name, "POST", "/clock", token=self.token, json=body) for name in SERVICES),
            return_exceptions=True,
        )
        for name, reply in zip(SERVICES, replies, strict=True):
            if isinstance(reply, BaseException):
                raise reply
            _refusal(name, reply)
        await self.gateway.set_clock(now)

    async def accounting(self) -> dict[str, Any]:
        """The account of every event, from the producers' logs and the consumers' positions and effects."""
        heads = await asyncio.gather(*(self._heads(name) for name in PRODUCERS))
        consumers = [*SERVICES, "gateway"]
        positions = await asyncio.gather(*(self._positions(name) for name in consumers))
        sources = [f"/homeward/{name}" for name in PRODUCERS]
        async with self.gateway.database.transaction() as connection:
            timeline = await effects(connection)
        reports, _ = await self._round()
        found = account(
            dict(zip(sources, heads, strict=True)),
            dict(zip(consumers, positions, strict=True)),
            {consumer: report.handled for consumer, report in reports.items()},
        )
        return found | {"timeline": timeline}

    async def _heads(self, service: str) -> dict[str, tuple[int, str]]:
        heads: dict[str, tuple[int, str]] = {}
        after = ""
        while True:
            body = {"after": after, "limit": _PAGE}
            reply = await self.neighbours.send(service, "POST", "/events/heads", token=self.token, json=body)
            page = content(service, reply)["heads"]
            heads |= {each["subject"]: (each["sequence"], each["hash"]) for each in page}
            if len(page) < _PAGE:
                return heads
            after = page[-1]["subject"]

    async def _positions(self, service: str) -> Iterable[Position]:
        found: list[Position] = []
        after: str | None = ""
        while after is not None:
            page = await self._positions_page(service, after)
            found += [
                Position(each["source"], each["subject"], each["sequence"], each["hash"], each["handled"])
                for each in page["positions"]
            ]
            after = page["next"]
        return found

    async def _positions_page(self, service: str, after: str) -> Mapping[str, Any]:
        if service == "gateway":
            return await self.gateway.health.positions(after, _PAGE)
        url = str(httpx.URL("/positions", params={"after": after, "limit": _PAGE}))
        page: Mapping[str, Any] = content(service, await self.neighbours.send(service, "GET", url, token=self.token))
        return page


def suite(request: Request) -> Suite:
    """The suite for this request's caller."""
    return Suite(request.app.state.service, request.app.state.neighbours, access_token(request))


Whole = Annotated[Suite, Depends(suite)]


@router.get("/rest", dependencies=[READERS])
async def rest(whole: Whole) -> dict[str, Any]:
    """Whether nothing is under way: what is unpublished, waits or is not handled yet, per service."""
    return await whole.rest()


@router.get("/health", dependencies=[READERS])
async def health(whole: Whole) -> dict[str, Any]:
    """Per service: whether it is ready, what should alarm somebody, and what was measured."""
    return await whole.health()


@dates.get("/clock", dependencies=[Depends(require(Permission.SELF_READ))])
async def clock(request: Request) -> dict[str, datetime]:
    """The programme's time."""
    return {"now": request.app.state.service.clock.now()}


@router.get("/clocks", dependencies=[READERS])
async def clocks(whole: Whole) -> dict[str, Any]:
    """The programme's time in each service: they differ only while it is being set."""
    return await whole.clocks()


@router.post("/clock")
async def set_clock(request: Request, conductor: Conductor, whole: Whole, body: NewTime) -> dict[str, datetime]:
    """Set the programme's time in every service; only at rest, never in production, never backwards."""
    await note(request, conductor)
    await whole.advance(body.now)
    return {"now": whole.gateway.clock.now()}


@router.get("/accounting", dependencies=[READERS])
async def accounting(whole: Whole) -> dict[str, Any]:
    """Per producer the subjects and events of its log; per consumer what it has handled of them and what is missing."""
    return await whole.accounting()


def content(service: str, reply: httpx.Response) -> Any:
    """The JSON of an answer that is none of a refusal. Raises ServiceDown or Refused."""
    _refusal(service, reply)
    return reply.json()


def _refusal(service: str, reply: httpx.Response) -> None:
    if reply.is_server_error:
        raise ServiceDown(service)
    if not reply.is_success:
        raise Refused({**reply.json(), "service": service}, reply.status_code)
