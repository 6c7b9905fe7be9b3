"""CloudEvents 1.0 as Homeward uses them: the envelope, the typed data inside, and the registry of types."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar
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
    """The data of one event type; declaring a subclass registers it."""

    type: ClassVar[str]

    def __init_subclass__(cls, *, type: str, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if type in REGISTRY:
            raise TypeError(f"{type} is declared twice")
        cls.type = type
        REGISTRY[type] = cls


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event of a producer's log: the envelope, and the data as the bytes that were hashed."""

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

    @property
    def hash(self) -> bytes:
        """SHA-256 over the event before it and every attribute that has meaning; the trace context has none."""
        head = (self.id, self.source, self.type, self.subject, self.sequence, timestamp(self.time))
        return hashlib.sha256(self.prevhash + "\n".join(map(str, head)).encode() + b"\n" + self.data).digest()


def timestamp(moment: datetime) -> str:
    """RFC 3339 in UTC with microseconds: ``2026-03-27T09:30:00.000000Z``."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def encode_data(contract: Contract) -> bytes:
    """The data's canonical bytes: JSON with sorted keys."""
    return orjson.dumps(contract.model_dump(mode="json"), option=orjson.OPT_SORT_KEYS)
