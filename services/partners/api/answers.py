"""Agencies' answers: sent by agencies, and decided on by people where it isn't sure whom they are about."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel, Field

from services.partners.answering import Answering
from services.partners.contracts import answers as forms
from services.partners.domain.answer import Answer, AnswerType, State
from services.partners.keys import agency_of
from services.partners.repository import Unit
from services.partners.tables import ANSWERS
from shared.auth.permissions import Permission
from shared.auth.principal import Principal
from shared.errors import Forbidden, Invalid, NotFound, RuleBroken
from shared.persistence.database import rows
from shared.web.access import require
from shared.web.bodies import Body, Instant
from shared.web.commands import Command, PersonalReading, Reading, action_of, command, personal, reading
from shared.web.problems import MEDIA_TYPE

router = APIRouter(tags=["answers"])

Sender = Annotated[Principal, Depends(require(Permission.ANSWERS_SEND))]
Reader = Annotated[Reading, Depends(reading(Permission.ANSWERS_READ))]
Deciding = Annotated[PersonalReading, personal(Permission.ANSWERS_DECIDE)]
Decider = Annotated[Command[Unit], Depends(command(Permission.ANSWERS_DECIDE))]

#: What is sent is read by us, so that what can't be read is kept too.
_DESCRIBED = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"anyOf": [forms.envelope_of(each) for each in AnswerType]}}},
    }
}
_STATUS = {State.APPLIED: 200, State.WAITING: 202}


class AnswerTaken(BaseModel):
    """What became of an answer; ``problem`` says why it was refused."""

    receipt: UUID
    state: State
    problem: dict[str, Any] | None = None


class AnswerView(AnswerTaken):
    """An answer, without what is in it. ``candidates``: how many cases it may be about. ``authority``: whom the
    programme has asked for the paper, if it waits because nobody knows whether that is this agency.
    """

    agency_id: UUID
    agency: str
    type: AnswerType | None
    cause: str | None
    received_at: datetime
    candidates: int
    authority: str | None
    decided_by: str | None


class Candidates(BaseModel):
    """An answer that waits for a person: what is in it, as it came, and the cases that it may be about. With an
    ``authority`` the question is whether the agency is the one that was asked for the paper.
    """

    receipt: UUID
    agency_id: UUID
    type: AnswerType | None
    content: str
    candidates: list[UUID]
    authority: str | None


class Decision(Body):
    """Which of the candidates the answer is about, or that it is about none of them."""

    case_id: UUID | None = None
    reject: bool = False
    reason: Annotated[str, Field(min_length=3, max_length=1000, pattern=r"^[^\x00]+$")]


class Undecided(Invalid):
    """Name the case that the answer is about, or reject it: one of the two."""


class ElsewhereToo(RuleBroken):
    """Some of those whom this answer may be about are another office's: somebody who works for both decides."""


class NotAnAgency(Forbidden):
    """An agency answers with its own key."""


def _answering(request: Request) -> Answering:
    found: Answering = request.app.state.answering
    return found


Taking = Annotated[Answering, Depends(_answering)]
OwnId = Annotated[str, Path(pattern=forms.OWN_ID)]


@router.post("/answers", openapi_extra=_DESCRIBED, response_model=AnswerTaken, name="send answer")
async def send_answer(request: Request, principal: Sender, taking: Taking) -> Response:
    """Answer. The same id with the same content gets the same answer again."""
    raw = await request.body()
    answer = await taking.take(principal, own_agency(principal), raw, action_of(request))
    request.app.state.arrivals.wake()
    return _answered(answer)


@router.get("/answers/{own_id}", name="ask what became of an answer")
async def show_answer(own_id: OwnId, principal: Sender, taking: Taking) -> AnswerTaken:
    """What became of your answer, by your own id of it."""
    return _taken(await taking.became(own_agency(principal), own_id))


@router.get("/answers")
async def list_answers(
    reading: Reader,
    state: State = State.WAITING,
    received_before: Instant | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 100,
) -> dict[str, list[AnswerView]]:
    """Answers in a state, the latest first: which wait for a person, and which were refused and why."""
    which = """state_name = :state AND (CAST(:before AS timestamptz) IS NULL OR received_at < :before)
               ORDER BY received_at DESC, id LIMIT :limit"""
    found = await ANSWERS.find(reading.connection, which, state=state.value, before=received_before, limit=limit)
    names = {row.id: row.name for row in await rows(reading.connection, "SELECT id, name FROM agency")}
    return {"answers": [_view(each, names[each.agency_id]) for each in found]}


@router.get("/answers/{answer_id}/candidates")
async def show_candidates(answer_id: UUID, reading: Deciding) -> Candidates:
    """What a waiting answer says, and whom it may be about."""
    found = await ANSWERS.find(reading.connection, "id = :id AND state_name = 'waiting'", id=answer_id)
    if not found:
        raise NotFound(f"No answer {answer_id} waits for a person.")
    [answer] = found
    own = await rows(
        reading.connection,
        "SELECT id, office FROM partner_case WHERE id = ANY(:ids) ORDER BY id",
        ids=answer.candidates,
    )
    reading.disclose_each((row.id, row.office) for row in own)
    return Candidates(
        receipt=answer.id,
        agency_id=answer.agency_id,
        type=answer.type,
        content=answer.shown or "",
        candidates=[row.id for row in own],
        authority=answer.authority,
    )


@router.post("/answers/{answer_id}/decision")
async def decide_answer(answer_id: UUID, body: Decision, command: Decider, taking: Taking) -> AnswerTaken:
    """Say which of the candidates a waiting answer is about, and have it take effect; or that it is about none."""

    async def decide(uow: Unit) -> dict[str, Any]:
        await _must_see(uow, answer_id)
        if body.reject == (body.case_id is not None):
            raise Undecided
        answer = await taking.decide(uow, answer_id, body.case_id, body.reason)
        return _taken(answer).model_dump()

    taken = AnswerTaken.model_validate(await command.run(decide))
    command.request.app.state.arrivals.wake()
    return taken


async def _must_see(uow: Unit, answer_id: UUID) -> None:
    """All whom the answer may be about. Before locks, which are taken as the tables' owner."""
    found = await rows(
        uow.connection,
        """SELECT json_array_length(about) AS candidates, (
               SELECT count(*) FROM json_array_elements_text(about) AS each (id)
               JOIN partner_case ON partner_case.id = CAST(each.id AS uuid)) AS seen
           FROM answer WHERE id = :id""",
        id=answer_id,
    )
    if not found:
        raise NotFound(f"There is no answer {answer_id}.")
    if found[0].seen < found[0].candidates:
        raise ElsewhereToo


def own_agency(principal: Principal) -> UUID:
    """Which agency answers. Raises NotAnAgency."""
    agency = agency_of(principal)
    if agency is None:
        raise NotAnAgency
    return agency


def _answered(answer: Answer) -> Response:
    if answer.state is State.REFUSED:
        problem = (answer.problem or _forgotten(answer)) | {"receipt": answer.id, "instance": "/answers"}
        return Response(orjson.dumps(problem, default=str), problem["status"], media_type=MEDIA_TYPE)
    body = _taken(answer).model_dump(mode="json", exclude_none=True)
    return Response(orjson.dumps(body), _STATUS.get(answer.state, 200), media_type="application/json")


def _forgotten(answer: Answer) -> dict[str, Any]:
    """What is left of why it was refused."""
    return {"type": answer.cause, "title": "It was refused some time ago; why, is not kept.", "status": 409}


def _taken(answer: Answer) -> AnswerTaken:
    return AnswerTaken(receipt=answer.id, state=answer.state, problem=answer.problem)


def _view(answer: Answer, agency: str) -> AnswerView:
    return AnswerView(
        **_taken(answer).model_dump(),
        agency_id=answer.agency_id,
        agency=agency,
        type=answer.type,
        cause=answer.cause,
        received_at=answer.at,
        candidates=len(answer.candidates),
        authority=answer.authority,
        decided_by=answer.decided_by,
    )
