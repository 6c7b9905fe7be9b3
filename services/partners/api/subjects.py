"""What is held of a person: what decides who hears of the case, and what each agency was told."""

import base64
from dataclasses import asdict
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter

from services.partners.ledger import told
from services.partners.tables import ANSWERS, CASES
from shared.errors import NotFound
from shared.persistence.database import rows
from shared.web.commands import PersonalReading
from shared.web.subjects import FOR_THE_PERSON, Held, documents, held, look_everywhere

router = APIRouter(tags=["subjects"])


@router.get("/subjects/{case_id}")
async def show_subject(case_id: UUID, reading: Annotated[PersonalReading, FOR_THE_PERSON]) -> Held:
    """What agencies were told of the person whose case it is."""
    cases = await CASES.find(reading.connection, "id = :id", id=case_id)
    if not cases:
        raise NotFound(f"The partners' service has no case {case_id}.")
    await look_everywhere(reading, [case_id], cases[0].office)
    names = {row.id: row.name for row in await rows(reading.connection, "SELECT id, name FROM agency")}
    records = {
        "cases": await documents(reading.connection, CASES, "id = :id", id=case_id),
        "referrals": [asdict(each) | {"agency": names[each.agency_id]} for each in cases[0].referrals],
        "answers": [
            each | {"agency": names[UUID(each["agency_id"])], "content": _text(each.get("content"))}
            for each in await documents(reading.connection, ANSWERS, "case_id = :id ORDER BY received_at", id=case_id)
        ],
        "told": await told(reading.connection, case_id),
    }
    return await held(reading.connection, case_id, [case_id], records)


def _text(content: str | None) -> str | None:
    """As it came; none once it was destroyed."""
    return base64.b64decode(content).decode("utf-8", "backslashreplace") if content else None
