"""Commands and reads over HTTP. A command runs in one transaction that also stores its answer under the caller's
idempotency key: the same key gives the same answer, also after a crash.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar, cast

import orjson
from fastapi import Depends, Header, Request
from pydantic import TypeAdapter
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.auth.permissions import Permission
from shared.auth.principal import Principal
from shared.clock import Clock
from shared.errors import Invalid
from shared.messaging.outbox import Logged
from shared.persistence.database import Database, rows, run
from shared.persistence.offices import OtherOffice, Sight, seen_by, sight_of
from shared.persistence.unit_of_work import UnitOfWork
from shared.programme import Programme
from shared.web.access import MARKER, require

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


@dataclass(frozen=True)
class Command(Generic[U]):
    """One command of one caller."""

    request: Request
    principal: Principal
    key: str
    desk: Desk

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
        await run(
            connection,
            "UPDATE idempotency SET answer = :answer WHERE actor = :actor AND key = :key",
            answer=_JSON.dump_json(answer),
            actor=self.principal.id,
            key=self.key,
        )
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
        request: Request, principal: Annotated[Principal, Depends(required)], key: IdempotencyKey
    ) -> Command[Any]:
        return Command(request, principal, key, request.app.state.desk)

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
        async with seen_by(sight_of(principal, desk.programme), desk.database) as connection:
            yield Reading(connection, principal, desk.clock, desk.programme)

    setattr(make, MARKER, getattr(required, MARKER))
    return make
