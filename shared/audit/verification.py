"""Whether an audit is what it was: every entry hashed again over the one before it, and compared with the head.

Page by page in order of (office, number). What was cut off together with its head shows against a signed head.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.audit.trail import GENESIS, canonical
from shared.persistence.chain import ONE_MOMENT, faults
from shared.persistence.database import Database, rows

#: An office's number up to which it was verified.
Cursor = tuple[str, int]
#: None: those of every office.
Offices = Sequence[str] | None

SEEN = "(CAST(:offices AS text[]) IS NULL OR office = ANY(CAST(:offices AS text[])))"


@dataclass(frozen=True, slots=True)
class Broken:
    """The first entry of an office's chain that isn't what it was."""

    office: str
    number: int
    what: str


@dataclass(frozen=True, slots=True)
class Page:
    """What one look has found."""

    entries: int
    broken: Sequence[Broken]
    #: Where the next look goes on; None at the end.
    next: Cursor | None


async def verify(database: Database, service: str, offices: Offices, after: Cursor, limit: int) -> Page:
    """Look at the next ``limit`` entries. An office that is broken on two pages is named on both."""
    async with database.transaction() as connection:
        # Entries and heads of the same moment: they are written while we look.
        await connection.exec_driver_sql(ONE_MOMENT)
        found = await rows(
            connection,
            # From the last one that was verified: the next hangs on it.
            f"""SELECT office, number, entry, hash FROM audit_entry
                WHERE (office, number) >= (:office, :number) AND {SEEN} ORDER BY office, number LIMIT :limit""",
            office=after[0],
            number=after[1],
            offices=offices,
            limit=limit + 1,
        )
        heads = await _heads(connection, offices)
    return await asyncio.to_thread(_verified, service, found, heads, after, limit)


async def total(database: Database, offices: Offices) -> int:
    """How many entries the heads count."""
    async with database.transaction() as connection:
        statement = f"SELECT coalesce(sum(number), 0) FROM audit_head WHERE {SEEN}"
        return int((await rows(connection, statement, offices=offices))[0][0])


async def hashes(database: Database, office: str, numbers: Sequence[int]) -> dict[int, bytes]:
    """The hashes of these entries, as far as there are such."""
    statement = "SELECT number, hash FROM audit_entry WHERE office = :office AND number = ANY(:numbers)"
    async with database.transaction() as connection:
        return {row.number: row.hash for row in await rows(connection, statement, office=office, numbers=numbers)}


async def _heads(connection: AsyncConnection, offices: Offices) -> dict[str, Any]:
    statement = f"SELECT office, number, hash FROM audit_head WHERE {SEEN}"
    return {row.office: row for row in await rows(connection, statement, offices=offices)}


def _verified(service: str, found: Sequence[Any], heads: Mapping[str, Any], after: Cursor, limit: int) -> Page:
    anchored = bool(found) and (found[0].office, found[0].number) == after
    more = len(found) > limit
    broken: dict[str, Broken] = {}
    if not anchored and after[0]:
        broken[after[0]] = Broken(*after, "it was deleted while it was verified")
    wrong = faults(
        found,
        lambda row: str(row.office),
        lambda row, before: _at_an_entry(service, row, before),
        lambda last: _at_the_end(last, heads),
        anchored=anchored,
        more=more,
    )
    for fault in wrong:
        broken.setdefault(fault.office, fault)
    if not more:
        offices = {row.office for row in found}
        for head in heads.values():
            if head.office > after[0] and head.office not in offices:
                broken[head.office] = Broken(head.office, 1, f"it is missing: the head counts {head.number} entries")
    last = (found[-1].office, found[-1].number) if more else None
    return Page(len(found) - anchored, list(broken.values()), last)


def _at_an_entry(service: str, row: Any, before: Any) -> Iterator[Broken]:
    expected = before.number + 1 if before is not None else 1
    if row.number != expected:
        yield Broken(row.office, expected, f"it is missing: {row.number} follows")
    elif sha256((before.hash if before is not None else GENESIS) + row.entry).digest() != row.hash:
        yield Broken(row.office, row.number, "its hash is not that of its content and of the entries before it")
    elif not _belongs(service, row):
        yield Broken(row.office, row.number, "it was written for another chain")


def _belongs(service: str, row: Any) -> bool:
    """An entry names its service and office: a whole chain put in another's place is sound in itself."""
    try:
        entry = orjson.loads(row.entry)
        return (entry["service"], entry["office"]) == (service, row.office) and canonical(entry) == row.entry
    except (ValueError, TypeError, KeyError):
        return False


def _at_the_end(last: Any, heads: Mapping[str, Any]) -> Iterator[Broken]:
    head = heads.get(last.office)
    if head is None:
        yield Broken(last.office, last.number, "the office has no head")
    elif head.number > last.number:
        yield Broken(last.office, last.number + 1, f"it is missing: the head counts {head.number} entries")
    elif head.number < last.number:
        yield Broken(last.office, last.number, f"the head counts {head.number} entries only")
    elif head.hash != last.hash:
        yield Broken(last.office, last.number, "the head has another hash")
