"""Events that nobody can handle, written to screening's log as screening would write them."""

from datetime import UTC, date, datetime
from typing import ClassVar, cast
from uuid import UUID

from shared.contracts.envelope import Contract, Part
from shared.contracts.screening import ClearanceRevoked, DeclarationSigned
from shared.messaging.outbox import Outgoing, Recorded, append
from tests.integration.gateway.suite import Suite

SCREENING = "/homeward/screening"
TYPE = ClearanceRevoked.type


async def poison(suite: Suite, subject: str) -> None:
    """Another event of the subject; its data does not fit its type."""
    await _record(suite, subject, ClearanceRevoked.model_construct(missing="never"))


async def declare(suite: Suite, subject: str) -> None:
    """Another event of the subject, which can be handled."""
    await _record(suite, subject, ClearanceRevoked(missing=[]))


class _Once(Part):
    """A declaration as a contract had it once: with a member that none has any more."""

    type: ClassVar[str] = DeclarationSigned.type
    signed_on: date
    list_reference: str


async def declare_as_once(suite: Suite, subject: str, list_reference: str) -> None:
    """Another event of the subject, from a log that is older than its contract."""
    data = _Once(signed_on=date(2026, 1, 6), list_reference=list_reference)
    await _record(suite, subject, cast(Contract, data))


async def _record(suite: Suite, subject: str, data: Contract) -> None:
    database = suite.apps["screening"].state.service.database
    async with database.transaction() as connection:
        await append(connection, SCREENING, [Recorded(Outgoing(UUID(subject), data), datetime.now(UTC), None)])
