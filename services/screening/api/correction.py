"""The route by which it is put right who a person is."""

from datetime import date
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field, model_validator

from services.screening.api.models import Country, Line, Note
from services.screening.domain.vocabulary import Sex
from services.screening.repository import Unit
from services.screening.usecases import correction
from shared.auth.permissions import Permission
from shared.web.bodies import Body
from shared.web.commands import Command, command

router = APIRouter(tags=["correction"])

Correcting = Annotated[Command[Unit], Depends(command(Permission.IDENTITIES_CORRECT))]


class Changes(Body):
    """The members that were wrong, as they are right; ``phone`` null: there is none."""

    given_name: Line = ""
    family_name: Annotated[str, Field(max_length=500)] = ""
    date_of_birth: date = date.min
    sex: Sex = Sex.OTHER
    nationality: Country = ""
    phone: Annotated[str, Field(max_length=50)] | None = None
    document_numbers: Annotated[list[Line], Field(max_length=20)] = Field(default_factory=list)

    @model_validator(mode="after")
    def _something(self) -> "Changes":
        if not self.model_fields_set:
            raise ValueError("name at least one member that was wrong")
        return self


class CorrectIdentity(Body):
    """What is right, and why it was wrong."""

    identity: Changes
    reason: Note


class IdentityCorrected(BaseModel):
    """How often it was corrected by now, and who may be the same person."""

    case_id: UUID
    corrections: int
    suspected_duplicates: list[UUID]


@router.post("/cases/{case_id}/identity", response_model=IdentityCorrected)
async def correct_identity(case_id: UUID, body: CorrectIdentity, command: Correcting) -> Any:
    """Put right who the person is; what was held before is kept, with who has changed it, when and why."""
    changes = body.identity.model_dump(include=body.identity.model_fields_set)
    return await command.run(lambda uow: correction.correct_identity(uow, case_id, changes, body.reason))
