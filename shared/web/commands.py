"""Commands and reads over HTTP. A command runs in one transaction that also stores its answer under the caller's
idempotency key: the same key gives the same answer, also after a crash. Who did what, and who read personal data
why, is written down in the same transaction: what can't be written down isn't done or answered.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Annotated, Any, Generic, TypeVar, cast
from uuid import UUID

import orjson
from fastapi import Depends, Header, Request
from pydantic import TypeAdapter
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.audit.trail import Deed, Trail, by_office
from shared.auth.permissions import Permission
from shared.auth.principal import Principal
from shared.auth.purposes import Purpose
from shared.clock import Clock
from shared.errors import Forbidden, Invalid
from shared.messaging.outbox import Logged
from shared.persistence.database import Database, rows, run
from shared.persistence.offices import OtherOffice, Sight, seen_by, sight_of
from shared.persistence.unit_of_work import UnitOfWork
from shared.programme import Programme
from shared.web.access import MARKER, require
from shared.web.purpose import PurposeHeader, claim

U = TypeVar("U", bound=UnitOfWork)
T = TypeVar("T")

_JSON: TypeAdapter[Any] = TypeAdapter(Any)

IdempotencyKey = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        min_length=8,
        max_length=200,
        pattern=r"^[\x21-\x7e]+$",
        description="Made by the caller, new for each command; the same key gives the same answer.",
    ),
]


_STORE = "UPDATE idempotency SET answer = :answer WHERE actor = :actor AND key = :key"


class KeyReused(Invalid):
    """This Idempotency-Key was used for another request: make a new key for each command."""


@dataclass(frozen=True)
class Desk:
    """What commands and reads need of their service; ``app.state.desk``."""

    database: Database
    unit: Callable[[AsyncConnection, str], UnitOfWork]
    clock: Clock
    programme: Programme
    committed: Callable[[Sequence[Logged]], None]
    #: Of what a command says.
    digest: Callable[[bytes], bytes]
    trail: Trail


@dataclass(frozen=True)
class Command(Generic[U]):
    """One command of one caller."""

    request: Request
    principal: Principal
    key: str
    desk: Desk
    #: Named by who likes to: what a command is for says its name.
    purpose: Purpose | None = None

    @property
    def sight(self) -> Sight:
        """What the caller may see."""
        return sight_of(self.principal, self.desk.programme)

    def looking(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """A transaction for a look before the command."""
        return seen_by(self.sight, self.desk.database)

    def require_office(self, office: str) -> None:
        """Raises OtherOffice unless the caller works for the office."""
        if not self.principal.sees(office):
            raise OtherOffice

    async def run(self, usecase: Callable[[U], Awaitable[T]], *, content: bytes | None = None) -> T:
        """Run the use case, or give the answer stored under the key. ``content`` stands for a body that is a file."""
        body = content if content is not None else await self.request.body()
        said = f"{self.request.method} {self.request.url.path}\n".encode() + body
        # What is said is about people: an open hash would confirm a guess.
        fingerprint = self.desk.digest(said)
        answer, logged = await self.desk.database.retried(lambda each: self._attempt(each, usecase, fingerprint))
        self.desk.committed(logged)
        return answer

    async def _attempt(
        self, connection: AsyncConnection, usecase: Callable[[U], Awaitable[T]], fingerprint: bytes
    ) -> tuple[T, Sequence[Logged]]:
        mine = await run(
            connection,
            "INSERT INTO idempotency (actor, key, fingerprint) VALUES (:actor, :key, :print) ON CONFLICT DO NOTHING",
            actor=self.principal.id,
            key=self.key,
            print=fingerprint,
        )
        if not mine:
            return cast(T, await self._stored(connection, fingerprint)), ()
        unit = self.desk.unit(connection, self.principal.id)
        await unit.limit(self.sight)
        answer = await usecase(cast(U, unit))
        await unit.flush()
        deed = Deed(self.principal, action_of(self.request), self.purpose, unit.touched())
        stored = {"answer": _JSON.dump_json(answer), "actor": self.principal.id, "key": self.key}
        await self.desk.trail.append(connection, deed, beside=_STORE, **stored)
        return answer, unit.logged

    async def _stored(self, connection: AsyncConnection, fingerprint: bytes) -> Any:
        statement = "SELECT fingerprint, answer FROM idempotency WHERE actor = :actor AND key = :key"
        [found] = await rows(connection, statement, actor=self.principal.id, key=self.key)
        if found.fingerprint != fingerprint:
            raise KeyReused
        return orjson.loads(found.answer)


def command(permission: Permission) -> Callable[..., Awaitable[Command[Any]]]:
    """A dependency: a command of a caller who has the permission."""
    required = require(permission)

    async def make(
        request: Request,
        principal: Annotated[Principal, Depends(required)],
        key: IdempotencyKey,
        purpose: PurposeHeader = None,
    ) -> Command[Any]:
        claimed = claim(principal, purpose) if purpose else None
        return Command(request, principal, key, request.app.state.desk, claimed)

    setattr(make, MARKER, getattr(required, MARKER))
    return make


@dataclass(frozen=True)
class Reading:
    """A read of one caller, in a transaction that ends with the request."""

    connection: AsyncConnection
    principal: Principal
    clock: Clock
    programme: Programme


def reading(permission: Permission) -> Callable[..., AsyncIterator[Reading]]:
    """A dependency: a read of a caller who has the permission."""
    required = require(permission)

    async def make(request: Request, principal: Annotated[Principal, Depends(required)]) -> AsyncIterator[Reading]:
        desk: Desk = request.app.state.desk
        if opening := principal.break_glass:
            deed = Deed(principal, action_of(request), Purpose.BREAK_GLASS, {opening.office: [opening.case]})
            # This read's own transaction ends after the answer, and what can't be written down isn't answered.
            async with desk.database.transaction() as connection:
                await desk.trail.append(connection, deed)
        async with seen_by(sight_of(principal, desk.programme), desk.database) as connection:
            yield Reading(connection, principal, desk.clock, desk.programme)

    setattr(make, MARKER, getattr(required, MARKER))
    return make


class OtherPurpose(Forbidden):
    """These data are read for one purpose alone, which is named here: claim it if it is yours."""


class Undisclosed(Exception):
    """A route answers personal data and has not said whose."""


@dataclass(frozen=True)
class PersonalReading(Reading):
    """A read of personal data: the route says whose they are, and that is written down before the answer is given."""

    purpose: Purpose
    disclosed: dict[str | None, set[UUID]] = field(default_factory=dict)

    def disclose(self, ids: Iterable[UUID], office: str | None) -> None:
        """The answer tells of these, who are an office's; None where that isn't known. Say it even if they are none."""
        self.disclosed.setdefault(office, set()).update(ids)

    def disclose_each(self, told_of: Iterable[tuple[UUID, str | None]]) -> None:
        """The answer lists these, each of an office; they may be none."""
        self.disclose([], None)
        for office, ids in by_office(told_of).items():
            self.disclose(ids, office)


#: What the dependency's callable bears, for whoever walks the routes.
PERSONAL = "answers_personal_data"


def personal(permission: Permission, *, only: Purpose | None = None) -> Any:
    """A dependency: a read of personal data, by a caller who has the permission, for a purpose that fits the caller.
    ``only``: for no other than that.

    Its transaction ends before the answer is sent; other reads end theirs afterwards.
    """
    required = require(permission)

    async def make(
        request: Request, principal: Annotated[Principal, Depends(required)], purpose: PurposeHeader = None
    ) -> AsyncIterator[PersonalReading]:
        desk: Desk = request.app.state.desk
        claimed = claim(principal, purpose)
        if only and claimed is not only:
            raise OtherPurpose(purposes=[only])
        async with seen_by(sight_of(principal, desk.programme), desk.database) as connection:
            reading = PersonalReading(connection, principal, desk.clock, desk.programme, claimed)
            yield reading
            if not reading.disclosed:
                raise Undisclosed(f"{action_of(request)} has not said whose data it answers")
            deed = Deed(principal, action_of(request), claimed, reading.disclosed)
            await desk.trail.append(connection, deed)

    setattr(make, MARKER, getattr(required, MARKER))
    setattr(make, PERSONAL, True)
    return Depends(make, scope="function")


def action_of(request: Request) -> str:
    """The name of the request's route: what somebody does with it."""
    return str(request.scope["route"].name)
