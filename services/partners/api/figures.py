"""What an agreement on figures tells: as its donor gets it, with what is suppressed."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from services.partners.domain.agreement import Agreement
from services.partners.domain.figures import BY_AGE
from services.partners.domain.redaction import redact
from services.partners.domain.suppression import SMALLEST
from services.partners.domain.vocabulary import Measure, Scope
from services.partners.editions import blank, editions, issued, places
from services.partners.registry import pseudonyms_of
from services.partners.tables import AGREEMENTS
from shared.auth.permissions import Permission
from shared.errors import NotFound
from shared.protection.vault import vault_of
from shared.web.commands import Reading, reading

router = APIRouter(tags=["figures"])

Reader = Annotated[Reading, Depends(reading(Permission.AGENCIES_READ))]


class Number(BaseModel):
    """One number; ``suppressed``: it is of too few people, or one of too few could be worked out from it."""

    count: int | None
    suppressed: bool


class Row(BaseModel):
    """One measure; what isn't agreed isn't there."""

    measure: Measure
    all: Number | None
    by_age_group: dict[str, Number]


class Month(BaseModel):
    """The latest edition of one month of one country."""

    country_of_origin: str
    month: str
    edition: int
    rows: list[Row]


class FiguresTold(BaseModel):
    """What is told under an agreement. Of fewer than ``smallest`` people nothing is told."""

    agreement_id: UUID
    smallest: int
    in_force: bool
    months: list[Month]


@router.get("/figures")
async def show_figures(agreement: UUID, reading: Reader) -> FiguresTold:
    """What is told under an agreement on figures, or would be if it were in force."""
    found = await AGREEMENTS.find(reading.connection, "id = :id", id=agreement)
    if not found or found[0].terms.scope is not Scope.FIGURES:
        raise NotFound(f"There is no agreement {agreement} on figures.")
    last = await issued(reading.connection)
    return FiguresTold(
        agreement_id=agreement,
        smallest=SMALLEST,
        in_force=found[0].in_force(reading.clock.today()),
        months=await _months(reading, found[0], last) if last else [],
    )


async def _months(reading: Reading, agreement: Agreement, last: date) -> list[Month]:
    wanted = places(agreement, reading.programme, last)
    known = await editions(reading.connection, last, {country for country, _ in wanted})
    names = pseudonyms_of(vault_of(reading.connection), agreement.agency.id)
    shown = []
    for country, month in wanted:
        edition = known.get((country, month), [blank(reading.clock.now())])[-1]
        event = redact(edition.fact(country, month), agreement.terms, names)
        data = event.data if event else {}
        rows = [_row(measure, data) for measure in Measure if data.keys() & {measure, f"{measure}{BY_AGE}"}]
        shown.append(Month(country_of_origin=country, month=f"{month:%Y-%m}", edition=edition.number, rows=rows))
    return shown


def _row(measure: Measure, data: Mapping[str, Any]) -> Row:
    return Row(measure=measure, all=data.get(measure), by_age_group=data.get(f"{measure}{BY_AGE}", {}))
