"""What agencies have sent, as it came: for who helps them with what was refused, and for themselves."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import BaseModel

from services.partners.api.answers import OwnId, Sender, Taking, own_agency
from services.partners.domain.answer import Answer, AnswerType, State
from services.partners.tables import ANSWERS
from shared.auth.permissions import Permission
from shared.errors import NotFound
from shared.persistence.database import rows
from shared.web.commands import PersonalReading, action_of, personal

router = APIRouter(tags=["answers"])

Inspecting = Annotated[PersonalReading, personal(Permission.ANSWERS_INSPECT)]


class Content(BaseModel):
    """``content``: of what was sent the first 16 KiB, without what looks like a key, a token or a password, and with
    what can't be seen spelt out; null once it is destroyed.
    """

    receipt: UUID
    agency_id: UUID
    type: AnswerType | None
    state: State
    received_at: datetime
    problem: dict[str, Any] | None
    content: str | None


@router.get("/answers/{answer_id}/content")
async def show_content(answer_id: UUID, reading: Inspecting) -> Content:
    """What was sent in an answer that was refused, and what is wrong with it."""
    found = await ANSWERS.find(reading.connection, "id = :id AND state_name = 'refused'", id=answer_id)
    if not found:
        raise NotFound(f"There is no answer {answer_id} that was refused.")
    [answer] = found
    if answer.case_id is None:
        # About nobody whom we know: the audit has which answer was looked at.
        reading.disclose([answer.id], None)
    else:
        [case] = await rows(reading.connection, "SELECT office FROM partner_case WHERE id = :id", id=answer.case_id)
        reading.disclose([answer.case_id], case.office)
    return _content(answer)


@router.get("/answers/{own_id}/sent", name="read an answer of one's own")
async def show_sent(own_id: OwnId, request: Request, principal: Sender, taking: Taking) -> Content:
    """What you have sent, by your own id of it or by the receipt, as long as it is kept and the person consents."""
    return _content(await taking.sent(principal, own_agency(principal), own_id, action_of(request)))


def _content(answer: Answer) -> Content:
    return Content(
        receipt=answer.id,
        agency_id=answer.agency_id,
        type=answer.type,
        state=answer.state,
        received_at=answer.at,
        problem=answer.problem,
        content=answer.shown,
    )
