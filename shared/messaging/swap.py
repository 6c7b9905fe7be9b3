"""How a rebuilt projection takes the place of the old one: what is checked first, and what is moved."""

from collections.abc import Sequence
from enum import StrEnum

from sqlalchemy.ext.asyncio import AsyncConnection

from shared.errors import RuleBroken
from shared.persistence.database import rows, run, scalar

#: Where the new tables grow, and where the old ones go to be dropped.
SHADOW, REPLACED = "homeward_rebuild", "homeward_replaced"
INBOX = ("inbox_position", "inbox_parked")
#: Events that are named when a rebuild is refused.
NAMED = 5
#: Subjects that are fetched between two attempts.
FETCHED = 1000

#: Source, subject, and the sequence after which the new tables lack events.
Lacking = tuple[str, str, int]

_PARKED = "source, subject, sequence, type, event, state, attempts, due_at, reason, parked_at, decided_by"
_KEY = "{a}.source = {b}.source AND {a}.subject = {b}.subject"


class Outcome(StrEnum):
    """What came of an attempt."""

    #: The new projection is in its place.
    SWAPPED = "swapped"
    #: The old one has handled more meanwhile.
    BEHIND = "behind"
    #: An event was skipped that the new one had handled: it must be begun again.
    OUTDATED = "outdated"


class HandledBefore(RuleBroken):
    """Events that were handled can't be handled any more: mend that first."""


async def prepare(connection: AsyncConnection) -> int:
    """A new, empty place for the tables, whatever an earlier rebuild left; how many events the old ones hold."""
    for schema in (SHADOW, REPLACED):
        await run(connection, f"DROP SCHEMA IF EXISTS {schema} CASCADE")
    await run(connection, f"CREATE SCHEMA {SHADOW}")
    return int(await scalar(connection, "SELECT coalesce(sum(sequence), 0) FROM inbox_position"))


async def copy_skips(connection: AsyncConnection) -> None:
    """What a person has decided never to handle isn't handled by a rebuild."""
    await run(
        connection,
        f"""INSERT INTO {SHADOW}.inbox_parked ({_PARKED}) SELECT {_PARKED} FROM inbox_parked WHERE state = 'skipped'
            ON CONFLICT (source, subject, sequence) DO UPDATE SET state = excluded.state, attempts = 0, due_at = NULL,
                reason = excluded.reason, decided_by = excluded.decided_by""",
    )


async def swap(
    connection: AsyncConnection, tables: Sequence[str], when_swapped: str | None, *, last: bool
) -> tuple[Outcome, list[Lacking]]:
    """Put the new tables in the old ones' place, if nothing is lost by it; else what they lack. Raises HandledBefore.

    ``last``: swap even if the old ones hold events that the new ones lack, for these are fetched afterwards.
    """
    # Below the second after which PostgreSQL looks for deadlocks: who reads several of these tables goes first.
    await run(connection, "SET LOCAL lock_timeout = '800ms'")
    await run(connection, f"LOCK TABLE {', '.join((*INBOX, *tables))} IN ACCESS EXCLUSIVE MODE")
    if await _skipped_too_late(connection):
        return Outcome.OUTDATED, []
    await copy_skips(connection)
    await _refuse_lost(connection)
    if not last and (lacking := await behind(connection)):
        return Outcome.BEHIND, lacking
    await _keep_dead_letters(connection)
    if when_swapped:
        await run(connection, when_swapped)
    await _move(connection, (*INBOX, *tables))
    return Outcome.SWAPPED, []


async def _skipped_too_late(connection: AsyncConnection) -> bool:
    found = await rows(
        connection,
        f"""SELECT 1 FROM inbox_parked AS old
            JOIN {SHADOW}.inbox_position AS new ON {_KEY.format(a="new", b="old")} AND new.sequence >= old.sequence
            WHERE old.state = 'skipped' AND NOT EXISTS (
                SELECT FROM {SHADOW}.inbox_parked AS known WHERE {_KEY.format(a="known", b="old")}
                  AND known.sequence = old.sequence AND known.state = 'skipped') LIMIT 1""",
    )
    return bool(found)


#: Positions of the old tables that the new ones have not reached; what has diverged is what the logs say from now on.
_LACKING = f"""
    FROM inbox_position AS old LEFT JOIN {SHADOW}.inbox_position AS new ON {_KEY.format(a="new", b="old")}
    WHERE old.sequence > coalesce(new.sequence, 0) AND old.diverged IS NULL"""


async def _refuse_lost(connection: AsyncConnection) -> None:
    found = await rows(
        connection,
        f"""SELECT old.source, old.subject, coalesce(new.sequence, 0) + 1 AS sequence {_LACKING} AND EXISTS (
                SELECT FROM {SHADOW}.inbox_parked AS stuck WHERE {_KEY.format(a="stuck", b="old")}
                  AND stuck.sequence = coalesce(new.sequence, 0) + 1 AND stuck.state IN ('dead', 'unknown'))
            ORDER BY 1, 2 LIMIT {NAMED}""",
    )
    if found:
        named = ", ".join(f"{row.source} {row.subject} {row.sequence}" for row in found)
        raise HandledBefore(f"Events that were handled can't be handled any more: mend that first. They are {named}")


async def behind(connection: AsyncConnection) -> list[Lacking]:
    """Where the old tables have handled more than the new ones."""
    statement = f"SELECT old.source, old.subject, coalesce(new.sequence, 0) {_LACKING} LIMIT {FETCHED}"
    return [tuple(row) for row in await rows(connection, statement)]


async def _keep_dead_letters(connection: AsyncConnection) -> None:
    """A dead letter that failed again stays the one it was; what failed for the first time is tried again."""
    same = f"{_KEY.format(a='old', b='new')} AND old.sequence = new.sequence AND old.state = 'dead'"
    await run(
        connection,
        f"""UPDATE {SHADOW}.inbox_parked AS new SET parked_at = old.parked_at, attempts = old.attempts
            FROM inbox_parked AS old WHERE new.state = 'dead' AND {same}""",
    )
    await run(
        connection,
        f"""UPDATE {SHADOW}.inbox_parked AS new SET state = 'retry', attempts = 0, due_at = clock_timestamp()
            WHERE new.state = 'dead' AND NOT EXISTS (SELECT FROM inbox_parked AS old WHERE {same})""",
    )


async def _move(connection: AsyncConnection, tables: Sequence[str]) -> None:
    home = await scalar(connection, "SELECT current_schema()")
    await run(
        connection,
        f"""INSERT INTO inbox_unreadable (digest, received_at, content_type, body, reason)
            SELECT digest, received_at, content_type, body, reason FROM {SHADOW}.inbox_unreadable
            ON CONFLICT (digest) DO NOTHING""",
    )
    await run(connection, f"CREATE SCHEMA {REPLACED}")
    for table in tables:
        await run(connection, f"ALTER TABLE {table} SET SCHEMA {REPLACED}")
        await run(connection, f'ALTER TABLE {SHADOW}.{table} SET SCHEMA "{home}"')
    for schema in (REPLACED, SHADOW):
        await run(connection, f"DROP SCHEMA {schema} CASCADE")
