"""CloudEvents over the bus: a lone event in AMQP binary mode, several in the JSON batch format, any mode accepted."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID

import orjson

from shared.contracts.envelope import Event, timestamp
from shared.messaging.bus import Message

BATCH = "application/cloudevents-batch+json"
STRUCTURED = "application/cloudevents+json"
BINARY = "application/json"
#: What AMQP's protocol binding writes, then what it also allows, then the HTTP binding's.
_PREFIXES = ("cloudEvents_", "cloudEvents:", "ce-")
#: A packed message holds at most this many events and about this many bytes.
PACK_EVENTS, PACK_BYTES = 100, 64 * 1024
#: PostgreSQL's bigint ends here.
_SEQUENCES = 2**63


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An element whose envelope can't be read: it has no place in any order."""

    content_type: str
    body: bytes
    reason: str


def attributes(event: Event) -> dict[str, str]:
    """The CloudEvents attributes as strings."""
    found = {
        "specversion": "1.0",
        "id": str(event.id),
        "source": event.source,
        "type": event.type,
        "subject": event.subject,
        "time": timestamp(event.time),
        "dataschema": event.dataschema,
        "sequence": str(event.sequence),
        "prevhash": event.prevhash.hex(),
    }
    return found if event.traceparent is None else found | {"traceparent": event.traceparent}


def structured(event: Event) -> dict[str, Any]:
    """The event as a JSON object (structured mode); its data is written as the bytes that were hashed."""
    return attributes(event) | {"datacontenttype": BINARY, "data": orjson.Fragment(event.data)}


def encode(event: Event) -> bytes:
    """The event in structured mode."""
    return orjson.dumps(structured(event))


def pack(events: Sequence[Event]) -> Iterator[Message]:
    """Messages that carry the events in order: a lone event in binary mode, more of them in batches."""
    for chunk in _chunks(events):
        if len(chunk) == 1:
            headers = {_PREFIXES[0] + name: value for name, value in attributes(chunk[0]).items()}
            yield Message(chunk[0].data, BINARY, headers)
        else:
            yield Message(orjson.dumps([structured(event) for event in chunk]), BATCH)


def _chunks(events: Sequence[Event]) -> Iterator[list[Event]]:
    chunk: list[Event] = []
    size = 0
    for event in events:
        if chunk and (len(chunk) == PACK_EVENTS or size + len(event.data) > PACK_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(event)
        size += len(event.data) + 400
    if chunk:
        yield chunk


def unpack(message: Message) -> list[Event | Unreadable]:
    """The events of a message, element by element."""
    kind = message.content_type.split(";")[0].strip().lower()
    if kind not in (BATCH, STRUCTURED):
        return [_element(message.content_type, lambda: message.body, partial(_binary, message))]
    try:
        parsed = orjson.loads(message.body)
    except orjson.JSONDecodeError as error:
        return [Unreadable(message.content_type, message.body, f"not JSON: {error}")]
    elements: Iterable[Any] = parsed if kind == BATCH and isinstance(parsed, list) else [parsed]
    return [_element(STRUCTURED, partial(_json, each, message.body), partial(_structured, each)) for each in elements]


def decode(body: bytes) -> Event:
    """An event from structured mode; ValueError when it can't be read."""
    return _structured(orjson.loads(body))


def _element(content_type: str, body: Callable[[], bytes], read: Callable[[], Event]) -> Event | Unreadable:
    try:
        return read()
    except (KeyError, ValueError, TypeError, AttributeError, OverflowError) as error:
        return Unreadable(content_type, body(), f"{type(error).__name__}: {error}"[:500])


def _json(element: Any, whole: bytes) -> bytes:
    """The element alone; the whole message when it is nested too deep to be written."""
    try:
        return orjson.dumps(element)
    except TypeError:
        return whole


def _binary(message: Message) -> Event:
    found: dict[str, Any] = {}
    for name, value in message.headers.items():
        prefix = next((each for each in _PREFIXES if name.startswith(each)), None)
        if prefix:
            found[name.removeprefix(prefix)] = value
    return _event(found, orjson.loads(message.body))


def _structured(element: Any) -> Event:
    if not isinstance(element, dict):
        raise ValueError("not a JSON object")
    return _event(element, element.get("data"))


def _event(found: Mapping[str, Any], data: Any) -> Event:
    time = datetime.fromisoformat(str(found["time"]))
    if time.tzinfo is None:
        raise ValueError("time has no offset")
    sequence = int(found["sequence"])
    if not 1 <= sequence < _SEQUENCES:
        raise ValueError("sequence is out of range")
    return Event(
        id=UUID(str(found["id"])),
        source=_text(found, "source"),
        type=_text(found, "type"),
        subject=_text(found, "subject"),
        sequence=sequence,
        time=time.astimezone(UTC),
        prevhash=bytes.fromhex(str(found["prevhash"])),
        # Our data is canonical JSON (sorted keys), so writing it again gives the bytes that were hashed.
        data=orjson.dumps(data, option=orjson.OPT_SORT_KEYS),
        traceparent=None if found.get("traceparent") is None else _text(found, "traceparent"),
    )


def _text(found: Mapping[str, Any], name: str) -> str:
    value = found[name]
    # PostgreSQL's text holds no zero byte.
    if not isinstance(value, str) or not value or "\0" in value:
        raise ValueError(f"{name} is not a text")
    return value
