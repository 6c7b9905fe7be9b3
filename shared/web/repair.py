"""What those who run a service mend it with: dead letters, what could not be read, how far it is behind."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

import orjson
import structlog
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import Field

from shared.auth.permissions import Permission
from shared.auth.principal import Principal
from shared.errors import Invalid, NotFound, Unavailable
from shared.messaging import lag
from shared.messaging.comparison import Comparison
from shared.messaging.deadletters import Decision, Selection
from shared.messaging.lag import Lag
from shared.messaging.published import published
from shared.messaging.rebuild import Progress
from shared.messaging.reconciler import Unreachable
from shared.persistence.database import is_transient
from shared.web.access import of_every_office, require
from shared.web.bodies import LARGEST, Body, Name, Position
from shared.web.deeds import note
from shared.web.description import problems

log = structlog.get_logger()

router = APIRouter(tags=["repair"], dependencies=[Depends(of_every_office)])

Reader = Annotated[Principal, Depends(require(Permission.REPAIR_READ))]
Admin = Annotated[Principal, Depends(require(Permission.REPAIR_DECIDE))]
Limit = Annotated[int, Query(ge=1, le=1000)]
_NDJSON = "application/x-ndjson"
Reason = Annotated[str, Field(min_length=5, max_length=500)]


class Unconfirmed(Invalid):
    """To skip more than one, say how many dead letters you have seen (``count``): none is ever handled again."""


class NotFollowed(NotFound):
    """This service does not follow that source; ``follows`` says which it does."""


class Letters(Body):
    """Which dead letters: those that fit everything that is given; one by its source, subject and sequence."""

    source: Name | None = None
    subject: Name | None = None
    sequence: Position | None = None
    type: Name | None = None
    cause: Name | None = Field(default=None, min_length=1, description="The beginning of the cause")

    def selection(self) -> Selection:
        """What is given. Raises NoSuchSource or NoSuchType."""
        return published(Selection(self.source, self.subject, self.sequence, self.type, self.cause))


class SkippedLetters(Letters):
    """Which dead letters, why they are never to be handled, and, for more than one, how many they are."""

    reason: Reason
    count: int | None = Field(default=None, ge=1, le=LARGEST)


class Dismissed(Body):
    """Why an element that could not be read is not wanted."""

    reason: Reason


def chosen(
    source: Name | None = None,
    subject: Name | None = None,
    type: Name | None = None,
    cause: Annotated[Name | None, Query(description="The beginning of the cause")] = None,
) -> Selection:
    """Which dead letters to show."""
    return published(Selection(source, subject, None, type, cause))


Chosen = Annotated[Selection, Depends(chosen)]


@router.get("/dead-letters")
async def dead_letters(
    request: Request, _: Reader, chosen: Chosen, after: Name | None = None, limit: Limit = 200
) -> dict[str, Any]:
    """Events that failed for good, without their data, the oldest first; ``next`` is the next page's cursor."""
    found = await request.app.state.service.dead_letters.list(chosen, after=after, limit=limit)
    return {"dead_letters": found, "next": found[-1].cursor if len(found) == limit else None}


@router.get("/dead-letters/groups")
async def groups(request: Request, _: Reader, chosen: Chosen, limit: Limit = 200) -> dict[str, Any]:
    """Dead letters by type and cause, the largest group first."""
    return {"groups": await request.app.state.service.dead_letters.groups(chosen, limit=limit)}


@router.get("/dead-letters/{source}/{subject}/{sequence}")
async def dead_letter(request: Request, _: Reader, source: Name, subject: Name, sequence: Position) -> dict[str, Any]:
    """One: envelope, failure, what waits behind it, what was decided; of its data no value."""
    shown: dict[str, Any] = await request.app.state.service.dead_letters.show(f"/homeward/{source}", subject, sequence)
    return shown


@router.post("/dead-letters/replay")
async def replay_letters(request: Request, principal: Admin, body: Letters) -> dict[str, Any]:
    """Try one dead letter, a group or all of a subject again; what waits behind follows in order."""
    return await _decided(request, principal, body.selection(), Decision.REPLAY)


@router.post("/dead-letters/skip")
async def skip_letters(request: Request, principal: Admin, body: SkippedLetters) -> dict[str, Any]:
    """Never handle one dead letter, or as many as are counted here; what waits behind goes on."""
    selection = body.selection()
    if body.count is None and not selection.one:
        raise Unconfirmed
    return await _decided(
        request, principal, selection, Decision.SKIP, reason=body.reason, expected=None if selection.one else body.count
    )


@router.get("/lag")
async def held_up(request: Request, _: Reader) -> Any:
    """Per source what is parked, dead or has diverged; what could not be read; the subjects that stopped."""
    service = request.app.state.service
    return await lag.held_up(service.database, service.follows)


@router.get("/lag/{source}")
async def behind(request: Request, _: Reader, source: Name, after: Name = "") -> Lag:
    """How far this service is behind a producer: the next page of the producer's subjects, counted here."""
    service = request.app.state.service
    producer = service.producers.get(f"/homeward/{source}")
    if producer is None:
        raise NotFollowed(follows=list(service.follows))
    try:
        return await lag.compare(service.database, f"/homeward/{source}", producer, after)
    except Unreachable as error:
        raise Unavailable(f"The log of {source} can't be read: try again shortly.", service=source) from error


@router.get("/unreadable")
async def unreadable(request: Request, _: Reader, after: Position = 0, limit: Limit = 200) -> dict[str, Any]:
    """Elements of messages that are no events, without their bytes; ``next`` is the next page's cursor."""
    found = await request.app.state.service.unreadables.list(after=after, limit=limit)
    return {"unreadable": found, "next": found[-1].id if len(found) == limit else None}


@router.get("/unreadable/{id}")
async def unreadable_one(request: Request, _: Reader, id: Position) -> Any:
    """One of them."""
    return await request.app.state.service.unreadables.show(id)


@router.post("/unreadable/{id}/dismiss")
async def dismiss(request: Request, principal: Admin, id: Position, body: Dismissed) -> dict[str, str]:
    """Delete it; who decided that and why stays on record."""
    await note(request, principal)
    await request.app.state.service.unreadables.dismiss(id, by=principal.id, reason=body.reason)
    return {"decided": "dismiss"}


@router.post("/replay", response_model=None, responses={200: {"content": {_NDJSON: {}}}})
async def replay(
    request: Request,
    principal: Admin,
    from_nothing: Annotated[bool, Query(description="Rebuild a projection beside the one that serves")] = False,
) -> Comparison | StreamingResponse:
    """Compare every producer's log with what was handled here, and handle what is missing.

    The answer comes at its end, or after five seconds while it goes on: GET then tells how far it is.
    From nothing: a line of JSON each second with how far the rebuild is, the last one with its end.
    """
    service = request.app.state.service
    await note(request, principal, "rebuild" if from_nothing else "compare_logs")
    if not from_nothing:
        found: Comparison = await service.comparer.compare()
        return found
    reports = await service.rebuild.follow()
    log.info("rebuild asked for", by=principal.id)
    return StreamingResponse(_lines(reports), media_type=_NDJSON)


@router.get("/replay", responses=problems(404))
async def compared(request: Request, _: Reader) -> Comparison:
    """How far the comparison is that was asked for last, at its end or after five seconds."""
    found: Comparison = await request.app.state.service.comparer.so_far()
    return found


async def _lines(reports: AsyncIterator[Progress]) -> AsyncIterator[bytes]:
    async for report in reports:
        yield orjson.dumps(report) + b"\n"


async def _decided(
    request: Request, principal: Principal, selection: Selection, decision: Decision, **more: Any
) -> dict[str, Any]:
    service = request.app.state.service
    await note(request, principal)
    events = await service.dead_letters.decide(selection, decision, by=principal.id, **more)
    try:
        await service.consumer.retry_parked()
    except Exception as error:
        if not is_transient(error):
            raise
        # The decision stands, and the consumer looks again by itself.
        log.info("tried again a little later", error=type(error).__name__)
    return {"decided": decision.value, "events": events}
