"""What of a fact leaves for an agency: one pure function, which lets nothing pass that the terms don't name.

Ids are replaced by others that are the same for this agency for ever and tell another agency nothing: two that lay
their data side by side find no case by its id, by an event's id, by a trace, or, where the terms say so, by its time.
"""

import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from services.partners.domain.agreement import Terms
from services.partners.domain.fact import Fact
from services.partners.domain.vocabulary import PersonField, Precision


@dataclass(frozen=True, slots=True)
class Pseudonyms:
    """An agency's own names for what we know by ids. ``key``: 32 secret bytes, the agency's alone."""

    key: bytes

    def of(self, id: UUID) -> UUID:
        """The agency's id for this, a UUID of version 8 (RFC 9562)."""
        mac = bytearray(hmac.digest(self.key, id.bytes, hashlib.sha256)[:16])
        mac[6] = (mac[6] & 0x0F) | 0x80
        mac[8] = (mac[8] & 0x3F) | 0x80
        return UUID(bytes=bytes(mac))


@dataclass(frozen=True, slots=True)
class Redacted:
    """An event as an agency gets it, but for its number."""

    id: UUID
    source: str
    type: str
    subject: UUID
    time: str
    data: Mapping[str, Any]


def redact(fact: Fact, terms: Terms, pseudonyms: Pseudonyms) -> Redacted | None:
    """What leaves; None when nothing does. ``data`` is as JSON has it."""
    agreed = terms.events.get(fact.type)
    if agreed is None:
        return None
    coarse = _COARSE[terms.precision]
    data = {name: _shown(value, pseudonyms, coarse) for name, value in fact.data.items() if name in agreed}
    return Redacted(
        id=pseudonyms.of(fact.id),
        source=fact.source,
        type=fact.type,
        subject=pseudonyms.of(fact.subject),
        time=coarse(fact.time),
        data=data,
    )


def person(identity: Mapping[str, Any], terms: Terms) -> dict[str, Any]:
    """What of who a person is leaves."""
    return {each.value: identity.get(each.value) for each in PersonField if each in terms.person}


def stated(moment: date, precision: Precision) -> str:
    """A time or a date as precisely as is agreed."""
    return _COARSE[precision](moment)


def _shown(value: Any, pseudonyms: Pseudonyms, coarse: Callable[[date], str]) -> Any:
    match value:
        case UUID():
            return str(pseudonyms.of(value))
        case date():
            return coarse(value)
        case dict():
            return {name: _shown(each, pseudonyms, coarse) for name, each in value.items()}
        case list() | tuple():
            return [_shown(each, pseudonyms, coarse) for each in value]
        case _:
            return value


def _exact(value: date) -> str:
    if not isinstance(value, datetime):
        return value.isoformat()
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _day(value: date) -> str:
    if not isinstance(value, datetime):
        return value.isoformat()
    return f"{value.astimezone(UTC).date().isoformat()}T00:00:00Z"


def _month(value: date) -> str:
    first = value.astimezone(UTC).replace(day=1) if isinstance(value, datetime) else value.replace(day=1)
    return _day(first)


_COARSE: Mapping[Precision, Callable[[date], str]] = {
    Precision.EXACT: _exact,
    Precision.DAY: _day,
    Precision.MONTH: _month,
}
