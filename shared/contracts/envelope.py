"""CloudEvents 1.0 as Homeward uses them: the envelope, the typed data inside, and the registry of types."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, ClassVar, Self
from uuid import UUID

import orjson
from pydantic import BaseModel, ConfigDict

#: Every type that this build knows, by its CloudEvents type.
REGISTRY: dict[str, type["Contract"]] = {}

#: The hash that comes before a subject's first event.
GENESIS = bytes(32)


class Part(BaseModel):
    """A piece of an event's data. Unknown members are ignored, so that a producer may add one."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Contract(Part):
    """The data of one event type; declaring a subclass registers it.

    One that ``replaces`` an older type says in ``upcast`` what its data are, told by the older one's.
    """

    type: ClassVar[str]
    replaces: ClassVar["Kind | None"] = None
    replaced_by: ClassVar["Kind | None"] = None

    def __init_subclass__(cls, *, type: str, replaces: "Kind | None" = None, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if type in REGISTRY:
            raise TypeError(f"{type} is declared twice")
        cls.type, cls.replaces, cls.replaced_by = type, replaces, None
        if replaces:
            cls._succeed(replaces)
        REGISTRY[type] = cls

    @classmethod
    def _succeed(cls, older: "Kind") -> None:
        if older.replaced_by:
            raise TypeError(f"{older.type} is replaced twice")
        if "upcast" not in vars(cls):
            raise TypeError(f"{cls.type} does not say how {older.type} becomes one")
        older.replaced_by = cls

    @classmethod
    def upcast(cls, older: Any) -> Self:
        """These data, told by those of the type that this one replaces. Pure."""
        raise NotImplementedError

    def downcast(self) -> "Contract":
        """The data of the type that this one replaces, for agencies that have agreed on it. Pure."""
        raise NotImplementedError


Kind = type[Contract]


@dataclass(kw_only=True)
class Event:
    """One event of a producer's log: the envelope, and the data as the bytes that were hashed.

    Nobody changes one. It isn't frozen because nine guarded assignments took as long as reading it from JSON.
    """

    id: UUID
    source: str
    type: str
    subject: str
    #: 1, 2, 3 … per (source, subject), without holes.
    sequence: int
    #: The programme's time at which it happened.
    time: datetime
    #: SHA-256 of the subject's event before it; GENESIS for the first.
    prevhash: bytes
    #: JSON.
    data: bytes
    traceparent: str | None = None

    @property
    def dataschema(self) -> str:
        """The stable address of the data's JSON Schema."""
        return f"/schemas/{self.type}.json"

    @cached_property
    def subject_id(self) -> UUID:
        """The aggregate that the event is about. Raises ValueError when the subject is not a UUID."""
        return UUID(self.subject)

    @cached_property
    def contract(self) -> Contract:
        """The data as they were recorded. Raises KeyError for an unknown type, ValidationError when they don't fit."""
        return REGISTRY[self.type].model_validate_json(self.data)

    @cached_property
    def hash(self) -> bytes:
        """SHA-256 over the event before it and every attribute that has meaning; the trace context has none."""
        head = f"{self.id}\n{self.source}\n{self.type}\n{self.subject}\n{self.sequence}\n{timestamp(self.time)}\n"
        return hashlib.sha256(self.prevhash + head.encode() + self.data).digest()


def timestamp(moment: datetime) -> str:
    """RFC 3339 in UTC with microseconds: ``2026-03-27T09:30:00.000000Z``."""
    # A tenth of strftime's time, and every event is hashed with one.
    text = orjson.dumps(moment.astimezone(UTC), option=orjson.OPT_UTC_Z)[1:-1].decode()
    return text if moment.microsecond else text[:-1] + ".000000Z"


def encode_data(contract: Contract) -> bytes:
    """The data's canonical bytes: JSON with sorted keys, moments in UTC with a Z."""
    return orjson.dumps(contract.__dict__, _members, _CANONICAL)


_CANONICAL = orjson.OPT_SORT_KEYS | orjson.OPT_UTC_Z


def _members(part: Any) -> Any:
    """What orjson doesn't know: our models inside others, and the database driver's own UUIDs."""
    if isinstance(part, UUID):
        return str(part)
    if not isinstance(part, Part):
        raise TypeError(f"{type(part).__name__} has no form in an event")
    return part.__dict__
