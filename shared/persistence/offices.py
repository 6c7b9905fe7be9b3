"""Whose rows a transaction sees. PostgreSQL enforces it by row-level security, under a role that sees nothing until it
is told offices and countries; which rows these are, each service's migrations say (``row_security``).
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from shared.auth.principal import EVERY_OFFICE, Principal
from shared.errors import Forbidden
from shared.persistence.database import Database, rows
from shared.programme import Programme

#: It owns nothing, can't sign in, and may only read what a migration lets it read.
ROLE = "homeward_office"

#: All of it ends with the transaction. The offices travel as PostgreSQL writes an array, so that no name can be two.
_ENTER = f"""
    SELECT set_config('role', '{ROLE}', true),
           set_config('homeward.offices', CAST(CAST(:offices AS text[]) AS text), true),
           set_config('homeward.countries', CAST(CAST(:countries AS text[]) AS text), true)"""
_LEAVE = "SELECT set_config('role', 'none', true)"


class OtherOffice(Forbidden):
    """This is another office's: register people and plan flights for an office of your own."""


@dataclass(frozen=True, slots=True)
class Sight:
    """The cases of these offices, and of those who travel home to these countries; no offices at all: every case."""

    offices: frozenset[str] | None
    countries: frozenset[str] = frozenset()

    @property
    def unlimited(self) -> bool:
        """Whether every office's rows are seen."""
        return self.offices is None

    async def enter(self, connection: AsyncConnection) -> None:
        """The transaction sees no other rows from now on, and writes none."""
        if self.offices is not None:
            await rows(connection, _ENTER, offices=sorted(self.offices), countries=sorted(self.countries))

    async def leave(self, connection: AsyncConnection) -> None:
        """The transaction is the tables' owner again."""
        if self.offices is not None:
            await rows(connection, _LEAVE)


#: Of handlers, services and whoever works for every office: they run as the tables' owner and pay nothing.
UNLIMITED = Sight(None)


def sight_of(principal: Principal, programme: Programme) -> Sight:
    """What the principal sees: its offices' cases, and those who travel to the countries where these offices are."""
    if EVERY_OFFICE in principal.offices:
        return UNLIMITED
    known = [programme.offices[office] for office in principal.offices if office in programme.offices]
    return Sight(principal.offices, frozenset(office.country for office in known))


@asynccontextmanager
async def seen_by(sight: Sight, database: Database) -> AsyncIterator[AsyncConnection]:
    """A transaction that sees what the sight covers."""
    async with database.transaction() as connection:
        await sight.enter(connection)
        yield connection
