"""Which of the cases that an agency was told of it means."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.partners.contracts.answers import Named, WithDocument
from services.partners.domain.fact import Case
from services.partners.domain.rules import TooManyAlike
from services.partners.neighbours import Meant, Neighbours
from services.partners.tables import CASES
from shared.errors import NotFound
from shared.persistence.database import rows


class UnknownSubject(NotFound):
    """You were told of no case under this subject: it is your own id of a case, as the events have it."""


class NobodyMeant(NotFound):
    """You were told of nobody who is called like this: name the person by the subject of an event."""


@dataclass(frozen=True)
class Hits:
    """Whom an agency may mean. ``sure``: there is one, and everything that the agency says of who it is agrees."""

    cases: list[Case]
    sure: bool


async def by_subject(connection: AsyncConnection, agency_id: UUID, subject: UUID) -> Case:
    """Raises UnknownSubject."""
    found = await rows(
        connection,
        """SELECT DISTINCT case_id FROM subscription
           JOIN delivery ON subscription_id = subscription.id AND subject = :subject
           WHERE agency_id = :agency AND case_id IS NOT NULL""",
        subject=subject,
        agency=agency_id,
    )
    cases = await CASES.find(connection, "id = ANY(:ids)", ids=[row.case_id for row in found])
    if len(cases) != 1 or cases[0].erased_on is not None:
        raise UnknownSubject
    return cases[0]


async def by_person(
    connection: AsyncConnection, agency_id: UUID, recipient: str, person: Named | WithDocument, neighbours: Neighbours
) -> Hits:
    """Among those that the agency was told of or to whom they were referred. Raises NobodyMeant and TooManyAlike."""
    meant = await neighbours.meant(recipient, _question(person))
    if meant.more:
        raise TooManyAlike
    found = {*meant.identities, *meant.others}
    cases = [each for each in await _told_of(connection, agency_id, found) if not each.gone]
    if not cases:
        raise NobodyMeant
    return Hits(cases, len(cases) == 1 and _agrees(cases[0], meant, person))


async def _told_of(connection: AsyncConnection, agency_id: UUID, ids: Iterable[UUID]) -> list[Case]:
    told = await rows(
        connection,
        """SELECT DISTINCT case_id FROM delivery JOIN subscription ON subscription.id = subscription_id
           WHERE case_id = ANY(:ids) AND agency_id = :agency""",
        ids=list(ids),
        agency=agency_id,
    )
    known = {row.case_id for row in told}
    cases = await CASES.find(connection, "id = ANY(:ids) ORDER BY id", ids=list(ids))
    return [each for each in cases if each.id in known or agency_id in each.referred_to]


def _question(person: Named | WithDocument) -> dict[str, Any]:
    said = person.model_dump(mode="json")
    return {"document_number" if name == "number" else name: value for name, value in said.items()}


def _agrees(case: Case, meant: Meant, person: Named | WithDocument) -> bool:
    identity = meant.identities.get(case.id)
    if identity is None or identity["date_of_birth"] != person.date_of_birth.isoformat():
        return False
    if isinstance(person, Named):
        return all(_plain(identity[name]) == _plain(getattr(person, name)) for name in ("given_name", "family_name"))
    numbers = {_number(each) for each in identity["document_numbers"]}
    return identity["nationality"] == person.nationality and _number(person.number) in numbers


def _plain(name: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def _number(number: str) -> str:
    return re.sub(r"[\W_]+", "", number).casefold()
