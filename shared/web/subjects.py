"""What a service holds of a person, for that person: everything, and who has read it.

An officer asks in the person's name and for no other purpose. Of other people nothing is told but who of the staff did
what: the subjects of an entry and the other sides of suspected duplicates are left out.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.audit.search import Sought, search
from shared.auth.permissions import Permission
from shared.auth.purposes import Purpose
from shared.persistence.database import rows
from shared.persistence.offices import sight_of
from shared.persistence.sealing import SealedColumn
from shared.persistence.store import Store
from shared.web.commands import PersonalReading, personal

#: The dependency of such a route.
FOR_THE_PERSON = personal(Permission.SUBJECTS_EXPORT, only=Purpose.DATA_SUBJECT_REQUEST)

#: What the service holds, by kind: rows as they are kept.
Records = Mapping[str, Sequence[Mapping[str, Any]]]

#: Entries of the audit in one look.
_PAGE = 1000
#: Members that name somebody else's case.
_OTHERS = ("other_case_id", "merged_into")


class Told(BaseModel):
    """An event that the service has published about the person's case."""

    case_id: UUID
    time: datetime
    type: str
    data: dict[str, Any]


class Seen(BaseModel):
    """Who of the staff, or which service, did or read what of the person's, and what for."""

    at: datetime
    actor: str
    action: str
    purpose: str | None
    office: str


class Held(BaseModel):
    """All that a service holds of a person."""

    case_ids: list[UUID]
    #: What was personal is destroyed; what is told here is all that is left.
    erased: bool
    records: dict[str, list[dict[str, Any]]]
    events: list[Told]
    audit: list[Seen]


async def look_everywhere(reading: PersonalReading, ids: Iterable[UUID], office: str | None) -> None:
    """Say whose data are told, and see from now on what any office holds of the person.

    Only after the caller has been found to see one of the person's cases.
    """
    reading.disclose(ids, office)
    sight = sight_of(reading.principal, reading.programme)
    await sight.leave(reading.connection)


async def held(connection: AsyncConnection, owner: UUID, ids: Collection[UUID], records: Records) -> Held:
    """The records, with the events and the audit of these cases. ``owner``: whose data key sealed them."""
    own = {str(id) for id in ids}
    return Held(
        case_ids=sorted(ids),
        erased=await _erased(connection, owner),
        records={kind: [_own(each, own) for each in kept] for kind, kept in records.items()},
        events=[Told(**each, data=_own(data, own)) for each, data in await _events(connection, own)],
        audit=await _audit(connection, ids),
    )


async def documents(
    connection: AsyncConnection, store: Store[Any], condition: str, **parameters: Any
) -> list[dict[str, Any]]:
    """Aggregates as they are kept, the sealed part with the open one; after an erasure the open one alone."""
    found = await store.read(connection, condition, **parameters)
    return [orjson.loads(state.whole) for state in found.values()]


async def texts(
    connection: AsyncConnection, column: SealedColumn, names: Sequence[str], condition: str, **parameters: Any
) -> list[dict[str, Any]]:
    """Rows of a side table: these columns, and the sealed one opened; None where it was destroyed."""
    found = await column.read(connection, condition, **parameters)
    return [{name: getattr(row, name) for name in names} | {column.column: text} for row, text in found]


def _own(node: Any, own: Collection[str]) -> Any:
    match node:
        case dict():
            kept = {name: value for name, value in node.items() if name not in _OTHERS or str(value) in own}
            return {name: _own(value, own) for name, value in kept.items()}
        case list():
            return [_own(each, own) for each in node]
    return node


async def _erased(connection: AsyncConnection, owner: UUID) -> bool:
    statement = "SELECT owner FROM data_key WHERE owner = :owner AND destroyed_at IS NOT NULL"
    return bool(await rows(connection, statement, owner=owner))


async def _events(connection: AsyncConnection, own: Collection[str]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    statement = """SELECT subject, time, type, data FROM event_log
                   WHERE subject = ANY(CAST(:subjects AS text[])) ORDER BY time, insert_id"""
    found = await rows(connection, statement, subjects=sorted(own))
    return [({"case_id": row.subject, "time": row.time, "type": row.type}, orjson.loads(row.data)) for row in found]


async def _audit(connection: AsyncConnection, ids: Iterable[UUID]) -> list[Seen]:
    entries: dict[tuple[str, int], dict[str, Any]] = {}
    for id in ids:
        after, full = ("", 0), True
        while full:
            page = await search(connection, Sought(case=id), None, after, _PAGE)
            entries |= {(each["office"], each["number"]): each for each in page}
            full = len(page) == _PAGE
            after = (page[-1]["office"], page[-1]["number"]) if page else after
    return [Seen.model_validate(each) for each in sorted(entries.values(), key=lambda each: each["at"])]
