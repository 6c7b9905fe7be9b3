"""Writing the audit: one entry for each office that a read or a command has to do with, in its own transaction.

An entry is canonical JSON and holds ids and codes only. Its hash covers the entry before it, so the office's head
covers them all. PostgreSQL puts it into its chain while it commits (``persistence.schema``): were the head locked
earlier, all of an office would wait for this process to come round to its commit.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.auth.principal import EVERY_OFFICE, Principal
from shared.auth.purposes import Purpose
from shared.persistence.database import run
from shared.telemetry.context import trace_id

#: Where entries stand that have to do with no office.
PROGRAMME = "programme"
#: What the first entry of a chain is hashed over.
GENESIS = bytes(32)

#: Ids of cases and other subjects, by office; None where a subject has none.
Subjects = Mapping[str | None, Iterable[UUID]]

#: In one order of offices, so that two transactions that both have two offices don't wait for each other.
_APPEND = """
    INSERT INTO audit_deed (office, entry)
    SELECT office, entry FROM unnest(CAST(:offices AS text[]), CAST(:entries AS bytea[])) AS new (office, entry)
    ORDER BY office"""


@dataclass(frozen=True, slots=True)
class Deed:
    """What somebody did or read. ``action`` is the name of the route."""

    principal: Principal
    action: str
    purpose: Purpose | None
    subjects: Subjects
    #: In which it was done: deeds of several traces may be written down together.
    trace: str | None = field(default_factory=trace_id)


@dataclass(frozen=True, slots=True)
class Trail:
    """One service's audit."""

    service: str

    async def append(self, connection: AsyncConnection, deed: Deed, *, beside: str = "", **parameters: Any) -> None:
        """Write the deed down. ``beside``: what else is written, in the same statement and with these parameters."""
        await self._append(
            connection, [deed], f"WITH beside AS ({beside}) {_APPEND}" if beside else _APPEND, parameters
        )

    async def append_all(self, connection: AsyncConnection, deeds: Iterable[Deed]) -> None:
        """Write these down, in one statement."""
        if each := list(deeds):
            await self._append(connection, each, _APPEND, {})

    async def _append(
        self, connection: AsyncConnection, deeds: Iterable[Deed], statement: str, parameters: Mapping[str, Any]
    ) -> None:
        entries = [
            (office, self._entry(deed, office, subjects))
            for deed in deeds
            for office, subjects in _by_office(deed).items()
        ]
        offices, written = zip(*entries, strict=True)
        await run(connection, statement, offices=list(offices), entries=list(written), **parameters)

    def _entry(self, deed: Deed, office: str, subjects: set[UUID]) -> bytes:
        entry = {
            # The system's time, not the programme's, which a demonstration sets.
            "at": datetime.now(UTC).isoformat(timespec="microseconds"),
            "actor": deed.principal.id,
            "action": deed.action,
            "office": office,
            "purpose": deed.purpose,
            "service": self.service,
            "subjects": sorted(map(str, subjects)),
            "trace": deed.trace,
        }
        return canonical(entry)


def canonical(entry: Mapping[str, Any]) -> bytes:
    """The one form in which an entry is written: names sorted, no blanks, UTF-8."""
    return orjson.dumps(entry, option=orjson.OPT_SORT_KEYS)


def by_office(told_of: Iterable[tuple[UUID, str | None]]) -> dict[str | None, set[UUID]]:
    """Subjects and their offices, as a deed has them."""
    found: dict[str | None, set[UUID]] = {}
    for subject, office in told_of:
        found.setdefault(office, set()).add(subject)
    return found


def _by_office(deed: Deed) -> dict[str, set[UUID]]:
    """Subjects without an office belong to the only one there is, else to the actor's."""
    known: dict[str, set[UUID]] = {office: set(ids) for office, ids in deed.subjects.items() if office is not None}
    homeless = set(deed.subjects.get(None, ()))
    if homeless or not known:
        office = next(iter(known)) if len(known) == 1 else home(deed.principal)
        known.setdefault(office, set()).update(homeless)
    return known


def home(principal: Principal) -> str:
    """The office in whose audit stands what somebody does that has to do with no office's case."""
    only = next(iter(principal.offices)) if len(principal.offices) == 1 else PROGRAMME
    return PROGRAMME if only == EVERY_OFFICE else only
