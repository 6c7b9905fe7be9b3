"""What every service offers to the other services and to those who run it: log, positions, clock, health."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import Field

from shared.auth.permissions import Permission
from shared.auth.principal import Principal
from shared.errors import RuleBroken
from shared.messaging import lag, verification
from shared.messaging.codec import encode
from shared.messaging.finding import find
from shared.messaging.outbox import Head
from shared.web.access import of_every_office, open_to_all, require
from shared.web.bodies import Body, Moment, Name, Position
from shared.web.deeds import note

router = APIRouter(tags=["internal"], dependencies=[Depends(of_every_office)])
#: Of the process, for whatever watches over it.
probes = APIRouter(tags=["internal"])

EventReader = Annotated[Principal, Depends(require(Permission.EVENTS_READ))]
Verifying = Annotated[Principal, Depends(require(Permission.EVENTS_VERIFY))]
SuiteReader = Annotated[Principal, Depends(require(Permission.SUITE_READ))]
Conductor = Annotated[Principal, Depends(require(Permission.CLOCK_SET))]
FOLLOWERS = Depends(require(Permission.EVENTS_FOLLOW))
Following = Annotated[Principal, FOLLOWERS]
Limit = Annotated[int, Query(ge=1, le=1000)]
Seconds = Annotated[float, Query(ge=0, le=86400, allow_inf_nan=False)]


class RealClock(RuleBroken):
    """The programme's clock can be set in demonstrations and tests only."""


class NewTime(Body):
    """The programme's time from now on."""

    now: Moment


class SubjectsWanted(Body):
    """Pairs of a subject and the sequence after which its events are wanted."""

    wanted: list[tuple[Name, Position]] = Field(max_length=5000)
    limit: int = Field(default=500, ge=1, le=5000)


class Followers(Body):
    """Pairs of a subject and the sequence of the event before the one that is meant."""

    wanted: list[tuple[Name, Position]] = Field(max_length=5000)


class HeadsWanted(Body):
    """A page of heads: after a subject, of all subjects or of these."""

    after: Name = ""
    limit: int = Field(default=500, ge=1, le=5000)
    subjects: list[Name] | None = Field(default=None, max_length=5000)


@router.get("/events")
async def feed(request: Request, _: EventReader, after: Position = 0, limit: Limit = 100) -> Response:
    """The log by position: events in structured mode, and where to go on."""
    found = await request.app.state.service.log.after(after, limit)
    body = b'{"events":[' + b",".join(encode(event) for _, event in found)
    return Response(body + b'],"next":%d}' % (found[-1][0] if found else after), media_type="application/json")


@router.post("/events/subjects", dependencies=[FOLLOWERS])
async def of_subjects(request: Request, body: SubjectsWanted) -> dict[str, list[str]]:
    """Events of many subjects, each as the text of its structured mode."""
    events = await request.app.state.service.log.of_subjects(body.wanted, body.limit)
    return {"events": [encode(event).decode() for event in events]}


@router.get("/events/about/{name}")
async def about(request: Request, _: EventReader, name: UUID, after: Position = 0, limit: Limit = 500) -> Response:
    """The event with this id, or a subject's after a sequence; ``next`` is the next page's, when there may be more."""
    found = await find(request.app.state.service.log, name, after, limit)
    body = b'{"events":[' + b",".join(map(encode, found))
    more = b"%d" % found[-1].sequence if len(found) == limit else b"null"
    return Response(body + b'],"next":' + more + b"}", media_type="application/json")


@router.get("/events/settled")
async def settled(
    request: Request, _: Verifying, after: Position = 0, seconds: Seconds = 3.0, limit: Limit = 500
) -> dict[str, list[dict[str, Any]]]:
    """Which events were recorded more than so many seconds ago, by position."""
    return {"heads": _heads(await request.app.state.service.log.settled(after, seconds, limit))}


@router.get("/events/ranges")
async def ranges(
    request: Request, _: Verifying, after: Name = "", limit: Annotated[int, Query(ge=1, le=100)] = 20
) -> dict[str, list[dict[str, str | None]]]:
    """Digests of the heads of consecutive subjects, and where each range ends: the last of all has no end."""
    found = await request.app.state.service.log.ranges(after, limit)
    return {"ranges": [{"upto": each.upto, "digest": each.digest.hex()} for each in found]}


@router.post("/events/heads")
async def heads(request: Request, _: Verifying, body: HeadsWanted) -> dict[str, list[dict[str, Any]]]:
    """The last event of each subject."""
    return {"heads": _heads(await request.app.state.service.log.heads(body.after, body.limit, body.subjects))}


@router.get("/events/last")
async def last_position(request: Request, _: Verifying) -> dict[str, int]:
    """The highest position of the log."""
    return {"position": await request.app.state.service.log.last_position()}


@router.post("/events/oldest", dependencies=[FOLLOWERS])
async def oldest(request: Request, body: Followers) -> dict[str, float]:
    """Seconds since the oldest of these events was recorded."""
    return {"seconds": await lag.oldest(request.app.state.service.database, body.wanted)}


@router.get("/events/verification")
async def verified(
    request: Request,
    _: Verifying,
    subject: Name = "",
    sequence: Position = 0,
    limit: Annotated[int, Query(ge=1, le=5000)] = 1000,
) -> dict[str, Any]:
    """The next events of the log after this one, hashed again: what is broken, and where to go on."""
    log = request.app.state.service.log
    page = await verification.verify(log, (subject, sequence), limit=limit)
    total = {} if subject else {"total": await verification.total(log)}
    return {**asdict(page), "next": page.next and {"subject": page.next[0], "sequence": page.next[1]}, **total}


@router.get("/positions")
async def positions(request: Request, _: SuiteReader, after: Name = "", limit: Limit = 1000) -> dict[str, Any]:
    """What this service has handled, per source and subject, in order of ``source subject``."""
    return await request.app.state.service.health.positions(after, limit)  # type: ignore[no-any-return]


@router.get("/rest")
async def rest(request: Request, _: SuiteReader) -> dict[str, Any]:
    """What is still under way: the suite is at rest when nothing is anywhere and all that was produced is handled."""
    return await request.app.state.service.health.rest()  # type: ignore[no-any-return]


@router.get("/health")
async def health(request: Request, _: SuiteReader) -> dict[str, Any]:
    """Whether it is ready, what should alarm somebody, and the figures behind it."""
    return await request.app.state.service.health.report()  # type: ignore[no-any-return]


@router.get("/clock")
async def clock(request: Request, _: SuiteReader) -> dict[str, datetime]:
    """The programme's time."""
    return {"now": request.app.state.service.clock.now()}


@router.post("/clock")
async def set_clock(request: Request, conductor: Conductor, body: NewTime) -> dict[str, datetime]:
    """Set the programme's time; what falls due is done before the answer."""
    await note(request, conductor)
    await request.app.state.service.set_clock(body.now)
    return {"now": request.app.state.service.clock.now()}


@probes.get("/healthz", dependencies=[Depends(open_to_all)])
async def healthz(request: Request) -> JSONResponse:
    """Whether the process is whole: 503 when one of its loops has ended, for another process has them all again."""
    ended = request.app.state.service.ended
    return JSONResponse({"status": "ended", "ended": ended} if ended else {"status": "ok"}, 503 if ended else 200)


@probes.get("/readyz", dependencies=[Depends(open_to_all)])
async def readyz(request: Request) -> JSONResponse:
    """Whether it should get requests, with each check: 503 when one is not as it should be that answers need.

    The broker is told of and isn't needed by a service that has reached it once.
    """
    found = await request.app.state.service.health.readiness()
    return JSONResponse(found, 200 if found["ready"] else 503)


def _heads(found: Sequence[Head]) -> list[dict[str, Any]]:
    return [
        {"subject": each.subject, "sequence": each.sequence, "hash": each.hash.hex(), "position": each.position}
        for each in found
    ]
