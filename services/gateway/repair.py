"""Dead letters of the whole suite, the gateway's own included: listed, grouped and decided together."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import httpx
from fastapi import APIRouter, Depends, Query, Request
from pydantic import Field

from services.gateway.clients import SERVICES, Neighbours, ServiceDown
from services.gateway.suite import content
from shared.auth.permissions import Permission
from shared.errors import Invalid
from shared.messaging.deadletters import BadCursor, NothingNamed, OtherCount, Selection
from shared.messaging.published import published
from shared.web.access import access_token, of_every_office, require
from shared.web.bodies import LARGEST, Body, Name

router = APIRouter(prefix="/api/dead-letters", tags=["repair"], dependencies=[Depends(of_every_office)])

#: Who handles events, in the order in which their dead letters are listed.
CONSUMERS = (*SERVICES, "gateway")
#: Groups that one service is asked for.
_GROUPS = 1000

READERS = Depends(require(Permission.REPAIR_READ))
ADMINS = Depends(require(Permission.REPAIR_DECIDE))


class NoSuchService(Invalid):
    """There is no such service: screening, travel, reintegration, monitoring and gateway handle events."""


class Letters(Body):
    """Which dead letters, in which services: all of them unless they are named."""

    services: list[Name] = Field(default_factory=lambda: list(CONSUMERS), max_length=len(CONSUMERS))
    case: Name | None = Field(default=None, description="The id of a case, or of another subject")
    source: Name | None = None
    type: Name | None = None
    cause: Name | None = Field(default=None, min_length=1, description="The beginning of the cause")

    def selection(self) -> Selection:
        """What is given. Raises NothingNamed, NoSuchSource or NoSuchType."""
        if not (self.case or self.type or self.cause):
            raise NothingNamed
        return published(Selection(self.source, self.case, None, self.type, self.cause))


class SkippedLetters(Letters):
    """Which dead letters, why they are never to be handled, and how many they are in the whole suite."""

    reason: str = Field(min_length=5, max_length=500)
    count: int = Field(ge=1, le=LARGEST)


def chosen(
    case: Annotated[Name | None, Query(description="The id of a case, or of another subject")] = None,
    source: Name | None = None,
    type: Name | None = None,
    cause: Annotated[Name | None, Query(description="The beginning of the cause")] = None,
) -> Selection:
    """Which dead letters to show."""
    return published(Selection(source, case, None, type, cause))


def services(
    service: Annotated[list[Name] | None, Query(max_length=20, description="All without it")] = None,
) -> list[str]:
    """In which services."""
    return checked(service or list(CONSUMERS))


def checked(names: list[str]) -> list[str]:
    """These services in the order of listing. Raises NoSuchService."""
    if set(names) - set(CONSUMERS):
        raise NoSuchService
    return [name for name in CONSUMERS if name in names]


@dataclass(frozen=True)
class Everywhere:
    """Each service's dead letters, with one caller's token. A service that is down is a gap."""

    neighbours: Neighbours
    token: str

    async def page(self, names: list[str], chosen: Selection, after: str | None, limit: int) -> dict[str, Any]:
        """Service by service, and within each the oldest first. Raises BadCursor."""
        first, _, cursor = (after or names[0]).partition(" ")
        if first not in names:
            raise BadCursor
        found: list[dict[str, Any]] = []
        gaps: list[str] = []
        for name in names[names.index(first) :]:
            asked = {"after": cursor} if name == first and cursor else {}
            try:
                answer = await self._get(name, "/dead-letters", chosen, limit=limit - len(found), **asked)
            except ServiceDown:
                gaps.append(name)
                continue
            found += [{"service": name} | letter for letter in answer["dead_letters"]]
            if answer["next"]:
                return {"dead_letters": found, "next": f"{name} {answer['next']}", "gaps": gaps}
        return {"dead_letters": found, "next": None, "gaps": gaps}

    async def groups(self, names: list[str], chosen: Selection) -> dict[str, Any]:
        """By service, type and cause; the largest first."""
        found: list[dict[str, Any]] = []
        gaps = []
        for name in names:
            try:
                answer = await self._get(name, "/dead-letters/groups", chosen, limit=_GROUPS)
            except ServiceDown:
                gaps.append(name)
            else:
                found += [{"service": name} | group for group in answer["groups"]]
        return {"groups": sorted(found, key=lambda group: -group["count"]), "gaps": gaps}

    async def decide(self, names: list[str], what: str, chosen: Selection, **more: Any) -> dict[str, Any]:
        """Have each service decide; how many events that were, by service."""
        decided, gaps = {}, []
        for name in names:
            body = chosen.named() | more
            try:
                answer = await self._ask(name, "POST", f"/dead-letters/{what}", json=body)
            except ServiceDown:
                gaps.append(name)
            else:
                decided[name] = answer["events"]
        return {"decided": what, "events": sum(decided.values()), "services": decided, "gaps": gaps}

    async def skip(self, names: list[str], chosen: Selection, *, count: int, reason: str) -> dict[str, Any]:
        """Skip them if they are as many as were counted in the whole suite. Raises OtherCount or ServiceDown."""
        known = await self.groups(names, chosen)
        if known["gaps"]:
            raise ServiceDown(known["gaps"][0])
        counts = {name: sum(each["count"] for each in known["groups"] if each["service"] == name) for name in names}
        if sum(counts.values()) != count:
            raise OtherCount(found=sum(counts.values()), confirmed=count)
        decided = [
            await self.decide([name], "skip", chosen, count=number, reason=reason)
            for name, number in counts.items()
            if number
        ]
        return {
            "decided": "skip",
            "events": sum(each["events"] for each in decided),
            "services": {name: events for each in decided for name, events in each["services"].items()},
            "gaps": [name for each in decided for name in each["gaps"]],
        }

    async def _get(self, service: str, path: str, chosen: Selection, **query: Any) -> Any:
        return await self._ask(service, "GET", str(httpx.URL(path, params=chosen.named() | query)))

    async def _ask(self, service: str, method: str, url: str, **more: Any) -> Any:
        return content(service, await self.neighbours.send(service, method, url, token=self.token, **more))


def everywhere(request: Request) -> Everywhere:
    """The suite's dead letters for this request's caller."""
    return Everywhere(request.app.state.neighbours, access_token(request))


Suite = Annotated[Everywhere, Depends(everywhere)]
Chosen = Annotated[Selection, Depends(chosen)]
Named = Annotated[list[str], Depends(services)]


@router.get("", dependencies=[READERS])
async def dead_letters(
    suite: Suite,
    names: Named,
    chosen: Chosen,
    after: Annotated[str | None, Query(description="The cursor of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> dict[str, Any]:
    """Events that failed for good, service by service and without their data."""
    return await suite.page(names, chosen, after, limit)


@router.get("/groups", dependencies=[READERS])
async def groups(suite: Suite, names: Named, chosen: Chosen) -> dict[str, Any]:
    """Dead letters by service, type and cause, the largest group first."""
    return await suite.groups(names, chosen)


@router.post("/replay", dependencies=[ADMINS])
async def replay(suite: Suite, body: Letters) -> Mapping[str, Any]:
    """Try a case's dead letters, or those of a type or cause, again in every service."""
    return await suite.decide(checked(body.services), "replay", body.selection())


@router.post("/skip", dependencies=[ADMINS])
async def skip(suite: Suite, body: SkippedLetters) -> Mapping[str, Any]:
    """Never handle them, if they are as many as ``count`` says."""
    return await suite.skip(checked(body.services), body.selection(), count=body.count, reason=body.reason)
