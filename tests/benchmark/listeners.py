"""The agencies' side, a process of its own: ``python -m tests.benchmark.listeners SPEC.json``.

It answers webhooks, polls feeds, and notes what came when. A dead receiver takes connections and never answers.
"""

import asyncio
import json
import sys
import time
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import uvloop

_NO_CONTENT = b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n"
_AGREES = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nWebHook-Allowed-Origin: *\r\nWebHook-Allowed-Rate: *\r\n\r\n"
#: Of test events nothing is noted.
_TEST = "org.homeward.partners.test.v1"


@dataclass(frozen=True)
class Spec:
    """Where to listen and give the notes, and which feeds to poll: (number, path with its query, key)."""

    port: int
    #: By listener: where its webhook is called.
    webhooks: dict[str, int]
    dead_port: int
    feed_host: str
    feed_port: int
    feeds: list[tuple[int, str, str]]


@dataclass
class Notes:
    """What came: (listener, event's id, subject, sequence, milliseconds since it happened, when)."""

    events: list[tuple[int, str, str, int, float, float]] = field(default_factory=list)

    def note(self, listener: int, events: list[dict[str, Any]]) -> None:
        """These have come at once."""
        now = time.time()
        for event in events:
            self._note(listener, event, now)

    def _note(self, listener: int, event: dict[str, Any], now: float) -> None:
        if event["type"] == _TEST:
            return
        late = 1000 * (now - datetime.fromisoformat(event["time"]).timestamp())
        self.events.append((listener, event["id"], event["subject"], int(event["sequence"]), late, now))


class Listeners:
    """All of them on one loop."""

    def __init__(self, spec: Spec) -> None:
        self.spec, self.notes = spec, Notes()
        self._dying: list[asyncio.StreamWriter] = []

    async def run(self) -> None:
        """Until the process is ended."""
        await asyncio.start_server(partial(self._answer, -1), "127.0.0.1", self.spec.port)
        await asyncio.start_server(self._say_nothing, "127.0.0.1", self.spec.dead_port)
        for listener, port in self.spec.webhooks.items():
            await asyncio.start_server(partial(self._answer, int(listener)), "127.0.0.1", port)
        async with asyncio.TaskGroup() as group:
            for number, path, key in self.spec.feeds:
                group.create_task(self._poll(number, path, key))
            await asyncio.Event().wait()

    async def _say_nothing(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if head.startswith(b"OPTIONS"):
            writer.write(_AGREES)
        else:
            self._dying.append(writer)

    async def _answer(self, listener: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
                method = head.split(" ", 1)[0]
                body = await reader.readexactly(_length(head))
                writer.write(self._said(listener, method, body))
        except (asyncio.IncompleteReadError, OSError):
            writer.close()

    def _said(self, listener: int, method: str, body: bytes) -> bytes:
        if method == "options":
            return _AGREES
        if method == "post":
            self.notes.note(listener, [orjson.loads(body)])
            return _NO_CONTENT
        told = orjson.dumps(self.notes.events)
        return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(told) + told

    async def _poll(self, number: int, path: str, key: str) -> None:
        reader, writer = await asyncio.open_connection(self.spec.feed_host, self.spec.feed_port)
        after = 0
        while True:
            asked = f"GET {path}&after={after}&wait=30 HTTP/1.1\r\nHost: feed\r\nAuthorization: Bearer {key}\r\n\r\n"
            writer.write(asked.encode())
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            found = orjson.loads(await reader.readexactly(_length(head)))
            if " 200 " not in head.split("\r\n", 1)[0]:
                print(f"feed {number}: {head.splitlines()[0]} {found}", flush=True)
                await asyncio.sleep(1)
                continue
            self.notes.note(number, found["events"])
            after = found["next"]


def _length(head: str) -> int:
    _, found, rest = head.partition("content-length: ")
    return int(rest.split("\r\n", 1)[0]) if found else 0


def main() -> None:
    """``SPEC.json``: a Spec's fields."""
    spec = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    uvloop.run(Listeners(Spec(**spec)).run())


if __name__ == "__main__":
    main()
