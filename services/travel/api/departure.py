"""Routes of the desk on departure day: boarding, no-shows, refusals, validation, departure."""

from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import AwareDatetime, Field

from services.travel.api.cases import Answer, AtTheDesk, Reason
from services.travel.clients import Screening
from services.travel.domain.vocabulary import RefusedBy
from services.travel.usecases import flights as usecases
from shared.auth.purposes import Purpose
from shared.web.bodies import Body

router = APIRouter(tags=["travel: departure"])


class Boarding(Body):
    """Who boards."""

    case_id: UUID
    kit: bool = Field(description="whether the travel kit was handed out")
    verbal_reconfirmation: bool = Field(
        default=False, description="the person was asked and still wants to return; needed when screening is away"
    )


class NoShow(Body):
    """Who did not come."""

    case_id: UUID


class Refusal(Body):
    """Who was not let on board, by whom and why."""

    case_id: UUID
    by: RefusedBy
    reason: Reason


class Departure(Body):
    """When the flight left; now when it isn't said."""

    departed_at: AwareDatetime | None = None


@router.post("/flights/{flight_id}/boarding")
async def board(flight_id: UUID, body: Boarding, command: AtTheDesk, request: Request) -> Answer:
    """Let a person on board: consent and holds are asked of screening before the record is made."""
    asked = await Screening(request.app.state.service.client("screening")).consent(body.case_id, Purpose.BOARDING)
    return await command.run(
        lambda uow: usecases.board(
            uow,
            flight_id,
            body.case_id,
            kit=body.kit,
            verbal_reconfirmation=body.verbal_reconfirmation,
            asked=asked,
        )
    )


@router.post("/flights/{flight_id}/no-shows")
async def record_no_show(flight_id: UUID, body: NoShow, command: AtTheDesk) -> Answer:
    """Record that a person did not come; the rest of the family stays too."""
    return await command.run(lambda uow: usecases.record_no_show(uow, flight_id, body.case_id))


@router.post("/flights/{flight_id}/refusals")
async def record_refusal(flight_id: UUID, body: Refusal, command: AtTheDesk) -> Answer:
    """Record that a person was not let on board; the rest of the family stays too."""
    return await command.run(lambda uow: usecases.record_refusal(uow, flight_id, body.case_id, body.by, body.reason))


@router.post("/flights/{flight_id}/manifest/validate")
async def validate_manifest(flight_id: UUID, command: AtTheDesk) -> Answer:
    """Say that everybody on the manifest is accounted for."""
    return await command.run(lambda uow: usecases.validate_manifest(uow, flight_id))


@router.post("/flights/{flight_id}/departure")
async def depart(flight_id: UUID, command: AtTheDesk, body: Departure | None = None) -> Answer:
    """The flight has left."""
    departed_at = body.departed_at if body else None
    return await command.run(lambda uow: usecases.depart(uow, flight_id, departed_at))
