"""Routes by which people come in, and by which one finds out who is who."""

import asyncio
import hashlib
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Form, UploadFile
from pydantic import BaseModel, Field

from services.screening.api.models import (
    CaseRegistered,
    HouseholdRegistered,
    Imported,
    Note,
    RegisterCase,
    RegisterHousehold,
)
from services.screening.repository import Unit
from services.screening.usecases import households, imports, registration
from services.screening.usecases.listing import MAX_BYTES, read_listing
from shared.auth.permissions import Permission
from shared.web.bodies import Body
from shared.web.commands import Command, command

router = APIRouter(tags=["registration"])

Registering = Annotated[Command[Unit], Depends(command(Permission.CASES_REGISTER))]
Splitting = Annotated[Command[Unit], Depends(command(Permission.HOUSEHOLDS_SPLIT))]
Deciding = Annotated[Command[Unit], Depends(command(Permission.DUPLICATES_DECIDE))]


class SplitHousehold(Body):
    """Members who leave the unit by their own decision."""

    case_ids: Annotated[list[UUID], Field(min_length=1, max_length=50)]
    reason: Note


class HouseholdSplit(BaseModel):
    """Who stays, and the household of those who left together."""

    household_id: UUID
    case_ids: list[UUID]
    new_household_id: UUID | None


class DecideDuplicate(Body):
    """Whether two cases are of one person, and why."""

    same_person: bool
    reason: Note


class DuplicateDecided(BaseModel):
    """The case under which the person goes on, if one was merged."""

    case_id: UUID
    merged_into: UUID | None


@router.post("/cases", status_code=201, response_model=CaseRegistered)
async def register_case(body: RegisterCase, command: Registering) -> Any:
    """Register one person."""
    command.require_office(body.office)
    return await command.run(lambda uow: registration.register_case(uow, body.office, body.newcomer()))


@router.post("/households", status_code=201, response_model=HouseholdRegistered)
async def register_household(body: RegisterHousehold, command: Registering) -> Any:
    """Register people who travel together."""
    command.require_office(body.office)
    return await command.run(lambda uow: registration.register_household(uow, body.office, body.newcomers()))


@router.post("/households/{household_id}/split", response_model=HouseholdSplit)
async def split_household(household_id: UUID, body: SplitHousehold, command: Splitting) -> Any:
    """Let members leave their household."""
    return await command.run(
        lambda uow: households.split_household(uow, household_id, sorted(set(body.case_ids)), body.reason)
    )


@router.post("/imports", response_model=Imported, form_limits={"max_files": 1, "max_fields": 1})
async def import_list(
    file: UploadFile, office: Annotated[str, Form(min_length=1, max_length=500)], command: Registering
) -> Any:
    """Register the people of a list, a CSV file or an Excel workbook; the same file twice changes nothing."""
    command.require_office(office)
    # One byte more than is allowed is enough to see that it is too much.
    content = await file.read(MAX_BYTES + 1)
    # Unfolding a workbook takes seconds of the processor: not on the event loop.
    listing = await asyncio.to_thread(read_listing, file.filename or "", content)
    said = hashlib.sha256(content).digest() + office.encode()
    return await command.run(lambda uow: imports.register_list(uow, office, listing), content=said)


@router.post("/cases/{case_id}/duplicates/{other_id}", response_model=DuplicateDecided)
async def decide_duplicate(case_id: UUID, other_id: UUID, body: DecideDuplicate, command: Deciding) -> Any:
    """Decide a suspected duplicate."""
    return await command.run(
        lambda uow: households.decide_duplicate(
            uow, case_id, other_id, same_person=body.same_person, reason=body.reason
        )
    )
